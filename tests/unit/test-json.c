// SPDX-License-Identifier: GPL-2.0
/* JSON that is written, and requests that are read. json-c has the last word on both. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "serve/json.h"

static char *written(struct buffer *buffer)
{
	char *text = buffer_take_string(buffer);

	assert_non_null(text);
	return text;
}

static void test_write(void **state)
{
	struct buffer buffer = {};
	struct json json = {.buffer = &buffer};
	char *text;

	json_open(&json, NULL, '{');
	json_open(&json, "empty", '[');
	json_close(&json, ']');
	json_integer(&json, "max", UINT64_MAX);
	json_open(&json, "list", '[');
	json_real(&json, NULL, 0.1);
	json_real(&json, NULL, INFINITY);
	json_real(&json, NULL, NAN);
	json_boolean(&json, NULL, false);
	json_open(&json, NULL, '{');
	json_string(&json, "none", NULL);
	json_close(&json, '}');
	json_open(&json, NULL, '{');
	json_close(&json, '}');
	json_close(&json, ']');
	json_boolean(&json, "last", true);
	json_close(&json, '}');
	text = written(&buffer);
	assert_string_equal(text, "{\"empty\":[],\"max\":18446744073709551615,"
				  "\"list\":[0.1,null,null,false,{\"none\":null},{}],"
				  "\"last\":true}");
	free(text);
}

/* Whatever a text is, what comes out is UTF-8, and what was UTF-8 comes back. */
static void test_write_strings(void **state)
{
	static const struct {
		const char *text, *json;
	} table[] = {
		{"", "\"\""},
		{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
		{"\n\t\x01\x1f\x7f", "\"\\n\\u0009\\u0001\\u001f\x7f\""},
		{"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\xff\x61", "\"\xef\xbf\xbd\x61\""},
		{"\xc3", "\"\xef\xbf\xbd\""},
		{"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct buffer buffer = {};
		struct json json = {.buffer = &buffer};
		char *text;

		json_string(&json, NULL, table[i].text);
		text = written(&buffer);
		assert_string_equal(text, table[i].json);
		free(text);
	}
}

/* Reads a copy that ends where the text does, so that ASan sees what goes beyond. */
static int read_copy(const char *text, size_t size, struct json_member *members, size_t max,
		     size_t *ret_nr, char **ret_copy)
{
	const char *error = NULL;
	size_t at = SIZE_MAX;
	int r;

	*ret_copy = malloc(size ?: 1);
	memcpy(*ret_copy, text, size);
	r = json_read(*ret_copy, size, members, max, ret_nr, &error, &at);
	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_non_null(error);
		assert_true(at <= size);
	}
	return r;
}

static void test_read(void **state)
{
	static const char text[] =
		" {\t\"a\" : \"b\\n\\u00fc\\u20AC\\ud83d\\uDE00\\\\u0000\" ,\r\n"
		"\"\" : \"\", \"\\/\\\"\xc3\xbc\":\"\xf0\x9f\x98\x80\\b\\f\\r\\t\"} ";
	struct json_member members[4];
	size_t nr;
	char *copy;

	assert_int_equal(read_copy(text, strlen(text), members, 4, &nr, &copy), 0);
	assert_int_equal(nr, 3);
	assert_string_equal(members[0].key, "a");
	assert_string_equal(members[0].value, "b\n\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\\u0000");
	assert_string_equal(members[1].key, "");
	assert_string_equal(members[1].value, "");
	assert_string_equal(members[2].key, "/\"\xc3\xbc");
	assert_string_equal(members[2].value, "\xf0\x9f\x98\x80\b\f\r\t");
	free(copy);
	assert_int_equal(read_copy("{}", 2, members, 4, &nr, &copy), 0);
	assert_int_equal(nr, 0);
	free(copy);
	assert_int_equal(read_copy(text, strlen(text), members, 2, &nr, &copy), -EINVAL);
	free(copy);
}

/* What is no such object, and every beginning of one that is. */
static void test_read_refused(void **state)
{
#define TEXT(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
	static const struct {
		const char *text;
		size_t size;
	} table[] = {
		TEXT(""),
		TEXT(" "),
		TEXT("[]"),
		TEXT("\"a\""),
		TEXT("{} {}"),
		TEXT("{\"a\":\"b\"}x"),
		TEXT("{\"a\":\"b\"}\0"),
		TEXT("{\"a\":\"b\",}"),
		TEXT("{,\"a\":\"b\"}"),
		TEXT("{\"a\":\"b\" \"c\":\"d\"}"),
		TEXT("{\"a\" \"b\"}"),
		TEXT("{a:\"b\"}"),
		TEXT("{'a':\"b\"}"),
		TEXT("{\"a\":1}"),
		TEXT("{\"a\":null}"),
		TEXT("{\"a\":{}}"),
		TEXT("{\"a\":[\"b\"]}"),
		TEXT("{\"a\":\"b\",\"a\":\"c\"}"),
		TEXT("{\"a\":\"b\",\"\\u0061\":\"c\"}"),
		TEXT("{\"a\0b\":\"c\"}"),
		TEXT("{\"a\\u0000b\":\"c\"}"),
		TEXT("{\"a\":\"c\\u0000\"}"),
		TEXT("{\"a\":\"\n\"}"),
		TEXT("{\"a\":\"\\x\"}"),
		TEXT("{\"a\":\"\\u00g0\"}"),
		TEXT("{\"a\":\"\\u+123\"}"),
		TEXT("{\"a\":\"\\ud83d\"}"),
		TEXT("{\"a\":\"\\ud83d\\u0041\"}"),
		TEXT("{\"a\":\"\\ude00\"}"),
		TEXT("{\"a\":\"\xff\"}"),
		TEXT("{\"a\":\"\xc3\"}"),
		TEXT("{\"a\":\"\xed\xa0\x80\"}"),
		TEXT("\xef\xbb\xbf{}"),
	};
	static const char whole[] =
		"{\"k\\u00fc\":\"v\\ud83d\\ude00\xf0\x9f\x98\x80\", \"b\":\"\"}";
	struct json_member members[4];
	size_t nr;
	char *copy;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (!read_copy(table[i].text, table[i].size, members, 4, &nr, &copy))
			fail_msg("%s was taken", table[i].text);
		free(copy);
	}
	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		assert_int_equal(read_copy(whole, size, members, 4, &nr, &copy), -EINVAL);
		free(copy);
	}
	assert_int_equal(read_copy(whole, sizeof(whole) - 1, members, 4, &nr, &copy), 0);
	free(copy);
}

/* All that is written is read again as it was, here and by json-c. */
static void test_round_trip(void **state)
{
	for (unsigned int c = 1; c < 0x800; c++) {
		char value[8] = "<", *copy, *text, *from = value + 1;
		struct json_member members[1];
		struct buffer buffer = {};
		struct json json = {.buffer = &buffer};
		struct json_object *object;
		size_t nr;

		if (c >= 0x80) {
			*from++ = (char)(0xc0 | c >> 6);
			*from++ = (char)(0x80 | (c & 0x3f));
		} else {
			*from++ = (char)c;
		}
		strcpy(from, ">");
		json_open(&json, NULL, '{');
		json_string(&json, value, value);
		json_close(&json, '}');
		text = written(&buffer);
		assert_int_equal(read_copy(text, strlen(text), members, 1, &nr, &copy), 0);
		assert_string_equal(members[0].key, value);
		assert_string_equal(members[0].value, value);
		free(copy);
		object = json_tokener_parse(text);
		assert_string_equal(json_object_get_string(json_object_object_get(object, value)),
				    value);
		json_object_put(object);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),	   cmocka_unit_test(test_write_strings),
		cmocka_unit_test(test_read),	   cmocka_unit_test(test_read_refused),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* Names from outside as they are shown: those that are text unchanged, no two alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/utf8.h"

static const char *shown(const char *name)
{
	static char buffer[UTF8_NAME_LEN(64)];

	assert_true(strlen(name) <= 64);
	memset(buffer, 'x', sizeof(buffer));
	return utf8_name(name, buffer);
}

static void test_text(void **data)
{
	static const char *const names[] = {
		"",
		"/",
		"0000:00:01.0",
		"/system.slice/a\\x2db.service",
		"bad\\xff",
		"a b\"c?",
		"/utf-\u00fc.scope",
		"\u00a0\u07ff\u0800\xed\x9f\xbf\ue000\uffff\U00010000\U0010ffff",
		"a#b",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_ptr_equal(shown(names[i]), names[i]);
}

static void test_no_text(void **data)
{
	static const struct {
		const char *name, *shown;
	} names[] = {
		{"bad\xff", "#bad\\xff"},
		{"bad\xfe", "#bad\\xfe"},
		{"/\u00fc\x80.scope", "#/\u00fc\\x80.scope"},
		{"a\nb\x1b\x7f", "#a\\x0ab\\x1b\\x7f"},
		{"\xc2\x9b"
		 "1m",
		 "#\\xc2\\x9b1m"},
		{"cut\xc3", "#cut\\xc3"},
		{"\xe2\x82", "#\\xe2\\x82"},
		{"\xc0\xaf", "#\\xc0\\xaf"},
		{"\xe0\x80\xaf", "#\\xe0\\x80\\xaf"},
		{"\xed\xa0\x80", "#\\xed\\xa0\\x80"},
		{"\xf4\x90\x80\x80", "#\\xf4\\x90\\x80\\x80"},
		/* What another name might be shown as. */
		{"#bad\\xff", "##bad\\x5cxff"},
		{"bad\\xff\xff", "#bad\\x5cxff\\xff"},
		{"#", "##"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char again[64];

		assert_string_equal(shown(names[i].name), names[i].shown);
		strcpy(again, names[i].shown);
		utf8_unescape(again);
		assert_string_equal(again, names[i].name);
	}
}

/* All names of up to two bytes, and all of three from a choice: none is shown as another. */
static void test_distinct(void **data)
{
	static const unsigned char choice[] = "#\\x5c2fAB\n\x7f\x80\xbf\xc2\xc3\xe0\xed\xf4\xff";
	enum {
		NR = 255 * 256 + (sizeof(choice) - 1) * (sizeof(choice) - 1) * (sizeof(choice) - 1)
	};
	static char all[NR][16];
	char name[4] = "", buffer[UTF8_NAME_LEN(3)];
	size_t nr = 0;

	for (unsigned int a = 1; a < 256; a++)
		for (unsigned int b = 0; b < 256; b++) {
			name[0] = (char)a;
			name[1] = (char)b;
			strcpy(all[nr++], utf8_name(name, buffer));
		}
	for (size_t i = 0; nr < NR; i++) {
		size_t n = sizeof(choice) - 1;

		name[0] = (char)choice[i % n];
		name[1] = (char)choice[i / n % n];
		name[2] = (char)choice[i / n / n];
		strcpy(all[nr++], utf8_name(name, buffer));
	}
	qsort(all, NR, sizeof(*all), (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < NR; i++)
		assert_string_not_equal(all[i], all[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_no_text),
		cmocka_unit_test(test_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

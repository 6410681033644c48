// SPDX-License-Identifier: GPL-2.0
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../util/utf8.h"

static void add_string(struct buffer *buffer, const char *text)
{
	const char *plain = text;
	char escape[8];
	uint32_t c;
	int length;

	buffer_add(buffer, "\"", 1);
	for (; *text; text += length) {
		length = utf8_decode(text, &c);
		if (length && c >= 0x20 && c != '"' && c != '\\')
			continue;
		buffer_add(buffer, plain, text - plain);
		if (!length)
			buffer_add_string(buffer, "\xef\xbf\xbd");
		else if (c < 0x20)
			buffer_add(buffer, escape,
				   snprintf(escape, sizeof(escape), c == '\n' ? "\\n" : "\\u%04x",
					    (unsigned int)c));
		else
			buffer_add(buffer, escape,
				   snprintf(escape, sizeof(escape), "\\%c", (char)c));
		length += !length;
		plain = text + length;
	}
	buffer_add(buffer, plain, text - plain);
	buffer_add(buffer, "\"", 1);
}

/* Writes the comma and key before a value. */
static void start(struct json *json, const char *key)
{
	if (json->more)
		buffer_add(json->buffer, ",", 1);
	json->more = true;
	if (key) {
		add_string(json->buffer, key);
		buffer_add(json->buffer, ":", 1);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	start(json, key);
	buffer_add(json->buffer, &bracket, 1);
	json->more = false;
}

void json_close(struct json *json, char bracket)
{
	buffer_add(json->buffer, &bracket, 1);
	json->more = true;
}

void json_null(struct json *json, const char *key)
{
	start(json, key);
	buffer_add_string(json->buffer, "null");
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	start(json, key);
	add_string(json->buffer, value);
}

void json_integer(struct json *json, const char *key, uint64_t value)
{
	start(json, key);
	buffer_add_integer(json->buffer, value);
}

void json_real(struct json *json, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(json, key);
		return;
	}
	start(json, key);
	buffer_add_real(json->buffer, value);
}

void json_boolean(struct json *json, const char *key, bool value)
{
	start(json, key);
	buffer_add_string(json->buffer, value ? "true" : "false");
}

/* Reading */

struct reader {
	char *text, *at, *end;
	const char *error;
};

static int wrong(struct reader *reader, const char *error)
{
	reader->error = error;
	return -EINVAL;
}

/* Skips blanks, and returns the next character; NUL at the end. */
static char peek(struct reader *reader)
{
	while (reader->at < reader->end && *reader->at && strchr(" \t\r\n", *reader->at))
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

static int expect(struct reader *reader, char c, const char *error)
{
	if (peek(reader) != c)
		return wrong(reader, error);
	reader->at++;
	return 0;
}

/* The four digits of a \uXXXX, or -1. */
static long hex4(const struct reader *reader)
{
	long value = 0;

	if (reader->end - reader->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		char c = reader->at[i] | 0x20; /* converts letters to lower case */
		const char *digit = reader->at[i] >= '0' ? strchr(digits, c) : NULL;

		if (!digit || !*digit)
			return -1;
		value = value << 4 | (digit - digits);
	}
	return value;
}

static char *put_utf8(char *to, unsigned long c)
{
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

	*to++ = more ? (char)(0xf00 >> (more + 1) | c >> 6 * more) : (char)c;
	while (more--)
		*to++ = (char)(0x80 | (c >> 6 * more & 0x3f));
	return to;
}

/* Decodes an escape sequence; the result is never longer. */
static int unescape(struct reader *reader, char **to)
{
	static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
	char c = reader->at < reader->end ? *reader->at++ : '\0';
	const char *known = c ? strchr(from, c) : NULL;
	long code, low;

	if (known) {
		*(*to)++ = plain[known - from];
		return 0;
	}
	code = c == 'u' ? hex4(reader) : -1;
	if (code < 0)
		return wrong(reader, "an unknown escape");
	if (!code)
		return wrong(reader, "a NUL");
	reader->at += 4;
	if (code >= 0xd800 && code < 0xdc00 && reader->end - reader->at >= 6 &&
	    !memcmp(reader->at, "\\u", 2)) {
		reader->at += 2;
		low = hex4(reader);
		if (low < 0xdc00 || low > 0xdfff)
			return wrong(reader, "half a surrogate pair");
		reader->at += 4;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xd800 && code < 0xe000) {
		return wrong(reader, "half a surrogate pair");
	}
	*to = put_utf8(*to, (unsigned long)code);
	return 0;
}

static int read_string(struct reader *reader, const char *otherwise, const char **ret_string)
{
	char *start, *to;
	int r = expect(reader, '"', otherwise);
	uint32_t c;

	if (r < 0)
		return r;
	start = to = reader->at;
	while (reader->at < reader->end && *reader->at != '"') {
		int length = 1;

		if (*reader->at == '\\') {
			reader->at++;
			r = unescape(reader, &to);
			if (r < 0)
				return r;
			continue;
		}
		if ((unsigned char)*reader->at < 0x20)
			return wrong(reader, *reader->at ? "a control character" : "a NUL");
		/* The text need not end with NUL, but a character cannot extend beyond a quote. */
		if (*reader->at & 0x80)
			length = reader->end - reader->at < 4 ? 0 : utf8_decode(reader->at, &c);
		if (!length)
			return wrong(reader, "invalid UTF-8");
		memmove(to, reader->at, (size_t)length);
		to += length;
		reader->at += length;
	}
	if (reader->at == reader->end)
		return wrong(reader, "an unterminated string");
	reader->at++;
	*to = '\0'; /* at the closing quote or before */
	*ret_string = start;
	return 0;
}

static int read_member(struct reader *reader, struct json_member *member)
{
	int r = read_string(reader, "no quoted key", &member->key);

	if (!r)
		r = expect(reader, ':', "no colon after a key");
	return r ?: read_string(reader, "a value that is not a string", &member->value);
}

static int read_members(struct reader *reader, struct json_member *members, size_t max,
			size_t *ret_nr)
{
	size_t nr = 0;
	int r = expect(reader, '{', "not an object");
	char c;

	if (r < 0)
		return r;
	c = peek(reader);
	for (bool first = true; first ? c != '}' : c == ','; first = false, c = peek(reader)) {
		reader->at += !first;
		if (nr == max)
			return wrong(reader, "too many keys");
		r = read_member(reader, &members[nr]);
		if (r < 0)
			return r;
		for (size_t i = 0; i < nr; i++)
			if (!strcmp(members[i].key, members[nr].key))
				return wrong(reader, "a duplicate key");
		nr++;
	}
	r = expect(reader, '}', "neither , nor }");
	peek(reader);
	if (!r && reader->at != reader->end)
		return wrong(reader, "data after the object");
	*ret_nr = nr;
	return r;
}

int json_read(char *text, size_t size, struct json_member *members, size_t max, size_t *ret_nr,
	      const char **ret_error, size_t *ret_at)
{
	struct reader reader = {text, text, text + size, NULL};
	int r = read_members(&reader, members, max, ret_nr);

	if (r < 0) {
		*ret_error = reader.error;
		*ret_at = reader.at - reader.text;
	}
	return r;
}

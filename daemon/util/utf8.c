// SPDX-License-Identifier: GPL-2.0
#include "utf8.h"

#include <stdio.h>
#include <string.h>

int utf8_decode(const char *text, uint32_t *ret_character)
{
	const unsigned char *bytes = (const unsigned char *)text;
	int length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t c = length == 1 ? bytes[0] : bytes[0] & (0x7f >> length);

	if ((bytes[0] >= 0x80 && bytes[0] < 0xc2) || bytes[0] > 0xf4)
		return 0;
	for (int i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (bytes[i] & 0x3f);
	}
	/* Overlong forms, surrogates, and values above the range of Unicode. */
	if ((length == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (length == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*ret_character = c;
	return length;
}

/* Length of the character if it can be shown unchanged, otherwise 0. */
static int shown(const char *text)
{
	uint32_t c;
	int length = utf8_decode(text, &c);

	return length && !utf8_is_control(c) ? length : 0;
}

const char *utf8_name(const char *name, char *buffer)
{
	const char *from = name;
	char *to = buffer;
	int length;

	while (*from && (length = shown(from)))
		from += length;
	if (!*from && *name != '#')
		return name;
	*to++ = '#';
	for (from = name; *from; from += length) {
		length = *from == '\\' ? 0 : shown(from);
		if (length) {
			to = mempcpy(to, from, (size_t)length);
		} else {
			to += sprintf(to, "\\x%02x", (unsigned char)*from);
			length = 1;
		}
	}
	*to = '\0';
	return buffer;
}

void utf8_unescape(char *name)
{
	const char *from = name + 1;
	char *to = name;
	unsigned int byte;
	int length;

	if (*name != '#')
		return;
	while (*from) {
		if (sscanf(from, "\\x%2x%n", &byte, &length) == 1) {
			*to++ = byte;
			from += length;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

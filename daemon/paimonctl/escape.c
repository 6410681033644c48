// SPDX-License-Identifier: GPL-2.0
#include "escape.h"

#include <langinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* Length of the UTF-8 character at text and its code point; 0: there is none. */
static int decode(const unsigned char *text, wchar_t *ret_character)
{
	int length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	unsigned long c = length == 1 ? text[0] : text[0] & (0x7f >> length);

	if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
		return 0;
	for (int i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	/* Overlong forms, surrogates, and what Unicode has not. */
	if ((length == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (length == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*ret_character = (wchar_t)c;
	return length;
}

/* Does the terminal show it, and in its place? Marks of direction are not printable. */
static bool shows(wchar_t c)
{
	if (c < 0x80)
		return c >= ' ' && c < 0x7f;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f))
		return false;
	return !strcmp(nl_langinfo(CODESET), "UTF-8") && iswprint((wint_t)c) && wcwidth(c) > 0;
}

static char *escape(const char *text, bool terminal)
{
	char *escaped = malloc(strlen(text) * 4 + 1), *to = escaped;
	wchar_t c;

	if (!escaped)
		return NULL;
	while (*text) {
		int length = decode((const unsigned char *)text, &c);

		if (length && (!terminal || shows(c))) {
			to = mempcpy(to, text, (size_t)length);
			text += length;
			continue;
		}
		for (int i = 0; i < (length ? length : 1); i++)
			to += sprintf(to, "\\x%02x", (unsigned char)*text++);
	}
	*to = 0;
	return escaped;
}

char *escape_terminal(const char *text)
{
	return escape(text, true);
}

char *escape_json(const char *text)
{
	return escape(text, false);
}

size_t escape_cut(const char *text, int width)
{
	size_t cut = 0;
	wchar_t c;

	while (text[cut]) {
		int length = decode((const unsigned char *)text + cut, &c);

		width -= length && c >= 0x80 ? wcwidth(c) : 1;
		if (width < 0)
			break;
		cut += length ? (size_t)length : 1;
	}
	return cut;
}

int escape_width(const char *text)
{
	int width = 0;
	wchar_t c;

	while (*text) {
		int length = decode((const unsigned char *)text, &c);

		width += length && c >= 0x80 ? wcwidth(c) : 1;
		text += length ? length : 1;
	}
	return width;
}

// SPDX-License-Identifier: GPL-2.0
#include "escape.h"

#include <langinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "../util/utf8.h"

/* Does the terminal show this character, at the cursor? Bidi controls are not printable. */
static bool shows(uint32_t c)
{
	if (c < 0x80)
		return c >= ' ' && c < 0x7f;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f))
		return false;
	return !strcmp(nl_langinfo(CODESET), "UTF-8") && iswprint((wint_t)c) &&
	       wcwidth((wchar_t)c) > 0;
}

static char *escape(const char *text, bool terminal)
{
	char *escaped = malloc(strlen(text) * 4 + 1), *to = escaped;
	uint32_t c;

	if (!escaped)
		return NULL;
	while (*text) {
		int length = utf8_decode(text, &c);

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
	uint32_t c;

	while (text[cut]) {
		int length = utf8_decode(text + cut, &c);

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
	uint32_t c;

	while (*text) {
		int length = utf8_decode(text, &c);

		width += length && c >= 0x80 ? wcwidth(c) : 1;
		text += length ? length : 1;
	}
	return width;
}

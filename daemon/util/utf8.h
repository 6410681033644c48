/* SPDX-License-Identifier: GPL-2.0 */
/* Checking and escaping UTF-8. Any thread. */
#ifndef PAIMON_UTF8_H
#define PAIMON_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Length in bytes of the UTF-8 character at text, 1 to 4, and its code point. 0: the byte is
 * not valid UTF-8. The terminating NUL is a character of length 1.
 */
int utf8_decode(const char *text, uint32_t *ret_character);

/* C0, DEL or C1: characters that control a terminal. */
static inline bool utf8_is_control(uint32_t character)
{
	return character < ' ' || (character >= 0x7f && character < 0xa0);
}

/*
 * Escapes an external name (of a device, a cgroup, a process). A name that is UTF-8 without
 * control characters and does not begin with '#' is returned unchanged. Any other name is
 * returned as '#' and the name, with \xNN for each byte of a control character, each byte that
 * is not UTF-8, and each backslash. The result is unique for each name.
 *
 * Returns name, or buffer, of UTF8_NAME_LEN(strlen(name)) bytes.
 */
const char *utf8_name(const char *name, char *buffer);
#define UTF8_NAME_LEN(length) ((length)*4 + 2)

/* Makes the name again of what utf8_name() has returned. */
void utf8_unescape(char *name);

#endif

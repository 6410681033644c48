/* SPDX-License-Identifier: GPL-2.0 */
/* Text that is UTF-8, or is not. Any thread. */
#ifndef PAIMON_UTF8_H
#define PAIMON_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Length in bytes of the UTF-8 character at text, 1 to 4, and its code point. 0: there is
 * none, but a byte that is not UTF-8. The NUL at the end is a character of length 1.
 */
int utf8_decode(const char *text, uint32_t *ret_character);

/* One of C0, DEL or C1: what drives a terminal. */
static inline bool utf8_is_control(uint32_t character)
{
	return character < ' ' || (character >= 0x7f && character < 0xa0);
}

/*
 * What a name from outside (a device, a cgroup, a process) is shown as. One that is UTF-8
 * without control characters is shown as it is. Else it is '#' and the name, with \xNN for
 * each byte of a control character, each that is not UTF-8, and each backslash; so is one
 * that begins with '#'. Two names are never shown alike, and a name is always shown the same.
 *
 * Returns name, or buffer, of UTF8_NAME_LEN(strlen(name)) bytes.
 */
const char *utf8_name(const char *name, char *buffer);
#define UTF8_NAME_LEN(length) ((length)*4 + 2)

#endif

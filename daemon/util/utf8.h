/* SPDX-License-Identifier: GPL-2.0 */
/* Text that is UTF-8, or is not. Any thread. */
#ifndef PAIMON_UTF8_H
#define PAIMON_UTF8_H

#include <stdint.h>

/*
 * Length in bytes of the UTF-8 character at text, 1 to 4, and its code point. 0: there is
 * none, but a byte that is not UTF-8. The NUL at the end is a character of length 1.
 */
int utf8_decode(const char *text, uint32_t *ret_character);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Escaping external names (of devices, from sysfs) for a terminal or for JSON.
 * Pure functions, for all subcommands; the locale is set in main().
 */
#ifndef PAIMONCTL_ESCAPE_H
#define PAIMONCTL_ESCAPE_H

#include <stddef.h>

/*
 * Replaces every byte that a terminal would interpret or cannot show with \xNN:
 * control characters, invalid UTF-8, and in a locale that is not UTF-8 all bytes
 * outside ASCII. To be freed; NULL: no memory.
 */
char *escape_terminal(const char *text);

/* Replaces bytes that are not valid UTF-8 with \xNN, because JSON is always UTF-8. */
char *escape_json(const char *text);

/* Length of the longest prefix of escaped text that is at most width columns wide. */
size_t escape_cut(const char *text, int width);

/* Width in columns of text on the terminal, after escaping. */
int escape_width(const char *text);

#endif

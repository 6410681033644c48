/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names from outside (devices, sysfs) on their way to a terminal or into JSON.
 * Pure functions, for all subcommands; the locale is set in main().
 */
#ifndef PAIMONCTL_ESCAPE_H
#define PAIMONCTL_ESCAPE_H

#include <stddef.h>

/*
 * text with \xNN for every byte that a terminal would act on or cannot show:
 * control characters, what is not valid UTF-8, and in a locale that is not
 * UTF-8 all that is not ASCII. To be freed; NULL: no memory.
 */
char *escape_terminal(const char *text);

/* text with \xNN for bytes that are not valid UTF-8: JSON knows nothing else. */
char *escape_json(const char *text);

/* Length of the start of escaped text that is at most width columns wide. */
size_t escape_cut(const char *text, int width);

/* Columns that text takes on the terminal, once escaped. */
int escape_width(const char *text);

#endif

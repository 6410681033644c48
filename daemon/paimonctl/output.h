/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The output of paimonctl. Texts from the daemon, or from another process on its socket, are
 * not trusted: text for people is always escaped, text for programs only on a terminal. A write
 * error is reported once, at the end.
 */
#ifndef PAIMONCTL_OUTPUT_H
#define PAIMONCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Call before anything is printed. 0 or a negative errno. */
int output_begin(void);

/*
 * printf() for people: the arguments are escaped. Only the newline at the end of the format is
 * printed as one.
 */
void show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints text unchanged, or escaped on a terminal. */
void print_text(const char *text, size_t length);

/* Prints escaped lines on stderr, each after "paimonctl: ". */
void output_complain(const char *text);

/* Flushes the output. False: it failed, and further output is useless. */
bool output_flush(void);

/* Call at the end: reports a write error. 0, or its errno. */
int output_end(void);

#endif

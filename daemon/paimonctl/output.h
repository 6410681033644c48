/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What paimonctl prints. Texts of the daemon, or of what answers in its place, are not to
 * be trusted: for people all of it is made harmless on its way, for programs what goes to
 * a terminal. That it could not be written is said once, at the end.
 */
#ifndef PAIMONCTL_OUTPUT_H
#define PAIMONCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Before anything is printed. 0 or a negative errno. */
int output_begin(void);

/*
 * printf() for people: harmless, whatever the arguments are. Only the newline at the end of
 * the format is one.
 */
void show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints text as it is, and on a terminal with what is in it made harmless. */
void print_text(const char *text, size_t length);

/* Harmless lines on stderr, each after "paimonctl: ". */
void output_complain(const char *text);

/* Writes what is printed so far. False: it cannot be, and more makes no sense. */
bool output_flush(void);

/* After all: says what could not be written. 0, or the errno of it. */
int output_end(void);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: lines on stderr. Where stderr is the journal each begins with its
 * priority as sd-daemon(3) has it; on a terminal or in a file it begins with
 * the program's name. A line says what, why and the next step.
 */
#ifndef PAIMON_UTIL_LOG_H
#define PAIMON_UTIL_LOG_H

#include <stdbool.h>
#include <stdio.h>

/* Finds out what stderr is, and whether log_debug() says anything. */
void log_init(bool debug);

void log_write(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The line as it goes out, newline and all: separate for its test. A newline
 * within the text would start a line without a priority, and becomes a blank. */
void log_format(char *line, size_t size, bool prefix, int priority, const char *text);

#define log_error(...) log_write(3, __VA_ARGS__)
#define log_warning(...) log_write(4, __VA_ARGS__)
#define log_info(...) log_write(6, __VA_ARGS__)
#define log_debug(...) log_write(7, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages on stderr, one per line, with the priority prefixes of sd-daemon(3),
 * which the journal removes; without prefixes where stderr is not the journal.
 */
#ifndef PAIMON_LOG_H
#define PAIMON_LOG_H

#include <stdbool.h>

/* Priorities. */
#define LOG_LINE_ERROR "<3>"
#define LOG_LINE_WARNING "<4>"
#define LOG_LINE_INFO "<6>"

void log_line(const char *priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs each line of a text as a separate message. */
void log_text(const char *priority, const char *text);

/*
 * Holds messages back until log_release(), which writes or discards them, so that an
 * operation that is retried repeatedly logs the same messages only once.
 */
void log_hold(void);
void log_release(bool write);

#define log_error(...) log_line(LOG_LINE_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LINE_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LINE_INFO, __VA_ARGS__)

#endif

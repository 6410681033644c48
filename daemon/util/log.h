/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages on stderr, one a line, with the priority prefixes of sd-daemon(3),
 * which the journal takes off again; on a terminal without them.
 */
#ifndef PAIMON_LOG_H
#define PAIMON_LOG_H

#include <stdbool.h>
#include <systemd/sd-daemon.h>

void log_line(const char *priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The lines of a text, each as a message of its own. */
void log_text(const char *priority, const char *text);

/*
 * Holds lines back until log_release(), which writes or forgets them: an attempt that is
 * made over and over says what it says once.
 */
void log_hold(void);
void log_release(bool write);

#define log_error(...) log_line(SD_ERR, __VA_ARGS__)
#define log_warning(...) log_line(SD_WARNING, __VA_ARGS__)
#define log_info(...) log_line(SD_INFO, __VA_ARGS__)

#endif

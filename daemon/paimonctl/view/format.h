/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers and times as text for people. Pure functions. */
#ifndef PAIMONCTL_FORMAT_H
#define PAIMONCTL_FORMAT_H

#include <stddef.h>

enum column_type {
	COLUMN_RATE,	/* per second */
	COLUMN_COUNT,	/* current value */
	COLUMN_SECONDS, /* INFINITY: above the last bound of the histogram */
	COLUMN_DELTA,	/* in the interval */
	COLUMN_SCALED,	/* in the interval, with ~ in rows that are estimates */
	COLUMN_RATIO,	/* as percentage */
};

/* At most 6 characters: "12.3k", "1.20ms", "-". */
void format_value(enum column_type type, double value, char text[16]);

/* Formats seconds since 1970 in local time with strftime(); 0 if the time is out of range.
 * Returns the length. */
size_t format_time(double seconds, const char *format, char text[32]);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Numbers and times as text for people. */
#include "format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Three digits that count. */
static void format_digits(double value, const char *unit, char text[16])
{
	snprintf(text, 16, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
}

void format_value(enum column_type type, double value, char text[16])
{
	static const char *const large[] = {"", "k", "M", "G", "T", "P", "E"};
	static const char *const small[] = {"ns", "us", "ms", "s"};
	size_t i = 0;

	if (isnan(value)) {
		strcpy(text, "-");
		return;
	}
	if (type == COLUMN_SECONDS) {
		if (isinf(value)) {
			strcpy(text, ">107s");
			return;
		}
		for (value *= 1e9; value >= 999.5 && i < 3; i++)
			value /= 1000;
		format_digits(value, small[i], text);
		return;
	}
	if (type == COLUMN_RATIO) {
		snprintf(text, 16, "%.*f%%", value >= 0.9995 ? 0 : 1, value * 100);
		return;
	}
	if (value < 999.5) {
		bool whole = type == COLUMN_COUNT || type == COLUMN_DELTA || value >= 99.95;

		snprintf(text, 16, "%.*f", whole ? 0 : 1, value);
		return;
	}
	for (; value >= 999.5 && i < 6; i++)
		value /= 1000;
	format_digits(value, large[i], text);
}

size_t format_time(double seconds, const char *format, char text[32])
{
	time_t time = seconds >= 0 && seconds < 1e11 ? (time_t)seconds : 0; /* year 5138 */
	struct tm tm;

	*text = 0;
	return localtime_r(&time, &tm) ? strftime(text, 32, format, &tm) : 0;
}

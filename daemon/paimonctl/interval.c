// SPDX-License-Identifier: GPL-2.0
#include "interval.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

int interval_take(struct interval *interval, int option, const char *value)
{
	char *end;

	if (option == 'n') {
		errno = 0;
		interval->frames = strtoul(value, &end, 10);
		if (errno || *end || *value < '0' || *value > '9' || !interval->frames) {
			complain("bad number of frames: %s (a whole number from 1 on)", value);
			return EXIT_USAGE;
		}
		return 0;
	}
	interval->seconds = strtod(value, &end);
	if (end == value || *end || !(interval->seconds >= 0.1) || !(interval->seconds <= 3600)) {
		complain("bad interval: %s (seconds, 0.1 to 3600)", value);
		return EXIT_USAGE;
	}
	return 0;
}

/* Intervals end at multiples of their length, so that the time for frames does not add up. */
static void sleep_until(struct timespec *wake, double seconds)
{
	double whole, part = modf(seconds, &whole);

	wake->tv_sec += (time_t)whole;
	wake->tv_nsec += (long)(part * 1e9);
	if (wake->tv_nsec >= 1000000000) {
		wake->tv_nsec -= 1000000000;
		wake->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, wake, NULL) == EINTR)
		;
}

int interval_run(struct context *context, const struct interval *interval,
		 int (*frame)(struct context *context, struct json_object *before,
			      struct json_object *now, void *user),
		 void *user)
{
	struct json_object *before, *now;
	struct timespec wake;
	int r = get_json(context, "/v1/snapshot", &before);

	if (r)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &wake);
	for (unsigned long i = 0; !interval->frames || i < interval->frames; i++) {
		sleep_until(&wake, interval->seconds);
		r = get_json(context, "/v1/snapshot", &now);
		if (r) {
			complain("reconnecting");
			now = NULL;
		} else if (before) {
			r = frame(context, before, now, user);
		} else {
			complain("paimond is back");
		}
		json_object_put(before);
		before = now;
		if (r && now)
			break;
	}
	json_object_put(before);
	return r;
}

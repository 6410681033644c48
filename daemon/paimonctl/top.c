// SPDX-License-Identifier: GPL-2.0
/* paimonctl top: what happens right now, on the terminal or as text. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define BATCH_WIDTH 100 /* three stages side by side */

const struct view *const top_views[] = {&view_iopf, NULL};

struct settings {
	bool batch;
	unsigned long frames; /* 0: no limit */
	double seconds;
};

static int take(int option, const char *value, void *user)
{
	struct settings *settings = user;
	char *end;

	if (option == 'b') {
		settings->batch = true;
	} else if (option == 'n') {
		errno = 0;
		settings->frames = strtoul(value, &end, 10);
		if (errno || *end || *value < '0' || *value > '9' || !settings->frames) {
			complain("bad number of frames: %s (a whole number from 1 on)", value);
			return EXIT_USAGE;
		}
	} else {
		settings->seconds = strtod(value, &end);
		if (end == value || *end || !(settings->seconds >= 0.1) ||
		    !(settings->seconds <= 3600)) {
			complain("bad interval: %s (seconds, 0.1 to 3600)", value);
			return EXIT_USAGE;
		}
	}
	return 0;
}

static void print_table(struct table *table, struct json_object *now)
{
	size_t end;

	table_sort(table, -1);
	table_title(table, now, stdout);
	puts("");
	if (!table->nr_rows)
		printf("%s\n", table->view->nothing);
	for (size_t first = 0; table->nr_rows && first < table->view->nr_columns; first = end) {
		end = table_band_end(table, first, BATCH_WIDTH);
		table_headings(table, first, end, stdout);
		for (size_t i = 0; i < table->nr_rows; i++)
			table_row(table, &table->rows[i], first, end, stdout);
	}
	puts("");
}

static int print_frame(struct context *context, struct json_object *before, struct json_object *now)
{
	struct json_object *frame;
	struct table table;

	if (table_compute(top_views[0], before, now, &table) < 0)
		return complain("%s", strerror(ENOMEM));
	if (context->json) {
		table_sort(&table, -1);
		frame = table_json(&table, now);
		puts(json_object_to_json_string_ext(frame, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(frame);
	} else {
		print_table(&table, now);
	}
	table_clear(&table);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

/* Intervals end at multiples of seconds: what a frame takes does not add up. */
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

/*
 * A daemon that goes away takes frames without output, so that -n ends in any
 * case. The first answer after that is where counting begins again.
 */
static int run_batch(struct context *context, const struct settings *settings)
{
	struct json_object *before, *now;
	struct timespec wake;
	int r = get_json(context, "/v1/snapshot", &before);

	if (r)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &wake);
	for (unsigned long i = 0; !settings->frames || i < settings->frames; i++) {
		sleep_until(&wake, settings->seconds);
		r = get_json(context, "/v1/snapshot", &now);
		if (r) {
			complain("reconnecting");
			now = NULL;
		} else if (before) {
			r = print_frame(context, before, now);
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

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.seconds = 1};
	int r = command_options(context, &command_top, argc, argv, "bn:d:", NULL, take, &settings);

	if (r >= 0)
		return r;
	if (settings.batch || context->json)
		return run_batch(context, &settings);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return complain("top: input or output is not a terminal (use -b for plain text)");
	return screen_run(context, settings.seconds, settings.frames);
}

const struct command command_top = {
	.name = "top",
	.summary = "Shows what happens right now, for each device",
	.options = "  -b             batch mode: plain text, no screen\n"
		   "  -n N           end after N frames\n"
		   "  -d SECONDS     length of an interval, 0.1 to 3600 (default 1)\n",
	.run = run,
};

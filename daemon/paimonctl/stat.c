// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl stat: one line an interval, of one device or of all together. The
 * numbers of several devices are added, their histograms too.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "escape.h"
#include "interval.h"
#include "stat.h"

#define HEADER_EVERY 20 /* lines, on a terminal */

struct settings {
	struct interval interval;
	bool time, warned;
	unsigned long lines;
};

static int take(int option, const char *value, void *user)
{
	struct settings *settings = user;

	if (option != 't')
		return interval_take(&settings->interval, option, value);
	settings->time = true;
	return 0;
}

static void print_header(const struct table *table, const struct settings *settings)
{
	if (settings->lines && (!isatty(STDOUT_FILENO) || settings->lines % HEADER_EVERY))
		return;
	table_headings(table, 0, table->view->nr_columns, stdout);
}

static void print_line(struct table *table, struct json_object *now, struct settings *settings)
{
	time_t time = (time_t)(json_number(now, "realtime_ns", 0) / 1e9);
	struct view view = *table->view;
	char text[16] = "";

	if (settings->time)
		strftime(text, sizeof(text), "%T", localtime(&time));
	else
		view.key = "";
	view.key_width = (int)strlen(text);
	table->view = &view;
	free(table->rows[0].name);
	table->rows[0].name = strdup(text);
	if (!settings->lines && json_text(now, "input", NULL))
		puts("REPLAY: made-up input");
	if (table->rows[0].name) {
		print_header(table, settings);
		table_row(table, &table->rows[0], 0, view.nr_columns, stdout);
		settings->lines++;
	}
	table->view = &view_stat;
}

static bool device_exists(struct json_object *sample, const char *device)
{
	const char *labels[] = {"device", device, NULL};
	uint64_t requests;

	return sample_find(sample, "paimon_iopf_requests_total", labels, &requests);
}

static int frame(struct context *context, struct json_object *before, struct json_object *now,
		 void *user)
{
	struct settings *settings = user;
	bool up = sample_source_up(now, view_stat.name);
	struct table table;
	int r = EXIT_DONE;

	if (!up && !settings->warned)
		complain("%s does not count (paimonctl status says why)", view_stat.name);
	settings->warned = !up;
	if (stat_compute(before, now, context->arguments[0], &table) < 0)
		return complain("%s", strerror(ENOMEM));
	if (context->json)
		r = print_json(table_json(&table, now));
	else
		print_line(&table, now, settings);
	table_clear(&table);
	return fflush(stdout) ? EXIT_FAILED : r;
}

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.interval.seconds = 1};
	struct json_object *sample;
	bool found;
	int r = command_options(context, &command_stat, argc, argv, "n:d:t", NULL, take, &settings);

	if (r >= 0)
		return r;
	if (context->arguments[0]) {
		r = get_json(context, "/v1/snapshot", &sample);
		if (r)
			return r;
		found = device_exists(sample, context->arguments[0]);
		json_object_put(sample);
		if (!found)
			return complain("no device %s has had an I/O page fault yet (those that "
					"had: paimonctl list iopf/)",
					context->arguments[0]);
	}
	return interval_run(context, &settings.interval, frame, &settings);
}

const struct command command_stat = {
	.name = "stat",
	.summary = "Prints a line for each interval, of one device or of all together",
	.arguments = "[DEVICE]",
	.max = 1,
	.options = "  DEVICE         of this one (paimonctl list iopf/), not of all together\n"
		   "  -t             begin each line with the time\n"
		   "  -n N           end after N lines\n"
		   "  -d SECONDS     length of an interval, 0.1 to 3600 (default 1)\n",
	.run = run,
};

// SPDX-License-Identifier: GPL-2.0
/* paimonctl top: live activity, on the terminal or as text. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interval.h"
#include "top.h"

#define BATCH_WIDTH 100 /* three stages side by side */

const struct view *const top_views[] = {&view_iopf,    &view_events, &view_nnpa, &view_tasks,
					&view_cgroups, &view_cspmu,  NULL};

struct settings {
	bool batch;
	struct interval interval;
};

static int take(int option, const char *value, void *user)
{
	struct settings *settings = user;

	if (option != 'b')
		return interval_take(&settings->interval, option, value);
	settings->batch = true;
	return 0;
}

static void print_table(struct table *table, struct json_object *now)
{
	size_t end;

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

static int print_frame(struct context *context, struct json_object *before, struct json_object *now,
		       void *user)
{
	const struct view *view = user;
	struct pick pick = {};
	struct table table;
	int r = EXIT_DONE;

	if (view->by)
		pick.counted = attributed_next(view, now, NULL);
	if (table_compute(view, before, now, &pick, &table) < 0)
		return complain("%s", strerror(ENOMEM));
	table_sort(&table, table_first_sort(view));
	if (context->json)
		r = print_json(table_json(&table, now));
	else
		print_table(&table, now);
	table_clear(&table);
	return output_flush() ? r : EXIT_FAILED;
}

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.interval.seconds = 1};
	size_t view = 0;
	int r = command_options(context, &command_top, argc, argv, "bn:d:", NULL, take, &settings);

	if (r >= 0)
		return r;
	while (context->arguments[0] && strcmp(top_views[view]->name, context->arguments[0]))
		if (!top_views[++view]) {
			complain(
				"top: no such view: %s (there are iopf, events, nnpa, tasks, cgroups and cspmu)",
				context->arguments[0]);
			return EXIT_USAGE;
		}
	if (settings.batch || context->json)
		return interval_run(context, &settings.interval, print_frame,
				    (void *)top_views[view]);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return complain("top: input or output is not a terminal (use -b for plain text)");
	return screen_run(context, view, settings.interval.seconds, settings.interval.frames);
}

const struct command command_top = {
	.name = "top",
	.summary =
		"Shows current rates by device, kept event, NNPA counter, process, cgroup or PMU",
	.arguments = "[VIEW]",
	.max = 1,
	.options =
		"  VIEW           iopf: a row per device (default); events: per kept event;\n"
		"                 nnpa: per counter and CPU; tasks, cgroups: for whom NNPA or an\n"
		"                 event was counted; cspmu: bytes per second and more of system PMUs\n"
		"  -b             batch mode: plain text, no screen\n"
		"  -n N           end after N frames\n"
		"  -d SECONDS     length of an interval, 0.1 to 3600 (default 1)\n",
	.run = run,
};

// SPDX-License-Identifier: GPL-2.0
/* paimonctl top: live activity, on the terminal or as text. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "interval.h"
#include "top.h"

#define BATCH_WIDTH 100 /* three stages side by side */

const struct view *const top_views[] = {&view_iopf,    &view_events, &view_nnpa, &view_tasks,
					&view_cgroups, &view_cspmu,  NULL};
#define VIEWS "iopf events nnpa tasks cgroups cspmu"

struct settings {
	bool batch, csv, per_cpu;
	struct interval interval;
	const struct view *view; /* NULL: not chosen yet */
	bool heading;		 /* of the CSV was printed */
};

static int take(int key, const char *value, void *user)
{
	struct settings *settings = user;

	switch (key) {
	case 'b':
		settings->batch = true;
		return 0;
	case LONG_OPTION('v'):
		settings->csv = true;
		return 0;
	case LONG_OPTION('a'):
		settings->per_cpu = true;
		return 0;
	}
	return interval_take(&settings->interval, key, value);
}

bool top_has_data(const struct view *view, struct json_object *now)
{
	struct pick pick = {};
	struct table table;
	bool has;

	if (view->by)
		pick.counted = attributed_next(view, now, NULL);
	if ((view->by && !pick.counted) || table_compute(view, now, now, &pick, &table) < 0)
		return false;
	has = table.nr_rows;
	table_clear(&table);
	return has;
}

size_t top_first_view(struct json_object *now)
{
	for (size_t i = 0; top_views[i]; i++)
		if (top_has_data(top_views[i], now))
			return i;
	return 0;
}

static void print_table(struct table *table, struct json_object *now)
{
	size_t end;

	table_title(table, now, 0, NULL, stdout);
	puts("");
	if (!table->nr_rows) {
		_cleanup_free_ char *nothing = table_nothing(table->view, now);

		printf("%s\n", nothing ?: "");
	}
	for (size_t first = 0; table->nr_rows && first < table->view->nr_columns; first = end) {
		end = table_band_end(table, first, BATCH_WIDTH);
		table_headings(table, first, end, stdout);
		for (size_t i = 0; i < table->nr_rows; i++)
			table_row(table, &table->rows[i], first, end, stdout);
	}
	puts("");
}

static int print_csv(const struct table *table, struct json_object *now, bool heading)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		if (heading)
			table_csv_heading(table->view, out);
		table_csv(table, now, out);
	}
	if (!out || fclose(out))
		return complain("%s", strerror(ENOMEM));
	print_text(text, size);
	return EXIT_DONE;
}

static int print_frame(struct context *context, struct json_object *before, struct json_object *now,
		       void *user)
{
	struct settings *settings = user;
	struct pick pick = {.per_cpu = settings->per_cpu};
	const struct view *view = settings->view;
	struct table table;
	int r = EXIT_DONE;

	/* Until there is data; programs get the same columns in each frame. */
	if (!view) {
		size_t first = top_first_view(now);

		view = top_views[first];
		if (context->json || settings->csv || top_has_data(view, now))
			settings->view = view;
	}
	if (view->by)
		pick.counted = attributed_next(view, now, NULL);
	if (table_compute(view, before, now, &pick, &table) < 0)
		return complain("%s", strerror(ENOMEM));
	table_sort(&table, table_first_order(view));
	if (context->json)
		r = print_json(table_json(&table, now));
	else if (settings->csv)
		r = print_csv(&table, now, !settings->heading);
	else
		print_table(&table, now);
	settings->heading = true;
	table_clear(&table);
	return output_flush() ? r : EXIT_FAILED;
}

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.interval.seconds = 1};
	int r = command_options(context, &command_top, argc, argv, take, &settings);
	const char *name;
	size_t view = 0;

	if (r >= 0)
		return r;
	name = context->arguments[0];
	while (name && strcmp(top_views[view]->name, name))
		if (!top_views[++view])
			return complain_word("top: no such view", name, VIEWS);
	if (settings.csv && context->json) {
		complain("top: --csv and --json: only one of them");
		return EXIT_USAGE;
	}
	settings.view = name ? top_views[view] : NULL;
	if (settings.batch || settings.csv || context->json)
		return interval_run(context, &settings.interval, print_frame, &settings);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return complain("top: input or output is not a terminal (use -b for plain text)");
	return screen_run(context, name ? &view : NULL, settings.per_cpu, settings.interval.seconds,
			  settings.interval.frames);
}

static const struct option_row options[] = {
	{0, NULL, "VIEW",
	 "iopf: a row per device; events: per kept event; nnpa: per counter\n"
	 "of the AI unit; tasks, cgroups: for whom NNPA or an event was\n"
	 "counted; cspmu: bytes per second and more of system PMUs\n"
	 "(default: the first of these that has data)",
	 VIEWS},
	{'b', NULL, NULL, "batch mode: plain text, no screen", NULL},
	{LONG_OPTION('v'), "csv", NULL, "batch mode: comma-separated values", NULL},
	{LONG_OPTION('a'), "per-cpu", NULL, "in the views nnpa and events: also a row for each CPU",
	 NULL},
	INTERVAL_OPTIONS("frames"),
	{},
};

const struct command command_top = {
	.name = "top",
	.summary =
		"Shows current rates by device, kept event, NNPA counter, process, cgroup or PMU",
	.arguments = "[VIEW]",
	.max = 1,
	.options = options,
	.run = run,
};

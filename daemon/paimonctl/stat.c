// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl stat: lines for each interval, like vmstat. One line for one device, or for the sum of
 * all devices, including their histograms; or one line for each kept event, for each counter of a
 * PMU, for each value of a system PMU, or for each process or cgroup that something was counted
 * for.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "interval.h"
#include "json.h"
#include "view/table.h"

#define HEADER_EVERY 20 /* lines, on a terminal */

struct settings {
	struct interval interval;
	const struct view *view;
	enum table_span span;
	bool time, warned;
	size_t lines; /* since the last heading; 0: no heading yet */
};

static int take_pmu(struct settings *settings, const char *name)
{
	const struct view *view = view_pmus;

	while (view->name && strcmp(view->name, name))
		view++;
	if (!view->name) {
		complain("stat: no such PMU: %s (there are pai_ext and pai_crypto)", name);
		return EXIT_USAGE;
	}
	settings->view = view;
	return 0;
}

static int take_by(struct settings *settings, const char *whom)
{
	if (strcmp(whom, "cgroup") != 0 && strcmp(whom, "process") != 0) {
		complain("stat: --by %s: not cgroup or process", whom);
		return EXIT_USAGE;
	}
	settings->view = *whom == 'c' ? &view_cgroups : &view_tasks;
	return 0;
}

static int take_minute(struct settings *settings, const char *name)
{
	for (settings->span = SPAN_CURRENT; settings->span < NR_SPANS; settings->span++)
		if (!strcmp(table_minutes[settings->span], name))
			return 0;
	complain("stat: --minute %s: not current or last", name);
	return EXIT_USAGE;
}

static int take(int option, const char *value, void *user)
{
	struct settings *settings = user;

	if (option == 't')
		settings->time = true;
	else if (option == 'e')
		settings->view = &view_events;
	else if (option == 'c')
		settings->view = &view_cspmu;
	else if (option == 'p')
		return take_pmu(settings, value);
	else if (option == 'b')
		return take_by(settings, value);
	else if (option == 'm')
		return take_minute(settings, value);
	else
		return interval_take(&settings->interval, option, value);
	return 0;
}

static void print_header(const struct table *table, struct json_object *now,
			 struct settings *settings)
{
	if (settings->lines && (!isatty(STDOUT_FILENO) || settings->lines < HEADER_EVERY))
		return;
	if (!settings->lines && json_text(now, "input", NULL))
		puts("REPLAY: synthetic input");
	table_headings(table, 0, table->view->nr_columns, stdout);
	settings->lines = 0;
}

/* The time is printed before the name of a row. */
static int print_lines(struct table *table, struct json_object *now, struct settings *settings)
{
	struct view view = *settings->view;
	char clock[32] = "", key[48], *name;
	int width = 0;

	if (settings->time)
		width = (int)format_time(json_number(now, "realtime_ns", 0) / 1e9,
					 *view.key ? "%T  " : "%T", clock);
	snprintf(key, sizeof(key), "%-*.*s%s", width, width, "TIME", view.key);
	for (size_t i = 0; i < table->nr_rows; i++) {
		if (asprintf(&name, "%s%s", clock, *view.key ? table->rows[i].name : "") < 0)
			return -ENOMEM;
		free(table->rows[i].name);
		table->rows[i].name = name;
	}
	view.key = key;
	view.key_width += width;
	table->view = &view;
	table_measure(table, 0);
	if (table->nr_rows)
		print_header(table, now, settings);
	for (size_t i = 0; i < table->nr_rows; i++)
		table_row(table, &table->rows[i], 0, view.nr_columns, stdout);
	settings->lines += table->nr_rows;
	table->view = settings->view;
	return 0;
}

static bool row_exists(struct json_object *sample, const struct view *view, const char *name)
{
	const char *labels[] = {view->label, name, NULL};
	uint64_t value;

	if (view->by)
		return attributed_has(view, sample, name);
	return sample_find(sample, view->metric, labels, &value) ||
	       (view->apart && sample_find(sample, view->apart, labels, &value));
}

/* Prints why there is no line. name: NULL for any. */
static int complain_nothing(struct json_object *sample, const struct view *view, const char *name)
{
	if (view->by && (name ? attributed_has(view, sample, name)
			      : attributed_next(view, sample, NULL) != NULL))
		return complain("nothing was counted in that time");
	if (!view->by && !sample_source_up(sample, view->source))
		return complain("%s does not count (paimonctl status shows why)", view->source);
	return name ? complain("%s: %s", name, view->missing) : complain("%s", view->nothing);
}

static int frame(struct context *context, struct json_object *before, struct json_object *now,
		 void *user)
{
	struct settings *settings = user;
	const struct view *view = settings->view;
	const char *name = context->arguments[0];
	const struct pick pick = {.only = name,
				  .counted = name,
				  .span = settings->span,
				  .skips_idle = true};
	struct table table;
	bool nothing;
	int r = EXIT_DONE;

	if (table_compute(view, before, now, &pick, &table) < 0)
		return complain("%s", strerror(ENOMEM));
	table_sort(&table, table_first_sort(view));
	nothing = !table.nr_rows || (!view->by && !sample_source_up(now, view->source));
	if (nothing && !settings->warned)
		complain_nothing(now, view, name);
	settings->warned = nothing;
	if (context->json)
		r = print_json(table_json(&table, now));
	else if (print_lines(&table, now, settings) < 0)
		r = complain("%s", strerror(ENOMEM));
	table_clear(&table);
	return output_flush() ? r : EXIT_FAILED;
}

static int run(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"events", no_argument, NULL, 'e'},	  {"pmu", required_argument, NULL, 'p'},
		{"cspmu", no_argument, NULL, 'c'},	  {"by", required_argument, NULL, 'b'},
		{"minute", required_argument, NULL, 'm'}, {}};
	struct settings settings = {.interval.seconds = 1, .view = &view_stat};
	struct json_object *sample;
	int r = command_options(context, &command_stat, argc, argv, "en:d:t", options, take,
				&settings);

	if (r >= 0)
		return r;
	if (settings.span != SPAN_INTERVAL && !settings.view->by) {
		complain("stat: --minute requires --by");
		return EXIT_USAGE;
	}
	if (context->arguments[0]) {
		r = get_json(context, "/v1/snapshot", &sample);
		if (r)
			return r;
		if (!row_exists(sample, settings.view, context->arguments[0]))
			r = complain_nothing(sample, settings.view, context->arguments[0]);
		json_object_put(sample);
		if (r)
			return r;
	}
	return interval_run(context, &settings.interval, frame, &settings);
}

const struct command command_stat = {
	.name = "stat",
	.summary = "Prints rates at intervals: of devices, kept events or PMUs, or for whom",
	.arguments = "[DEVICE | NAME]",
	.max = 1,
	.options =
		"  DEVICE         only this device (paimonctl list iopf/), not the sum of all\n"
		"  -e, --events   a line for each kept event, or the one of this NAME\n"
		"  --pmu PMU      a line for each counter of pai_ext or pai_crypto that has\n"
		"                 counted and their sum, or the counter of this NAME\n"
		"  --cspmu        a line for each value and event of system PMUs, or those of\n"
		"                 the PMU of this NAME (paimonctl list cspmu/)\n"
		"  --by WHOM      a line for each cgroup or process for which something was\n"
		"                 counted: all that is attributed, or NNPA or the event of\n"
		"                 this NAME; the highest rate first\n"
		"  --minute WHEN  with --by: of the current or last minute, not of the interval\n"
		"  -t             begin each line with the time\n"
		"  -n N           end after N intervals\n"
		"  -d SECONDS     length of an interval, 0.1 to 3600 (default 1)\n",
	.run = run,
};

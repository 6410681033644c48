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

#include "../util/cleanup.h"
#include "command.h"
#include "interval.h"
#include "json.h"
#include "view/pai_csv.h"
#include "view/table.h"

#define HEADER_EVERY 20 /* lines, on a terminal */

struct settings {
	struct interval interval;
	const struct view *view;
	enum table_span span;
	bool time, csv, per_cpu, warned;
	struct pai_csv pai; /* of --csv --pmu */
	size_t lines;	    /* since the last heading; 0: no heading yet */
};

#define PMUS "pai_ext pai_crypto"
#define WHOM "cgroup process"
#define MINUTES "current last"

static int take_pmu(struct settings *settings, const char *name)
{
	const struct view *view = view_pmus;

	while (view->name && strcmp(view->name, name))
		view++;
	if (!view->name)
		return complain_word("stat: no such PMU", name, PMUS);
	settings->view = view;
	return 0;
}

static int take_by(struct settings *settings, const char *whom)
{
	if (strcmp(whom, "cgroup") != 0 && strcmp(whom, "process") != 0)
		return complain_word("stat: nothing is counted by", whom, WHOM);
	settings->view = *whom == 'c' ? &view_cgroups : &view_tasks;
	return 0;
}

static int take_minute(struct settings *settings, const char *name)
{
	for (settings->span = SPAN_CURRENT; settings->span < NR_SPANS; settings->span++)
		if (!strcmp(table_minutes[settings->span], name))
			return 0;
	return complain_word("stat: no such minute", name, MINUTES);
}

static int take(int key, const char *value, void *user)
{
	struct settings *settings = user;

	switch (key) {
	case 't':
		settings->time = true;
		return 0;
	case 'e':
		settings->view = &view_events;
		return 0;
	case LONG_OPTION('c'):
		settings->view = &view_cspmu;
		return 0;
	case LONG_OPTION('p'):
		return take_pmu(settings, value);
	case LONG_OPTION('b'):
		return take_by(settings, value);
	case LONG_OPTION('m'):
		return take_minute(settings, value);
	case LONG_OPTION('v'):
		settings->csv = true;
		return 0;
	case LONG_OPTION('a'):
		settings->per_cpu = true;
		return 0;
	}
	return interval_take(&settings->interval, key, value);
}

/* Prints the table of lspai. The first interval looks up the counters. */
static int print_pai(struct settings *settings, struct json_object *before, struct json_object *now,
		     FILE *out)
{
	int r;

	if (!settings->lines) {
		r = pai_csv_open(&settings->pai, now);
		if (r < 0)
			return r == -ENODATA ? 0 : r; /* the message was printed */
		pai_csv_heading(&settings->pai, out);
		settings->lines = 1;
	}
	return pai_csv_lines(&settings->pai, before, now, "Delta", out);
}

static int print_csv(const struct table *table, struct settings *settings,
		     struct json_object *before, struct json_object *now)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return -ENOMEM;
	if (settings->pai.pmus) {
		r = print_pai(settings, before, now, out);
	} else {
		if (!settings->lines)
			table_csv_heading(table->view, out);
		settings->lines = 1;
		table_csv(table, now, out);
	}
	if (fclose(out))
		r = r ?: -ENOMEM;
	if (!r)
		print_text(text, size);
	free(text);
	return r;
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
	_cleanup_free_ char *text = NULL;

	if (view->by && (name ? attributed_has(view, sample, name)
			      : attributed_next(view, sample, NULL) != NULL))
		return complain("nothing was counted in that time");
	if (name && (view->by || sample_source_up(sample, view->source)))
		return complain("%s: %s", name, view->missing);
	text = table_nothing(view, sample);
	return complain("%s", text ?: strerror(ENOMEM));
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
				  .skips_idle = true,
				  .per_cpu = settings->per_cpu};
	struct table table;
	bool nothing;
	int r;

	if (table_compute(view, before, now, &pick, &table) < 0)
		return complain("%s", strerror(ENOMEM));
	table_sort(&table, table_first_order(view));
	nothing = !table.nr_rows || (!view->by && !sample_source_up(now, view->source));
	if (nothing && !settings->warned)
		complain_nothing(now, view, name);
	settings->warned = nothing;
	r = context->json   ? print_json(table_json(&table, now))
	    : settings->csv ? print_csv(&table, settings, before, now)
			    : print_lines(&table, now, settings);
	if (r < 0)
		r = complain("%s", strerror(-r));
	table_clear(&table);
	return output_flush() ? r : EXIT_FAILED;
}

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.interval.seconds = 1, .view = &view_stat};
	struct json_object *sample;
	int r = command_options(context, &command_stat, argc, argv, take, &settings);

	if (r >= 0)
		return r;
	if (settings.span != SPAN_INTERVAL && !settings.view->by) {
		complain("stat: --minute requires --by");
		return EXIT_USAGE;
	}
	if (settings.per_cpu && !settings.view->has_cpus) {
		complain("stat: --per-cpu requires --events or --pmu");
		return EXIT_USAGE;
	}
	if (settings.csv && context->json) {
		complain("stat: --csv and --json: only one of them");
		return EXIT_USAGE;
	}
	if (settings.csv && settings.view->source && !strcmp(settings.view->source, "pai") &&
	    !settings.view->by)
		settings.pai = (struct pai_csv){
			.pmus = settings.view == view_pmus ? PAI_CSV_NNPA : PAI_CSV_CRYPTO,
			.only = context->arguments[0],
			.each_cpu = settings.per_cpu,
			.by_number = true,
		};
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
	r = interval_run(context, &settings.interval, frame, &settings);
	pai_csv_close(&settings.pai);
	return r;
}

static const struct option_row options[] = {
	{0, NULL, "DEVICE", "only this device (paimonctl list iopf/), not the sum of all",
	 WORDS_DEVICES},
	{'e', "events", NULL, "a line for each kept event, or the one of this NAME", NULL},
	{LONG_OPTION('p'), "pmu", "PMU",
	 "a line for each counter of pai_ext or pai_crypto that has\n"
	 "counted and their sum, or the counter of this NAME",
	 PMUS},
	{LONG_OPTION('c'), "cspmu", NULL,
	 "a line for each value and event of system PMUs, or those of\n"
	 "the PMU of this NAME (paimonctl list cspmu/)",
	 NULL},
	{LONG_OPTION('b'), "by", "WHOM",
	 "a line for each cgroup or process for which something was\n"
	 "counted: all that is attributed, or NNPA or the event of\n"
	 "this NAME; the highest rate first",
	 WHOM},
	{LONG_OPTION('m'), "minute", "WHEN",
	 "with --by: of the current or last minute, not of the interval", MINUTES},
	{LONG_OPTION('a'), "per-cpu", NULL, "with --events or --pmu: also a line for each CPU",
	 NULL},
	{LONG_OPTION('v'), "csv", NULL,
	 "comma-separated values; with --pmu in the columns of lspai", NULL},
	{'t', NULL, NULL, "begin each line with the time", NULL},
	INTERVAL_OPTIONS("intervals"),
	{},
};

const struct command command_stat = {
	.name = "stat",
	.summary = "Prints rates at intervals: of devices, kept events or PMUs, or for whom",
	.arguments = "[DEVICE | NAME]",
	.max = 1,
	.options = options,
	.run = run,
};

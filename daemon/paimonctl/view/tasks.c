// SPDX-License-Identifier: GPL-2.0
/* The tasks view of top: a row for each process that uses NNPA according to samples. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { COMM, FUNCTION };
enum { RATE, EVENTS, MOST }; /* MOST is not shown: the events of FUNCTION */

static const struct column columns[] = {
	{"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false},
	{"interval", NULL, "EVENTS", "events", COLUMN_DELTA, false},
};

static const struct text_column texts[] = {{"COMM", "comm"}, {"FUNCTION", "function"}};

/* Some counters count how functions were used, in addition to the counters of functions. */
static bool is_function(const char *counter)
{
	static const char *const others[] = {"NNPA_SMALLBATCH",	 "NNPA_LARGEDIM",
					     "NNPA_SMALLTENSOR", "NNPA_1MFRAME",
					     "NNPA_2GFRAME",	 "NNPA_ACCESSEXCEPT"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(counter, others[i]))
			return false;
	return true;
}

static int set_text(struct row *row, size_t text, const char *value)
{
	free(row->texts[text]);
	row->texts[text] = strdup(value);
	return row->texts[text] ? 0 : -ENOMEM;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	/* Not by comm, which a process can change. */
	static const char *const labels[] = {"pid", "counter", NULL};
	struct json_object *old = sample_points(before, table->view->metric);
	struct json_object *points = sample_points(now, table->view->metric);
	size_t hint = 0;

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *counter = point_label(point, "counter");
		struct row *row = table_get(table, point_label(point, "pid"));
		uint64_t events;

		if (!row || (!row->texts[COMM] && set_text(row, COMM, point_label(point, "comm"))))
			return -ENOMEM;
		events = point_delta(old, point, labels, &hint, &row->restarted);
		row->values[EVENTS] += events;
		if (!(table->seconds > 0) || events <= row->values[MOST] || !is_function(counter))
			continue;
		row->values[MOST] = events;
		if (set_text(row, FUNCTION, counter))
			return -ENOMEM;
	}
	for (size_t i = 0; i < table->nr_rows; i++) {
		table->rows[i].values[RATE] = table->rows[i].values[EVENTS];
		table_rates(table, &table->rows[i]);
	}
	return 0;
}

const struct view view_tasks = {
	.name = "tasks",
	.source = "pai",
	.key = "PID",
	.key_width = 7,
	.nothing =
		"no process is known: this requires samples (mode in [pai], see paimond.conf(5))",
	.help = "Processes that used NNPA, from samples, each with the function that it used most\nin the interval. other: processes that did not fit. Ended processes disappear.",
	.metric = "paimon_nnpa_task_events_total",
	.texts = texts,
	.nr_texts = 2,
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.heat = RATE,
	.compute = compute,
};

// SPDX-License-Identifier: GPL-2.0
/* The events view of top and of stat --events: a row for each kept event. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "table.h"

enum { RATE, VALUE, SCALED, RUNNING };

static const struct column columns[] = {
	{"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false, "SCALED per second"},
	{"interval", NULL, "VALUE", "value", COLUMN_DELTA, false,
	 "count of the interval, as the kernel gives it"},
	{"interval", NULL, "SCALED", "scaled_value", COLUMN_SCALED, false,
	 "the same in the unit of the event; ~: extrapolated"},
	{"interval", NULL, "RUN", "running_ratio", COLUMN_RATIO, false,
	 "share of its time on a counter; below 100%: multiplexed"},
};

static const struct text_column texts[] = {
	{"SPEC", "spec", false, "what it counts, as in perf"},
	{"UNIT", "unit", false, "of SCALED and RATE/s"},
};

static double time_delta(struct json_object *before, struct json_object *now, const char *metric,
			 const char *const *labels, struct row *row)
{
	double delta = sample_reals(now, metric, labels) - sample_reals(before, metric, labels);

	row->restarted |= delta < 0;
	return delta;
}

/* An event was multiplexed if it was not running for all of its enabled time. */
static void compute_row(struct json_object *before, struct json_object *now, struct table *table,
			const char *scale, const char *const *labels, struct row *row)
{
	double enabled = time_delta(before, now, "paimon_event_enabled_seconds_total", labels, row);
	double running = time_delta(before, now, "paimon_event_running_seconds_total", labels, row);
	double *v = row->values;

	row->estimate = running < enabled;
	v[VALUE] = sample_delta(before, now, "paimon_event_value_total", labels, &row->restarted);
	v[SCALED] = v[VALUE] * (*scale ? strtod(scale, NULL) : 1);
	if (row->estimate)
		v[SCALED] *= enabled / running;
	if (!isfinite(v[SCALED]))
		v[SCALED] = NAN;
	v[RATE] = v[SCALED];
	v[RUNNING] = enabled > 0 ? running / enabled : NAN;
	table_rates(table, row);
}

static int set_texts(struct row *row, struct json_object *point)
{
	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		row->texts[t] = strdup(point_label(point, texts[t].json));
		if (!row->texts[t])
			return -ENOMEM;
	}
	return 0;
}

/* Adds a row for each CPU that the snapshot has of an event; info: its point with the texts. */
static int add_cpus(struct json_object *before, struct json_object *now, struct table *table,
		    struct json_object *info)
{
	struct json_object *points = sample_points(now, "paimon_event_value_total");
	const char *event = point_label(info, "name");

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *cpu = point_label(point, "cpu");
		const char *labels[] = {"name", event, "cpu", cpu, NULL};
		_cleanup_free_ char *name = NULL;
		struct row *row;

		if (!*cpu || strcmp(point_label(point, "name"), event) != 0)
			continue;
		if (asprintf(&name, "%s cpu%s", event, cpu) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		row = table_add(table, name);
		if (!row || set_texts(row, info))
			return -ENOMEM;
		row->cpu = atoi(cpu);
		compute_row(before, now, table, point_label(info, "scale"), labels, row);
	}
	return 0;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	struct json_object *points = sample_points(now, "paimon_event_info");

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *name = point_label(point, "name");
		const char *same[] = {"name", name, "id", point_label(point, "id"), NULL};
		const char *labels[] = {"name", name, NULL};
		struct row *row;
		uint64_t one;

		if (!points_first(points, i, "name") ||
		    (table->pick.only && strcmp(table->pick.only, name)))
			continue;
		row = table_add(table, name);
		if (!row || set_texts(row, point))
			return -ENOMEM;
		/* An event that was opened in the interval did not count for all of it. */
		/* A level counts nothing. */
		if (!sample_find(before, "paimon_event_info", same, &one) ||
		    sample_find(now, "paimon_event_level", labels, &one))
			continue;
		compute_row(before, now, table, point_label(point, "scale"), labels, row);
		if (table->pick.per_cpu && add_cpus(before, now, table, point))
			return -ENOMEM;
	}
	return 0;
}

const struct view view_events = {
	.name = "events",
	.source = "events",
	.key = "EVENT",
	.key_width = 12,
	.nothing = "no event is kept (paimonctl event open opens one)",
	.missing = "no event of this name is kept (paimonctl event list)",
	.metric = "paimon_event_info",
	.label = "name",
	.key_help = "the name of a kept perf event",
	.help = "A row for each perf event that paimond keeps.",
	.texts = texts,
	.nr_texts = sizeof(texts) / sizeof(texts[0]),
	.has_cpus = true,
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.heat = RATE,
	.heat_by_row = true,
	.compute = compute,
};

// SPDX-License-Identifier: GPL-2.0
/* The events view of top and of stat --events: a row for each kept event. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { RATE, VALUE, SCALED, RUNNING };

static const struct column columns[] = {
	{"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false},
	{"interval", NULL, "VALUE", "value", COLUMN_DELTA, false},
	{"interval", NULL, "SCALED", "scaled_value", COLUMN_SCALED, false},
	{"interval", NULL, "RUN", "running_ratio", COLUMN_RATIO, false},
};

static const struct text_column texts[] = {{"SPEC", "spec", false}, {"UNIT", "unit", false}};

static double time_delta(struct json_object *before, struct json_object *now, const char *metric,
			 struct row *row)
{
	const char *labels[] = {"name", row->name, NULL};
	double delta = sample_reals(now, metric, labels) - sample_reals(before, metric, labels);

	row->restarted |= delta < 0;
	return delta;
}

/* An event was multiplexed if it was not running for all of its enabled time. */
static void compute_row(struct json_object *before, struct json_object *now, struct table *table,
			const char *scale, struct row *row)
{
	const char *labels[] = {"name", row->name, NULL};
	double enabled = time_delta(before, now, "paimon_event_enabled_seconds_total", row);
	double running = time_delta(before, now, "paimon_event_running_seconds_total", row);
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
		if (!row)
			return -ENOMEM;
		for (size_t t = 0; t < 2; t++) {
			row->texts[t] = strdup(point_label(point, texts[t].json));
			if (!row->texts[t])
				return -ENOMEM;
		}
		/* An event that was opened in the interval did not count for all of it. */
		/* A level counts nothing. */
		if (sample_find(before, "paimon_event_info", same, &one) &&
		    !sample_find(now, "paimon_event_level", labels, &one))
			compute_row(before, now, table, point_label(point, "scale"), row);
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
	.help = "VALUE is the raw count; SCALED and RATE/s are in the unit of the event.\n~: estimated, because the event was multiplexed.",
	.texts = texts,
	.nr_texts = 2,
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.heat = RATE,
	.heat_by_row = true,
	.compute = compute,
};

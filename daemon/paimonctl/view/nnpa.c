// SPDX-License-Identifier: GPL-2.0
/*
 * The nnpa view of top and the views of stat --pmu: counters of the PMUs pai_ext and pai_crypto,
 * each over all CPUs, and the sum of those of functions, above those of conditions; if that is
 * asked for, also of each CPU.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../json.h"
#include "table.h"

#define SUM "sum"

enum { RATE, EVENTS };
enum { RANK_SUM = -1, RANK_FUNCTION, RANK_CONDITION };

static const struct column columns[] = {
	{"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false, "events per second"},
	{"interval", NULL, "EVENTS", "events", COLUMN_DELTA, false, "events in the interval"},
};

/* cpu: -1 for all. */
static int count(struct table *table, const char *counter, int cpu, int rank, uint64_t events,
		 bool restarted)
{
	struct row *row;
	char name[128];

	if (table->pick.only && strcmp(table->pick.only, counter))
		return 0;
	snprintf(name, sizeof(name), cpu < 0 ? "%s" : "%s cpu%d", counter, cpu);
	row = table_get(table, name);
	if (!row)
		return -ENOMEM;
	row->cpu = cpu;
	row->values[EVENTS] += events;
	row->restarted |= restarted;
	row->rank = rank;
	return 0;
}

/* A counter that is 0 is left out, unless its name was given. metric: NULL for none. */
static int count_points(struct json_object *before, struct json_object *now, const char *metric,
			bool by_cpu, int rank, struct table *table)
{
	static const char *const labels[] = {"counter", "cpu", NULL};
	struct json_object *old = metric ? sample_points(before, metric) : NULL;
	struct json_object *points = metric ? sample_points(now, metric) : NULL;
	size_t hint = 0;
	int r = 0;

	for (size_t i = 0; points && i < json_object_array_length(points) && !r; i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *counter = point_label(point, "counter");
		bool restarted = false;
		uint64_t events = point_delta(old, point, labels, &hint, &restarted);
		int cpu = by_cpu ? atoi(point_label(point, "cpu")) : -1;

		if (!restarted && !table->pick.only && !json_number(point, "value", 0))
			continue;
		if (rank == RANK_FUNCTION)
			r = count(table, SUM, cpu, RANK_SUM, events, restarted);
		r = r ?: count(table, counter, cpu, rank, events, restarted);
	}
	return r;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	const struct view *view = table->view;
	int r = count_points(before, now, view->metric, false, RANK_FUNCTION, table);

	r = r ?: count_points(before, now, view->apart, false, RANK_CONDITION, table);
	if (table->pick.per_cpu) {
		r = r ?: count_points(before, now, view->cpu_metric, true, RANK_FUNCTION, table);
		r = r ?: count_points(before, now, view->cpu_apart, true, RANK_CONDITION, table);
	}
	for (size_t i = 0; i < table->nr_rows; i++) {
		struct row *row = &table->rows[i];

		row->values[RATE] = row->values[EVENTS];
		table_rates(table, row);
	}
	return r;
}

const struct view view_nnpa = {
	.name = "nnpa",
	.source = "pai",
	.key = "COUNTER",
	.key_width = 12,
	.nothing = "no NNPA function has been counted yet",
	.key_help = "an NNPA function, or a condition that functions met",
	.help = "A row for each counter of the AI unit, summed over all CPUs. sum: all functions. At the\n"
		"end: how many of the functions met a condition. Counters that are 0 are left out.",
	.metric = "paimon_nnpa_events_total",
	.cpu_metric = "paimon_nnpa_cpu_events_total",
	.apart = "paimon_nnpa_conditions_total",
	.cpu_apart = "paimon_nnpa_cpu_conditions_total",
	.has_cpus = true,
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.heat = RATE,
	.compute = compute,
};

#define PMU(pmu, counts, cpu_counts, conditions, cpu_conditions)                                   \
	{                                                                                          \
		.name = pmu, .source = "pai", .key = "COUNTER", .key_width = 12, .has_cpus = true, \
		.nothing = pmu " has counted nothing yet",                                         \
		.missing = pmu " has no such counter here (paimonctl list " pmu "/)",              \
		.metric = counts, .cpu_metric = cpu_counts, .apart = conditions,                   \
		.cpu_apart = cpu_conditions, .label = "counter", .columns = columns,               \
		.nr_columns = sizeof(columns) / sizeof(columns[0]), .compute = compute,            \
	}

const struct view view_pmus[] = {
	PMU("pai_ext", "paimon_nnpa_events_total", "paimon_nnpa_cpu_events_total",
	    "paimon_nnpa_conditions_total", "paimon_nnpa_cpu_conditions_total"),
	PMU("pai_crypto", "paimon_pai_crypto_events_total", "paimon_pai_crypto_cpu_events_total",
	    NULL, NULL),
	{},
};

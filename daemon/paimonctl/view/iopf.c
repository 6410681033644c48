// SPDX-License-Identifier: GPL-2.0
/* The iopf view of top: a row for each device with I/O page faults. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define SECONDS(group, json, title, help)                              \
	{                                                              \
		group, json, title, title, COLUMN_SECONDS, false, help \
	}
#define LATENCY(group, json, from, to)                                               \
	SECONDS(group, json, "p50", "time from " from " to " to ": half took less"), \
		SECONDS(group, json, "p90", "nine in ten groups took less"),         \
		SECONDS(group, json, "p99", "ninety-nine in a hundred took less"),   \
		SECONDS(group, json, "max", "upper bound of the highest bucket with a group")

enum { REQUESTS, GROUPS, OUTSTANDING, PARTIAL, RESPONSES, DISCARDED = RESPONSES + 4, LOST, STAGES };

static const struct column columns[] = {
	{NULL, NULL, "REQ/s", "requests_per_second", COLUMN_RATE, false, "page requests"},
	{NULL, NULL, "GRP/s", "groups_per_second", COLUMN_RATE, false,
	 "groups of requests that were answered"},
	{NULL, NULL, "OUTST", "outstanding_groups", COLUMN_COUNT, false,
	 "groups in flight: begun, and not answered yet"},
	{NULL, NULL, "PART", "partial_requests", COLUMN_COUNT, false,
	 "requests of groups whose last request has not come"},
	{"responses/s", "responses_per_second", "SUCC", "success", COLUMN_RATE, false,
	 "groups answered: the pages are there"},
	{"responses/s", "responses_per_second", "INVAL", "invalid", COLUMN_RATE, true,
	 "groups answered: no such page, or not allowed"},
	{"responses/s", "responses_per_second", "FAIL", "failure", COLUMN_RATE, true,
	 "groups answered: the device is to ask no more"},
	{"responses/s", "responses_per_second", "OTHER", "other", COLUMN_RATE, true,
	 "groups answered with another code"},
	{"dropped/s", "dropped_per_second", "DISC", "discarded_requests", COLUMN_RATE, true,
	 "requests that the kernel has thrown away"},
	{"dropped/s", "dropped_per_second", "LOST", "lost_groups", COLUMN_RATE, true,
	 "groups without times: no place, or no answer"},
	LATENCY("queue", "queue_seconds", "the last request", "handling"),
	LATENCY("service", "service_seconds", "handling", "the response"),
	LATENCY("total", "total_seconds", "the first request", "the response"),
};
_Static_assert(NR(columns) <= TABLE_MAX_COLUMNS, "a row holds all columns");

static const char *const responses[] = {"success", "invalid", "failure", "other"};
static const double quantiles[] = {0.5, 0.9, 0.99, 1};
static const char *const stages[] = {
	"paimon_iopf_group_queue_seconds",
	"paimon_iopf_group_service_seconds",
	"paimon_iopf_group_duration_seconds",
};

static double gauge(struct json_object *now, const char *metric, const char *const *labels)
{
	uint64_t value;

	return sample_find(now, metric, labels, &value) ? (double)value : NAN;
}

static int compute_row(struct json_object *before, struct json_object *now, struct table *table,
		       struct row *row)
{
	const char *device[] = {"device", row->name, NULL};
	double *v = row->values;

	v[REQUESTS] = sample_delta(before, now, "paimon_iopf_requests_total", device,
				   &row->restarted);
	v[GROUPS] = 0;
	for (size_t i = 0; i < NR(responses); i++) {
		const char *labels[] = {"device", row->name, "response", responses[i], NULL};

		v[RESPONSES + i] = sample_delta(before, now, "paimon_iopf_groups_total", labels,
						&row->restarted);
		v[GROUPS] += v[RESPONSES + i];
	}
	v[DISCARDED] = sample_delta(before, now, "paimon_iopf_discarded_requests_total", device,
				    &row->restarted);
	v[LOST] = sample_delta(before, now, "paimon_iopf_groups_lost_total", device,
			       &row->restarted);
	for (size_t i = 0; i < NR(stages); i++) {
		struct histogram_cell *cells;
		int nr = sample_cells(before, now, stages[i], device, &row->restarted, &cells);

		if (nr < 0)
			return nr;
		for (size_t q = 0; q < NR(quantiles); q++)
			v[STAGES + i * NR(quantiles) + q] = histogram_quantile(cells, nr,
									       quantiles[q]);
		free(cells);
	}
	table_rates(table, row);
	v[OUTSTANDING] = gauge(now, "paimon_iopf_outstanding_groups", device);
	v[PARTIAL] = gauge(now, "paimon_iopf_partial_requests", device);
	return 0;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	struct json_object *points = sample_points(now, "paimon_iopf_requests_total");

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		const char *name = point_label(json_object_array_get_idx(points, i), "device");
		struct row *row;
		int r;

		if (!points_first(points, i, "device"))
			continue;
		row = table_add(table, name);
		r = row ? compute_row(before, now, table, row) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

const struct view view_iopf = {
	.name = "iopf",
	.source = "iopf",
	.key = "DEVICE",
	.key_width = 12,
	.nothing = "no device has had an I/O page fault yet",
	.key_help = "the device that asks for pages",
	.help = "A row for each device with I/O page faults. Times are of the groups answered in the interval.",
	.columns = columns,
	.nr_columns = NR(columns),
	.heat = STAGES + 2 * NR(quantiles) + 2, /* p99 of total */
	.compute = compute,
};

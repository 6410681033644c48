// SPDX-License-Identifier: GPL-2.0
/* The iopf view of top: a row for each device that has I/O page faults. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define LATENCY(title, json)                                                                      \
	{title, json, "p50", "p50", COLUMN_SECONDS}, {title, json, "p90", "p90", COLUMN_SECONDS}, \
		{title, json, "p99", "p99", COLUMN_SECONDS},                                      \
	{                                                                                         \
		title, json, "max", "max", COLUMN_SECONDS                                         \
	}

enum { REQUESTS, GROUPS, OUTSTANDING, PARTIAL, RESPONSES, DISCARDED = RESPONSES + 4, LOST, STAGES };

static const struct column columns[] = {
	{NULL, NULL, "REQ/s", "requests_per_second", COLUMN_RATE},
	{NULL, NULL, "GRP/s", "groups_per_second", COLUMN_RATE},
	{NULL, NULL, "OUTST", "outstanding_groups", COLUMN_COUNT},
	{NULL, NULL, "PART", "partial_requests", COLUMN_COUNT},
	{"responses/s", "responses_per_second", "SUCC", "success", COLUMN_RATE},
	{"responses/s", "responses_per_second", "INVAL", "invalid", COLUMN_RATE},
	{"responses/s", "responses_per_second", "FAIL", "failure", COLUMN_RATE},
	{"responses/s", "responses_per_second", "OTHER", "other", COLUMN_RATE},
	{"dropped/s", "dropped_per_second", "DISC", "discarded_requests", COLUMN_RATE},
	{"dropped/s", "dropped_per_second", "LOST", "lost_groups", COLUMN_RATE},
	LATENCY("queue", "queue_seconds"),
	LATENCY("service", "service_seconds"),
	LATENCY("total", "total_seconds"),
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

static int compute_row(struct json_object *before, struct json_object *now,
		       const struct table *table, struct row *row)
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
	for (size_t i = 0; i < NR(columns); i++) {
		if (row->restarted || !(table->seconds > 0))
			v[i] = NAN;
		else if (columns[i].type == COLUMN_RATE)
			v[i] /= table->seconds;
	}
	v[OUTSTANDING] = gauge(now, "paimon_iopf_outstanding_groups", device);
	v[PARTIAL] = gauge(now, "paimon_iopf_partial_requests", device);
	return 0;
}

static bool has_row(const struct table *table, const char *name)
{
	/* Most likely the latest: the points of one device are neighbours. */
	for (size_t i = table->nr_rows; i > 0; i--)
		if (!strcmp(table->rows[i - 1].name, name))
			return true;
	return false;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	struct json_object *points = sample_points(now, "paimon_iopf_requests_total");

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		const char *name = point_label(json_object_array_get_idx(points, i), "device");
		struct row *row;
		int r;

		if (has_row(table, name))
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
	.key = "DEVICE",
	.nothing = "no device has had an I/O page fault yet",
	.columns = columns,
	.nr_columns = NR(columns),
	.compute = compute,
};

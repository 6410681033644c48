// SPDX-License-Identifier: GPL-2.0
/* The view of stat: sums over devices, and one histogram for all of them. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { REQUESTS, GROUPS, OUTSTANDING, FAILED, LOST, MEAN, P50, P99, MAX, QUEUE_P99, SERVICE_P99 };

static const struct column columns[] = {
	{NULL, NULL, "REQ/s", "requests_per_second", COLUMN_RATE, false, "page requests"},
	{NULL, NULL, "GRP/s", "groups_per_second", COLUMN_RATE, false,
	 "groups of requests that were answered"},
	{NULL, NULL, "OUTST", "outstanding_groups", COLUMN_COUNT, false, "groups in flight"},
	{NULL, NULL, "FAIL/s", "failed_groups_per_second", COLUMN_RATE, true,
	 "groups answered with a code other than success"},
	{NULL, NULL, "LOST/s", "lost_groups_per_second", COLUMN_RATE, true, "groups without times"},
	{"total", "total_seconds", "mean", "mean", COLUMN_SECONDS, false, "of the total time"},
	{"total", "total_seconds", "p50", "p50", COLUMN_SECONDS, false, "half took less"},
	{"total", "total_seconds", "p99", "p99", COLUMN_SECONDS, false,
	 "ninety-nine in a hundred took less"},
	{"total", "total_seconds", "max", "max", COLUMN_SECONDS, false,
	 "upper bound of the highest bucket with a group"},
	{"p99 of", "queue_seconds", "queue", "p99", COLUMN_SECONDS, false,
	 "p99 of the time in the queue"},
	{"p99 of", "service_seconds", "serv.", "p99", COLUMN_SECONDS, false,
	 "p99 of the time in service"},
};

/* One histogram over the devices. */
struct merged {
	const char *metric;
	struct histogram_cell *cells;
	size_t nr_cells;
	uint64_t count;
	double sum;
};

static int merge(struct merged *merged, struct json_object *before, struct json_object *now,
		 const char *const *labels, bool *restarted)
{
	struct histogram_cell *cells, *all;
	int nr = sample_cells(before, now, merged->metric, labels, restarted, &cells);

	if (nr < 0)
		return nr;
	all = realloc(merged->cells, (merged->nr_cells + (size_t)nr + 1) * sizeof(*all));
	if (!all) {
		free(cells);
		return -ENOMEM;
	}
	memcpy(all + merged->nr_cells, cells, (size_t)nr * sizeof(*cells));
	merged->cells = all;
	merged->nr_cells += (size_t)nr;
	for (int i = 0; i < nr; i++)
		merged->count += cells[i].count;
	merged->sum += sample_sum(now, merged->metric, labels) -
		       sample_sum(before, merged->metric, labels);
	free(cells);
	return 0;
}

static int compare_cells(const void *a, const void *b)
{
	const struct histogram_cell *left = a, *right = b;

	return left->upper < right->upper ? -1 : left->upper > right->upper;
}

static double quantile(const struct merged *merged, double q)
{
	return histogram_quantile(merged->cells, merged->nr_cells, q);
}

static int add_device(struct json_object *before, struct json_object *now, const char *device,
		      struct row *row, struct merged stages[3])
{
	const char *labels[] = {"device", device, NULL};
	const char *success[] = {"device", device, "response", "success", NULL};
	bool *restarted = &row->restarted;
	double groups = sample_delta(before, now, "paimon_iopf_groups_total", labels, restarted);
	double *v = row->values;
	int r = 0;

	v[REQUESTS] += sample_delta(before, now, "paimon_iopf_requests_total", labels, restarted);
	v[GROUPS] += groups;
	v[FAILED] += groups -
		     sample_delta(before, now, "paimon_iopf_groups_total", success, restarted);
	v[LOST] += sample_delta(before, now, "paimon_iopf_groups_lost_total", labels, restarted);
	v[OUTSTANDING] += sample_reals(now, "paimon_iopf_outstanding_groups", labels);
	for (size_t i = 0; i < 3 && !r; i++)
		r = merge(&stages[i], before, now, labels, restarted);
	return r;
}

static int add_devices(struct json_object *before, struct json_object *now, const char *device,
		       struct row *row, struct merged stages[3])
{
	struct json_object *points = sample_points(now, "paimon_iopf_requests_total");
	int r = 0;

	for (size_t i = 0; points && i < json_object_array_length(points) && !r; i++) {
		const char *name = point_label(json_object_array_get_idx(points, i), "device");

		if (points_first(points, i, "device") && (!device || !strcmp(device, name)))
			r = add_device(before, now, name, row, stages);
	}
	return r;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	struct merged stages[3] = {
		{.metric = "paimon_iopf_group_queue_seconds"},
		{.metric = "paimon_iopf_group_service_seconds"},
		{.metric = "paimon_iopf_group_duration_seconds"},
	};
	struct row *row = table_add(table, table->pick.only ?: "all");
	int r = row ? 0 : -ENOMEM;

	/* If the source does not count, there is no row of zeros. */
	if (row && sample_source_up(now, table->view->source)) {
		for (size_t i = REQUESTS; i <= LOST; i++)
			row->values[i] = 0;
		r = add_devices(before, now, table->pick.only, row, stages);
	}
	if (!r) {
		double *v = row->values;

		for (size_t i = 0; i < 3; i++)
			if (stages[i].nr_cells)
				qsort(stages[i].cells, stages[i].nr_cells, sizeof(*stages[i].cells),
				      compare_cells);
		v[MEAN] = stages[2].count ? stages[2].sum / (double)stages[2].count : NAN;
		v[P50] = quantile(&stages[2], 0.5);
		v[P99] = quantile(&stages[2], 0.99);
		v[MAX] = quantile(&stages[2], 1);
		v[QUEUE_P99] = quantile(&stages[0], 0.99);
		v[SERVICE_P99] = quantile(&stages[1], 0.99);
		table_rates(table, row);
	}
	for (size_t i = 0; i < 3; i++)
		free(stages[i].cells);
	return r;
}

const struct view view_stat = {
	.name = "iopf",
	.source = "iopf",
	.key = "",
	.nothing = "no device has had an I/O page fault yet",
	.missing =
		"no device of this name has had an I/O page fault yet (those that had: paimonctl list iopf/)",
	.metric = "paimon_iopf_requests_total",
	.label = "device",
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.compute = compute,
};

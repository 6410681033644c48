// SPDX-License-Identifier: GPL-2.0
/* Reads the JSON of /v1/snapshot, and computes differences of two snapshots. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../json.h"
#include "table.h"

struct json_object *sample_points(struct json_object *sample, const char *metric)
{
	struct json_object *metrics = json_object_object_get(sample, "metrics");

	if (!json_object_is_type(metrics, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(metrics); i++) {
		struct json_object *family = json_object_array_get_idx(metrics, i);
		struct json_object *points = json_object_object_get(family, "points");

		if (!strcmp(json_text(family, "name", ""), metric))
			return json_object_is_type(points, json_type_array) ? points : NULL;
	}
	return NULL;
}

const char *point_label(struct json_object *point, const char *name)
{
	return json_text(json_object_object_get(point, "labels"), name, "");
}

bool points_first(struct json_object *points, size_t i, const char *label)
{
	const char *value = point_label(json_object_array_get_idx(points, i), label);

	/* Search backwards: the points of one device are adjacent. */
	while (i-- > 0)
		if (!strcmp(point_label(json_object_array_get_idx(points, i), label), value))
			return false;
	return true;
}

bool point_matches(struct json_object *point, const char *const *labels)
{
	for (; *labels; labels += 2)
		if (strcmp(point_label(point, labels[0]), labels[1]))
			return false;
	return true;
}

bool sample_find(struct json_object *sample, const char *metric, const char *const *labels,
		 uint64_t *ret_sum)
{
	struct json_object *points = sample_points(sample, metric);
	uint64_t sum = 0;
	bool found = false;

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);

		if (!point_matches(point, labels))
			continue;
		sum += json_object_get_uint64(json_object_object_get(point, "value"));
		found = true;
	}
	if (found)
		*ret_sum = sum;
	return found;
}

/* The number at key of the one point with these labels; absent is 0. */
static double point_number(struct json_object *sample, const char *metric,
			   const char *const *labels, const char *key)
{
	struct json_object *points = sample_points(sample, metric);

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);

		if (point_matches(point, labels))
			return json_number(point, key, 0);
	}
	return 0;
}

/* The sum of the numbers at key of all points with these labels; absent is 0. */
static double point_numbers(struct json_object *sample, const char *metric,
			    const char *const *labels, const char *key)
{
	struct json_object *points = sample_points(sample, metric);
	double sum = 0;

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);

		if (point_matches(point, labels))
			sum += json_number(point, key, 0);
	}
	return sum;
}

bool sample_source_up(struct json_object *sample, const char *source)
{
	const char *labels[] = {"source", source, NULL};
	uint64_t up = 0;

	return sample_find(sample, "paimon_source_up", labels, &up) && up;
}

bool sample_came_up(struct json_object *before, struct json_object *now, const char *source)
{
	return sample_source_up(now, source) && !sample_source_up(before, source);
}

double sample_real(struct json_object *sample, const char *metric, const char *const *labels)
{
	return point_number(sample, metric, labels, "value");
}

double sample_reals(struct json_object *sample, const char *metric, const char *const *labels)
{
	return point_numbers(sample, metric, labels, "value");
}

double sample_sum(struct json_object *sample, const char *metric, const char *const *labels)
{
	return point_numbers(sample, metric, labels, "sum");
}

uint64_t sample_delta(struct json_object *before, struct json_object *now, const char *metric,
		      const char *const *labels, bool *restarted)
{
	uint64_t from = 0, to = 0;

	sample_find(before, metric, labels, &from);
	sample_find(now, metric, labels, &to);
	if (to >= from)
		return to - from;
	*restarted = true;
	return 0;
}

struct json_object *point_before(struct json_object *before, struct json_object *point,
				 const char *const *labels, size_t *hint)
{
	size_t nr = before ? json_object_array_length(before) : 0;

	for (size_t i = 0; i < nr; i++) {
		struct json_object *old = json_object_array_get_idx(before, (*hint + i) % nr);
		const char *const *label = labels;

		while (*label && !strcmp(point_label(old, *label), point_label(point, *label)))
			label++;
		if (*label)
			continue;
		*hint += i + 1;
		return old;
	}
	return NULL;
}

uint64_t point_delta(struct json_object *before, struct json_object *point,
		     const char *const *labels, size_t *hint, bool *restarted)
{
	struct json_object *old = point_before(before, point, labels, hint);
	uint64_t from = json_object_get_uint64(json_object_object_get(old, "value"));
	uint64_t to = json_object_get_uint64(json_object_object_get(point, "value"));

	*restarted |= to < from;
	return to < from ? 0 : to - from;
}

static struct histogram_cell cell_at(struct json_object *cells, size_t i)
{
	struct json_object *cell = json_object_array_get_idx(cells, i), *upper;

	if (!json_object_is_type(cell, json_type_array))
		return (struct histogram_cell){.upper = INFINITY};
	upper = json_object_array_get_idx(cell, 0);
	return (struct histogram_cell){
		.upper = upper ? json_object_get_double(upper) : INFINITY,
		.count = json_object_get_uint64(json_object_array_get_idx(cell, 1)),
	};
}

static int compare_upper(const void *a, const void *b)
{
	const struct histogram_cell *left = a, *right = b;

	return (left->upper > right->upper) - (left->upper < right->upper);
}

/* The cells of all histograms with these labels, in ascending order, none twice. Their number, or
 * -ENOMEM. */
static int add_up_cells(struct json_object *sample, const char *metric, const char *const *labels,
			struct histogram_cell **ret_cells)
{
	struct json_object *points = sample_points(sample, metric);
	_cleanup_free_ struct histogram_cell *cells = calloc(1, sizeof(*cells));
	size_t nr = 0, unique = 0;

	for (size_t i = 0; cells && points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		struct json_object *more = json_object_object_get(point, "cells");
		struct histogram_cell *all;
		size_t nr_more;

		if (!point_matches(point, labels) || !json_object_is_type(more, json_type_array))
			continue;
		nr_more = json_object_array_length(more);
		all = reallocarray(cells, nr + nr_more + 1, sizeof(*all));
		if (!all)
			return -ENOMEM;
		cells = all;
		for (size_t n = 0; n < nr_more; n++)
			cells[nr++] = cell_at(more, n);
	}
	if (!cells)
		return -ENOMEM;
	qsort(cells, nr, sizeof(*cells), compare_upper);
	for (size_t n = 0; n < nr; n++)
		if (unique && cells[unique - 1].upper == cells[n].upper)
			cells[unique - 1].count += cells[n].count;
		else
			cells[unique++] = cells[n];
	*ret_cells = cells;
	cells = NULL;
	return (int)unique;
}

int sample_cells(struct json_object *before, struct json_object *now, const char *metric,
		 const char *const *labels, bool *restarted, struct histogram_cell **ret_cells)
{
	_cleanup_free_ struct histogram_cell *old = NULL, *cells = NULL;
	int nr_old = add_up_cells(before, metric, labels, &old), o = 0;
	int nr = nr_old < 0 ? nr_old : add_up_cells(now, metric, labels, &cells);

	if (nr < 0)
		return nr;
	/* A cell never becomes empty. */
	for (int n = 0; n < nr && o < nr_old; n++) {
		if (old[o].upper > cells[n].upper)
			continue;
		if (old[o].upper < cells[n].upper || old[o].count > cells[n].count) {
			*restarted = true;
			cells[n].count = 0;
		} else {
			cells[n].count -= old[o].count;
		}
		o++;
	}
	if (o < nr_old)
		*restarted = true;
	*ret_cells = cells;
	cells = NULL;
	return nr;
}

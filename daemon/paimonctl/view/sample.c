// SPDX-License-Identifier: GPL-2.0
/* Reads the JSON of /v1/snapshot, and computes differences of two snapshots. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
	struct json_object *points = sample_points(sample, metric);
	double sum = 0;

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);

		if (point_matches(point, labels))
			sum += json_number(point, "value", 0);
	}
	return sum;
}

double sample_sum(struct json_object *sample, const char *metric, const char *const *labels)
{
	return point_number(sample, metric, labels, "sum");
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

/* The array of cells of one histogram, or NULL. */
static struct json_object *find_cells(struct json_object *sample, const char *metric,
				      const char *const *labels)
{
	struct json_object *points = sample_points(sample, metric);

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		struct json_object *cells = json_object_object_get(point, "cells");

		if (point_matches(point, labels))
			return json_object_is_type(cells, json_type_array) ? cells : NULL;
	}
	return NULL;
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

int sample_cells(struct json_object *before, struct json_object *now, const char *metric,
		 const char *const *labels, bool *restarted, struct histogram_cell **ret_cells)
{
	struct json_object *old = find_cells(before, metric, labels);
	struct json_object *new = find_cells(now, metric, labels);
	size_t nr_old = old ? json_object_array_length(old) : 0, o = 0;
	size_t nr_new = new ? json_object_array_length(new) : 0;
	struct histogram_cell *cells = calloc(nr_new + 1, sizeof(*cells));

	if (!cells)
		return -ENOMEM;
	/* Both arrays are in ascending order without empty cells, and a cell never becomes
	 * empty. */
	for (size_t n = 0; n < nr_new; n++) {
		cells[n] = cell_at(new, n);
		if (o == nr_old)
			continue;
		struct histogram_cell was = cell_at(old, o);

		if (was.upper > cells[n].upper)
			continue;
		o++;
		if (was.upper < cells[n].upper || was.count > cells[n].count) {
			*restarted = true;
			cells[n].count = 0;
		} else {
			cells[n].count -= was.count;
		}
	}
	if (o < nr_old)
		*restarted = true;
	*ret_cells = cells;
	return nr_new;
}

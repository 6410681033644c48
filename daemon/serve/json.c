// SPDX-License-Identifier: GPL-2.0
#include "json.h"

static const char *const types[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

static struct json_object *encode_cells(const struct histogram_scheme *scheme,
					const struct point *point, uint64_t *ret_count)
{
	struct json_object *cells = json_object_new_array();
	uint64_t count = 0;

	for (uint32_t i = 0; i <= scheme->nr_bounds; i++) {
		struct json_object *cell;

		if (!point->cells[i])
			continue;
		count += point->cells[i];
		cell = json_object_new_array_ext(2);
		json_object_array_add(
			cell, i < scheme->nr_bounds
				      ? json_object_new_double(scheme->bounds[i] / scheme->per_unit)
				      : NULL);
		json_object_array_add(cell, json_object_new_uint64(point->cells[i]));
		json_object_array_add(cells, cell);
	}
	*ret_count = count;
	return cells;
}

static struct json_object *encode_point(const struct metric *metric, const struct point *point)
{
	struct json_object *object = json_object_new_object();
	struct json_object *labels = json_object_new_object();

	for (size_t i = 0; i < point->nr_labels; i++)
		json_object_object_add(labels, point->labels[i].name,
				       json_object_new_string(point->labels[i].value));
	add(object, "labels", labels);
	if (metric->type == METRIC_HISTOGRAM) {
		uint64_t count;
		struct json_object *cells = encode_cells(metric->scheme, point, &count);

		add(object, "count", json_object_new_uint64(count));
		add(object, "sum", json_object_new_double(point->sum / metric->scheme->per_unit));
		add(object, "cells", cells);
	} else if (point->is_integer) {
		add(object, "value", json_object_new_uint64(point->integer));
	} else {
		add(object, "value", json_object_new_double(point->real));
	}
	return object;
}

struct json_object *encode_json(const struct snapshot *snapshot)
{
	struct json_object *object = json_object_new_object();
	struct json_object *metrics = json_object_new_array();

	if (!object || !metrics)
		return NULL;
	add(object, "realtime_ns", json_object_new_uint64(snapshot->realtime_ns));
	add(object, "monotonic_ns", json_object_new_uint64(snapshot->monotonic_ns));
	add(object, "input", snapshot->input ? json_object_new_string(snapshot->input) : NULL);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		struct json_object *metric = json_object_new_object();
		struct json_object *points = json_object_new_array();

		add(metric, "name", json_object_new_string(family->metric->name));
		add(metric, "type", json_object_new_string(types[family->metric->type]));
		for (size_t j = 0; j < family->nr_points; j++)
			json_object_array_add(points,
					      encode_point(family->metric, &family->points[j]));
		add(metric, "points", points);
		json_object_array_add(metrics, metric);
	}
	add(object, "metrics", metrics);
	return object;
}

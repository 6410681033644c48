// SPDX-License-Identifier: GPL-2.0
#include "json.h"

static void add_histogram(struct json *json, const struct histogram_scheme *scheme,
			  const struct point *point)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i <= scheme->nr_bounds; i++)
		count += point->cells[i];
	json_integer(json, "count", count);
	json_real(json, "sum", point->sum / scheme->per_unit);
	json_open(json, "cells", '[');
	for (uint32_t i = 0; i <= scheme->nr_bounds; i++) {
		if (!point->cells[i])
			continue;
		json_open(json, NULL, '[');
		if (i < scheme->nr_bounds)
			json_real(json, NULL, scheme->bounds[i] / scheme->per_unit);
		else
			json_null(json, NULL);
		json_integer(json, NULL, point->cells[i]);
		json_close(json, ']');
	}
	json_close(json, ']');
}

static void add_point(struct json *json, const struct metric *metric, const struct point *point)
{
	json_open(json, NULL, '{');
	json_open(json, "labels", '{');
	for (size_t i = 0; i < point->nr_labels; i++)
		json_string(json, point->labels[i].name, point->labels[i].value);
	json_close(json, '}');
	if (metric->type == METRIC_HISTOGRAM)
		add_histogram(json, metric->scheme, point);
	else if (point->is_integer)
		json_integer(json, "value", point->integer);
	else
		json_real(json, "value", point->real);
	json_close(json, '}');
}

static void start(struct json *json, const struct snapshot *snapshot)
{
	json_open(json, NULL, '{');
	json_integer(json, "realtime_ns", snapshot->realtime_ns);
	json_integer(json, "monotonic_ns", snapshot->monotonic_ns);
	json_string(json, "input", snapshot->input);
	json_open(json, "metrics", '[');
}

static void next_piece(struct snapshot_json *walk, struct json *json)
{
	const struct snapshot *snapshot = walk->snapshot;
	const struct family *family;

	if (!walk->started)
		start(json, snapshot);
	walk->started = true;
	while (walk->family < snapshot->nr_families &&
	       snapshot->families[walk->family].metric->scope > walk->scope)
		walk->family++;
	if (walk->family == snapshot->nr_families) {
		json_close(json, ']');
		json_close(json, '}');
		walk->ended = true;
		return;
	}
	family = &snapshot->families[walk->family];
	if (!walk->point) {
		json_open(json, NULL, '{');
		json_string(json, "name", family->metric->name);
		json_string(json, "type", metric_type_names[family->metric->type]);
		json_open(json, "points", '[');
	}
	if (walk->point < family->nr_points)
		add_point(json, family->metric, &family->points[walk->point++]);
	if (walk->point == family->nr_points) {
		json_close(json, ']');
		json_close(json, '}');
		walk->family++;
		walk->point = 0;
	}
}

bool encode_json(struct snapshot_json *walk, struct buffer *buffer)
{
	struct json json = {buffer, walk->more};

	if (walk->ended)
		return false;
	next_piece(walk, &json);
	walk->more = json.more;
	return true;
}

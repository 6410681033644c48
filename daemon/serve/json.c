// SPDX-License-Identifier: GPL-2.0
#include "json.h"

#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

static json_object *string_or_null(const char *string)
{
	return string ? json_object_new_string(string) : NULL;
}

static char *to_text(json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(object);
	return copy;
}

static json_object *labels_of(const struct point *point)
{
	json_object *labels = json_object_new_object();

	for (size_t i = 0; i < point->nr_labels; i++)
		json_object_object_add(labels, point->labels[i].name,
				       json_object_new_string(point->labels[i].value));
	return labels;
}

/* Only cells that hold something: most of a latency's 248 are empty. */
static void add_cells(json_object *object, const struct metric *metric, const struct point *point)
{
	const struct histogram_scheme *scheme = metric->scheme;
	json_object *cells = json_object_new_array();
	uint64_t count = 0;

	for (uint32_t i = 0; i <= scheme->nr_bounds; i++) {
		json_object *cell;

		if (!point->cells[i])
			continue;
		count += point->cells[i];
		cell = json_object_new_array_ext(2);
		json_object_array_add(
			cell, i < scheme->nr_bounds ?
				      json_object_new_double((double)scheme->bounds[i] * scheme->unit) :
				      NULL);
		json_object_array_add(cell, json_object_new_uint64(point->cells[i]));
		json_object_array_add(cells, cell);
	}
	json_object_object_add(object, "count", json_object_new_uint64(count));
	json_object_object_add(object, "sum",
			       scheme->unit == 1 ?
				       json_object_new_uint64(point->sum) :
				       json_object_new_double((double)point->sum * scheme->unit));
	json_object_object_add(object, "cells", cells);
}

static json_object *point_of(const struct metric *metric, const struct point *point)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "labels", labels_of(point));
	if (metric->type == METRIC_HISTOGRAM)
		add_cells(object, metric, point);
	else
		json_object_object_add(object, "value",
				       point->is_integer ? json_object_new_uint64(point->integer) :
							   json_object_new_double(point->real));
	return object;
}

char *json_snapshot(const struct snapshot *snapshot)
{
	static const char *const types[] = {
		[METRIC_GAUGE] = "gauge",
		[METRIC_COUNTER] = "counter",
		[METRIC_HISTOGRAM] = "histogram",
	};
	json_object *root = json_object_new_object(), *metrics = json_object_new_array();

	json_object_object_add(root, "realtime_ns", json_object_new_uint64(snapshot->realtime_ns));
	json_object_object_add(root, "monotonic_ns",
			       json_object_new_uint64(snapshot->monotonic_ns));
	json_object_object_add(root, "input", string_or_null(snapshot->input));
	json_object_object_add(root, "metrics", metrics);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		json_object *metric = json_object_new_object(), *points = json_object_new_array();

		json_object_object_add(metric, "name",
				       json_object_new_string(family->metric->name));
		json_object_object_add(metric, "type",
				       json_object_new_string(types[family->metric->type]));
		for (size_t j = 0; j < family->nr_points; j++)
			json_object_array_add(points, point_of(family->metric, &family->points[j]));
		json_object_object_add(metric, "points", points);
		json_object_array_add(metrics, metric);
	}
	return to_text(root);
}

static json_object *source_of(const struct source *source)
{
	static const char *const states[] = {
		[SOURCE_OFF] = "off",
		[SOURCE_UP] = "up",
		[SOURCE_FAILED] = "failed",
	};
	json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(source->ops->name));
	json_object_object_add(object, "state", json_object_new_string(states[source->state]));
	json_object_object_add(object, "backend", string_or_null(source->backend));
	json_object_object_add(object, "adopted", json_object_new_boolean(source->adopted));
	json_object_object_add(object, "attached_timestamp_seconds",
			       source->state == SOURCE_UP ?
				       json_object_new_double((double)source->attached_ns * 1e-9) :
				       NULL);
	json_object_object_add(object, "reason",
			       string_or_null(source->reason[0] ? source->reason : NULL));
	return object;
}

char *json_status(const struct status *status)
{
	json_object *root = json_object_new_object(), *config = json_object_new_object(),
		    *listen = json_object_new_object(), *sources = json_object_new_array();

	json_object_object_add(root, "version", json_object_new_string(status->version));
	json_object_object_add(root, "revision", json_object_new_string(status->revision));
	json_object_object_add(root, "pid", json_object_new_int(getpid()));
	json_object_object_add(root, "uptime_seconds",
			       json_object_new_double(status->uptime_seconds));
	json_object_object_add(root, "input", string_or_null(status->input));
	json_object_object_add(root, "state_dir", string_or_null(status->state_dir));
	json_object_object_add(listen, "unix", string_or_null(status->socket));
	json_object_object_add(listen, "tcp", string_or_null(status->listen));
	json_object_object_add(root, "listen", listen);
	json_object_object_add(config, "path", string_or_null(status->config_path));
	json_object_object_add(config, "last_reload_successful",
			       json_object_new_boolean(status->last_reload_successful));
	json_object_object_add(root, "config", config);
	for (size_t i = 0; i < status->nr_sources; i++)
		json_object_array_add(sources, source_of(status->sources[i]));
	json_object_object_add(root, "sources", sources);
	return to_text(root);
}

char *json_error(const char *code, const char *message)
{
	json_object *root = json_object_new_object(), *error = json_object_new_object();

	json_object_object_add(error, "code", json_object_new_string(code));
	json_object_object_add(error, "message", json_object_new_string(message));
	json_object_object_add(root, "error", error);
	return to_text(root);
}

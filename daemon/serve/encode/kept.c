// SPDX-License-Identifier: GPL-2.0
#include "kept.h"

#include "../json.h"

static void add_cpus(struct json *json, const struct kept_event *event)
{
	json_open(json, "cpus", '[');
	for (size_t i = 0; i < event->nr_cpus; i++)
		json_integer(json, NULL, event->cpus[i]);
	json_close(json, ']');
}

static void add_levels(struct json *json, const struct kept_event *event)
{
	json_open(json, "levels", '[');
	for (size_t i = 0; i < event->nr_levels; i++) {
		json_open(json, NULL, '{');
		json_integer(json, "cpu", event->levels[i].cpu);
		json_integer(json, "value", event->levels[i].value);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void encode_kept(void *data, const struct kept_event *event)
{
	struct json *json = data;

	json_open(json, NULL, '{');
	json_integer(json, "id", event->id);
	json_string(json, "name", event->name);
	json_string(json, "spec", event->spec);
	json_string(json, "pmu", event->pmu);
	json_string(json, "config", event->config);
	add_cpus(json, event);
	json_string(json, "state", event->state);
	json_string(json, "set", event->set);
	json_string(json, "by", kept_by_names[event->by]);
	json_string(json, "origin", event->origin);
	json_integer(json, "uid", event->uid);
	json_integer(json, "pid", event->pid);
	json_string(json, "comm", event->comm);
	json_integer(json, "descriptors", event->descriptors);
	json_real(json, "opened_timestamp_seconds", event->opened_ns * 1e-9);
	/* Levels have no meaningful sum. */
	if (event->levels) {
		json_null(json, "value");
		add_levels(json, event);
	} else {
		json_integer(json, "value", event->value);
	}
	json_real(json, "enabled_seconds", event->enabled_ns / 1e9);
	json_real(json, "running_seconds", event->running_ns / 1e9);
	json_string(json, "unit", event->unit);
	json_string(json, "scale", event->scale);
	json_integer(json, "resets", event->resets);
	json_integer(json, "changes", event->changes);
	json_integer(json, "reopened", event->reopened);
	json_close(json, '}');
}

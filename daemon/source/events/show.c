// SPDX-License-Identifier: GPL-2.0
/* Writes kept events as the JSON of /v1/events. */
#include <errno.h>
#include <stdlib.h>

#include "../../util/cleanup.h"
#include "../../util/json.h"
#include "../../util/utf8.h"
#include "../source.h"
#include "registry.h"

static int compare_numbers(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

/* The CPUs of an event in order. False: there is no memory for that. */
static bool add_cpus(const struct events *events, const struct events_event *event,
		     struct json *json)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr = 0, n = 0;

	for_each_slot(i, events, event)
		nr++;
	cpus = malloc((nr ?: 1) * sizeof(*cpus));
	if (!cpus)
		return false;
	for_each_slot(i, events, event)
		cpus[n++] = events->reader->slots[i].cpu;
	qsort(cpus, nr, sizeof(*cpus), compare_numbers);
	json_open(json, "cpus", '[');
	for (size_t i = 0; i < nr; i++)
		if (!i || cpus[i] != cpus[i - 1])
			json_integer(json, NULL, cpus[i]);
	json_close(json, ']');
	return true;
}

static void add_levels(const struct events *events, const struct events_event *event,
		       struct json *json)
{
	json_open(json, "levels", '[');
	for_each_slot(i, events, event) {
		json_open(json, NULL, '{');
		json_integer(json, "cpu", events->reader->slots[i].cpu);
		json_integer(json, "value", reader_total(&events->reader->slots[i]).value);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void event_json(struct events *events, const struct events_event *event, struct json *json)
{
	static const char *const origins[EVENTS_NR_ORIGINS] = {
		[EVENTS_FROM_CONFIG] = "configuration",
		[EVENTS_FROM_COMMAND] = "command",
		[EVENTS_FROM_HANDOFF] = "hand-off",
	};
	struct events_reading all = {};
	char config[24], comm[UTF8_NAME_LEN(sizeof(event->comm))];

	for_each_slot(i, events, event) {
		struct events_reading total = reader_total(&events->reader->slots[i]);

		all = reader_sum(all, &total);
	}
	events_format_config(event, config);
	json_open(json, NULL, '{');
	json_integer(json, "id", event->id);
	json_string(json, "name", event->name);
	json_string(json, "spec", events_terms(event)->spec);
	json_string(json, "pmu", event->pmu);
	json_string(json, "config", config);
	if (!add_cpus(events, event, json))
		json->buffer->error = -ENOMEM;
	json_string(json, "state", events_state_names[events_state_of(events, event)]);
	json_string(json, "origin",
		    event->origin < EVENTS_NR_ORIGINS ? origins[event->origin] : "unknown");
	json_integer(json, "uid", event->uid);
	json_integer(json, "pid", event->pid);
	json_string(json, "comm", utf8_name(event->comm, comm));
	json_integer(json, "descriptors", events->given[event - events->reader->events]);
	json_real(json, "opened_timestamp_seconds", event->opened_ns * 1e-9);
	/* Levels are not to be added up. */
	if (event->flags & EVENTS_LEVEL) {
		json_null(json, "value");
		add_levels(events, event, json);
	} else {
		json_integer(json, "value", all.value);
	}
	json_real(json, "enabled_seconds", all.enabled / 1e9);
	json_real(json, "running_seconds", all.running / 1e9);
	json_string(json, "unit", event->unit);
	json_string(json, "scale", event->scale);
	json_integer(json, "resets", event->resets);
	json_integer(json, "changes", event->changes);
	json_integer(json, "reopened", event->reopened);
	json_close(json, '}');
}

void events_list(struct source *source, struct json *json)
{
	struct events *events = source->data;

	events_read_all(events);
	json_open(json, NULL, '[');
	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		if (events->reader->events[i].id)
			event_json(events, &events->reader->events[i], json);
	json_close(json, ']');
}

int events_show(struct source *source, uint64_t id, struct json *json)
{
	struct events *events = source->data;
	struct events_event *event = events_find(events, id);

	if (!event)
		return -ENOENT;
	events_read_all(events);
	event_json(events, event, json);
	return 0;
}

int events_show_new(struct source *source, uint64_t id, struct json *json)
{
	struct events_event *event = events_find(source->data, id);

	if (!event)
		return -ENOENT;
	event_json(source->data, event, json);
	return 0;
}

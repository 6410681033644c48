// SPDX-License-Identifier: GPL-2.0
#include "status.h"

#include <string.h>

static void add_listeners(const struct status *status, struct json *json)
{
	json_open(json, "listen", '[');
	for (size_t i = 0; i < status->nr_listen; i++) {
		json_open(json, NULL, '{');
		json_string(json, "address", status->listen[i].address);
		json_boolean(json, "loopback", status->listen[i].loopback);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_source(const struct status_source *source, struct json *json)
{
	const char *texts = source->problems.data;

	json_open(json, NULL, '{');
	json_string(json, "name", source->name);
	json_string(json, "state", source->state);
	if (source->backend) {
		json_string(json, "backend", source->backend);
		json_boolean(json, "adopted", source->adopted);
		json_real(json, "attached_timestamp_seconds", source->attached_ns * 1e-9);
	}
	json_string(json, "reason", source->reason);
	json_open(json, "problems", '[');
	for (size_t i = 0; i < source->problems.size; i += strlen(texts + i) + 1)
		json_string(json, NULL, texts + i);
	json_close(json, ']');
	json_close(json, '}');
}

static void add_cost(const struct status_cost *cost, struct json *json)
{
	json_open(json, "cost", '{');
	json_real(json, "events_per_second", cost->events_per_second);
	json_real(json, "ns_per_event", cost->ns_per_event);
	json_real(json, "runs_per_second", cost->runs_per_second);
	json_real(json, "ns_per_run", cost->ns_per_run);
	json_real(json, "bpf_cpu_percent", cost->bpf_cpu_percent);
	json_real(json, "daemon_cpu_percent", cost->daemon_cpu_percent);
	json_boolean(json, "run_times", cost->run_times);
	json_integer(json, "map_bytes", cost->map_bytes);
	json_integer(json, "recursion_misses", cost->recursion_misses);
	json_open(json, "totals", '{');
	json_integer(json, "monotonic_ns", cost->totals.time_ns);
	json_integer(json, "events", cost->totals.events);
	json_integer(json, "runs", cost->totals.runs);
	json_integer(json, "run_ns", cost->totals.run_ns);
	json_integer(json, "daemon_cpu_ns", cost->totals.cpu_ns);
	json_integer(json, "sources", cost->totals.sources);
	json_close(json, '}');
	if (cost->descriptors_max) {
		json_integer(json, "resident_bytes", cost->resident_bytes);
		json_integer(json, "descriptors", cost->descriptors);
		json_integer(json, "descriptors_max", cost->descriptors_max);
	}
	json_close(json, '}');
}

void encode_status(const struct status *status, struct json *json)
{
	json_open(json, NULL, '{');
	json_string(json, "version", status->version);
	json_string(json, "revision", status->revision);
	json_integer(json, "pid", status->pid);
	json_real(json, "uptime_seconds", status->uptime_seconds);
	json_boolean(json, "sees_processes", status->sees_processes);
	json_string(json, "input", status->input);
	json_string(json, "state_dir", status->state_dir);
	add_listeners(status, json);
	json_string(json, "handoff", status->handoff);
	json_open(json, "config", '{');
	json_string(json, "path", status->config_path);
	json_boolean(json, "last_reload_successful", status->last_reload_successful);
	json_close(json, '}');
	json_open(json, "sources", '[');
	for (size_t i = 0; i < status->nr_sources; i++)
		add_source(&status->sources[i], json);
	json_close(json, ']');
	add_cost(&status->cost, json);
	json_close(json, '}');
}

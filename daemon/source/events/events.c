// SPDX-License-Identifier: GPL-2.0
/* The source of kept events: what the configuration asks for, and what is served. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/cleanup.h"
#include "../../util/event_spec.h"
#include "../../util/json.h"
#include "../../util/log.h"
#include "../../util/utf8.h"
#include "../perf_open.h"
#include "../pins.h"
#include "../source.h"
#include "perf_file.h"
#include "registry.h"

/* The configuration's events */

static const struct config_event *configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->nr_events; i++)
		if (!strcmp(config->events[i].name, name))
			return &config->events[i];
	return NULL;
}

/* Is an event as the configuration has it? What cannot be told counts on. */
static bool is_as_configured(const struct events_event *event, const struct config_event *wanted)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ char *error = NULL;

	if (strcmp(wanted->cpus ?: "", event->cpus))
		return false;
	return event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, wanted->spec, &spec,
				&error) < 0 ||
	       !strcmp(spec->text, events_terms(event)->spec);
}

/* Forgets why events of the configuration are not there. */
static void events_clear_absent(struct events_absent *absent, size_t nr)
{
	for (size_t i = 0; absent && i < nr; i++)
		free(absent[i].why);
	free(absent);
}

/* The source's reason is the first of what is not there, and how many more. */
static void give_reason(struct source *source)
{
	const struct events *events = source->data;
	size_t nr = 0, first = 0;

	for (size_t i = events->nr_absent; i-- > 0;)
		if (events->absent[i].why) {
			first = i;
			nr++;
		}
	source->reason[0] = '\0';
	if (nr == 1)
		source_fail(source, 0, "%s", events->absent[first].why);
	else if (nr)
		source_fail(source, 0, "%.180s (and %zu more: see the log)",
			    events->absent[first].why, nr - 1);
}

/*
 * Opens what the configuration has, and closes what it has no more. What cannot be
 * opened does not hold up the others; it is named, and again only where something was
 * asked for (again is false) or it fails for another reason.
 */
static void events_take_config(struct source *source, bool again)
{
	const struct events_owner owner = {.origin = EVENTS_FROM_CONFIG};
	struct events *events = source->data;
	size_t nr = source->config->nr_events, nr_before = events->nr_absent;
	struct events_absent *before = events->absent;

	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];
		const struct config_event *wanted;

		if (!event->id || event->origin != EVENTS_FROM_CONFIG)
			continue;
		wanted = configured(source->config, event->name);
		if (!wanted || !is_as_configured(event, wanted))
			events_close_event(events, event);
	}
	events->absent = calloc(nr + 1, sizeof(*events->absent));
	events->nr_absent = events->absent ? nr : 0;
	for (size_t i = 0; i < events->nr_absent; i++) {
		const struct config_event *wanted = &source->config->events[i];
		const struct events_event *event = events_find_name(events, wanted->name);
		_cleanup_free_ char *error = NULL;
		char *text;
		uint64_t id;

		if (event && event->origin == EVENTS_FROM_CONFIG)
			continue;
		if (again && i < nr_before && before[i].closed) {
			events->absent[i] = before[i];
			before[i].why = NULL;
			continue;
		}
		if (events_open(source, wanted->spec, wanted->name, wanted->cpus, &owner, &id,
				&error) >= 0)
			continue;
		if (asprintf(&text, "[event %s]: %s", wanted->name, error ?: "no memory") < 0)
			continue;
		events->absent[i].why = text;
		if (!again || i >= nr_before || !before[i].why || strcmp(before[i].why, text))
			log_error("events: %s", text);
	}
	events_clear_absent(before, nr_before);
	give_reason(source);
}

static void events_tell(const struct source *source, source_tell *tell, void *user)
{
	const struct events *events = source->data;

	for (size_t i = 0; i < events->nr_absent; i++)
		if (events->absent[i].why)
			tell(user, events->absent[i].why);
}

int events_close(struct source *source, uint64_t id, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = events_find(events, id);

	if (!event)
		return events_no_event(id, ret_error);
	/* What the configuration says no longer holds: status and check are to tell. */
	for (size_t i = 0; i < events->nr_absent && event->origin == EVENTS_FROM_CONFIG; i++) {
		char *why;

		if (!strcmp(source->config->events[i].name, event->name) &&
		    asprintf(&why, "[event %s]: was closed (paimonctl reload opens it again)",
			     event->name) >= 0)
			events->absent[i] = (struct events_absent){why, true};
	}
	events_close_event(events, event);
	give_reason(source);
	return 0;
}

/* What is served */

static const struct metric metric_value = {
	.name = "paimon_event_value_total",
	.help = "Count of a kept perf event, as the kernel gives it: not scaled.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_level = {
	.name = "paimon_event_level",
	.help = "Reading of a kept perf event that is a level of the moment: not scaled.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_enabled = {
	.name = "paimon_event_enabled_seconds_total",
	.help = "Time that a kept perf event was enabled, over its CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_running = {
	.name = "paimon_event_running_seconds_total",
	.help = "Time that a kept perf event was on a counter, over its CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_info = {
	.name = "paimon_event_info",
	.help = "What a kept perf event counts; always 1.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_event_up = {
	.name = "paimon_event_up",
	.help = "1 if a kept or configured perf event counts, 0 if it does not.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_persistent = {
	.name = "paimon_persistent_events",
	.help = "Kept perf events by what can be done with them.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_resets = {
	.name = "paimon_event_resets_total",
	.help = "Readings of a kept perf event that went back, since someone reset it.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_changes = {
	.name = "paimon_event_changes_total",
	.help = "Changes of the terms of a kept perf event while it counted.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_reopened = {
	.name = "paimon_event_reopened_total",
	.help = "Perf events opened anew for a kept event, since they stood still.",
	.type = METRIC_COUNTER,
};

/* counting: the daemon has descriptors of all of it. read: only reading is left.
 * disabled: by someone, on one of its CPUs at least. stopped: it does not count on one of
 * them, and could not be opened anew there. */
enum event_state { STATE_COUNTING, STATE_READ, STATE_DISABLED, STATE_STOPPED, NR_STATES };
static const char *const events_state_names[NR_STATES] = {"counting", "read", "disabled",
							  "stopped"};

static enum event_state events_state_of(const struct events *events,
					const struct events_event *event)
{
	enum event_state state = events->lacking[events_number(events, event) - 1] ? STATE_STOPPED
										   : STATE_COUNTING;

	for_each_slot(i, events, event) {
		enum event_state one = events->states[i] == SLOT_STOPPED    ? STATE_STOPPED
				       : events->states[i] == SLOT_DISABLED ? STATE_DISABLED
				       : events->fds[i] < 0		    ? STATE_READ
									    : STATE_COUNTING;

		if (one > state)
			state = one;
	}
	return state;
}

/* Is an event of the configuration not there? Something else may have its name. */
static bool is_absent(const struct source *source, const char *name)
{
	const struct events *events = source->data;

	for (size_t i = 0; i < events->nr_absent; i++)
		if (events->absent[i].why && !strcmp(source->config->events[i].name, name))
			return true;
	return false;
}

/* Does an event count, on all of its CPUs that are online, of which there is one? */
static bool is_up(const struct source *source, const struct events_event *event)
{
	const struct events *events = source->data;
	enum event_state state = events_state_of(events, event);
	bool online = false;

	for_each_slot(i, events, event)
		online |= events->reader->values[i].error != -ENXIO;
	return online && (state == STATE_COUNTING || state == STATE_READ) &&
	       !is_absent(source, event->name);
}

static int add_up(struct snapshot *snapshot, const char *name, bool up)
{
	struct label label = {"name", name};

	return snapshot_add_integer(snapshot, &metric_event_up, &label, 1, up);
}

/* Of those of the configuration that are not there. */
static int add_absent(const struct source *source, struct snapshot *snapshot)
{
	const struct events *events = source->data;
	int r = 0;

	for (size_t i = 0; i < events->nr_absent && !r; i++)
		if (events->absent[i].why &&
		    !events_find_name(events, source->config->events[i].name))
			r = add_up(snapshot, source->config->events[i].name, false);
	return r;
}

static int events_read_failed(const struct source *source, struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; i < source->config->nr_events && !r; i++)
		r = add_up(snapshot, source->config->events[i].name, false);
	return r;
}

static void events_format_config(const struct events_event *event, char ret_text[24])
{
	snprintf(ret_text, 24, "0x%llx", (unsigned long long)events_terms(event)->config[0]);
}

/* level: it has no count. */
static int add_reading(struct snapshot *snapshot, const struct label *labels, size_t nr_labels,
		       bool level, const struct events_reading *reading)
{
	int r = level ? 0
		      : snapshot_add_integer(snapshot, &metric_value, labels, nr_labels,
					     reading->value);

	r = r
		    ?: snapshot_add_real(snapshot, &metric_enabled, labels, nr_labels,
					 reading->enabled / 1e9);
	return r
		       ?: snapshot_add_real(snapshot, &metric_running, labels, nr_labels,
					    reading->running / 1e9);
}

/* What an event has counted in a slot, and in the others on its CPU; nothing where one before it
 * is on that CPU too. */
static bool read_cpu(const struct events *events, uint32_t index, struct events_reading *ret_total)
{
	const struct events_slot *slots = events->reader->slots;
	const struct events_event *event = &events->reader->events[slots[index].event - 1];
	struct events_reading all = {};

	for_each_slot(i, events, event) {
		struct events_reading total = reader_total(&slots[i]);

		if (slots[i].cpu != slots[index].cpu)
			continue;
		if (i < index)
			return false;
		all = reader_sum(all, &total);
	}
	*ret_total = all;
	return true;
}

static int add_event(struct events *events, bool per_cpu, const struct events_event *event,
		     struct snapshot *snapshot)
{
	bool level = event->flags & EVENTS_LEVEL;
	struct events_reading all = {};
	char id[24], config[24], cpu[12];
	struct label info[] = {
		{"name", event->name},	 {"id", id},	     {"spec", events_terms(event)->spec},
		{"pmu", event->pmu},	 {"config", config}, {"unit", event->unit},
		{"scale", event->scale},
	};
	char buffers[7][UTF8_NAME_LEN(EVENTS_SPEC_LEN)];
	struct label labels[] = {{"name", NULL}, {"cpu", cpu}};
	int r = 0;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)event->id);
	events_format_config(event, config);
	for (int i = 0; i < 7; i++)
		info[i].value = utf8_name(info[i].value, buffers[i]);
	labels[0].value = info[0].value;
	for_each_slot(i, events, event) {
		const struct events_slot *slot = &events->reader->slots[i];
		struct events_reading total = reader_total(slot);

		all = reader_sum(all, &total);
		snprintf(cpu, sizeof(cpu), "%u", slot->cpu);
		if (level && !r)
			r = snapshot_add_integer(snapshot, &metric_level, labels, 2, total.value);
		if (per_cpu && !r && read_cpu(events, i, &total))
			r = add_reading(snapshot, labels, 2, level, &total);
	}
	if (!per_cpu)
		r = r ?: add_reading(snapshot, labels, 1, level, &all);
	r = r ?: snapshot_add_integer(snapshot, &metric_info, info, 7, 1);
	r = r ?: snapshot_add_integer(snapshot, &metric_resets, labels, 1, event->resets);
	r = r ?: snapshot_add_integer(snapshot, &metric_changes, labels, 1, event->changes);
	return r ?: snapshot_add_integer(snapshot, &metric_reopened, labels, 1, event->reopened);
}

static int events_read(struct source *source, struct snapshot *snapshot)
{
	struct events *events = source->data;
	uint64_t states[NR_STATES] = {};
	int r = 0;

	events_read_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events && !r; i++) {
		const struct events_event *event = &events->reader->events[i];

		if (!event->id)
			continue;
		states[events_state_of(events, event)]++;
		r = add_event(events, source->config->events_per_cpu, event, snapshot);
		r = r ?: add_up(snapshot, event->name, is_up(source, event));
	}
	r = r ?: add_absent(source, snapshot);
	for (int i = 0; i < NR_STATES && !r; i++) {
		struct label label = {"state", events_state_names[i]};

		r = snapshot_add_integer(snapshot, &metric_persistent, &label, 1, states[i]);
	}
	return r;
}

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

/* The source */

static enum source_wanted events_wanted(const struct config *config)
{
	return config->events_wanted;
}

static int events_probe(struct source *source)
{
	return 0;
}

static void warn_max(const struct source *source)
{
	const struct pins pins = {NULL, "events", EVENTS_LAYOUT};
	const struct events *events = source->data;

	if (events->reader->nr_events != source->config->events_max)
		log_warning(
			"events: max stays %u, the size of the pinned maps (to change it " PINS_PURGE
			")",
			events->reader->nr_events, PINS_PURGE_OF(&pins));
}

/* For the next who attaches in this process, or in the one after it what systemd has. */
static void give_back(struct events *events, bool ends)
{
	char name[32];

	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		if (events->fds[i] < 0)
			continue;
		events_store_name(i, name);
		if (!ends)
			fdstore_give_back(name, events->fds[i]);
		else
			close(events->fds[i]);
	}
}

static void events_detach(struct source *source, bool keep)
{
	struct events *events = source->data;

	if (events->fds)
		give_back(events, keep);
	inspect_free(events->inspect);
	reader_free(events->reader);
	free(events->fds);
	free(events->next);
	free(events->first);
	free(events->given);
	free(events->lacking);
	events_clear_absent(events->absent, events->nr_absent);
	free(events->names);
	free(events->states);
	free(events->cpus);
	free(events->online);
	free(events);
	source->data = NULL;
}

static int ask_tracepoint(const char *text, uint64_t *ret_id)
{
	return perf_open_tracepoint(NULL, text, ret_id);
}

static int events_attach(struct source *source)
{
	const struct pins pins = {source, "events", EVENTS_LAYOUT};
	uint32_t max = source->config->events_max;
	struct events *events = calloc(1, sizeof(*events));
	uint32_t nr_slots;
	int r;

	if (!events)
		return -ENOMEM;
	source->data = events;
	event_spec_ask_tracepoint = ask_tracepoint;
	/* One more on each CPU: what is opened anew is for a moment beside what it replaces. */
	r = reader_new(source, &pins, NULL, (max + 1) * get_nprocs_conf(), max, &events->reader);
	if (r < 0) {
		free(events);
		return r;
	}
	nr_slots = events->reader->nr_slots;
	events->fds = malloc(nr_slots * sizeof(*events->fds));
	events->next = malloc(nr_slots * sizeof(*events->next));
	events->first = malloc(events->reader->nr_events * sizeof(*events->first));
	events->given = calloc(events->reader->nr_events, sizeof(*events->given));
	events->lacking = calloc(events->reader->nr_events, sizeof(*events->lacking));
	events->states = calloc(nr_slots, sizeof(*events->states));
	r = events->fds && events->next && events->first && events->given && events->lacking &&
			    events->states
		    ? 0
		    : -ENOMEM;
	if (events->fds)
		memset(events->fds, -1, nr_slots * sizeof(*events->fds));
	if (!r) {
		events_recover(events);
		r = events_index_names(events)
			    ?: events_read_online(events, &(unsigned int *){NULL}, &(size_t){0});
	}
	if (r < 0) {
		events_detach(source, false);
		return r;
	}
	warn_max(source);
	source->adopted = events->reader->reused;
	source->backend = "perf";
	events_take_config(source, false);
	return 0;
}

static int events_reload(struct source *source)
{
	struct events *events = source->data;

	warn_max(source);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->states[i] == SLOT_STOPPED)
			events->states[i] = SLOT_STALLED; /* to be tried again */
	events_read_all(events);
	events_complete(events);
	events_take_config(source, false);
	return 0;
}

/* Its PMU may have come with a module. */
static void events_retry(struct source *source)
{
	const struct events *events = source->data;
	size_t i = 0;

	while (i < events->nr_absent && (!events->absent[i].why || events->absent[i].closed))
		i++;
	if (i < events->nr_absent)
		events_take_config(source, true);
}

static void events_objects(const struct source *source, struct source_objects *objects)
{
	const struct events *events = source->data;
	const struct events_bpf *bpf = events->reader->bpf;
	struct bpf_map *map;

	objects->programs[objects->nr_programs++] = (struct source_object){
		bpf_program__name(bpf->progs.events_read), bpf_program__fd(bpf->progs.events_read)};
	bpf_object__for_each_map(map, bpf->obj) objects->maps[objects->nr_maps++] =
		(struct source_object){bpf_map__name(map), bpf_map__fd(map)};
}

static const char *needs_restart(const struct source *source)
{
	const struct events *events = source->data;

	return events->reader->nr_events != source->config->events_max ? "[events] max" : NULL;
}

const struct source_ops events_source = {
	.name = "events",
	.wanted = events_wanted,
	.probe = events_probe,
	.attach = events_attach,
	.retry = events_retry,
	.read = events_read,
	.read_failed = events_read_failed,
	.tell = events_tell,
	.objects = events_objects,
	.reload = events_reload,
	.restart = needs_restart,
	.detach = events_detach,
};

// SPDX-License-Identifier: GPL-2.0
/* The points of kept events in a snapshot. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../util/utf8.h"
#include "../source.h"
#include "attributed.h"
#include "registry.h"

static const struct metric metric_value = {
	.name = "paimon_event_value_total",
	.help = "Raw count of a kept perf event, not scaled, summed over its CPUs unless there is a label cpu.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_level = {
	.name = "paimon_event_level",
	.help = "Raw value of a kept perf event that is a level, by CPU, not scaled.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_enabled = {
	.name = "paimon_event_enabled_seconds_total",
	.help = "Time that a kept perf event was enabled, summed over its CPUs unless there is a label cpu.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_running = {
	.name = "paimon_event_running_seconds_total",
	.help = "Time that a kept perf event was on a counter, summed over its CPUs unless there is a label cpu.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_info = {
	.name = "paimon_event_info",
	.help = "What a kept perf event counts; always 1.",
	.type = METRIC_INFO,
};
static const struct metric metric_event_up = {
	.name = "paimon_event_up",
	.help = "1 if a kept or configured perf event counts, 0 if it does not.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_persistent = {
	.name = "paimon_persistent_events",
	.help = "Kept perf events by state.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_resets = {
	.name = "paimon_event_resets_total",
	.help = "Resets of a kept perf event by other processes.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_changes = {
	.name = "paimon_event_changes_total",
	.help = "Changes of the terms of a kept perf event while it counted.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_reopened = {
	.name = "paimon_event_reopened_total",
	.help = "Perf events of a kept event that were reopened, because they had stopped.",
	.type = METRIC_COUNTER,
};

const char *const events_state_names[NR_STATES] = {"counting", "read", "disabled", "stopped"};

enum event_state events_state_of(const struct events *events, const struct events_event *event)
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

/* Is this event of the configuration not open? Another event may have its name. */
static bool is_absent(const struct source *source, const char *name)
{
	const struct events *events = source->data;

	for (size_t i = 0; i < events->nr_absent; i++)
		if (events->absent[i].why && !strcmp(source->config->events[i].name, name))
			return true;
	return false;
}

/* Does an event count on all of its online CPUs, of which there is at least one? */
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

/* Adds points for events of the configuration that are not open. */
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

int events_read_failed(const struct source *source, struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; i < source->config->nr_events && !r; i++)
		r = add_up(snapshot, source->config->events[i].name, false);
	return r;
}

void events_format_config(const struct events_event *event, char ret_text[24])
{
	snprintf(ret_text, 24, "0x%llx", (unsigned long long)events_terms(event)->config[0]);
}

/* level: the event has a level instead of a count. */
static int add_reading(struct snapshot *snapshot, const struct label *labels, size_t nr_labels,
		       bool level, const struct events_reading *reading)
{
	int r = level ? 0
		      : snapshot_add_integer(snapshot, &metric_value, labels, nr_labels,
					     reading->value);

	if (!r)
		r = snapshot_add_real(snapshot, &metric_enabled, labels, nr_labels,
				      reading->enabled / 1e9);
	if (!r)
		r = snapshot_add_real(snapshot, &metric_running, labels, nr_labels,
				      reading->running / 1e9);
	return r;
}

/* Sums what an event has counted on the CPU of a slot. False if an earlier slot is on the same
 * CPU, and the sum is that slot's. */
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
		     const struct accounts_look *look, struct snapshot *snapshot)
{
	bool level = event->flags & EVENTS_LEVEL;
	struct events_reading all = {}, of_accounts;
	const struct events_reading *attributed = events_attributed_total(events, event, look,
									  &of_accounts);
	char id[24], config[24], cpu[12];
	struct label info[] = {
		{"name", event->name},	 {"id", id},	     {"spec", events_terms(event)->spec},
		{"pmu", event->pmu},	 {"config", config}, {"unit", event->unit},
		{"scale", event->scale},
	};
	char buffers[7][UTF8_NAME_LEN(EVENTS_SPEC_LEN)];
	struct label labels[] = {{"name", NULL}, {"cpu", cpu}};
	int r = 0;

	per_cpu &= !attributed;
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
		r = r ?: add_reading(snapshot, labels, 1, level, attributed ?: &all);
	r = r ?: snapshot_add_integer(snapshot, &metric_info, info, 7, 1);
	r = r ?: snapshot_add_integer(snapshot, &metric_resets, labels, 1, event->resets);
	r = r ?: snapshot_add_integer(snapshot, &metric_changes, labels, 1, event->changes);
	return r ?: snapshot_add_integer(snapshot, &metric_reopened, labels, 1, event->reopened);
}

int events_read(struct source *source, struct snapshot *snapshot)
{
	struct events *events = source->data;
	_cleanup_(accounts_look_freep) struct accounts_look *look = NULL;
	uint64_t states[NR_STATES] = {};
	int r = 0;

	events_read_all(events);
	if (events->attribution && events->attribution->running) {
		look = accounts_look(events->attribution);
		r = look ? events_read_accounts(source, look, snapshot) : -ENOMEM;
	}
	for (uint32_t i = 0; i < events->reader->nr_events && !r; i++) {
		const struct events_event *event = &events->reader->events[i];

		if (!event->id)
			continue;
		states[events_state_of(events, event)]++;
		snapshot->since_ns = event->opened_ns;
		r = add_event(events, source->config->events_per_cpu, event, look, snapshot);
		snapshot->since_ns = 0;
		r = r ?: add_up(snapshot, event->name, is_up(source, event));
	}
	r = r ?: add_absent(source, snapshot);
	for (int i = 0; i < NR_STATES && !r; i++) {
		struct label label = {"state", events_state_names[i]};

		r = snapshot_add_integer(snapshot, &metric_persistent, &label, 1, states[i]);
	}
	return r;
}

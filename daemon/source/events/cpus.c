// SPDX-License-Identifier: GPL-2.0
/* CPU hotplug, and its effect on events. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/cleanup.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/log.h"
#include "perf_file.h"
#include "registry.h"

#define ONLINE "/sys/devices/system/cpu/online"

int events_read_online(struct events *events, unsigned int **ret_before, size_t *ret_nr_before)
{
	unsigned int *cpus;
	char *online;
	size_t nr;
	int r = cpulist_read(ONLINE, MAX_CPU, &cpus, &nr);

	if (r < 0)
		return r;
	online = events->cpus && nr == events->nr_cpus &&
				 !memcmp(cpus, events->cpus, nr * sizeof(*cpus))
			 ? NULL
			 : cpulist_format(cpus, nr);
	if (!online) {
		free(cpus);
		return events->cpus ? 0 : -ENOMEM;
	}
	*ret_before = events->cpus;
	*ret_nr_before = events->nr_cpus;
	events->cpus = cpus;
	events->nr_cpus = nr;
	free(events->online);
	events->online = online;
	return 1;
}

/* The PMUs of an event, or NULL if they are unknown: a PMU has been removed, or the event has
 * none. */
static struct event_spec *find_pmus(const struct events_event *event)
{
	struct event_spec *spec = NULL;

	return event_spec_pmus(EVENT_SPEC_PMUS, event->pmu, &spec) < 0 ? NULL : spec;
}

/* The type of PMU i as stored in slots: 0 unless the event spans several. spec may be NULL. */
static uint32_t type_of(const struct event_spec *spec, size_t i)
{
	return spec && spec->nr_pmus > 1 ? spec->pmus[i].type : 0;
}

/* Does PMU i count on this CPU? Hybrid machines have one PMU per type of core. */
static bool counts_on(const struct event_spec *spec, size_t i, unsigned int cpu)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr;

	return !spec || !spec->nr_pmus || spec->pmus[i].uncore || !spec->pmus[i].cpus ||
	       cpulist_parse(spec->pmus[i].cpus, MAX_CPU, &cpus, &nr) < 0 ||
	       cpulist_has(cpus, nr, cpu);
}

static void open_on(struct events *events, struct events_event *event, uint32_t type,
		    unsigned int cpu)
{
	struct events_slot *before = events_slot_on(events, event, type, cpu);
	uint32_t index = before ? before - events->reader->slots : NO_SLOT;

	/* A perf event that was handed over is inspected when its time does not advance. */
	if (event->origin == EVENTS_FROM_HANDOFF) {
		if (before && events->states[index] == SLOT_DISABLED)
			events->states[index] = SLOT_STALLED;
		return;
	}
	if (!before && event->cpus[0])
		return;
	if (events_open_again(events, event, type, cpu, before) < 0) {
		if (before)
			events->states[index] = SLOT_STOPPED;
		else
			events->lacking[events_number(events, event) - 1] = true;
		return;
	}
	event->reopened++;
	log_info("events: %s is reopened on CPU %u", event->name, cpu);
}

void events_restart(struct events *events, struct events_event *event, uint32_t index)
{
	const struct events_slot *slot = &events->reader->slots[index];

	open_on(events, event, slot->type, slot->cpu);
}

void events_cpu_on(struct events *events, struct events_event *event, unsigned int cpu)
{
	/* The slot of a perf event that was handed over has no type. */
	_cleanup_(event_spec_freep) struct event_spec *spec = event->origin == EVENTS_FROM_HANDOFF
								      ? NULL
								      : find_pmus(event);
	size_t nr = spec && spec->nr_pmus ? spec->nr_pmus : 1;

	for (size_t i = 0; i < nr; i++)
		if (events_slot_on(events, event, type_of(spec, i), cpu) || counts_on(spec, i, cpu))
			open_on(events, event, type_of(spec, i), cpu);
}

/*
 * A slot whose perf event is no longer on a CPU of the mask. With a descriptor, the kernel tells
 * the CPU; without one, guess is used: the CPU of the mask without a slot, if only one slot can be
 * on it.
 */
static void follow_slot(struct events *events, struct events_event *event, uint32_t index,
			unsigned int guess)
{
	struct perf_file file;
	uint32_t cpu = guess;

	if (events->fds[index] >= 0) {
		if (events_inspect(events, index, &file) < 0 || file.detached || file.cpu < 0)
			return;
		cpu = file.cpu;
	}
	if (cpu != NO_SLOT &&
	    !events_slot_on(events, event, events->reader->slots[index].type, cpu))
		events_move_slot(events, index, cpu);
}

/* Follows the cpumask of one of the event's PMUs, a system PMU. */
static void follow_pmu(struct events *events, struct events_event *event, uint32_t type,
		       const char *mask)
{
	uint32_t number = events_number(events, event);
	uint32_t nr_slots = 0, nr_outside = 0, nr_vacant = 0, guess = 0;
	_cleanup_free_ unsigned int *cpus = NULL;
	const struct events_slot *slots = events->reader->slots;
	size_t nr;

	if (cpulist_parse(mask, MAX_CPU, &cpus, &nr) < 0)
		return;
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (slots[i].event == number && slots[i].type == type) {
			nr_slots++;
			nr_outside += !cpulist_has(cpus, nr, slots[i].cpu);
		}
	/* This box of the PMU does not have the event. */
	if (type && !nr_slots)
		return;
	for (size_t i = 0; i < nr; i++)
		if (!events_slot_on(events, event, type, cpus[i])) {
			guess = cpus[i];
			nr_vacant++;
		}
	if (nr_outside != 1 || nr_vacant != 1)
		guess = NO_SLOT;
	for (uint32_t i = 0; nr_outside && i < events->reader->nr_slots; i++)
		if (slots[i].event == number && slots[i].type == type &&
		    !cpulist_has(cpus, nr, slots[i].cpu))
			follow_slot(events, event, i, guess);
	/* A new CPU in the mask is of a new package or node. */
	for (size_t i = 0; i < nr; i++)
		if (!events_slot_on(events, event, type, cpus[i]))
			open_on(events, event, type, cpus[i]);
}

bool events_follow_mask(struct events *events, struct events_event *event)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = find_pmus(event);
	bool uncore = false;

	for (size_t i = 0; spec && i < spec->nr_pmus; i++)
		if (spec->pmus[i].uncore) {
			follow_pmu(events, event, type_of(spec, i), spec->pmus[i].cpus);
			uncore = true;
		}
	return uncore;
}

/* Has an event a slot on a CPU? */
static bool has_slot(const struct events *events, const struct events_event *event,
		     unsigned int cpu)
{
	uint32_t number = events_number(events, event);

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number && events->reader->slots[i].cpu == cpu)
			return true;
	return false;
}

/* Reopens the slots that still have the event's old terms. */
void events_finish_change(struct events *events, struct events_event *event)
{
	bool all = true;

	for_each_slot(i, events, event)
		all &= events->reader->slots[i].terms == event->current;
	if (all || event->origin == EVENTS_FROM_HANDOFF)
		return;
	log_info("events: %s is %s now: an interrupted change is complete", event->name,
		 events_terms(event)->spec);
	events_account_all(events);
	for_each_slot(i, events, event)
		if (events->reader->slots[i].terms != event->current)
			events_open_again(events, event, events->reader->slots[i].type,
					  events->reader->slots[i].cpu, &events->reader->slots[i]);
}

void events_complete(struct events *events)
{
	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];

		if (!event->id)
			continue;
		events->lacking[i] = false;
		events_finish_change(events, event);
		if (events_follow_mask(events, event))
			continue;
		for (size_t j = 0; j < events->nr_cpus; j++)
			if (!has_slot(events, event, events->cpus[j]))
				events_cpu_on(events, event, events->cpus[j]);
	}
}

/* Called at each reading: finds CPUs that are online again, or new. */
void events_follow_cpus(struct events *events)
{
	_cleanup_free_ unsigned int *before = NULL;
	size_t nr_before;

	if (events_read_online(events, &before, &nr_before) <= 0)
		return;
	/* Account for what the old perf events counted before their CPU went offline. */
	events_account_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];

		if (!event->id || events_follow_mask(events, event))
			continue;
		for (size_t j = 0; j < events->nr_cpus; j++)
			if (!cpulist_has(before, nr_before, events->cpus[j]))
				events_cpu_on(events, event, events->cpus[j]);
	}
}

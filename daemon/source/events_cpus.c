// SPDX-License-Identifier: GPL-2.0
/* CPUs that come and go, and what becomes of the events on them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/cpulist.h"
#include "../util/log.h"
#include "event_spec.h"
#include "events_registry.h"
#include "inspect.h"

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

bool events_is_in(const unsigned int *cpus, size_t nr, unsigned int cpu)
{
	for (size_t i = 0; i < nr; i++)
		if (cpus[i] == cpu)
			return true;
	return false;
}

/* A list of CPUs that an event's PMU has in sysfs. 0, or a negative errno. */
static int read_list(const struct events_event *event, const char *name, unsigned int **ret_cpus,
		     size_t *ret_nr)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, EVENT_SPEC_PMUS "/%s/%s", event->pmu, name) < 0)
		return -ENOMEM;
	return cpulist_read(path, MAX_CPU, ret_cpus, ret_nr);
}

/* Does an event's PMU count on a CPU? Hybrid machines have PMUs for some of their CPUs. */
static bool counts_on(const struct events_event *event, unsigned int cpu)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr;

	return read_list(event, "cpus", &cpus, &nr) < 0 || events_is_in(cpus, nr, cpu);
}

void events_cpu_on(struct events *events, struct events_event *event, unsigned int cpu)
{
	struct events_slot *before = events_slot_on(events, event, cpu);
	uint32_t index = before ? before - events->reader->slots : NO_SLOT;

	/* One that was handed over is looked at when its time stands still. */
	if (event->origin == EVENTS_FROM_HANDOFF) {
		if (before && events->states[index] == SLOT_DISABLED)
			events->states[index] = SLOT_STALLED;
		return;
	}
	if (!before && (event->cpus[0] || !counts_on(event, cpu)))
		return;
	if (events_open_again(events, event, cpu, before) < 0) {
		if (before)
			events->states[index] = SLOT_STOPPED;
		else
			events->lacking[events_number(events, event) - 1] = true;
		return;
	}
	event->reopened++;
	log_info("events: %s is opened anew on CPU %u", event->name, cpu);
}

/*
 * The slot whose perf event is elsewhere than the mask has it. With a descriptor the kernel
 * says where; without one it is tried on the CPU of the mask that has none, if there is
 * but one for it.
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
	if (cpu != NO_SLOT && !events_slot_on(events, event, cpu))
		events_move_slot(events, index, cpu);
}

bool events_follow_mask(struct events *events, struct events_event *event)
{
	uint32_t number = events_number(events, event), nr_outside = 0, nr_vacant = 0, guess = 0;
	_cleanup_free_ unsigned int *cpus = NULL;
	const struct events_slot *slots = events->reader->slots;
	size_t nr;

	if (read_list(event, "cpumask", &cpus, &nr) < 0)
		return false;
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		nr_outside += slots[i].event == number && !events_is_in(cpus, nr, slots[i].cpu);
	for (size_t i = 0; i < nr; i++)
		if (!events_slot_on(events, event, cpus[i])) {
			guess = cpus[i];
			nr_vacant++;
		}
	if (nr_outside != 1 || nr_vacant != 1)
		guess = NO_SLOT;
	for (uint32_t i = 0; nr_outside && i < events->reader->nr_slots; i++)
		if (slots[i].event == number && !events_is_in(cpus, nr, slots[i].cpu))
			follow_slot(events, event, i, guess);
	/* A package or a node that is new. */
	for (size_t i = 0; i < nr; i++)
		if (!events_slot_on(events, event, cpus[i]))
			events_cpu_on(events, event, cpus[i]);
	return true;
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
			if (!events_slot_on(events, event, events->cpus[j]))
				events_cpu_on(events, event, events->cpus[j]);
	}
}

/* A CPU that is back, or new, is noticed at the next reading. */
void events_follow_cpus(struct events *events)
{
	_cleanup_free_ unsigned int *before = NULL;
	size_t nr_before;

	if (events_read_online(events, &before, &nr_before) <= 0)
		return;
	/* What they had counted when they went off. */
	events_account_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];

		if (!event->id || events_follow_mask(events, event))
			continue;
		for (size_t j = 0; j < events->nr_cpus; j++)
			if (!events_is_in(before, nr_before, events->cpus[j]))
				events_cpu_on(events, event, events->cpus[j]);
	}
}

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

	/* One that was handed over is looked at when its time stands still. */
	if (event->origin == EVENTS_FROM_HANDOFF)
		return;
	if (!before && (event->cpus[0] || !counts_on(event, cpu)))
		return;
	if (!events_open_again(events, event, cpu, before))
		event->reopened++;
	else if (before)
		events->states[before - events->reader->slots] = SLOT_STOPPED;
}

bool events_follow_mask(struct events *events, struct events_event *event)
{
	uint32_t number = events_number(events, event);
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr, next = 0;

	if (read_list(event, "cpumask", &cpus, &nr) < 0)
		return false;
	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		const struct events_slot *slot = &events->reader->slots[i];

		if (slot->event != number || events_is_in(cpus, nr, slot->cpu))
			continue;
		while (next < nr && events_slot_on(events, event, cpus[next]))
			next++;
		if (next == nr)
			return true;
		events_move_slot(events, i, cpus[next]);
	}
	/* A package or a node that is new. */
	for (; next < nr; next++)
		if (!events_slot_on(events, event, cpus[next]))
			events_cpu_on(events, event, cpus[next]);
	return true;
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

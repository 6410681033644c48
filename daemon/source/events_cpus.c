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

/* Reads which CPUs are online. Returns 1 if they are others than before, and gives up
 * those before; 0, or a negative errno. */
int events_read_online(struct events *events, unsigned int **ret_before, size_t *ret_nr_before)
{
	char text[sizeof(events->online)] = "";
	FILE *file = fopen(ONLINE, "re");
	unsigned int *cpus;
	bool read;
	size_t nr;
	int r;

	if (!file)
		return -errno;
	read = fgets(text, sizeof(text), file);
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	if (events->cpus && !strcmp(text, events->online))
		return 0;
	r = read ? cpulist_parse(text, MAX_CPU, &cpus, &nr) : -EIO;
	if (r < 0)
		return r;
	*ret_before = events->cpus;
	*ret_nr_before = events->nr_cpus;
	events->cpus = cpus;
	events->nr_cpus = nr;
	strcpy(events->online, text);
	return 1;
}

bool events_is_in(const unsigned int *cpus, size_t nr, unsigned int cpu)
{
	for (size_t i = 0; i < nr; i++)
		if (cpus[i] == cpu)
			return true;
	return false;
}

/* A list of CPUs that an event's PMU has in sysfs, to be freed, or NULL. */
static char *read_list(const struct events_event *event, const char *name)
{
	_cleanup_free_ char *path = NULL;
	char text[EVENTS_SPEC_LEN] = "";
	FILE *file;

	if (asprintf(&path, EVENT_SPEC_PMUS "/%s/%s", event->pmu, name) < 0)
		return NULL;
	file = fopen(path, "re");
	if (!file)
		return NULL;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return strdup(text);
}

/* The kernel takes the events of a system PMU along, from a CPU that goes off to
 * another one of its mask: they are to be read there. */
static void follow_cpumask(struct events *events, struct events_event *event, const char *mask)
{
	uint32_t number = events_number(events, event);
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr, next = 0;

	if (cpulist_parse(mask, MAX_CPU, &cpus, &nr) < 0)
		return;
	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		struct events_slot *slot = &events->reader->slots[i];

		if (slot->event != number || events_is_in(cpus, nr, slot->cpu))
			continue;
		while (next < nr && events_slot_on(events, event, cpus[next]))
			next++;
		if (next == nr)
			return;
		events_commit(&slot->cpu, cpus[next]);
		reader_set_cpu(events->reader, i, slot->cpu);
	}
}

/* Does an event's PMU count on a CPU? Hybrid machines have PMUs for some of their CPUs. */
static bool counts_on(const struct events_event *event, unsigned int cpu)
{
	_cleanup_free_ char *list = read_list(event, "cpus");
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr;

	return !list || cpulist_parse(list, MAX_CPU, &cpus, &nr) < 0 || events_is_in(cpus, nr, cpu);
}

/* A CPU has come back: the perf event that it had stands still for ever. */
void events_cpu_on(struct events *events, struct events_event *event, unsigned int cpu)
{
	struct events_slot *before = events_slot_on(events, event, cpu);

	if (event->origin == EVENTS_FROM_HANDOFF) {
		/* Not all that it was opened with is known. */
		if (before)
			log_warning("events: %s was opened by another process: it counts no more "
				    "on CPU %u, which was off",
				    event->name, cpu);
		return;
	}
	if (!before && (event->cpus[0] || !counts_on(event, cpu)))
		return;
	if (!events_open_again(events, event, cpu, before))
		event->reopened++;
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
		_cleanup_free_ char *mask = event->id ? read_list(event, "cpumask") : NULL;

		/* A system PMU. */
		if (mask)
			follow_cpumask(events, event, mask);
		for (size_t j = 0; event->id && !mask && j < events->nr_cpus; j++)
			if (!events_is_in(before, nr_before, events->cpus[j]))
				events_cpu_on(events, event, events->cpus[j]);
	}
}

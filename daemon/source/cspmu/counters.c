// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of system PMUs, and their perf events. The pinned maps are consistent after each
 * store: an element of the list is filled before its id is set, and changed only while its slot has
 * no perf event; a slot is filled before its member event is set.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/buffer.h"
#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/log.h"
#include "../perf_open.h"
#include "../source.h"
#include "cspmu_source.h"

#define MAX_CPU 8191
#define STILL_NS 1000000000ULL
#define NO_COUNTER UINT32_MAX

/* One event of one PMU, and the CPUs on which it is to be counted. */
struct wanted {
	const struct system_pmu *pmu;
	struct event_spec *spec;
	const char *name; /* of the event */
	unsigned int *cpus;
	bool *taken; /* the CPU has a counter */
	size_t nr_cpus;
};

static void free_wanted(struct wanted *wanted, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		event_spec_free(wanted[i].spec);
		free(wanted[i].cpus);
		free(wanted[i].taken);
	}
	free(wanted);
}

static struct events_event *element_of(const struct cspmu *cspmu, uint32_t i)
{
	return &cspmu->reader->events[i];
}

static struct events_slot *slot_of(const struct cspmu *cspmu, uint32_t i)
{
	return &cspmu->reader->slots[i];
}

/* Sockets */

/* The socket of a PMU on a CPU: what the device says, or the CPU's; "" if nobody knows, and of a
 * PMU of CPUs, which can change sockets on IBM z. */
static void find_socket(const struct system_pmu *pmu, unsigned int cpu, char ret_socket[16])
{
	char path[96];
	FILE *file;

	snprintf(ret_socket, 16, "%.15s", pmu->socket);
	ret_socket[strspn(ret_socket, "0123456789")] = '\0';
	if (*ret_socket || pmu->of_cpus)
		return;
	snprintf(path, sizeof(path),
		 SYSTEM_PMU_SYSFS "/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
	file = fopen(path, "re");
	if (!file || !fgets(ret_socket, 16, file))
		*ret_socket = '\0';
	if (file)
		fclose(file);
	ret_socket[strspn(ret_socket, "0123456789")] = '\0';
}

/* Perf events */

/* Ends the perf event of a counter; its count stays in the total. */
static void end(struct cspmu *cspmu, uint32_t i)
{
	struct events_slot *slot = slot_of(cspmu, i);

	cspmu->counters[i].still_ns = 0;
	cspmu->counters[i].shares = false;
	if (!slot->event)
		return;
	reader_remove(cspmu->reader, i);
	reader_set_count(slot, &(struct events_count){.base = reader_total(slot)});
	reader_commit(&slot->event, 0);
}

/* Opens the perf event of a counter that has none. */
static int start(struct cspmu *cspmu, uint32_t i)
{
	struct events_slot *slot = slot_of(cspmu, i);
	_cleanup_close_ int fd = reader_open(element_of(cspmu, i), 0, slot->cpu);
	int r = fd < 0 ? fd : reader_put(cspmu->reader, i, fd);

	if (r < 0)
		return r;
	reader_commit(&slot->event, i + 1);
	reader_set_cpu(cspmu->reader, i, slot->cpu);
	return 0;
}

void cspmu_end_counters(struct source *source)
{
	struct cspmu *cspmu = source->data;

	for (uint32_t i = 0; i < cspmu->reader->nr_slots; i++)
		end(cspmu, i);
}

/* Is this the element of a counter? What is in pinned maps is not to be trusted. */
static bool is_whole(const struct cspmu *cspmu, uint32_t i)
{
	struct events_event *element = element_of(cspmu, i);

	element->pmu[sizeof(element->pmu) - 1] = '\0';
	element->name[sizeof(element->name) - 1] = '\0';
	element->cpus[sizeof(element->cpus) - 1] = '\0';
	element->terms[element->current & 1].spec[EVENTS_SPEC_LEN - 1] = '\0';
	return element->id == (uint64_t)i + 1 && slot_of(cspmu, i)->cpu <= MAX_CPU &&
	       element->cpus[strspn(element->cpus, "0123456789")] == '\0';
}

void cspmu_recover_counters(struct source *source)
{
	struct cspmu *cspmu = source->data;
	const struct reader *reader = cspmu->reader;

	for (uint32_t i = 0; i < reader->nr_slots; i++) {
		struct events_slot *slot = slot_of(cspmu, i);
		bool whole = is_whole(cspmu, i);

		if (!whole)
			__atomic_store_n(&element_of(cspmu, i)->id, 0, __ATOMIC_RELEASE);
		if (!slot->event || !reader->adopted || !whole)
			end(cspmu, i);
		else
			reader_set_cpu(cspmu->reader, i, slot->cpu);
		/* The daemon may have died before it set slot->event. */
		if (!slot->event && reader->adopted)
			reader_remove(cspmu->reader, i);
	}
}

/* Reading */

/* Updates the account of a counter with its reading. */
static void account(struct cspmu *cspmu, uint32_t i)
{
	const struct events_reading *reading = &cspmu->reader->values[i].reading;
	struct cspmu_counter *counter = &cspmu->counters[i];
	struct events_slot *slot = slot_of(cspmu, i);
	struct events_count count = slot->counts[slot->current & 1];
	uint64_t enabled = reading->enabled - count.seen.enabled;
	uint64_t running = reading->running - count.seen.running;

	/* A daemon that died had opened another perf event. */
	if (reading->value < count.seen.value || reading->enabled < count.seen.enabled)
		count.base = reader_total(slot);
	else
		counter->shares = enabled && running < enabled - enabled / 64;
	if (enabled)
		counter->still_ns = 0;
	else
		counter->still_ns = counter->still_ns ?: clock_ns(CLOCK_MONOTONIC);
	count.seen = *reading;
	reader_set_count(slot, &count);
}

/* After a second, it is reopened. */
static void fail_reading(struct cspmu_counter *counter)
{
	counter->failed++;
	counter->still_ns = counter->still_ns ?: clock_ns(CLOCK_MONOTONIC);
}

/* Is this a counter of a PMU of CPUs? */
static bool is_of_cpus(const struct cspmu *cspmu, uint32_t i)
{
	for (size_t p = 0; p < cspmu->found.nr_pmus; p++) {
		const struct system_pmu *pmu = cspmu->found.pmus[p].pmu;

		if (!strcmp(pmu->name, element_of(cspmu, i)->pmu))
			return pmu->of_cpus;
	}
	return false;
}

/* Reads and accounts for all counters. Returns whether one was not on its CPU. */
static bool read_all(struct cspmu *cspmu, bool last)
{
	bool lost = false;

	if (reader_read(cspmu->reader) < 0)
		return false;
	for (uint32_t i = 0; i < cspmu->reader->nr_slots; i++) {
		int error = cspmu->reader->values[i].error;

		if (!slot_of(cspmu, i)->event)
			continue;
		if (!error)
			account(cspmu, i);
		else if (error == -ENOENT)
			end(cspmu, i);
		else if (error == -ENXIO && is_of_cpus(cspmu, i))
			continue; /* its CPU is offline */
		else if (!last)
			lost = true;
		else
			fail_reading(&cspmu->counters[i]);
	}
	return lost;
}

/* Does a counter belong to this event of this PMU? */
static bool is_of(const struct events_event *element, const char *pmu, const char *name)
{
	return element->id && !strcmp(element->pmu, pmu) && !strcmp(element->name, name);
}

/* The kernel has moved a perf event, or will open it there: the counter is read on this CPU. */
static void move(struct cspmu *cspmu, uint32_t i, unsigned int cpu)
{
	struct events_slot *slot = slot_of(cspmu, i);

	if (slot->cpu == cpu)
		return;
	reader_commit(&slot->cpu, cpu);
	if (slot->event)
		reader_set_cpu(cspmu->reader, i, cpu);
}

/*
 * Gives the CPUs of an event to the counters that it has: to one that is on this CPU, or else to
 * one of the same socket whose own CPU is no longer in the mask. A PMU with one active CPU has one
 * counter for each event, wherever the kernel has moved it. Counters of PMUs of CPUs do not move.
 */
static void follow(struct cspmu *cspmu, struct wanted *wanted)
{
	bool anywhere = wanted->nr_cpus == 1 && !*wanted->pmu->socket;

	for (int pass = 0; pass < (wanted->pmu->of_cpus ? 1 : 2); pass++)
		for (size_t c = 0; c < wanted->nr_cpus; c++) {
			unsigned int cpu = wanted->cpus[c];
			char socket[16];

			find_socket(wanted->pmu, cpu, socket);
			for (uint32_t i = 0; i < cspmu->reader->nr_slots && !wanted->taken[c];
			     i++) {
				const struct events_event *element = element_of(cspmu, i);

				if (cspmu->counters[i].wanted ||
				    !is_of(element, wanted->pmu->name, wanted->name) ||
				    (!anywhere && strcmp(element->cpus, socket)) ||
				    (!pass && slot_of(cspmu, i)->cpu != cpu))
					continue;
				move(cspmu, i, cpu);
				cspmu->counters[i].wanted = wanted->taken[c] = true;
			}
		}
	for (uint32_t i = 0; i < cspmu->reader->nr_slots && wanted->pmu->of_cpus; i++)
		cspmu->counters[i].wanted |= is_of(element_of(cspmu, i), wanted->pmu->name,
						   wanted->name);
}

/* Reads the cpumask of an event's PMU anew, and moves its counters to the CPUs that are there now.
 * A counter whose CPU is gone stays where it is. */
static void follow_mask(struct cspmu *cspmu, const struct system_pmu *pmu, const char *name)
{
	struct wanted wanted = {.pmu = pmu, .name = name};
	_cleanup_free_ bool *before = NULL, *taken = NULL;
	_cleanup_free_ unsigned int *cpus = NULL;
	uint32_t nr = cspmu->reader->nr_slots;

	if (system_pmu_read_cpus(SYSTEM_PMU_SYSFS, pmu, &cpus, &wanted.nr_cpus) < 0)
		return;
	wanted.cpus = cpus;
	wanted.taken = taken = calloc(wanted.nr_cpus + 1, sizeof(*taken));
	before = calloc(nr, sizeof(*before));
	if (!taken || !before)
		return;
	for (uint32_t i = 0; i < nr; i++) {
		before[i] = cspmu->counters[i].wanted;
		if (before[i] && is_of(element_of(cspmu, i), pmu->name, name))
			cspmu->counters[i].wanted = false;
		else
			cspmu->counters[i].wanted = true;
	}
	follow(cspmu, &wanted);
	for (uint32_t i = 0; i < nr; i++)
		cspmu->counters[i].wanted = before[i];
}

static void follow_masks(struct cspmu *cspmu)
{
	for (size_t p = 0; p < cspmu->found.nr_pmus; p++) {
		const struct cspmu_pmu *pmu = &cspmu->found.pmus[p];

		for (size_t e = 0; pmu->set && !pmu->pmu->of_cpus && e < pmu->set->nr_events; e++)
			follow_mask(cspmu, pmu->pmu, pmu->set->events[e]);
	}
}

void cspmu_read_counters(struct source *source)
{
	struct cspmu *cspmu = source->data;

	if (!read_all(cspmu, false))
		return;
	follow_masks(cspmu);
	read_all(cspmu, true);
}

/* The counters that are wanted */

/* Adds a line on an event that is not counted. */
static void leave_out(struct buffer *lines, const struct cspmu_pmu *pmu, const char *event,
		      const char *why)
{
	if (lines->size)
		buffer_add_string(lines, "\n");
	buffer_add_string(lines, pmu->pmu->name);
	buffer_add_string(lines, "/");
	buffer_add_string(lines, event);
	buffer_add_string(lines, "/, of event set ");
	buffer_add_string(lines, pmu->set->name);
	buffer_add_string(lines, ", is left out: ");
	buffer_add_string(lines, why);
}

/* Adds one line on the events that a PMU does not list, as an older generation of a family. */
static void leave_out_absent(struct buffer *lines, const struct cspmu_pmu *pmu)
{
	size_t nr = 0;

	for (size_t e = 0; e < pmu->set->nr_events; e++) {
		if (cspmu_lists(pmu->pmu, pmu->set->events[e]))
			continue;
		if (nr++) {
			buffer_add_string(lines, ", ");
		} else {
			buffer_add_string(lines, lines->size ? "\n" : "");
			buffer_add_string(lines, pmu->pmu->name);
			buffer_add_string(lines, " does not list these events of event set ");
			buffer_add_string(lines, pmu->set->name);
			buffer_add_string(lines, ", which are not counted: ");
		}
		buffer_add_string(lines, pmu->set->events[e]);
	}
}

/* 1: added; 0: left out; -ENOMEM. */
static int want(const struct cspmu_pmu *pmu, const char *event, struct wanted *ret_wanted,
		struct buffer *left_out)
{
	struct wanted wanted = {.pmu = pmu->pmu, .name = event};
	_cleanup_free_ char *text = NULL, *error = NULL;
	int r;

	if (!cspmu_lists(pmu->pmu, event))
		return 0;
	if (asprintf(&text, "%s/%s/", pmu->pmu->name, event) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &wanted.spec, &error);
	if (r < 0) {
		leave_out(left_out, pmu, event, error ?: strerror(-r));
		return r == -ENOMEM ? r : 0;
	}
	if (wanted.spec->level ||
	    strlen(pmu->pmu->name) >= sizeof(((struct events_event *)0)->pmu)) {
		leave_out(left_out, pmu, event,
			  wanted.spec->level ? "it is a level, not a count"
					     : "the name of the PMU is too long");
		event_spec_free(wanted.spec);
		return 0;
	}
	r = system_pmu_read_cpus(SYSTEM_PMU_SYSFS, pmu->pmu, &wanted.cpus, &wanted.nr_cpus);
	wanted.taken = calloc(wanted.nr_cpus + 1, sizeof(*wanted.taken));
	if (r < 0 || !wanted.taken) {
		/* Its module is being unloaded. */
		event_spec_free(wanted.spec);
		free(wanted.cpus);
		free(wanted.taken);
		return r == -ENOMEM || !r ? -ENOMEM : 0;
	}
	*ret_wanted = wanted;
	return 1;
}

/* Lists what is to be counted. 0 or -ENOMEM. */
static int list_wanted(const struct cspmu_found *found, struct wanted **ret_wanted, size_t *ret_nr,
		       char **ret_left_out)
{
	struct buffer left_out = {};
	struct wanted *wanted;
	size_t nr = 0;
	int r = 0;

	for (size_t p = 0; p < found->nr_pmus; p++)
		nr += found->pmus[p].set ? found->pmus[p].set->nr_events : 0;
	wanted = calloc(nr + 1, sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	nr = 0;
	for (size_t p = 0; p < found->nr_pmus; p++) {
		const struct cspmu_pmu *pmu = &found->pmus[p];

		for (size_t e = 0; pmu->set && e < pmu->set->nr_events && r >= 0; e++) {
			r = want(pmu, pmu->set->events[e], &wanted[nr], &left_out);
			nr += r == 1;
		}
		if (pmu->set)
			leave_out_absent(&left_out, pmu);
	}
	r = r < 0 ? r : left_out.error;
	if (r < 0) {
		free_wanted(wanted, nr);
		free(left_out.data);
		return r;
	}
	*ret_left_out = left_out.size ? buffer_take_string(&left_out) : NULL;
	*ret_wanted = wanted;
	*ret_nr = nr;
	return 0;
}

/* An element for a new counter: a free one, or one of a PMU that is gone. */
static uint32_t find_element(struct cspmu *cspmu)
{
	uint32_t gone = NO_COUNTER;

	for (uint32_t i = 0; i < cspmu->reader->nr_slots; i++) {
		if (!element_of(cspmu, i)->id)
			return i;
		if (!cspmu->counters[i].wanted && gone == NO_COUNTER)
			gone = i;
	}
	return gone;
}

/* Is there no room for the new counters of an event? */
static bool is_full(const struct cspmu *cspmu, const struct wanted *wanted)
{
	size_t nr = 0;

	for (size_t c = 0; c < wanted->nr_cpus; c++)
		nr += !wanted->taken[c];
	for (uint32_t i = 0; i < cspmu->reader->nr_slots && nr; i++)
		nr -= !element_of(cspmu, i)->id || !cspmu->counters[i].wanted;
	return nr;
}

/* Makes a new counter for a CPU of an event. */
static void add_counter(struct cspmu *cspmu, const struct wanted *wanted, unsigned int cpu)
{
	uint32_t i = find_element(cspmu);
	struct events_event *element;
	char socket[16];

	if (i == NO_COUNTER) {
		cspmu->full = true;
		return;
	}
	end(cspmu, i);
	element = element_of(cspmu, i);
	__atomic_store_n(&element->id, 0, __ATOMIC_RELEASE);
	memset(slot_of(cspmu, i), 0, sizeof(struct events_slot));
	slot_of(cspmu, i)->cpu = cpu;
	memset(element, 0, sizeof(*element));
	find_socket(wanted->pmu, cpu, socket);
	snprintf(element->cpus, sizeof(element->cpus), "%s", socket);
	snprintf(element->pmu, sizeof(element->pmu), "%s", wanted->pmu->name);
	snprintf(element->name, sizeof(element->name), "%s", wanted->name);
	__atomic_store_n(&element->id, (uint64_t)i + 1, __ATOMIC_RELEASE);
	cspmu->counters[i] = (struct cspmu_counter){.wanted = true};
}

/* Has an element other terms than the event has now? */
static bool differs(const struct events_event *element, const struct event_spec *spec)
{
	const struct events_terms *terms = events_terms(element);

	return element->type != spec->type || terms->config[0] != spec->config ||
	       terms->config[1] != spec->config1 || terms->config[2] != spec->config2 ||
	       terms->config[3] != spec->config3 || terms->config[4] != spec->config4;
}

/* Makes a counter count what the event means now. */
static void count(struct cspmu *cspmu, const struct wanted *wanted, uint32_t i)
{
	struct cspmu_counter *counter = &cspmu->counters[i];
	struct events_event *element = element_of(cspmu, i);
	const struct event_spec *spec = wanted->spec;
	bool was_away = counter->away && slot_of(cspmu, i)->event;
	bool stopped = was_away || (counter->still_ns &&
				    clock_ns(CLOCK_MONOTONIC) - counter->still_ns > STILL_NS);

	counter->away = wanted->pmu->of_cpus &&
			!cpulist_has(wanted->cpus, wanted->nr_cpus, slot_of(cspmu, i)->cpu);
	if (counter->away) {
		counter->error = 0;
		return;
	}
	if (stopped)
		log_info("cspmu: %s had stopped: reopened", spec->text);
	if (stopped || differs(element, spec))
		end(cspmu, i);
	if (slot_of(cspmu, i)->event)
		return;
	element->type = spec->type;
	element->flags = spec->core ? EVENTS_CORE : 0;
	element->current = 0;
	element->terms[0] = (struct events_terms){
		.config = {spec->config, spec->config1, spec->config2, spec->config3,
			   spec->config4},
	};
	snprintf(element->terms[0].spec, sizeof(element->terms[0].spec), "%s", spec->text);
	counter->error = start(cspmu, i);
}

/* Logs what is left out, once. Takes lines. */
static void log_left_out(struct cspmu *cspmu, char *lines)
{
	char *before = cspmu->left_out;

	cspmu->left_out = lines;
	if (lines && (!before || strcmp(before, lines))) {
		_cleanup_free_ char *copy = strdup(lines);
		char *rest = copy, *line;

		while (rest && (line = strsep(&rest, "\n")))
			log_warning("cspmu: %s", line);
	}
	free(before);
}

int cspmu_update_counters(struct source *source)
{
	struct cspmu *cspmu = source->data;
	struct wanted *wanted;
	char *left_out;
	size_t nr;
	int r = list_wanted(&cspmu->found, &wanted, &nr, &left_out);

	if (r < 0)
		return r;
	log_left_out(cspmu, left_out);
	cspmu->full = false;
	for (uint32_t i = 0; i < cspmu->reader->nr_slots; i++)
		cspmu->counters[i].wanted = false;
	for (size_t w = 0; w < nr; w++)
		follow(cspmu, &wanted[w]);
	for (size_t w = 0; w < nr; w++) {
		/* On a part of the CPUs, the sum would be wrong. */
		if (wanted[w].pmu->of_cpus && is_full(cspmu, &wanted[w])) {
			cspmu->full = true;
			continue;
		}
		for (size_t c = 0; c < wanted[w].nr_cpus; c++)
			if (!wanted[w].taken[c])
				add_counter(cspmu, &wanted[w], wanted[w].cpus[c]);
	}
	for (uint32_t i = 0; i < cspmu->reader->nr_slots; i++)
		if (!cspmu->counters[i].wanted)
			end(cspmu, i);
	perf_open_begin();
	for (size_t w = 0; w < nr; w++)
		for_each_counter(i, cspmu)
			if (is_of(element_of(cspmu, i), wanted[w].pmu->name, wanted[w].name))
				count(cspmu, &wanted[w], i);
	perf_open_end();
	free_wanted(wanted, nr);
	return 0;
}

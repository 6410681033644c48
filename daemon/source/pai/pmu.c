// SPDX-License-Identifier: GPL-2.0
/*
 * The perf events of one PAI PMU. Each CPU has one for each counter, or the sampling one,
 * or both if the PMU supports it.
 *
 * A slot in use (its event is not 0) has or had a perf event. If the daemon finds its
 * element empty after a crash, it accounts for the slot and reopens the perf event. In the
 * slot for all counters is the sampling perf event if it also counts, otherwise a counting
 * one beside it; either counts what there was to sample. If samples come from the
 * tracepoint, which also shows samples of other users, this count is not used for the total.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/log.h"
#include "../perf_open.h"
#include "../source.h"
#include "pai_source.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define MAX_NUMBERS 1024
#define ROOM 64 /* counters per CPU in the list are a multiple of this */
#define STILL_NS 1000000000ULL
#define ENDING_NS 1000000000ULL /* perf events that were removed have ended after this time */

static uint32_t stride(const struct pai_pmu *pmu)
{
	return pmu->reader->nr_events;
}

struct events_slot *pai_pmu_slot(const struct pai_pmu *pmu, uint32_t cpu, uint32_t number)
{
	return &pmu->reader->slots[cpu * stride(pmu) + number];
}

/* Lookup in sysfs */

/* Calls visit for each event of the PMU in sysfs. 0 or a negative errno. */
static int walk_counters(struct pai_pmu *pmu,
			 void (*visit)(struct pai_pmu *pmu, const char *name, uint32_t number,
				       const struct event_spec *spec))
{
	struct dirent *entry;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), EVENT_SPEC_PMUS "/%s/events", pmu->name);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
		_cleanup_free_ char *text = NULL, *error = NULL;

		/* Skip NAME.unit, NAME.scale and invalid names. */
		if (!config_event_name_valid(entry->d_name) || strchr(entry->d_name, '.') ||
		    asprintf(&text, "%s/%s/", pmu->name, entry->d_name) < 0 ||
		    event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, &error))
			continue;
		if (spec->config >= pmu->base && spec->config - pmu->base < MAX_NUMBERS)
			visit(pmu, entry->d_name, spec->config - pmu->base, spec);
	}
	closedir(dir);
	return 0;
}

static void find_highest(struct pai_pmu *pmu, const char *name, uint32_t number,
			 const struct event_spec *spec)
{
	if (number > pmu->max_number)
		pmu->max_number = number;
}

int pai_pmu_look(struct pai_pmu *pmu)
{
	int r = pai_find_pmu(pmu->name, &pmu->type, &pmu->own);

	if (r < 0)
		pmu->type = 0;
	return r;
}

int pai_pmu_find(struct pai_pmu *pmu)
{
	int r = pai_pmu_look(pmu);

	pmu->max_number = 0;
	walk_counters(pmu, find_highest);
	return r ?: pmu->max_number ? 0 : -ENODEV;
}

static void list_counter(struct pai_pmu *pmu, const char *name, uint32_t number,
			 const struct event_spec *spec)
{
	struct events_event *event;

	if (number >= stride(pmu))
		return;
	event = &pmu->reader->events[number];
	*event = (struct events_event){.id = number + 1, .type = spec->type};
	event->terms[0].config[0] = spec->config;
	snprintf(event->terms[0].spec, sizeof(event->terms[0].spec), "%s", spec->text);
	snprintf(event->pmu, sizeof(event->pmu), "%s", pmu->name);
	snprintf(event->name, sizeof(event->name), "%s", name);
}

const char *pai_pmu_counter(const struct pai_pmu *pmu, uint32_t number)
{
	return number && number < stride(pmu) ? pmu->reader->events[number].name : "";
}

uint64_t pai_pmu_total(const struct pai_pmu *pmu, uint32_t cpu, uint32_t number)
{
	return number < stride(pmu) ? reader_total(pai_pmu_slot(pmu, cpu, number)).value : 0;
}

/* Slots */

/* Closes the account of a slot's perf event: its count stays in the total, and the next perf
 * event starts at 0. */
static void fold(struct events_slot *slot)
{
	reader_set_count(slot, &(struct events_count){.base = reader_total(slot)});
	reader_commit(&slot->event, 0);
}

/* Removes the perf events of a CPU, which ends them. Returns whether there were any. */
static bool clear_cpu(struct source *source, struct pai_pmu *pmu, uint32_t cpu)
{
	bool any = false;

	if (pmu->cpus[cpu].samples && pmu->plan.samples == PAI_BY_PERF_EVENT)
		pai_samples_unlink(source, cpu);
	for (uint32_t number = 0; number < stride(pmu); number++) {
		struct events_slot *slot = pai_pmu_slot(pmu, cpu, number);

		if (!slot->event)
			continue;
		pai_unattribute_slot(pmu, cpu, number);
		reader_remove(pmu->reader, slot - pmu->reader->slots);
		fold(slot);
		any = true;
	}
	pmu->cpus[cpu].counts = pmu->cpus[cpu].samples = false;
	pmu->cpus[cpu].still_ns = 0;
	return any;
}

/* The same for perf events that have counted. They end a little later, and until then the PMU may
 * refuse others. */
static void end_cpu(struct source *source, struct pai_pmu *pmu, uint32_t cpu)
{
	if (clear_cpu(source, pmu, cpu))
		source->ended_ns = clock_ns(CLOCK_MONOTONIC);
}

/* Puts a perf event into an unused slot. Takes ownership of fd. 0 or a negative errno. */
static int fill(struct pai_pmu *pmu, uint32_t cpu, uint32_t number, int fd)
{
	struct events_slot *slot = pai_pmu_slot(pmu, cpu, number);
	uint32_t index = slot - pmu->reader->slots;
	int r = reader_put(pmu->reader, index, fd);

	close(fd);
	if (r < 0)
		return r;
	slot->cpu = cpu;
	slot->terms = number == PAI_NUMBER_ALL ? pmu->plan.samples : PAI_BY_NOTHING;
	reader_commit(&slot->event, number + 1);
	reader_set_cpu(pmu->reader, index, cpu);
	return pai_attribute_slot(pmu, cpu, number, false);
}

/* Opening */

/* The first number that counts: the event for all is the gate of attribution. */
static uint32_t first_number(const struct pai_pmu *pmu)
{
	return pmu->attribution ? PAI_NUMBER_ALL : PAI_NUMBER_ALL + 1;
}

static int open_counter(struct pai_pmu *pmu, uint32_t cpu, uint32_t number)
{
	const struct events_event *event = &pmu->reader->events[number];
	int r;

	if (!event->id)
		return 0;
	if (pai_pmu_slot(pmu, cpu, number)->event)
		return pai_attribute_slot(pmu, cpu, number, true);
	r = reader_open(event, 0, cpu);
	return r < 0 ? r : fill(pmu, cpu, number, r);
}

/* The gate comes last: what is executed before its function has a perf event is not counted, and
 * the gate would have counted it. As long as there is none, all are read at each switch. */
static int open_counters(struct pai_pmu *pmu, uint32_t cpu)
{
	int r = 0;

	for (uint32_t number = PAI_NUMBER_ALL + 1; number < stride(pmu) && r >= 0; number++)
		r = open_counter(pmu, cpu, number);
	return r < 0 || !pmu->attribution ? r : open_counter(pmu, cpu, PAI_NUMBER_ALL);
}

/* Opens the sampling perf event. */
static int open_sampler(const struct pai_pmu *pmu, uint32_t cpu)
{
	struct perf_event_attr attr = {
		.size = PERF_ATTR_SIZE_VER7,
		.type = pmu->type,
		.config = pmu->base + PAI_NUMBER_ALL,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
	};

	return perf_open(&attr, cpu);
}

static void stop_sampling(struct source *source, struct pai_pmu *pmu, uint32_t cpu)
{
	struct events_slot *slot = pai_pmu_slot(pmu, cpu, PAI_NUMBER_ALL);

	pai_samples_unlink(source, cpu);
	if (slot->event) {
		reader_remove(pmu->reader, slot - pmu->reader->slots);
		fold(slot);
	}
}

static int start_sampling(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
			  uint32_t cpu)
{
	_cleanup_close_ int fd = open_sampler(pmu, cpu);
	int all, r = 0;

	if (fd < 0)
		return fd;
	/* The count of everything there is to sample: of the sampling event itself, or of
	 * another one. If the latter cannot be opened, sampling works without it. */
	all = pmu->own ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
		       : reader_open(&pmu->reader->events[PAI_NUMBER_ALL], 0, cpu);
	if (all >= 0)
		r = fill(pmu, cpu, PAI_NUMBER_ALL, all);
	else if (pmu->own)
		r = -errno;
	r = r ?: pai_samples_link(source, samples, cpu, fd);
	if (r < 0)
		stop_sampling(source, pmu, cpu);
	return r;
}

/* Starts counting, or sampling, on a CPU if it is planned and not done yet. 0, -EINPROGRESS: our
 * own perf event may still be ending, tried again soon; or another negative errno. */
static int start(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		 uint32_t cpu, bool counting)
{
	struct pai_pmu_cpu *c = &pmu->cpus[cpu];
	int r;

	if (counting ? !pmu->plan.counts || c->counts : !pmu->plan.samples || c->samples)
		return 0;
	r = counting ? open_counters(pmu, cpu) : start_sampling(source, pmu, samples, cpu);
	if (r == -EBUSY && clock_ns(CLOCK_MONOTONIC) - source->ended_ns < ENDING_NS) {
		source->retry_soon = true;
		return -EINPROGRESS;
	}
	if (counting)
		c->counts = !r;
	else
		c->samples = !r;
	return r;
}

/* Starts everything that is planned for a CPU and not done yet. If counting and sampling exclude
 * each other, the preferred one is started. */
static void bring_up(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		     uint32_t cpu)
{
	bool counting = pmu->plan.prefers_counting;
	struct pai_pmu_cpu *c = &pmu->cpus[cpu];
	int r = start(source, pmu, samples, cpu, counting);

	if (!r) {
		r = start(source, pmu, samples, cpu, !counting);
		if (r == -EBUSY && (c->counts || c->samples))
			r = 0;
	}
	c->pending = r == -EINPROGRESS;
	c->error = c->pending ? 0 : r;
	if (!c->counts && !c->samples && !c->pending)
		clear_cpu(source, pmu, cpu);
}

/* Reading */

/* Updates the account of a slot with a reading. Returns whether its enabled time has advanced. */
static bool account(struct events_slot *slot, const struct events_value *value)
{
	struct events_count count = slot->counts[slot->current & 1];
	struct events_reading total = reader_total(slot);
	bool goes_on = value->reading.enabled != count.seen.enabled;

	if (value->reading.value < count.seen.value)
		count.base = total; /* another perf event, opened by a daemon that died */
	count.seen = value->reading;
	if (slot->terms == PAI_BY_TRACEPOINT)
		count.base.value = total.value - count.seen.value;
	reader_set_count(slot, &count);
	return goes_on;
}

/* The same for the gate of attribution, whose count is not used, also of an earlier daemon's. */
static bool account_gate(struct events_slot *slot, const struct events_value *value)
{
	struct events_value time = *value;

	time.reading.value = slot->counts[slot->current & 1].seen.value;
	return account(slot, &time);
}

/* Accounts for the readings of a CPU. Nothing changes for a CPU that is offline. */
static void account_cpu(struct pai_pmu *pmu, uint32_t cpu)
{
	struct pai_pmu_cpu *c = &pmu->cpus[cpu];
	bool any = false, goes_on = false;

	for (uint32_t number = 0; number < stride(pmu); number++) {
		struct events_slot *slot = pai_pmu_slot(pmu, cpu, number);
		const struct events_value *value = &pmu->reader->values[slot - pmu->reader->slots];

		if (!slot->event)
			continue;
		if (value->error == -ENXIO) {
			c->online = false;
			return;
		}
		if (value->error == -ENOENT) {
			pai_unattribute_slot(pmu, cpu, number);
			reader_set_cpu(pmu->reader, slot - pmu->reader->slots, -1);
			fold(slot);
			if (number == PAI_NUMBER_ALL && !pmu->attribution)
				c->samples = false;
			else
				c->counts = false;
		} else if (!value->error) {
			any = true;
			goes_on |= number == PAI_NUMBER_ALL && slot->terms == PAI_BY_NOTHING
					   ? account_gate(slot, value)
					   : account(slot, value);
		}
	}
	if (!any || goes_on)
		c->still_ns = 0;
	else if (!c->still_ns)
		c->still_ns = clock_ns(CLOCK_MONOTONIC);
}

/* Handles CPUs that are online again. The kernel has stopped their perf events permanently when
 * they went offline, and the reading just before has accounted for those. */
static void follow_cpus(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples)
{
	_cleanup_free_ unsigned int *online = NULL;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	size_t nr, next = 0;

	if (cpulist_read(ONLINE, pmu->nr_cpus, &online, &nr) < 0)
		return;
	for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++) {
		struct pai_pmu_cpu *c = &pmu->cpus[cpu];
		bool before = c->online;

		c->online = next < nr && online[next] == cpu;
		next += c->online;
		if (!c->online || (before && !(c->still_ns && now - c->still_ns > STILL_NS)))
			continue;
		if (before)
			log_info("pai: %s on CPU %u had stopped: reopened", pmu->name, cpu);
		end_cpu(source, pmu, cpu);
		bring_up(source, pmu, samples, cpu);
		pmu->adopted = false;
	}
}

/* Returns whether a CPU that was offline can be read again. */
static bool read_all(struct pai_pmu *pmu)
{
	bool back = false;

	if (reader_read(pmu->reader) < 0)
		return false;
	if (pmu->attribution)
		attribution_read(pmu->attribution);
	for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++) {
		struct pai_pmu_cpu *c = &pmu->cpus[cpu];
		bool off = !c->online;

		c->online = true;
		account_cpu(pmu, cpu);
		back |= off && c->online && (c->counts || c->samples);
		c->online &= !off;
	}
	return back;
}

void pai_pmu_read(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		  bool retry)
{
	perf_open_begin();
	if (read_all(pmu) || retry)
		follow_cpus(source, pmu, samples);
	for (uint32_t cpu = 0; retry && cpu < pmu->nr_cpus; cpu++) {
		struct pai_pmu_cpu *c = &pmu->cpus[cpu];

		if (c->online && (c->error || c->pending || (!c->counts && !c->samples)))
			bring_up(source, pmu, samples, cpu);
	}
	perf_open_end();
}

/* Attach and detach */

/* Recovers the slots of an earlier daemon, after whichever store it died. */
static void recover_slots(struct pai_pmu *pmu)
{
	for (uint32_t i = 0; i < pmu->reader->nr_slots; i++) {
		struct events_slot *slot = &pmu->reader->slots[i];

		if (slot->event && !pmu->reader->adopted)
			fold(slot);
		else if (slot->event)
			reader_set_cpu(pmu->reader, i, i / stride(pmu));
		else if (pmu->reader->adopted)
			reader_remove(pmu->reader, i);
	}
}

/* Is all open that counting needs on a CPU? */
static bool counts_all(struct pai_pmu *pmu, uint32_t cpu)
{
	for (uint32_t number = first_number(pmu); number < stride(pmu); number++)
		if (pmu->reader->events[number].id &&
		    (!pai_pmu_slot(pmu, cpu, number)->event ||
		     pai_attribute_slot(pmu, cpu, number, true) < 0))
			return false;
	return true;
}

/* Continues with the perf events of a CPU if they are all that is planned for it. */
static void recover_cpu(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
			uint32_t cpu)
{
	struct events_slot *all = pai_pmu_slot(pmu, cpu, PAI_NUMBER_ALL);
	/* The event for all is the gate of attribution, or belongs to sampling. */
	bool sampled = all->event && !(pmu->attribution && all->terms == PAI_BY_NOTHING);
	struct pai_pmu_cpu *c = &pmu->cpus[cpu];

	c->samples = pmu->plan.samples == PAI_BY_TRACEPOINT ? sampled
		     : pmu->plan.samples == PAI_BY_PERF_EVENT
			     ? pai_samples_linked(source, samples, cpu)
			     : false;
	if (sampled && !c->samples)
		end_cpu(source, pmu, cpu);
	c->counts = counts_all(pmu, cpu);
	if (c->counts && !pmu->plan.counts)
		end_cpu(source, pmu, cpu);
	all->terms = pmu->plan.samples;
	c->online = c->counts || c->samples;
}

static int set_up(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples)
{
	const struct pins pins = {source, pmu->pins, EVENTS_LAYOUT};
	uint32_t room = (pmu->max_number / ROOM + 1) * ROOM;
	int r;

	pmu->cpus = calloc(pmu->nr_cpus, sizeof(*pmu->cpus));
	if (!pmu->cpus)
		return -ENOMEM;
	r = reader_new(source, &pins, pmu->array, room * pmu->nr_cpus, room, &pmu->reader);
	if (r < 0)
		return r;
	if (stride(pmu) <= pmu->max_number || pmu->reader->nr_slots / stride(pmu) != pmu->nr_cpus)
		return source_fail(source, -EEXIST,
				   "the pinned maps of %s are from another machine (" PINS_PURGE
				   ")",
				   pmu->name, PINS_PURGE_OF(&pins));
	memset(pmu->reader->events, 0, stride(pmu) * sizeof(*pmu->reader->events));
	return walk_counters(pmu, list_counter);
}

int pai_pmu_attach(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		   uint32_t nr_cpus)
{
	int r;

	pmu->nr_cpus = nr_cpus;
	r = set_up(source, pmu, samples);
	if (r < 0) {
		free(pmu->cpus);
		pmu->cpus = NULL;
		pmu->reader = reader_free(pmu->reader);
		return r;
	}
	pmu->adopted = pmu->reader->adopted;
	r = pai_attribute_begin(source, pmu);
	if (r < 0) {
		log_error("pai: nothing is attributed: %s", source->reason);
		source->reason[0] = '\0';
	}
	recover_slots(pmu);
	read_all(pmu);
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		recover_cpu(source, pmu, samples, cpu);
	pai_pmu_read(source, pmu, samples, true);
	return 0;
}

void pai_pmu_detach(struct source *source, struct pai_pmu *pmu, bool keep)
{
	const struct pins pins = {source, pmu->pins, EVENTS_LAYOUT};

	if (!pmu->reader)
		return;
	/* The last reading: the array and its perf events end with the unit. */
	read_all(pmu);
	pai_attribute_end(source, pmu, keep);
	if (!keep) {
		for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++)
			end_cpu(source, pmu, cpu);
		pins_drop(&pins, pmu->array);
	}
	pmu->reader = reader_free(pmu->reader);
	free(pmu->cpus);
	pmu->cpus = NULL;
}

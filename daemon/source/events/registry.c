// SPDX-License-Identifier: GPL-2.0
/* The registry of kept events: slots with perf events, and the list of events that have them. */
#include "registry.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/fail.h"
#include "../../util/log.h"
#include "attributed.h"

/* File descriptors reserved for everything except perf events: what else paimond has open, and
 * the maximum number of clients of both listeners. */
#define RESERVED (64 + 2 * 256)

/* Slots */

void events_store_name(uint32_t slot, char ret_name[32])
{
	snprintf(ret_name, 32, "event-%u", slot);
}

/* Empties a slot, in any state. */
void events_free_slot(struct events *events, uint32_t slot)
{
	char name[32];

	events_unattribute_slot(events, slot);
	reader_commit(&events->reader->slots[slot].event, 0);
	reader_remove(events->reader, slot);
	events_store_name(slot, name);
	fdstore_remove(name);
	if (events->fds[slot] >= 0) {
		close(events->fds[slot]);
		events->fds[slot] = -1;
		events->nr_fds--;
	}
	events->states[slot] = SLOT_COUNTS;
	if (slot < events->free_slot)
		events->free_slot = slot;
}

/* Without free descriptors no client can connect, not even to close events. */
bool events_have_descriptors(const struct events *events, size_t nr)
{
	struct rlimit limit;
	rlim_t rest;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return true;
	rest = limit.rlim_cur / 2 < RESERVED ? limit.rlim_cur / 2 : RESERVED;
	return events->nr_fds + nr + rest <= limit.rlim_cur;
}

/*
 * Puts a perf event into a free slot, which is not in force yet. events_free_slot() undoes it.
 * Takes ownership of fd.
 */
int events_fill_slot(struct events *events, uint32_t index, int fd, uint32_t type, uint32_t cpu,
		     uint32_t terms)
{
	struct events_slot *slot = &events->reader->slots[index];
	char name[32];
	int r = 0;

	memset(slot, 0, sizeof(*slot));
	slot->cpu = cpu;
	slot->terms = terms;
	slot->type = type;
	events_store_name(index, name);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &slot->perf_id) < 0)
		r = -errno;
	if (events->attribution)
		attribution_reset_slot(events->attribution, index, slot->perf_id);
	r = r ?: reader_put(events->reader, index, fd);
	if (!r && fdstore_available())
		r = fdstore_put(name, fd);
	events->fds[index] = fd;
	events->nr_fds++;
	if (r < 0)
		events_free_slot(events, index);
	else
		reader_set_cpu(events->reader, index, cpu);
	return r;
}

/* Replaces a slot with a filled one, in which its total continues. */
void events_replace_slot(struct events *events, uint32_t old, uint32_t new)
{
	struct events_slot *slots = events->reader->slots;
	struct events_count *count = &slots[new].counts[slots[new].current & 1];

	count->base = events->reader->elsewhere[old] ? events_hand_over(events, old, new)
						     : reader_total(&slots[old]);
	if (events->reader->events[slots[old].event - 1].flags & EVENTS_LEVEL)
		count->base.value = 0;
	slots[new].seq = slots[old].seq + 1;
	reader_commit(&slots[new].event, slots[old].event);
	events_free_slot(events, old);
}

void events_move_slot(struct events *events, uint32_t index, uint32_t cpu)
{
	reader_commit(&events->reader->slots[index].cpu, cpu);
	reader_set_cpu(events->reader, index, cpu);
}

/* Finds a free slot at or after *index, and sets *index. 0 or -ENOSPC. */
int events_find_slot(struct events *events, uint32_t *index)
{
	uint32_t first = events->free_slot;
	uint32_t i = *index > first ? *index : first;

	while (i < events->reader->nr_slots &&
	       (events->reader->slots[i].event || events->fds[i] >= 0))
		i++;
	if (*index <= first)
		events->free_slot = i;
	*index = i;
	return i < events->reader->nr_slots ? 0 : -ENOSPC;
}

/* Events */

struct events_event *events_find(const struct events *events, uint64_t id)
{
	/* A client that has opened an event usually asks for it next. */
	if (id && events->reader->events[events->newest].id == id)
		return &events->reader->events[events->newest];
	for (uint32_t i = 0; id && i < events->reader->nr_events; i++)
		if (events->reader->events[i].id == id)
			return &events->reader->events[i];
	return NULL;
}

/* The number of an event: the member event of its slots. */
uint32_t events_number(const struct events *events, const struct events_event *event)
{
	return event - events->reader->events + 1;
}

struct events_slot *events_slot_on(struct events *events, const struct events_event *event,
				   uint32_t type, unsigned int cpu)
{
	uint32_t number = events_number(events, event);

	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		struct events_slot *slot = &events->reader->slots[i];

		if (slot->event == number && slot->cpu == cpu && slot->type == type)
			return slot;
	}
	return NULL;
}

struct events_event *events_find_free(struct events *events, const char *text, char **ret_error)
{
	const struct reader *reader = events->reader;

	/* The next id would wrap around to 0, and ids after that are in use. */
	if (reader->state->last_id == UINT64_MAX) {
		fail(ret_error, -ENOSPC,
		     "%s: all ids are used up (to start from 1 again, stop paimond, then run paimonctl purge events; this loses %s)",
		     text, state_loses("events"));
		return NULL;
	}
	for (; events->free_event < reader->nr_events; events->free_event++)
		if (!reader->events[events->free_event].id)
			return &reader->events[events->free_event];
	fail(ret_error, -ENOSPC,
	     "%s: there are already %u events (raise max in [events], and see paimond.conf(5))",
	     text, reader->nr_events);
	return NULL;
}

/* Puts an event with its slots into force. Returns its id. */
uint64_t events_put_in_force(struct events *events, struct events_event *event,
			     const struct events_event *filled, const uint32_t *slots, size_t nr)
{
	struct reader *reader = events->reader;
	uint32_t index = event - reader->events;

	*event = *filled;
	events->given[index] = 0;
	events->lacking[index] = false;
	reader->state->last_id++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	events->first[index] = NO_SLOT;
	for (size_t i = nr; i-- > 0;) {
		reader_commit(&reader->slots[slots[i]].event, events_number(events, event));
		events->next[slots[i]] = events->first[index];
		events->first[index] = slots[i];
	}
	events_index_name(events, index);
	events->newest = index;
	__atomic_store_n(&event->id, reader->state->last_id, __ATOMIC_RELEASE);
	log_info("events: %s is event %llu: %s", event->name, (unsigned long long)event->id,
		 events_terms(event)->spec);
	return event->id;
}

void events_close_event(struct events *events, struct events_event *event)
{
	uint32_t number = events_number(events, event);
	uint64_t id = event->id;

	log_info("events: %s, event %llu, is closed", event->name, (unsigned long long)id);
	events_forget_name(events, number - 1);
	if (number - 1 < events->free_event)
		events->free_event = number - 1;
	__atomic_store_n(&event->id, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number)
			events_free_slot(events, i);
	events_unattribute(events, id);
}

int events_no_event(uint64_t id, char **ret_error)
{
	return fail(ret_error, -ENOENT, "there is no event %llu (paimonctl event list)",
		    (unsigned long long)id);
}

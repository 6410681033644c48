/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads perf events with bpf/events.bpf.c and its maps. One program run on a CPU reads
 * all perf events of that CPU. A slot holds one perf event, which counts until it is
 * removed from the slot, or until the last reference to the array is gone.
 *
 * Called by the sources, on the daemon's one thread.
 */
#ifndef PAIMON_READER_H
#define PAIMON_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"
#include "events.skel.h"
#include "pins.h"

struct source;

struct reader {
	struct events_bpf *bpf;
	uint32_t nr_slots, nr_events; /* of the maps */
	bool reused;		      /* the maps are an earlier daemon's */
	bool adopted;		      /* and the perf events too */
	const struct events_value *values;
	struct events_slot *slots;
	struct events_event *events;
	struct events_state *state;
	/* private */
	uint64_t *order;
	int *cpus; /* of the slots, -1: not to be read */
	struct reader_part {
		int cpu;
		uint32_t first, nr; /* of order */
	} * parts;
	uint32_t nr_parts;
	bool changed;
};

/*
 * Loads the programs, with the maps pinned at pins or, without pins or where there
 * are none, with new ones of so many slots and events, which it pins there. array: NULL,
 * or a name: the perf events are then not pinned with the rest, but kept by that name
 * (pins_keep()), and end with the unit. 0 or a negative errno, and then the source's
 * reason says why.
 */
int reader_new(struct source *source, const struct pins *pins, const char *array, uint32_t nr_slots,
	       uint32_t nr_events, struct reader **ret_reader);
struct reader *reader_free(struct reader *reader);

/* Puts a perf event into a slot, in place of what is there. fd stays the caller's.
 * 0 or a negative errno. */
int reader_put(struct reader *reader, uint32_t slot, int fd);

/* Says on which CPU a slot is to be read; -1: on none. */
void reader_set_cpu(struct reader *reader, uint32_t slot, int cpu);

/* Takes a perf event out: it ends, unless somebody has a descriptor of it. */
void reader_remove(struct reader *reader, uint32_t slot);

/* Reads all slots: reader->values. Of a CPU that is off, error is -ENXIO; of a slot with
 * nothing in it, -ENOENT. 0, or -ENOMEM: nothing was read. */
int reader_read(struct reader *reader);

/* The terms of an event that are in force. */
static inline const struct events_terms *events_terms(const struct events_event *event)
{
	return &event->terms[event->current & 1];
}

/* A perf event of the CPU, or a negative errno. type: of the PMU, where the event is of several;
 * else 0. */
int reader_open(const struct events_event *event, uint32_t type, unsigned int cpu);
/* What an error of opening one means, and what to do, in parentheses, or "". type: the event's. */
const char *reader_advice(int error, uint32_t type);

/* Stores a word of the pinned maps behind all that was stored before, should the daemon die. */
void reader_commit(__u32 *word, __u32 value);
/* All that an event has counted in a slot so far. */
struct events_reading reader_total(const struct events_slot *slot);
struct events_reading reader_sum(struct events_reading a, const struct events_reading *b);
/* Puts a slot's other count into force. */
void reader_set_count(struct events_slot *slot, const struct events_count *count);

#endif

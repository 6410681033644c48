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
	bool reused;		      /* the maps are from an earlier daemon */
	bool adopted;		      /* the perf events too */
	const struct events_value *values;
	bool *elsewhere; /* of the slots: read by another program (attribution.h) */
	struct events_slot *slots;
	struct events_event *events;
	struct events_state *state;
	/* private */
	uint64_t *order;
	int *cpus; /* of the slots; -1: not read */
	struct reader_part {
		int cpu;
		uint32_t first, nr; /* of order */
	} * parts;
	uint32_t nr_parts;
	bool changed;
};

/*
 * Loads the programs, with the maps pinned at pins if there are any, otherwise with new
 * maps for nr_slots and nr_events, which it pins there; pins NULL: not pinned. array: NULL,
 * or a name: the array of perf events is then not pinned with the other maps, but stored
 * under this name (pins_keep()), and ends with the unit. 0, or a negative errno and the
 * source's reason.
 */
int reader_new(struct source *source, const struct pins *pins, const char *array, uint32_t nr_slots,
	       uint32_t nr_events, struct reader **ret_reader);
struct reader *reader_free(struct reader *reader);

/* Puts a perf event into a slot, and replaces the one in it. The caller keeps fd.
 * 0 or a negative errno. */
int reader_put(struct reader *reader, uint32_t slot, int fd);

/* Sets the CPU on which a slot is read; -1: none. */
void reader_set_cpu(struct reader *reader, uint32_t slot, int cpu);

/* Does another program read a slot? reader_read() leaves it alone then. */
void reader_set_elsewhere(struct reader *reader, uint32_t slot, bool elsewhere);

/* Removes a perf event from its slot: it ends, unless there is a descriptor of it. */
void reader_remove(struct reader *reader, uint32_t slot);

/* Reads all slots to reader->values. error is -ENXIO if the CPU is offline, and -ENOENT if the
 * slot is empty. 0, or -ENOMEM: nothing was read. */
int reader_read(struct reader *reader);

/* The terms of an event that are in force. */
static inline const struct events_terms *events_terms(const struct events_event *event)
{
	return &event->terms[event->current & 1];
}

/* Opens a perf event on the CPU, or returns a negative errno. type: of the PMU if the event spans
 * several; else 0. */
int reader_open(const struct events_event *event, uint32_t type, unsigned int cpu);
/* The meaning of an error of reader_open() and the next step, in parentheses, or "". type: of
 * the event. */
const char *reader_advice(int error, uint32_t type);

/* Stores a commit word in the pinned maps after all previous stores. */
void reader_commit(__u32 *word, __u32 value);
/* The total of a slot: base and latest reading. */
struct events_reading reader_total(const struct events_slot *slot);
struct events_reading reader_sum(struct events_reading a, const struct events_reading *b);
/* Writes the other count of a slot, and puts it into force. */
void reader_set_count(struct events_slot *slot, const struct events_count *count);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of the perf events that paimon keeps: what bpf/events.bpf.c reads into,
 * and the registry of daemon/source/events/registry.h, all of it through mmap. The perf
 * events themselves are the elements of events_array: they count as long as it
 * is pinned, whoever has gone.
 *
 * A slot holds one perf event, of one registered event on one CPU. The daemon is
 * the only writer of all but events_values, and may die after any of its stores:
 * - a slot is filled in before its event is set, and an event before its id;
 * - of two slots of the same event and CPU the one with the higher seq is in
 *   force: storing its event puts it in the other's place;
 * - of a slot's two counts the one at index current & 1 is in force, and so with
 *   an event's two terms: a slot of other terms than those is yet to be opened anew.
 *
 * A change of anything here that an older daemon would misread takes a new
 * EVENTS_LAYOUT.
 */
#ifndef PAIMON_BPF_EVENTS_H
#define PAIMON_BPF_EVENTS_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#define EVENTS_LAYOUT 2
#define EVENTS_AT_ONCE 4096 /* slots that one run of the program reads at most */
#define EVENTS_NAME_LEN 64
#define EVENTS_SPEC_LEN 256

/* A reading, as the kernel gives it: not scaled. Times in nanoseconds. */
struct events_reading {
	__u64 value;
	__u64 enabled;
	__u64 running;
};

/* Element slot of events_values. */
struct events_value {
	struct events_reading reading; /* the latest that succeeded */
	__s64 error;		       /* of the latest: 0 or a negative errno */
};

/* What the perf events before this one, and this one, have counted. */
struct events_count {
	struct events_reading base; /* before */
	struct events_reading seen; /* its latest reading */
};

/* Element slot of events_slots. */
struct events_slot {
	struct events_count counts[2];
	__u64 perf_id; /* of the perf event: PERF_EVENT_IOC_ID */
	__u32 current;
	__u32 seq;
	__u32 cpu;
	__u32 event; /* element of events_list, plus 1; 0: free */
	__u32 terms; /* current of its event when it was opened */
	__u32 type;  /* of its PMU, where the event is of several; else 0 */
};

/* Who asked for an event. */
enum events_origin {
	EVENTS_FROM_CONFIG,  /* lives as long as the configuration has it */
	EVENTS_FROM_COMMAND, /* until it is closed */
	EVENTS_FROM_HANDOFF, /* until it is closed or claimed; opened by another process */
	EVENTS_NR_ORIGINS,
};

/* What is counted. */
struct events_terms {
	__u64 config[5];
	__u32 exclude; /* EVENT_EXCLUDE_... of daemon/util/event_spec.h */
	__u32 unused;
	char spec[EVENTS_SPEC_LEN];
};

#define EVENTS_LEVEL 1 /* a reading of the moment: neither a count nor to be summed */
#define EVENTS_CORE 2  /* of a PMU of CPUs, which may have guests */

/* Element of events_list: a registered event, on all of its CPUs. */
struct events_event {
	__u64 id;	 /* never given twice; 0: free */
	__u64 opened_ns; /* CLOCK_REALTIME */
	__u64 resets;	 /* readings that went back: someone reset it */
	__u64 reopened;	 /* perf events opened anew, since they stood still */
	__u64 changes;	 /* of its terms */
	struct events_terms terms[2];
	__u32 current;
	__u32 type;
	__u32 origin; /* enum events_origin */
	__u32 uid;    /* of whom asked for it; 0 from the configuration */
	__u32 pid;
	__u32 flags; /* EVENTS_LEVEL, EVENTS_CORE */
	char name[EVENTS_NAME_LEN];
	char pmu[32];
	char unit[16];
	char scale[32];
	char cpus[EVENTS_SPEC_LEN]; /* asked for, as a list; "": all that are online */
	char comm[16];
};

/* The only element of events_state, which finishes a set of pinned maps. */
struct events_state {
	__u64 last_id;
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of kept perf events: the readings of bpf/events.bpf.c and the registry
 * of daemon/source/events/registry.h, all accessed through mmap. The perf events themselves
 * are the elements of events_array. They count as long as this map is pinned, even
 * if neither the daemon nor the process that opened them runs.
 *
 * A slot holds one perf event: one registered event on one CPU. The daemon is the
 * only writer of all maps except events_values. The registry is consistent after
 * each of its stores, so the daemon can die at any time:
 * - a slot is filled before its member event is set, and an event before its id;
 * - of two slots with the same event and CPU, the one with the higher seq is in
 *   force: storing its member event replaces the other one;
 * - of the two counts of a slot, the one at index current & 1 is in force; the same
 *   applies to the two terms of an event. A slot with other terms than those in
 *   force still has to be reopened.
 *
 * A change here that an older daemon would misread needs a new EVENTS_LAYOUT.
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

/* A reading as the kernel returns it: not scaled. Times in nanoseconds. */
struct events_reading {
	__u64 value;
	__u64 enabled;
	__u64 running;
};

/* Element slot of events_values. */
struct events_value {
	struct events_reading reading; /* the latest successful one */
	__s64 error;		       /* of the latest: 0 or a negative errno */
};

/* The account of a slot: the counts of earlier perf events, and of this one. */
struct events_count {
	struct events_reading base; /* of earlier perf events */
	struct events_reading seen; /* the latest reading of this one */
};

/* Element slot of events_slots. */
struct events_slot {
	struct events_count counts[2];
	__u64 perf_id; /* of the perf event: PERF_EVENT_IOC_ID */
	__u32 current;
	__u32 seq;
	__u32 cpu;
	__u32 event; /* element of events_list, plus 1; 0: free */
	__u32 terms; /* value of current of its event when it was opened */
	__u32 type;  /* of its PMU if the event spans several PMUs; else 0 */
};

/* Size of the elements of all maps that have one per slot, in bytes. */
#define EVENTS_SLOT_BYTES \
	(sizeof(struct events_slot) + sizeof(struct events_value) + 2 * sizeof(__u64))

/* Who asked for an event. */
enum events_origin {
	EVENTS_FROM_CONFIG,  /* as long as it is in the configuration */
	EVENTS_FROM_COMMAND, /* until it is closed */
	EVENTS_FROM_HANDOFF, /* until it is closed or released; opened by another process */
	EVENTS_NR_ORIGINS,
};

/* What is counted. */
struct events_terms {
	__u64 config[5];
	__u32 exclude; /* EVENT_EXCLUDE_... of daemon/util/event_spec.h */
	__u32 unused;
	char spec[EVENTS_SPEC_LEN];
};

#define EVENTS_LEVEL 1 /* a current level: not a count, never summed */
#define EVENTS_CORE 2  /* of a CPU PMU; the CPUs may run guests */
/* The driver configuration of its perf events is being changed while they count: what is in force
 * on a CPU may be either of the two terms. */
#define EVENTS_CHANGING 4
#define EVENTS_BY_CGROUP 8   /* what it counts is attributed to cgroups */
#define EVENTS_BY_PROCESS 16 /* the same, to processes and their cgroups */

/* Element of events_list: a registered event, on all of its CPUs. */
struct events_event {
	__u64 id;	 /* never reused; 0: free */
	__u64 opened_ns; /* CLOCK_REALTIME */
	__u64 resets;	 /* readings lower than the previous one: another process reset it */
	__u64 reopened;	 /* perf events reopened because they no longer counted */
	__u64 changes;	 /* number of changes of its terms */
	struct events_terms terms[2];
	__u32 current;
	__u32 type;
	__u32 origin; /* enum events_origin */
	__u32 uid;    /* of its owner; 0 for the configuration */
	__u32 pid;
	__u32 flags; /* EVENTS_LEVEL, EVENTS_CORE, EVENTS_CHANGING, EVENTS_BY_... */
	char name[EVENTS_NAME_LEN];
	char pmu[32];
	char unit[16];
	char scale[32];
	char cpus[EVENTS_SPEC_LEN]; /* as requested, a list; "": all online CPUs */
	char comm[16];
};

/* The only element of events_state, the map that is pinned last and completes the set. */
struct events_state {
	__u64 last_id;
};

#endif

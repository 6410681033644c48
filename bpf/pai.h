/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of bpf/pai.bpf.c: counts of CPUs, cgroups and processes from samples of the
 * PMU pai_ext. Counting without samples uses bpf/events.h.
 *
 * A sample is added as a whole or not at all: a sample that does not have the format of
 * record.h is counted as malformed, and nothing of it is added.
 *
 * A cgroup is identified by its path, so that a restarted service continues its counts.
 * It has a place (place.h) in pai_cgroups until it has departed. Counts of cgroups for
 * which no place was free are in element 0, and stay there. A process is identified by
 * the PID and the start time of its first thread; the daemon removes processes that have
 * ended.
 *
 * A change here that an older daemon would misread needs a new PAI_LAYOUT.
 */
#ifndef PAIMON_BPF_PAI_H
#define PAIMON_BPF_PAI_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#include <paimon/record.h>

#include "cgroup_path.h"
#include "place.h"

#define PAI_LAYOUT 2
#define PAI_COUNTERS 128 /* numbers 1 to 127; 0 is not a counter */
#define PAI_CGROUP_PATH CGROUP_PATH
#define PAI_MAX_CGROUPS 1024
#define PAI_MAX_TASKS 512
#define PAI_OTHER_TGID 0xffffffffu

/* Element cpu of pai_cpus: samples of that CPU. Only programs on that CPU write it. */
struct pai_cpu {
	__u64 counters[PAI_COUNTERS]; /* counted while counts is 1 */
	__u64 events;		      /* sum over all records of samples of perf events */
	__u64 samples;		      /* added */
	__u64 malformed;	      /* rejected */
	__u64 without_data;	      /* without raw data */
	__u64 counts;		      /* written by the daemon; 1: only samples count on this CPU */
};

/* Counts from samples: of CPUs where pai_cpu.counts was 1, and of the other CPUs. */
struct pai_counts {
	__u64 counters[PAI_COUNTERS];
	__u64 beside[PAI_COUNTERS];
};

/*
 * Element of pai_cgroups; element 0 is for cgroups without a place. The state of element 0 is only
 * a generation: it changes when places are freed, and programs then look for a place again.
 */
struct pai_cgroup {
	struct pai_counts counts; /* sums over all owners */
	__u32 state;		  /* place.h */
	__u32 unused;
	char path[PAI_CGROUP_PATH]; /* below the root of cgroup v2: "/" or "/a/b" */
};

/* Value of pai_cgroup_index, whose key is a cgroup id: the lower half of the id, and a ticket. */
#define pai_index_value(id, ticket) ((__u64)(__u32)(id) << 32 | (ticket))

/* Key of pai_tasks. PAI_OTHER_TGID and 0: processes without room; this element stays. */
struct pai_task_id {
	__u64 start_ns; /* start time of the first thread, since boot */
	__u32 tgid;	/* in the initial PID namespace */
	__u32 unused;
};

struct pai_task {
	__u64 counters[PAI_COUNTERS];
	char comm[16]; /* of the first thread, as of its latest sample */
};

/* Why samples were added to an element for others: index of pai_state.dropped. */
enum pai_dropped {
	PAI_DROPPED_CGROUPS,
	PAI_DROPPED_TASKS,
	PAI_NR_DROPPED,
};

/* The only element of pai_state, the map that is pinned last and completes the set. */
struct pai_state {
	__u32 max_number;   /* highest number of a counter; written by the daemon */
	__u32 full;	    /* state of element 0 of pai_cgroups when no place was free, plus 1 */
	__u64 undispatched; /* samples for which the dispatcher found no program */
	__u64 dropped[PAI_NR_DROPPED];
};

/* The only element of pai_made_up: a synthetic sample, and its process and cgroup. */
struct pai_made_up {
	__u32 nr; /* number of records */
	__u32 tgid;
	__u64 start_ns;
	char path[PAI_CGROUP_PATH]; /* of the cgroup; padded with zeroes, because it is a key */
	char comm[16];
	struct paimon_pai_record records[PAI_COUNTERS];
};

/* Elements of pai_programs and of pai_overflow_programs. */
enum pai_program {
	PAI_SAMPLE,
	PAI_NR_PROGRAMS,
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of bpf/pai.bpf.c: what samples of the PMU pai_ext tell of the CPUs, of
 * cgroups and of processes. Counting, without samples, is bpf/events.h.
 *
 * A sample is taken as a whole or not at all: one that is not as record.h has it is
 * counted as malformed, and nothing of it is added.
 *
 * A cgroup is known by its path, so that a service that is started again goes on
 * where it was. It has a place (place.h) in pai_cgroups until it is gone; what was
 * counted while no place was free is in element 0, and stays there. A process is
 * known by the number and the start time of its first thread; the daemon removes
 * those that are gone.
 *
 * A change of anything here that an older daemon would misread takes a new PAI_LAYOUT.
 */
#ifndef PAIMON_BPF_PAI_H
#define PAIMON_BPF_PAI_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#include <paimon/record.h>

#include "place.h"

#define PAI_LAYOUT 2
#define PAI_COUNTERS 128    /* numbers 1 to 127; 0 is none */
#define PAI_CGROUP_PATH 512 /* with its NUL; one that is longer does not fit */
#define PAI_CGROUP_DEPTH 16 /* the same */
#define PAI_MAX_CGROUPS 1024
#define PAI_MAX_TASKS 512
#define PAI_OTHER_TGID 0xffffffffu

/* Element cpu of pai_cpus: what samples of that CPU had. Only its own programs write. */
struct pai_cpu {
	__u64 counters[PAI_COUNTERS]; /* while counts is 1 */
	__u64 events;		      /* the sum over all records of perf events' samples */
	__u64 samples;		      /* that were taken */
	__u64 malformed;	      /* that were not */
	__u64 without_data;	      /* that had nothing to take */
	__u64 counts; /* the daemon's to write; 1: samples are all that counts on this CPU */
};

/* What samples told, of CPUs where pai_cpu.counts was 1, and of others. */
struct pai_counts {
	__u64 counters[PAI_COUNTERS];
	__u64 beside[PAI_COUNTERS];
};

/*
 * Element of pai_cgroups, 0 for those that found no place. Of the state of that one only the
 * generation is used: it changes when places become free, so that who found none looks again.
 */
struct pai_cgroup {
	struct pai_counts counts; /* of all owners */
	__u32 state;		  /* place.h */
	__u32 unused;
	char path[PAI_CGROUP_PATH]; /* below the root of cgroup v2: "/" or "/a/b" */
};

/* Value of pai_cgroup_index, whose key is the id of a cgroup: its lower half, and a ticket. */
#define pai_index_value(id, ticket) ((__u64)(__u32)(id) << 32 | (ticket))

/* Key of pai_tasks; PAI_OTHER_TGID and 0 for those that did not fit, never removed. */
struct pai_task_id {
	__u64 start_ns; /* after boot, of the first thread */
	__u32 tgid;	/* in the first PID namespace */
	__u32 unused;
};

struct pai_task {
	__u64 counters[PAI_COUNTERS];
	char comm[16]; /* of the first thread, as of its latest sample */
};

/* Why samples went to an element for others: index of pai_state.dropped. */
enum pai_dropped {
	PAI_DROPPED_CGROUPS,
	PAI_DROPPED_TASKS,
	PAI_NR_DROPPED,
};

/* The only element of pai_state, which finishes a set of pinned maps. */
struct pai_state {
	__u32 max_number;   /* of a counter; the daemon's to write */
	__u32 full;	    /* state of element 0 of pai_cgroups, plus 1, when no place was free */
	__u64 undispatched; /* samples that met no program */
	__u64 dropped[PAI_NR_DROPPED];
};

/* The only element of pai_made_up: a sample that somebody made up, and who it is of. */
struct pai_made_up {
	__u32 nr; /* of records */
	__u32 tgid;
	__u64 start_ns;
	char path[PAI_CGROUP_PATH]; /* of the cgroup; zeroes behind it, as it is a key */
	char comm[16];
	struct paimon_pai_record records[PAI_COUNTERS];
};

/* Elements of pai_programs and of pai_overflow_programs. */
enum pai_program {
	PAI_SAMPLE,
	PAI_NR_PROGRAMS,
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of bpf/pai.bpf.c: what samples of the PMU pai_ext tell of the CPUs, of
 * cgroups and of processes. Counting, without samples, is bpf/events.h.
 *
 * A sample is taken as a whole or not at all: one that is not as record.h has it is
 * counted as malformed, and nothing of it is added.
 *
 * A cgroup is known by its path, so that a service that is started again goes on
 * where it was. It has an element of pai_cgroups for good; what did not fit is in
 * element 0, and stays there, as nothing is ever removed. A process is known by the
 * number and the start time of its first thread; the daemon removes those that are
 * gone.
 *
 * A change of anything here that an older daemon would misread takes a new PAI_LAYOUT.
 */
#ifndef PAIMON_BPF_PAI_H
#define PAIMON_BPF_PAI_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#include <paimon/record.h>

#define PAI_LAYOUT 2
#define PAI_COUNTERS 128    /* numbers 1 to 127; 0 is none */
#define PAI_CGROUP_PATH 512 /* with its NUL; one that is longer does not fit */
#define PAI_CGROUP_DEPTH 16 /* the same */
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

/* Element of pai_cgroups, 0 for those that did not fit. */
struct pai_cgroup {
	__u64 counters[PAI_COUNTERS];
	char path[PAI_CGROUP_PATH]; /* below the root of cgroup v2: "/" or "/a/b"; "" if not yet */
};

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
	__u32 cgroups;	    /* elements of pai_cgroups that are taken, without 0 */
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

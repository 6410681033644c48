/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of bpf/switch.bpf.c: who used what perf events count (invariants f).
 *
 * An attributed event has a column, and on each CPU a slot of the reader's maps (events.h). At each
 * context switch the program reads the slots of its CPU, and adds what each has advanced since
 * switch_lasts to a cell. A cell belongs to a column and to an account. An account is a cgroup and,
 * if its event is kept by process, a process in this cgroup:
 *
 *   0                      cgroups without a place, and all that was counted while no program read
 *   1 to C                 a cgroup; of processes without a place, and of events by cgroup only
 *   C + 1 to C + P         a process in a cgroup (or in those without a place)
 *   C + P + 1              departed cgroups; as 1 to C
 *
 * The total of an event is the sum of its cells; cgroups and processes are other sums of the same
 * cells, so that all of them agree in one copy. Accounts 1 to C + P are places (place.h). When a
 * process or a cgroup has departed, the daemon renames its accounts: SWITCH_DEPARTED is then the
 * process or the cgroup. If there is an account of this name already, it adds the cells to that
 * one's. Programs do not find renamed accounts, so only the daemon writes to them.
 *
 * Programs only add to cells, and give an account a cell for a column. The daemon may die between
 * any two of its stores: adding one cell to another is recorded in a journal before it is done,
 * and everything else is idempotent.
 *
 * A change here that an older daemon would misread needs a new SWITCH_LAYOUT.
 */
#ifndef PAIMON_BPF_SWITCH_H
#define PAIMON_BPF_SWITCH_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#include "cgroup_path.h"
#include "events.h"
#include "place.h"

#define SWITCH_LAYOUT 1
#define SWITCH_COLUMNS 64 /* attributed events */
#define SWITCH_MAX_CGROUPS 16384
#define SWITCH_MAX_WORDS 1024 /* of the free bits of one kind: 65,536 */
#define SWITCH_DEPARTED 0xffffffffu

/* Element of switch_cpus: what to read on a CPU. Only programs on this CPU write it; the daemon
 * only while the CPU is offline. */
struct switch_cpu {
	__u64 entries[SWITCH_COLUMNS]; /* by column; 0: none */
	__u64 failed[4];	       /* readings, by enum switch_error */
	__u32 nr;		       /* no column from this one on has an entry */
	__u32 flags; /* SWITCH_LATE and SWITCH_PROCESS of all entries, SWITCH_SKIPPED() */
	__u32 out_cgroup, out_process; /* tickets of who was switched out last */
	__u64 out_id;	   /* of that cgroup; with SWITCH_SKIPPED(), of the skipped one */
	__u64 out_tickets; /* switch_tickets(); if not as above, out_id is of another one:
			    * earlier programs write neither */
};

/* In flags: what tasks of a cgroup did before this one came has not been read yet. A thread id has
 * at most 22 bits. */
#define SWITCH_SKIPPED(tid) (1u << 31 | (__u32)(tid) << 8)
#define SWITCH_SKIPPED_BITS (~0u << 8)

/* An entry: the slot plus 1, and flags. */
#define SWITCH_SLOT 0xffffffffull
#define SWITCH_LATE (1ull << 32)    /* counted after the tracepoint: of who was switched out last */
#define SWITCH_PROCESS (1ull << 33) /* kept by process */
#define SWITCH_GATE (1ull << 34)    /* column 0: if this is unchanged, all are; it has no cells */
#define SWITCH_FLAGS(entry) ((__u32)((entry) >> 32))

#define switch_tickets(cgroup, process) ((__u64)(cgroup) << 32 | (process))

/* Why a reading failed. */
enum switch_error {
	SWITCH_ENOENT, /* the slot is empty */
	SWITCH_EINVAL, /* the perf event is not on this CPU any more */
	SWITCH_EBUSY,  /* it is pinned, and has no counter */
	SWITCH_OTHER,
};

/* Up to which reading of its perf event a slot is charged. The daemon writes it only while the slot
 * has no entry. */
struct switch_last {
	struct events_reading reading;
	__s64 error;   /* of the latest reading: 0 or a negative errno */
	__u64 perf_id; /* PERF_EVENT_IOC_ID, or 0: private to the source */
};

struct switch_cell {
	struct events_reading sum;
	__u64 owner; /* switch_owner(), or 0: free */
};

#define switch_owner(account, column) ((__u64)((account) + 1) << 32 | (column))

/* Cells 0 to SWITCH_COLUMNS - 1 are those of account 0, by column; other accounts use them for
 * what does not fit. */
struct switch_account {
	__u32 state;  /* place.h; that of account 0 is only a generation: it changes when places or
		       * cells are freed, and programs then look again */
	__u32 cgroup; /* of a process: the ticket of its cgroup, or SWITCH_DEPARTED */
	__u64 start_ns;
	__u32 tgid;  /* or SWITCH_DEPARTED: processes that have ended */
	__u32 order; /* of a process: the later its place was taken, the higher */
	char comm[16];
	__u32 cells[SWITCH_COLUMNS]; /* 0: none yet */
};

/* Key of switch_procs. */
struct switch_process {
	__u64 start_ns; /* start time of the first thread, since boot; 0 for the idle tasks */
	__u32 tgid;	/* in the initial PID namespace; 0: the idle tasks */
	__u32 cgroup;	/* ticket */
};

/* Value of switch_ids, a cache of tickets by the id of a cgroup. */
struct switch_known {
	__u64 ticket; /* and the lower half of the id: switch_known_ticket() */
	__u64 epoch;  /* when it was last used */
};

#define switch_known_ticket(id, ticket) ((__u64)(__u32)(id) << 32 | (ticket))

/* Kinds of free bits in switch_free: of cgroups, processes, cells of accounts 1 to C, and cells of
 * processes. A set bit says that an element may be free; its commit word says whether it is. */
enum switch_kind {
	SWITCH_CGROUPS,
	SWITCH_PROCESSES,
	SWITCH_CGROUP_CELLS,
	SWITCH_PROCESS_CELLS,
	SWITCH_NR_KINDS, /* a power of two */
};

struct switch_range {
	__u32 first; /* index of the first element; bit 0 of the first word */
	__u32 nr;
	__u32 word, nr_words; /* of switch_free */
};

/* Adding a cell to another one, which only the daemon writes: both are as here if active. */
struct switch_journal {
	__u32 active;
	__u32 from, to;
	__u32 unused;
	struct events_reading sum; /* of to; from is 0 */
};

/* What is attributed. */
struct switch_column {
	__u64 event; /* an id of the source; 0: the column is free */
	__u32 by_process;
	__u32 unused;
};

/* The only element of switch_state, the map that is pinned last and completes the set. */
struct switch_state {
	struct switch_column columns[SWITCH_COLUMNS];
	struct switch_journal journal;
	struct switch_range ranges[SWITCH_NR_KINDS];
	__u64 epoch;
	__u64 order;		     /* the latest one of an account */
	__u32 full[SWITCH_NR_KINDS]; /* state of account 0 when nothing was free, plus 1 */
	__u64 dropped[SWITCH_NR_KINDS];
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of the IOPF source: written by bpf/iopf.bpf.c and read by
 * daemon/source/iopf/iopf.c, mostly through mmap.
 *
 * A change here that an older daemon would misread (a type, a size, the meaning of
 * a field, the set of dispatchers) needs a new IOPF_LAYOUT, which is part of the
 * name of the directory with the pinned maps.
 *
 * Ownership of a slot: the program that changes key from 0 by compare-and-swap owns the
 * slot. It fills the slot and then sets first_ns, which makes the group visible and
 * ends the ownership. The program that changes first_ns to 0 (by exchange or
 * compare-and-swap) is then the only owner: it reads the slot, and sets key to 0. The
 * daemon only reads slots, and passes expired ones to iopf_expire. Times are
 * CLOCK_MONOTONIC nanoseconds, never 0.
 */
#ifndef PAIMON_BPF_IOPF_H
#define PAIMON_BPF_IOPF_H

#include <paimon/histogram.h>
#include <paimon/record.h>

#include "place.h"

#ifndef __BPF__
#include <linux/types.h>
#endif

#define IOPF_LAYOUT 4
#define IOPF_MAX_DEVICES 1024 /* upper limit of max_devices */
#define IOPF_SLOTS 512	      /* direct slots of a device, indexed by grpid modulo this */
#define IOPF_MAX_SPILLED 4096 /* groups whose direct slot is in use by another group */
#define IOPF_SIZE_CELLS 11    /* groups of up to 1, 2, 4 ... 512 requests, and larger */

/*
 * Why the times of a group are not known. Responses = timed groups + overlap + unseen.
 * Timeouts are not included; a group that is answered after its timeout is unseen.
 */
enum iopf_lost {
	IOPF_LOST_TIMEOUT, /* no response within group_timeout */
	IOPF_LOST_OVERLAP, /* answered, while an earlier group of the same key was in flight */
	IOPF_LOST_UNSEEN,  /* answered, but without a slot: older than the attach, or no room */
	IOPF_NR_LOST,
};

/* Updates that found no room; the numbers of updates, not of devices or groups. */
enum iopf_dropped {
	IOPF_DROPPED_DEVICE, /* of a device beyond max_devices, or whose name is not known yet */
	IOPF_DROPPED_GROUP,  /* requests of a group that neither slot nor hash could take */
	IOPF_NR_DROPPED,
};

/* The programs behind the tracepoints, by index in iopf_programs. */
enum iopf_program {
	IOPF_REQUEST,
	IOPF_HANDLE,
	IOPF_RESPONSE,
	IOPF_DISCARD,
	IOPF_NR_PROGRAMS,
};

/* The kernel functions to attach to without paimon.ko; also the index in iopf_kprobes. */
enum iopf_function {
	IOPF_FN_REPORT,	  /* a driver reports a request */
	IOPF_FN_REPORTED, /* the same, at its return */
	IOPF_FN_HANDLE,
	IOPF_FN_RESPONSE,
	IOPF_FN_DISCARD, /* of a queue's partial faults */
	IOPF_FN_REMOVE,	 /* of a device from its queue */
	IOPF_NR_FUNCTIONS,
};

/* A group in flight: element device * IOPF_SLOTS + grpid % IOPF_SLOTS of
 * iopf_slots, or a value of iopf_spilled. */
struct iopf_slot {
	__u64 key;	 /* iopf_slot_key(), 0: free */
	__u64 first_ns;	 /* first request; 0: not visible, the owner writes the slot */
	__u64 last_ns;	 /* latest request */
	__u64 handle_ns; /* latest time that a worker started to handle it, 0: not yet */
	__u32 nr;	 /* requests */
	__u32 epoch;	 /* the device's when the group was opened */
	__u32 closed;	 /* its last request has arrived */
	__u32 overlaps;	 /* later groups with the same key that also wait for a response; not
			  * written by the owner alone: a group that arrives while the slot is
			  * freed is unseen, or an overlap of the next group in the slot */
	__u32 untimed;	 /* left over from an overlap: its times are meaningless */
	__u32 reserved[3];
};

/* Bit 63 distinguishes a key from a free slot; a PASID has 20 bits. */
#define iopf_slot_key(pasid, grpid) \
	(1ULL << 63 | (__u64)((pasid)&0x7fffffffu) << 32 | (__u32)(grpid))

/* Key of iopf_spilled. */
struct iopf_group_id {
	__u64 key;
	__u32 device; /* index */
	__u32 zero;
};

struct iopf_histogram {
	__u64 sum_ns;
	__u64 cells[PAIMON_HIST_CELLS];
};

/* Who answers a group. */
enum iopf_handler {
	IOPF_BY_KERNEL,
	IOPF_BY_USER, /* user space: PAIMON_IOPF_BY_USER */
	IOPF_NR_HANDLERS,
};

enum iopf_stage {
	IOPF_STAGE_QUEUE,   /* last request to handling */
	IOPF_STAGE_SERVICE, /* handling to response */
	IOPF_STAGE_TOTAL,   /* first request to response; of IOPF_BY_KERNEL */
	IOPF_STAGE_USER,    /* the same, of IOPF_BY_USER: total + enum iopf_handler */
	IOPF_NR_STAGES,
};

/*
 * A place (place.h) of a device: element of iopf_devices. The counters, from requests on, are
 * sums over all owners and never reset; the element of iopf_departed has the part of departed
 * owners.
 */
struct iopf_device {
	char name[PAIMON_DEVICE_NAME_LEN]; /* without a name: "dev" and the number of the place,
					      from 1 */
	__u32 state;
	__u32 removed;	    /* from its queue, without a request since */
	__u64 address;	    /* at which a group was last opened; 0: none */
	__u32 epoch;	    /* open groups of an older epoch were discarded as a whole */
	__u32 epoch_reason; /* why, the last time */
	__u64 requests[8];  /* by perm & (READ | WRITE | EXEC) */
	__u64 responses[IOPF_NR_HANDLERS][4]; /* by enum paimon_iopf_code; 3: any other code */
	__u64 discarded[8];	  /* requests, by enum paimon_iopf_reason; 4: any other */
	__u64 lost[IOPF_NR_LOST]; /* groups */
	__u64 size_sum;
	__u64 size_cells[IOPF_SIZE_CELLS];
	struct iopf_histogram stages[IOPF_NR_STAGES];
};

/* Value of iopf_index, whose key is the address of a device: a part of the address, and a ticket.
 */
struct iopf_known {
	__u64 value;
	__u64 seen_ns; /* time at which a group was last opened */
};

#define iopf_known_value(dev, ticket) ((__u64)(__u32)((dev) >> 3) << 32 | (ticket))

/* The one element of iopf_state. */
struct iopf_state {
	__u64 group_timeout_ns; /* set by the daemon; 0: never */
	__u32 full;		/* value of freed when no place was free, plus 1 */
	__u32 spilled;		/* entries in iopf_spilled */
	__u32 freed;		/* incremented by the daemon after it has freed places */
	__u32 unused;
	__u64 dropped[IOPF_NR_DROPPED];
	__u64 undispatched; /* runs of a dispatcher that found no program */
};

_Static_assert(sizeof(struct iopf_slot) == 64, "layout of iopf_slots");
_Static_assert(sizeof(struct iopf_group_id) == 16, "layout of iopf_spilled");
_Static_assert(sizeof(struct iopf_histogram) == 8 + 8 * PAIMON_HIST_CELLS,
	       "layout of iopf_devices");
_Static_assert(sizeof(struct iopf_device) == 400 + 4 * sizeof(struct iopf_histogram),
	       "layout of iopf_devices");
_Static_assert(sizeof(struct iopf_known) == 16, "layout of iopf_index");
_Static_assert(sizeof(struct iopf_state) == 48, "layout of iopf_state");

#endif

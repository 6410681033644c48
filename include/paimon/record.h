/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the paimon:* tracepoints carry.
 *
 * Shared by the kernel module (which fires them), the BPF programs (which
 * aggregate them) and the daemon (which names them). The values are those of
 * the kernel's own page-request ABI, so that a hook on the kernel's handler
 * passes on what it finds.
 *
 * paimon_iopf_request  u64 dev, u32 pasid, u32 grpid, u64 addr, u32 perm,
 *                      u32 flags, const char *name
 * paimon_iopf_handle   u64 dev, u32 pasid, u32 grpid, u32 nr
 * paimon_iopf_response u64 dev, u32 pasid, u32 grpid, u32 code
 * paimon_iopf_discard  u64 dev, u32 pasid, u32 grpid, u32 nr, u32 reason
 * paimon_pai_sample    u32 nr, const struct paimon_pai_record *records
 * paimon_pai_mode      u32 cpu, u32 mode
 *
 * They are fired with preemption disabled on every kernel (c21), so that no program on
 * one is left out because another one was preempted.
 *
 * dev identifies the device for as long as it lives (an address; it may be
 * reused, and is not for user space: what perf and tracefs record is a number in its
 * place); name is its name, or NULL. A request without a PASID carries 0.
 * One group is identified by (dev, pasid, grpid) from its first request to its
 * response; afterwards the number is free again. nr of a handled group is 0
 * where the kernel does not tell it (its own handler before 6.9).
 *
 * A sample tells what the current task, the one that is being scheduled out,
 * and whatever else ran on this CPU since the last sample, did there.
 */
#ifndef PAIMON_RECORD_H
#define PAIMON_RECORD_H

#ifndef __bpf__ /* bpf/kernel.h has the types, without the build machine's headers */
#include <linux/types.h>
#endif

/* perm: what the device wants to do with the page. */
enum paimon_iopf_perm {
	PAIMON_IOPF_PERM_READ = 1 << 0,
	PAIMON_IOPF_PERM_WRITE = 1 << 1,
	PAIMON_IOPF_PERM_EXEC = 1 << 2,
	PAIMON_IOPF_PERM_PRIV = 1 << 3, /* on behalf of the kernel, not of user code */
};
#define PAIMON_IOPF_PERM_ALL 0xfu

/* flags of a request. */
enum paimon_iopf_flag {
	PAIMON_IOPF_PASID_VALID = 1 << 0, /* the request has a PASID */
	PAIMON_IOPF_LAST = 1 << 1,	  /* the last request of its group */
	PAIMON_IOPF_PRIV_DATA = 1 << 2,	  /* wants its answer now: ends its group too (c17) */
	PAIMON_IOPF_NEEDS_PASID = 1 << 3, /* the device wants the PASID back in the response (c7) */
};
#define PAIMON_IOPF_FLAG_ALL 0xfu
#define PAIMON_IOPF_CLOSES (PAIMON_IOPF_LAST | PAIMON_IOPF_PRIV_DATA)

/* code of a response, as in a PCIe page group response. */
enum paimon_iopf_code {
	PAIMON_IOPF_SUCCESS = 0, /* the pages are there, try again */
	PAIMON_IOPF_INVALID = 1, /* no such page, or no right to it */
	PAIMON_IOPF_FAILURE = 2, /* the handler failed: the device stops asking */
};
#define PAIMON_IOPF_NR_CODES 3

/* reason of a discard. */
enum paimon_iopf_reason {
	PAIMON_IOPF_OVERFLOW = 0, /* the queue of page requests overflowed */
	PAIMON_IOPF_REMOVED = 1,  /* the device went away */
	PAIMON_IOPF_NOMEM = 2,	  /* no memory for the group (c8) */
	PAIMON_IOPF_REFUSED = 3,  /* nobody handles the faults of this device or PASID */
};
#define PAIMON_IOPF_NR_REASONS 4

/*
 * grpid of a discard that names no group: every group of the device whose last
 * request has not come is gone. The kernel's own handler says no more than
 * that; nr is then 0 and the number is known from the requests seen.
 */
#define PAIMON_IOPF_ALL_GROUPS 0xffffffffu

/* Longest device name kept, with its terminating NUL; longer ones are cut. */
#define PAIMON_DEVICE_NAME_LEN 64

/* A counter that is not zero, as it lies in the raw data of a sample too: by
 * rising number, without gaps, in the byte order of the CPU (a13). */
struct paimon_pai_record {
	__u16 number;
	__u64 value;
} __attribute__((packed));
_Static_assert(sizeof(struct paimon_pai_record) == 10, "the layout of raw data");

/* mode: what the events of a CPU are for, from its first one to the end of its last. */
enum paimon_pai_mode {
	PAIMON_PAI_NONE = 0,
	PAIMON_PAI_SAMPLING = 1,
	PAIMON_PAI_COUNTING = 2,
};

#endif

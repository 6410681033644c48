/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arguments of the paimon:* tracepoints.
 *
 * Shared by the kernel module (which fires them), the BPF programs (which
 * aggregate them) and the daemon (which names them). The values are those of
 * the kernel's own page-request ABI, so that a hook on the kernel's handler
 * passes them on unchanged.
 *
 * paimon_iopf_request  u64 dev, u32 pasid, u32 grpid, u64 addr, u32 perm,
 *                      u32 flags, const char *name
 * paimon_iopf_handle   u64 dev, u32 pasid, u32 grpid, u32 nr
 * paimon_iopf_response u64 dev, u32 pasid, u32 grpid, u32 code
 * paimon_iopf_discard  u64 dev, u32 pasid, u32 grpid, u32 nr, u32 reason
 * paimon_pai_sample    u32 nr, const struct paimon_pai_record *records
 * paimon_pai_mode      u32 cpu, u32 mode
 * paimon_cspmu_impl    const char *pmu, const char *impl, u32 op
 * paimon_cspmu_event   const char *pmu, u64 config, u64 delta, u32 op
 * paimon_drv_config    const char *pmu, u64 event_id, u32 op, int ret
 *
 * They are fired with preemption disabled on every kernel (c21), so that the kernel
 * never skips a BPF program on one because another program was preempted.
 *
 * dev identifies a device as long as the device exists. It is an address, which may
 * be reused later, and is not exposed to user space: perf and tracefs record a number
 * instead. name is the name of the device, or NULL. A request without a PASID has
 * pasid 0. A group is identified by (dev, pasid, grpid) from its first request to its
 * response; after that the number can be reused. nr of a handled group is 0 if the
 * kernel does not provide it (its own handler before 6.9).
 *
 * A sample covers everything that ran on this CPU since the last sample: the current
 * task, which is being scheduled out, and for example interrupt handlers.
 *
 * pmu is the name of a PMU, or NULL where there is none; impl that of a backend. delta is
 * what the count of the event with this config has just increased by. event_id is what
 * PERF_EVENT_IOC_ID returns.
 */
#ifndef PAIMON_RECORD_H
#define PAIMON_RECORD_H

#ifndef __bpf__ /* bpf/kernel.h defines the types without the build machine's headers */
#include <linux/types.h>
#endif

/* perm: the access that the device requests. */
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
	PAIMON_IOPF_PRIV_DATA = 1 << 2,	  /* needs a response now: closes its group too (c17) */
	PAIMON_IOPF_NEEDS_PASID = 1 << 3, /* the device needs the PASID in the response (c7) */
};
#define PAIMON_IOPF_FLAG_ALL 0xfu
#define PAIMON_IOPF_CLOSES (PAIMON_IOPF_LAST | PAIMON_IOPF_PRIV_DATA)

/* code of a response, as in a PCIe page group response. */
enum paimon_iopf_code {
	PAIMON_IOPF_SUCCESS = 0, /* the pages are present, try again */
	PAIMON_IOPF_INVALID = 1, /* no such page, or access not permitted */
	PAIMON_IOPF_FAILURE = 2, /* the handler failed: the device sends no more requests */
};
#define PAIMON_IOPF_NR_CODES 3

/*
 * A bit of the argument code of a response: the faults of the group go to user space, which
 * answers them (a virtual machine monitor, through iommufd). The record of the event has it in
 * a field of its own, handler.
 */
#define PAIMON_IOPF_BY_USER 0x100u

/* reason of a discard. */
enum paimon_iopf_reason {
	PAIMON_IOPF_OVERFLOW = 0, /* the queue of page requests overflowed */
	PAIMON_IOPF_REMOVED = 1,  /* the device went away */
	PAIMON_IOPF_NOMEM = 2,	  /* no memory for the group (c8) */
	PAIMON_IOPF_REFUSED = 3,  /* no handler for this device or PASID */
};
#define PAIMON_IOPF_NR_REASONS 4

/*
 * grpid of a discard that names no group: all partial groups of the device are
 * dropped. The kernel's own handler gives no more detail. nr is then 0, and the
 * number of requests follows from the requests seen before.
 */
#define PAIMON_IOPF_ALL_GROUPS 0xffffffffu

/* Longest device name, with its terminating NUL; longer names are truncated. */
#define PAIMON_DEVICE_NAME_LEN 64

/* A counter that is not zero. The raw data of a sample has the same format: records
 * without gaps in ascending order of numbers, in native byte order (a13). */
struct paimon_pai_record {
	__u16 number;
	__u64 value;
} __attribute__((packed));
_Static_assert(sizeof(struct paimon_pai_record) == 10, "the layout of raw data");

/* mode: the kind of events of a CPU, from its first event until its last one is closed. */
enum paimon_pai_mode {
	PAIMON_PAI_NONE = 0,
	PAIMON_PAI_SAMPLING = 1,
	PAIMON_PAI_COUNTING = 2,
};

/* op of paimon_cspmu_impl. */
enum paimon_cspmu_impl_op {
	PAIMON_CSPMU_REGISTERED = 0, /* the backend; pmu is NULL */
	PAIMON_CSPMU_BOUND = 1,	     /* pmu is registered, and runs on the backend */
	PAIMON_CSPMU_RELEASED = 2,   /* pmu is gone */
};

/* op of paimon_cspmu_event. */
enum paimon_cspmu_event_op {
	PAIMON_CSPMU_START = 0, /* counts from here on */
	PAIMON_CSPMU_STOP = 1,
	PAIMON_CSPMU_READ = 2,
	PAIMON_CSPMU_OVERFLOW = 3,   /* the counter is back at half its range */
	PAIMON_CSPMU_READ_ERROR = 4, /* the counter could not be read; delta is 0 */
};

/* op of paimon_drv_config; ret is what the ioctl returns. */
enum paimon_drv_config_op {
	PAIMON_DRV_CONFIG_SET = 0,
	PAIMON_DRV_CONFIG_GET = 1,
};

#endif

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ioctls of /dev/paimon-soft, the software page-requesting endpoint, NNPA unit and
 * system PMUs, and, at the end, of /dev/paimon, the live configuration of perf events.
 *
 * Every structure begins with its size as the caller knows it, and flags. An
 * unknown size, an unknown flag or a non-zero reserved field is refused with
 * -EINVAL, without any effect. perm, flags and codes are those of record.h. Byte
 * order is native. No field depends on the word size, so 32-bit callers use the
 * same layout.
 */
#ifndef PAIMON_UAPI_H
#define PAIMON_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include "record.h"

/* Most requests that one PAIMON_SOFT_REQUEST takes. */
#define PAIMON_SOFT_MAX_REQUESTS 4096
#define PAIMON_SOFT_MAX_DEVICES 64

/* Properties of the endpoint: out only. */
struct paimon_soft_info {
	__u32 size;
	__u32 flags;   /* out: PAIMON_SOFT_IMMEDIATE, PAIMON_SOFT_DEBUG */
	__u32 devices; /* out: number of devices, soft0 to soft<devices - 1> */
	__u32 depth;   /* out: maximum of outstanding requests of a device */
};
#define PAIMON_SOFT_IMMEDIATE (1u << 0) /* faults are handled when they arrive */
#define PAIMON_SOFT_DEBUG (1u << 1)	/* PAIMON_SOFT_FAIL_ALLOC is allowed */

/*
 * Binds the caller's address space to a new PASID. The PASID is valid on all
 * devices, for requests through this open file; in a child after fork it still
 * refers to the parent's address space. The binding ends with UNBIND, with the
 * last close, or with exit or exec of the bound process. BIND: -ENOSPC if no
 * PASID is free. UNBIND waits for queued requests; -ENOENT if the PASID does not
 * belong, or no longer belongs, to this open file.
 */
struct paimon_soft_bind {
	__u32 size;
	__u32 flags; /* in: 0 */
	__u32 pasid; /* out for BIND, in for UNBIND: 1 to 0xfffff */
	__u32 reserved;
};

/* One page request. A request with LAST but without READ and WRITE is a PASID
 * stop marker: it is dropped and never answered (c10). */
struct paimon_soft_request {
	__u64 addr;
	__u32 device;
	__u32 pasid;
	__u32 grpid; /* any but PAIMON_IOPF_ALL_GROUPS */
	__u32 perm;  /* enum paimon_iopf_perm */
	__u32 flags; /* enum paimon_iopf_flag */
	__u32 reserved;
};

/*
 * Queues an array of requests, in order, and stops at the first that fails.
 * done: the number of requests taken, including dropped stop markers; written in
 * every case except -EFAULT on the header. Returns 0 if all were taken, else
 *   -EOVERFLOW  the device has depth requests and unread responses outstanding:
 *               this request is lost and all partial groups of all devices are
 *               discarded, as after an overflow of a PCIe page-request queue
 *   -ENOMEM     no memory for the request (c9) or for its group (c8)
 *   -EINVAL     invalid device, perm, flags or grpid
 * If the queue refuses the last request of a group with -ENOMEM, the endpoint
 * answers the group with FAILURE, as a driver does.
 */
struct paimon_soft_submit {
	__u32 size;
	__u32 flags;	/* in: 0 */
	__u32 nr;	/* in: 0 to PAIMON_SOFT_MAX_REQUESTS */
	__u32 done;	/* out */
	__u64 requests; /* in: address of nr struct paimon_soft_request */
};

/*
 * read(2) returns one or more whole records; -EINVAL if the buffer is too small
 * for one. It blocks until there is one unless O_NONBLOCK is set; poll(2) is
 * supported. A response goes to one reader of the open file that sent the group.
 */
struct paimon_soft_response {
	__u32 device;
	__u32 grpid;
	__u32 pasid;	/* 0 unless flags has PASID_VALID */
	__u32 flags;	/* PAIMON_IOPF_PASID_VALID or 0 (c7) */
	__u32 code;	/* enum paimon_iopf_code */
	__u32 requests; /* number of requests in the group */
};

/* The module's own counts for one device since it was loaded. */
struct paimon_soft_stats {
	__u32 size;
	__u32 flags;	    /* in: 0 */
	__u32 device;	    /* in */
	__u32 outstanding;  /* out: requests taken and responses not yet read */
	__u64 requests[8];  /* out: accepted, by perm & (READ | WRITE | EXEC) */
	__u64 responses[4]; /* out: by code; the last is unused */
	__u64 discarded[4]; /* out: requests by enum paimon_iopf_reason; the last is unused */
	__u64 overflows;    /* out: requests lost because the device was full */
	__u64 stop_markers; /* out: dropped */
	__u64 refused;	    /* out: requests that the queue refused (-ENOMEM) */
};

/* Makes the nth allocation of the queue from now on fail once (1: the next), to
 * test c8 and c9; 0 cancels. -EPERM unless a debug build of the module was loaded
 * with debug=1. */
struct paimon_soft_fail {
	__u32 size;
	__u32 nth;
};

/*
 * Executes an NNPA function count times on the CPU that the caller runs on. As on
 * the hardware, it is counted only if the PMU pai_ext counts on that CPU. Function
 * 0 uses counter 0, which no event includes (a12). -EINVAL: no such function;
 * -ENODEV: the module was loaded without the unit.
 */
struct paimon_soft_nnpa {
	__u32 size;
	__u32 flags;	/* in: 0 */
	__u32 function; /* in: number of its counter */
	__u32 cpu;	/* out: the CPU used */
	__u64 count;	/* in */
	__u64 counted;	/* out: count, or 0 if counting is off */
};

/*
 * The software system PMUs, 0 to the parameter cspmu - 1. Each has the registers of a
 * CoreSight PMU, at the offsets of paimon/cspmu.h, which its driver programs.
 */
#define PAIMON_SOFT_MAX_CSPMU 16
#define PAIMON_SOFT_CSPMU_CYCLES 0xffffffffu /* in place of an event: the cycle counter */

/*
 * An event occurs count times, at the ports of the bitmap; 0: at no port in particular.
 * Each enabled counter that is programmed with the event advances, unless ports and its
 * filter register have no bit in common. With PAIMON_SOFT_CSPMU_CYCLES the cycle counter
 * advances. When a counter has overflowed, the call waits until the driver has handled
 * that. -EINVAL: no such device; -EINTR: a signal ended the call; done tells how many have
 * occurred, in every case except -EFAULT.
 */
struct paimon_soft_cspmu_count {
	__u32 size;
	__u32 flags;  /* in: 0 */
	__u32 device; /* in */
	__u32 event;  /* in */
	__u64 count;  /* in */
	__u64 done;   /* out */
	__u32 ports;  /* in */
	__u32 reserved;
};

/* Reads a register without any effect; the value is that of 32 bits. -EINVAL: no such
 * device, or the offset is not that of a register. */
struct paimon_soft_cspmu_register {
	__u32 size;
	__u32 flags;  /* in: 0 */
	__u32 device; /* in */
	__u32 offset; /* in */
	__u32 value;  /* out */
	__u32 reserved;
};

/*
 * Makes reads of counters go wrong, from the next one on. torn: after each of so many
 * reads of one half of an enabled 64-bit counter, it counts on until its lower half has
 * wrapped; these counts are in the record. failing: so many reads of a counter, or of a
 * half of it, fail. Both replace what is left of an earlier call. -EPERM unless a debug
 * build of the module was loaded with debug=1.
 */
struct paimon_soft_cspmu_fault {
	__u32 size;
	__u32 flags;  /* in: 0 */
	__u32 device; /* in */
	__u32 torn;
	__u32 failing;
	__u32 reserved;
};

/* Takes the device out of the machine (present 0), or puts it back in (1) as it was when
 * the module was loaded, except for its record. -EBUSY: a perf event of it is open;
 * -EALREADY: it is as asked for. */
struct paimon_soft_cspmu_plug {
	__u32 size;
	__u32 flags;  /* in: 0 */
	__u32 device; /* in */
	__u32 present;
};

/*
 * What a device has counted since the module was loaded, whatever was written to its
 * counters: one entry for each event and value of the filter register. Mapped read-only:
 * mmap(2) of one page at offset device times the page size. nr grows after its entry is
 * complete. lost: counts that found no entry.
 */
#define PAIMON_SOFT_CSPMU_ENTRIES 252
struct paimon_soft_cspmu_entry {
	__u32 event;
	__u32 filter;
	__u64 count;
};
struct paimon_soft_cspmu_record {
	__u32 size;
	__u32 nr;
	__u64 overflows;  /* counters that wrapped around */
	__u64 interrupts; /* that the driver handled */
	__u64 torn;	  /* reads that went wrong as asked for */
	__u64 failed;
	__u64 lost;
	__u64 reserved[2];
	struct paimon_soft_cspmu_entry entries[PAIMON_SOFT_CSPMU_ENTRIES];
};

#define PAIMON_SOFT_IOC 0xB7
#define PAIMON_SOFT_INFO _IOWR(PAIMON_SOFT_IOC, 0, struct paimon_soft_info)
#define PAIMON_SOFT_BIND _IOWR(PAIMON_SOFT_IOC, 1, struct paimon_soft_bind)
#define PAIMON_SOFT_UNBIND _IOW(PAIMON_SOFT_IOC, 2, struct paimon_soft_bind)
#define PAIMON_SOFT_SUBMIT _IOWR(PAIMON_SOFT_IOC, 3, struct paimon_soft_submit)
#define PAIMON_SOFT_STATS _IOWR(PAIMON_SOFT_IOC, 4, struct paimon_soft_stats)
#define PAIMON_SOFT_FAIL_ALLOC _IOW(PAIMON_SOFT_IOC, 5, struct paimon_soft_fail)
#define PAIMON_SOFT_NNPA _IOWR(PAIMON_SOFT_IOC, 6, struct paimon_soft_nnpa)
#define PAIMON_SOFT_CSPMU_COUNT _IOWR(PAIMON_SOFT_IOC, 7, struct paimon_soft_cspmu_count)
#define PAIMON_SOFT_CSPMU_REGISTER _IOWR(PAIMON_SOFT_IOC, 8, struct paimon_soft_cspmu_register)
#define PAIMON_SOFT_CSPMU_FAULT _IOW(PAIMON_SOFT_IOC, 9, struct paimon_soft_cspmu_fault)
#define PAIMON_SOFT_CSPMU_PLUG _IOW(PAIMON_SOFT_IOC, 10, struct paimon_soft_cspmu_plug)

/*
 * SET replaces the configuration of an open perf event of a PMU of paimon, without closing or
 * disabling it: its count goes on. The values have the meaning of config1 to config3 in the
 * PMU's format/; all three are replaced, not merged (e4). GET returns those in force. The
 * attributes that the event was opened with stay as they were.
 *   -EBADF       no such descriptor
 *   -EOPNOTSUPP  not an event of a PMU that can be configured (e1, e8)
 *   -EINVAL      size, flags or reserved, or a value that the PMU does not have
 *   -EBUSY       another event uses what all counters of the device share
 *   -ENOMEM
 * After an error the old configuration is in force (e2).
 */
struct paimon_drv_config {
	__u32 size;
	__u32 flags;	/* in: 0 */
	__s32 fd;	/* in: of the perf event */
	__u32 reserved; /* in: 0 */
	__u64 config1;	/* in for SET, out for GET, and so are the others */
	__u64 config2;
	__u64 config3;
};

#define PAIMON_DEVICE "/dev/paimon"
#define PAIMON_IOC 0xB8
#define PAIMON_SET_DRV_CONFIG _IOW(PAIMON_IOC, 0, struct paimon_drv_config)
#define PAIMON_GET_DRV_CONFIG _IOWR(PAIMON_IOC, 1, struct paimon_drv_config)

#define PAIMON_ASSERT_SIZE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), #type " is shared with the kernel")
PAIMON_ASSERT_SIZE(struct paimon_soft_info, 16);
PAIMON_ASSERT_SIZE(struct paimon_soft_bind, 16);
PAIMON_ASSERT_SIZE(struct paimon_soft_request, 32);
PAIMON_ASSERT_SIZE(struct paimon_soft_submit, 24);
PAIMON_ASSERT_SIZE(struct paimon_soft_response, 24);
PAIMON_ASSERT_SIZE(struct paimon_soft_stats, 168);
PAIMON_ASSERT_SIZE(struct paimon_soft_fail, 8);
PAIMON_ASSERT_SIZE(struct paimon_soft_nnpa, 32);
PAIMON_ASSERT_SIZE(struct paimon_drv_config, 40);
PAIMON_ASSERT_SIZE(struct paimon_soft_cspmu_count, 40);
PAIMON_ASSERT_SIZE(struct paimon_soft_cspmu_register, 24);
PAIMON_ASSERT_SIZE(struct paimon_soft_cspmu_fault, 24);
PAIMON_ASSERT_SIZE(struct paimon_soft_cspmu_plug, 16);
PAIMON_ASSERT_SIZE(struct paimon_soft_cspmu_record, 4096);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls of /dev/paimon-mock: paimon_mock.c and hook-test.c. */
#ifndef PAIMON_MOCK_H
#define PAIMON_MOCK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MOCK_MAX_REQUESTS 16

/* Groups from this number on are left pending by the mock's handler, from Linux 6.9 on:
 * the kernel answers them when the device goes. The ioctl does not wait. */
#define MOCK_HELD 50000

/* A group of page requests, reported one by one; answered when the ioctl returns. */
struct mock_group {
	__u32 pasid;
	__u32 grpid; /* below 65536, and in nobody else's use */
	__u32 nr;
	__u32 open; /* without a last request: the ioctl does not wait */
	struct {
		__u64 addr;
		__u32 perm;
		__s32 result; /* out: of iommu_report_device_fault() */
	} requests[MOCK_MAX_REQUESTS];
	__u32 code;    /* out: the response */
	__u32 by_user; /* of a PASID of MOCK_BIND_USER: the ioctl does not wait */
};

/* The calling process' PASID. */
#define MOCK_BIND _IOR('M', 1, __u32)
#define MOCK_GROUP _IOWR('M', 2, struct mock_group)
/* iopf_queue_flush_dev(); discard of all partial faults; off the queue and on again. */
#define MOCK_FLUSH _IO('M', 3)
#define MOCK_DISCARD _IO('M', 4)
#define MOCK_REMOVE _IO('M', 5)

/* An answer to a group of a PASID of MOCK_BIND_USER. */
struct mock_answer {
	__u32 grpid;
	__u32 code;
};

/*
 * As iommufd does it, from Linux 6.9 on: the groups of this PASID wait until the process that has
 * bound it answers them, or closes the file: then they are invalid.
 */
#define MOCK_BIND_USER _IOR('M', 6, __u32)
#define MOCK_ANSWER _IOW('M', 7, struct mock_answer)

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The function of the kernel's own I/O page fault handler that takes a group from the queue. Its
 * argument is the work in the group. paimon.ko and paimond probe it by name.
 */
#ifndef PAIMON_IOPF_WORKER_H
#define PAIMON_IOPF_WORKER_H

/*
 * The names it has had, the oldest first: kernels from 6.2 to 6.8 also have another function
 * with the last name.
 */
#define PAIMON_IOPF_WORKERS                              \
	"iopf_handle_group",		/* 6.1 */        \
		"iopf_handler",		/* 6.2 to 6.8 */ \
		"iommu_sva_handle_iopf" /* 6.9 and later */

#endif

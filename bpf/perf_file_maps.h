/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Properties of perf events of which the daemon has descriptors, as found by
 * bpf/perf_file.bpf.c. They are valid for one inspection only.
 */
#ifndef PAIMON_BPF_PERF_FILE_MAPS_H
#define PAIMON_BPF_PERF_FILE_MAPS_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#define PERF_FILE_MAX 64 /* descriptors in one inspection */

/* Element of perf_files, by descriptor. */
struct perf_file {
	__u64 config[4];
	__u32 pmu_type;	 /* of its PMU; attr.type may have been rewritten, or be generic */
	__u32 attr_type; /* 0 and 3 are generic: config is then not that of the PMU */
	__s32 cpu;
	__u8 seen; /* 0: the other members are not set */
	__u8 task; /* counts for a task, not for a CPU */
	__u8 mapped;
	__u8 inherit;
	__u8 dead;
	__u8 detached; /* not on the list of a CPU: its CPU was offline */
	__u8 cgroup;   /* counts for a cgroup */
	__u8 excluded; /* by bit: user, kernel, hypervisor, guests, the host, idle */
	__u8 revoked;  /* its PMU was unregistered: type and name are not set */
	__u8 faults; /* the kernel faults if it is read through a map after its PMU was unregistered
		      */
	__u8 unused[2];
	char pmu[32];
};

#endif

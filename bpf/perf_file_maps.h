/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bpf/perf_file.bpf.c says of perf events that the daemon has descriptors of.
 * Nothing of it outlives a look.
 */
#ifndef PAIMON_BPF_PERF_FILE_MAPS_H
#define PAIMON_BPF_PERF_FILE_MAPS_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#define PERF_FILE_MAX 64 /* descriptors in one look */

/* Element of perf_files, by descriptor. */
struct perf_file {
	__u64 config[4];
	__u32 pmu_type;	 /* which PMU it is on; attr.type may have been rewritten, or generic */
	__u32 attr_type; /* 0 and 3 are generic: config is then not the PMU's */
	__s32 cpu;
	__u8 seen; /* 0: all else is unset */
	__u8 task; /* counts for a task, not for its CPU */
	__u8 mapped;
	__u8 inherit;
	__u8 dead;
	__u8 detached; /* on no CPU's list: its CPU was off */
	__u8 cgroup;   /* counts for a cgroup */
	__u8 excluded; /* by bit: user, kernel, hypervisor, guests, the host, idle */
	__u8 revoked;  /* its PMU was unregistered: there is no type, nor name */
	__u8 faults;   /* the kernel faults where it is read in a map after its PMU has gone */
	__u8 unused[2];
	char pmu[32];
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process_* metrics of the daemon itself, as in every Prometheus client, from
 * /proc/self.
 */
#ifndef PAIMON_PROCESS_H
#define PAIMON_PROCESS_H

#include <stdint.h>

#include "../model/snapshot.h"

struct process {
	uint64_t resident_bytes;
	uint64_t virtual_bytes;
	uint64_t descriptors;
	uint64_t descriptors_max;
};

/* 0 or a negative errno. */
int process_measure(struct process *ret_process);

/* Adds the metrics. 0 or a negative errno. */
int process_read(struct snapshot *snapshot);

#endif

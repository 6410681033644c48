/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the IOPF source share: iopf.c attaches and detaches,
 * iopf_read.c reads, replay.c feeds.
 */
#ifndef PAIMON_IOPF_SOURCE_H
#define PAIMON_IOPF_SOURCE_H

#include <stdint.h>

#include "iopf.h"
#include "iopf.skel.h"

struct snapshot;
struct source;

/* The data of an attached source. */
struct iopf {
	struct iopf_bpf *bpf;
	int links[IOPF_NR_PROGRAMS];
	uint32_t max_devices;
	const struct iopf_device *devices;
	struct iopf_slot *slots;
	struct iopf_state *state;
};

/* Adds all points of the source: source_ops.read. 0 or a negative errno. */
int iopf_read(struct source *source, struct snapshot *snapshot);

/*
 * Runs a dispatcher on made-up arguments, those of its tracepoint, through
 * test_run on the live kernel. 0 or a negative errno.
 */
int iopf_source_run(struct source *source, enum iopf_program program, uint64_t args[8]);

#endif

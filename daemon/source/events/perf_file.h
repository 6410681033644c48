/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verifies descriptors from other processes before they are used, by running
 * bpf/perf_file.bpf.c on the files of this thread. The program is loaded at its first
 * use, so that it costs nothing if nothing is handed over.
 *
 * Called by the source of events, on the daemon's one thread, always the same one.
 */
#ifndef PAIMON_PERF_FILE_H
#define PAIMON_PERF_FILE_H

#include <stddef.h>

#include "../../util/cleanup.h"
#include "perf_file_maps.h"

struct inspect;

/* 0, or a negative errno and *ret_error (to be freed; NULL: out of memory) says why. */
int inspect_new(struct inspect **ret_inspect, char **ret_error);
struct inspect *inspect_free(struct inspect *inspect);

/*
 * Inspects 1 to PERF_FILE_MAX descriptors, which remain the caller's. 0 with their properties, or
 * a negative errno with *ret_error: -EBADF (one is not a perf event).
 */
int inspect_look(struct inspect *inspect, const int *fds, size_t nr, struct perf_file *ret_files,
		 char **ret_error);

#endif

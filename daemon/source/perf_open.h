/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens perf events. If the kernel does not permit this to paimond (Debian's
 * kernel.perf_event_paranoid = 3; tracefs is readable by root only), paimon-opener does
 * it, if its socket exists (opener/opener.h). Called by the sources, on the daemon's one
 * thread.
 */
#ifndef PAIMON_PERF_OPEN_H
#define PAIMON_PERF_OPEN_H

#include <stdint.h>

/* Opens an event that counts everything on a CPU. attr: a struct perf_event_attr, of a kernel
 * that may be newer than the headers. Returns a descriptor owned by the caller, or the kernel's
 * negative errno; -ETIMEDOUT: paimon-opener does not answer, try again later. */
int perf_open(const void *attr, int cpu);

/*
 * Between the two, perf_open() opens a series of events of one CPU on this CPU, where this thread
 * may run there (util/affinity.h). Each CPU should have all its events in one series. The end
 * restores where this thread may run. Neither nests.
 */
void perf_open_begin(void);
void perf_open_end(void);

/* kernel.perf_event_paranoid; 0 if it cannot be read. Above 2, kernels of Debian and Ubuntu may
 * require more than CAP_PERFMON to open perf events. */
int perf_paranoid(void);

/*
 * The number of the tracepoint system:event on this kernel. events: NULL, or a directory that a
 * test uses instead of tracefs; then paimon-opener is not asked. 0 or a negative errno: -EINVAL
 * (not a valid name), -ENOENT (no such tracepoint, or no tracefs), -EACCES (not permitted for this
 * user), -ETIMEDOUT as above.
 */
int perf_open_tracepoint(const char *events, const char *text, uint64_t *ret_id);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpaimon(3): hands perf events over to paimond, which keeps them counting after the
 * process has ended, and gets descriptors of kept events. Each call uses its own
 * connection to the hand-off socket and waits up to 30 seconds. Any thread.
 */
#ifndef PAIMON_H
#define PAIMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Hands over 1 to 64 perf events, the same event on different CPUs, to be kept as one event.
 * The descriptors still belong to the caller, which may close them. name: NULL for a generated
 * one. 0 or a negative errno.
 */
int paimon_unclaim(const int *fds, size_t nr, const char *name, uint64_t *ret_id);

/* Returns a new descriptor (close-on-exec) of a kept event on a CPU, or a negative errno. */
int paimon_open(uint64_t id, unsigned int cpu);

/* Releases an event: it ends when its last descriptor is closed. 0 or a negative errno. */
int paimon_claim(uint64_t id);

/* Why the last call of this thread failed, and the next step; valid until the next call. */
const char *paimon_error(void);

#ifdef __cplusplus
}
#endif

#endif

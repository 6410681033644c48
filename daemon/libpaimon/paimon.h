/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpaimon(3): has paimond keep perf events counting when their process is gone, and
 * gets at kept ones. Each call is a connection of its own to the hand-off socket, waits
 * up to 30 seconds, and may be made from any thread.
 */
#ifndef PAIMON_H
#define PAIMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Has paimond keep 1 to 64 perf events, the same event on one CPU each, as one event. The
 * descriptors stay the caller's, and may be closed. name: NULL for one that is made up.
 * 0 or a negative errno.
 */
int paimon_unclaim(const int *fds, size_t nr, const char *name, uint64_t *ret_id);

/* A new descriptor, close-on-exec, of a kept event on a CPU, or a negative errno. */
int paimon_open(uint64_t id, unsigned int cpu);

/* Keeps an event no longer: it ends with the last of its descriptors. 0 or a negative errno. */
int paimon_claim(uint64_t id);

/* Why the latest call of this thread failed, and what to do; until the next one. */
const char *paimon_error(void);

#ifdef __cplusplus
}
#endif

#endif

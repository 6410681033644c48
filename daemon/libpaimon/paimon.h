/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpaimon(3): hands perf events over to paimond, which keeps them counting after the
 * process has ended, and gets descriptors of kept events. Each of these calls uses its own
 * connection to the hand-off socket and waits up to 30 seconds. Changes perf events that count,
 * through /dev/paimon, without paimond. Any thread.
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

/*
 * Replaces config1 to config3 of a perf event while it counts; its count continues. fd: of a PMU
 * whose driver is paimon's. 0 or a negative errno, and nothing has changed: -EOPNOTSUPP and -ENODEV
 * mean that the event has to be opened anew instead.
 */
int paimon_configure(int fd, const uint64_t config[3]);

/* Gets config1 to config3 in force. 0 or a negative errno. */
int paimon_configuration(int fd, uint64_t ret_config[3]);

/* Why the last call of this thread failed, and the next step; valid until the next call. */
const char *paimon_error(void);

#ifdef __cplusplus
}
#endif

#endif

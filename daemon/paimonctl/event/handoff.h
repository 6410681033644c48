/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of `paimonctl event` that uses the hand-off socket: descriptors of perf events,
 * to paimond and back. The socket is the default one, or that in PAIMON_HANDOFF.
 */
#ifndef PAIMONCTL_HANDOFF_H
#define PAIMONCTL_HANDOFF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct context;

/*
 * event adopt --pid P --fd F: hands over to paimond the perf events that process pid has open
 * as descriptors numbers, one per CPU, and prints their id. name: NULL for a generated one.
 * Returns an exit code, after a message if it is not EXIT_DONE.
 */
int handoff_adopt(const struct context *context, pid_t pid, const int *numbers, size_t nr,
		  const char *name);

/*
 * event exec ID -- CMD: runs a command with the descriptors of a kept event, one per CPU, from
 * 3 on as for sd_listen_fds(3), with names cpu0, cpu1, ... Returns only on failure: an exit
 * code, after a message.
 */
int handoff_exec(struct context *context, uint64_t id, char *const *command);

#endif

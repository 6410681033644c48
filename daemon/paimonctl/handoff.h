/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of `paimonctl event` goes over the hand-off socket: descriptors of perf events,
 * to paimond and back. The socket is the default one, or PAIMON_HANDOFF's.
 */
#ifndef PAIMONCTL_HANDOFF_H
#define PAIMONCTL_HANDOFF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct context;

/*
 * event adopt --pid P --fd F: has paimond keep perf events that process pid has open as
 * descriptors numbers, one a CPU, and prints their id. name: NULL for one that is made up.
 * An exit code, after a message where it is not EXIT_DONE.
 */
int handoff_adopt(const struct context *context, pid_t pid, const int *numbers, size_t nr,
		  const char *name);

/*
 * event exec ID -- CMD: runs a command that has the descriptors of a kept event, one a CPU
 * from 3 on, as sd_listen_fds(3) has them; their names are cpu0, cpu1, ... Returns only if
 * that fails: an exit code, after a message.
 */
int handoff_exec(struct context *context, uint64_t id, char *const *command);

#endif

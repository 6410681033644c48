/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Only one daemon per state_dir: a lock on the directory, which the kernel releases
 * when the process ends.
 */
#ifndef PAIMON_LOCK_H
#define PAIMON_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Returns a descriptor that holds the lock, or a negative errno. On -EWOULDBLOCK
 * *ret_holder is the PID of the holder, or 0 if it is unknown.
 */
int lock_folder(const char *path, pid_t *ret_holder);

/* Is a descriptor, or a negative number, of the directory that is at this path now? */
bool lock_is_of(int fd, const char *path);

#endif

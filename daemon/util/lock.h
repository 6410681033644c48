/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One daemon for each state_dir: a lock on the folder, which ends with the
 * process however it ends.
 */
#ifndef PAIMON_LOCK_H
#define PAIMON_LOCK_H

#include <sys/types.h>

/*
 * Returns a descriptor that holds the lock, or a negative errno; on -EWOULDBLOCK
 * *ret_holder is who holds it, 0 if that cannot be known.
 */
int lock_folder(const char *path, pid_t *ret_holder);

#endif

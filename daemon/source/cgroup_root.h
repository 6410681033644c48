/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_CGROUP_ROOT_H
#define PAIMON_CGROUP_ROOT_H

/* Opens the root directory of cgroup v2, or returns -ENOENT. A container sees only a part of it:
 * the real root has inode number 1. The caller owns the descriptor. */
int cgroup_root_open(void);

#endif

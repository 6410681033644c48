/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_CGROUPS_H
#define PAIMON_CGROUPS_H

struct snapshot;

/* Adds paimon_cgroup_info: a point for each value of the label cgroup in the snapshot, which says
 * what the path means (util/cgroup_path.h). 0 or -ENOMEM. */
int cgroups_add_info(struct snapshot *snapshot);

#endif

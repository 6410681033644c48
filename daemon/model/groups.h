/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The points of a metric, summed by some of its labels: page requests by device, whatever their
 * access. Only public metrics, so that nothing made of groups names a process. Any thread.
 */
#ifndef PAIMON_GROUPS_H
#define PAIMON_GROUPS_H

#include "../util/cleanup.h"
#include "snapshot.h"

#define GROUP_LABELS 3

struct group {
	const char *labels[GROUP_LABELS]; /* values; "": the point does not have the label */
	double total;			  /* of a histogram the number of observations */
	uint64_t *cells;		  /* of a histogram, or NULL */
};

struct groups {
	const struct metric *metric; /* NULL: there are no points */
	struct group *all;	     /* in the order of their labels */
	size_t nr;
	uint64_t *cells;
};

/* by: up to GROUP_LABELS names of labels, then NULL. The snapshot must outlive the groups, which
 * groups_clear() frees. A metric that is absent or not public has none. 0 or -ENOMEM. */
int groups_make(const struct snapshot *snapshot, const char *metric, const char *const *by,
		struct groups *ret_groups);
void groups_clear(struct groups *groups);

#endif

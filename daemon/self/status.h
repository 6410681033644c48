/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics and status of paimond itself: version, reloads, scrapes, process and cost.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SELF_STATUS_H
#define PAIMON_SELF_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "../model/snapshot.h"
#include "../model/status.h"
#include "cost.h"

#define SELF "self" /* the name for collect[], in addition to those of sources */

struct self {
	bool last_reload_successful;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint64_t scrape_ns;  /* time that the latest snapshot took */
	char machine[sizeof(((struct utsname *)0)->machine)];
	struct cost cost; /* the daemon calls cost_init() */
};

void self_init(struct self *ret_self);

/* Adds the metrics. 0 or -ENOMEM. */
int self_read(struct self *self, struct snapshot *snapshot);

/* Fills in the members about paimond itself, such as the version. */
void self_status(const struct self *self, struct status *status);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What paimond says of itself, beside its sources: which one it is, how its configuration and
 * its scrapes do, its process and its cost.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SELF_STATUS_H
#define PAIMON_SELF_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "../model/snapshot.h"
#include "../util/json.h"
#include "cost.h"

#define SELF "self" /* the name, beside those of sources, of what paimond says of itself */

struct self {
	bool last_reload_successful;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint64_t scrape_ns;  /* how long the latest snapshot took */
	char machine[sizeof(((struct utsname *)0)->machine)];
	struct cost cost; /* cost_init() is the daemon's */
};

void self_init(struct self *ret_self);

/* Adds the metrics. 0 or -ENOMEM. */
int self_read(struct self *self, struct snapshot *snapshot);

/* Adds to /v1/status which paimond this is. */
void self_status(const struct self *self, struct json *json);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Frames at intervals without a screen, for top -b and stat. */
#ifndef PAIMONCTL_INTERVAL_H
#define PAIMONCTL_INTERVAL_H

#include "command.h"

struct interval {
	double seconds;
	unsigned long frames; /* 0: no limit */
};

/* Parses -n and -d of a command line; 0, or EXIT_USAGE after a message. */
int interval_take(struct interval *interval, int option, const char *value);

/*
 * At the end of each interval, calls frame with two answers of /v1/snapshot, before
 * and now; frame returns an exit code. While the daemon is away, frames pass without
 * a call, so that -n ends in any case; the first answer after that is the new before.
 * Returns the exit code of the last frame.
 */
int interval_run(struct context *context, const struct interval *interval,
		 int (*frame)(struct context *context, struct json_object *before,
			      struct json_object *now, void *user),
		 void *user);

#endif

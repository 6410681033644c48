/* SPDX-License-Identifier: GPL-2.0 */
/* Frames at an interval without a screen: what top -b and stat have in common. */
#ifndef PAIMONCTL_INTERVAL_H
#define PAIMONCTL_INTERVAL_H

#include "command.h"

struct interval {
	double seconds;
	unsigned long frames; /* 0: no limit */
};

/* Takes -n and -d of a command line; 0 or EXIT_USAGE after a message. */
int interval_take(struct interval *interval, int option, const char *value);

/*
 * Calls frame with two answers of /v1/snapshot, before and now, at the end of
 * each interval; it returns an exit code. A daemon that goes away takes frames
 * without a call, so that -n ends in any case; the first answer after that is
 * where counting begins again. Returns the exit code of the last frame.
 */
int interval_run(struct context *context, const struct interval *interval,
		 int (*frame)(struct context *context, struct json_object *before,
			      struct json_object *now, void *user),
		 void *user);

#endif

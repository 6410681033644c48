/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A synthetic load for machines without devices: a seeded scenario of page requests on
 * three devices, and of NNPA functions executed by processes. Every event is run through
 * the real programs on the live kernel. Times are real: a group that is answered after a
 * millisecond was in flight for a millisecond.
 */
#ifndef PAIMON_REPLAY_H
#define PAIMON_REPLAY_H

#include <systemd/sd-event.h>

struct replay;
struct source;

/* Feeds the attached sources; rate in groups per second. 0 or a negative errno. */
int replay_new(struct source *iopf, struct source *pai, sd_event *event, double rate,
	       struct replay **ret_replay);
struct replay *replay_free(struct replay *replay);

#endif

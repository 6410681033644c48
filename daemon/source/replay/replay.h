/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A synthetic load for machines without devices: a seeded scenario, of which each source plays
 * its part. Every event is run through the real programs on the live kernel.
 */
#ifndef PAIMON_REPLAY_H
#define PAIMON_REPLAY_H

#include <stddef.h>
#include <systemd/sd-event.h>

struct replay;
struct source;

/*
 * Has the sources play their synthetic input (source_ops.play); rate in groups of page requests
 * per second. They and event must outlive it. 0, or a negative errno; -ENOTSUP: one of those that
 * play is not up.
 */
int replay_new(struct source *sources, size_t nr_sources, sd_event *event, double rate,
	       struct replay **ret_replay);
struct replay *replay_free(struct replay *replay);

#endif

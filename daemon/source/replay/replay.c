// SPDX-License-Identifier: GPL-2.0
#include "replay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/log.h"
#include "../source.h"
#include "dice.h"

#define SEED 0x9a1e04ULL
#define TICK_USEC 2000

struct replay {
	struct source *sources;
	size_t nr_sources;
	double rate;
	sd_event_source *timer;
	struct dice dice;
	bool failed[]; /* of each source */
};

static int on_tick(sd_event_source *timer, uint64_t usec, void *data)
{
	struct replay *replay = data;

	for (size_t i = 0; i < replay->nr_sources; i++) {
		struct source *source = &replay->sources[i];
		int r;

		if (!source->ops->play || source->state != SOURCE_UP)
			continue;
		r = source->ops->play(source, &replay->dice, replay->rate);
		if (r < 0 && !replay->failed[i])
			log_error("replay: cannot run a program of %s: %s", source->ops->name,
				  strerror(-r));
		replay->failed[i] = r < 0;
	}
	return sd_event_source_set_time_relative(timer, TICK_USEC);
}

static int check_sources(const struct source *sources, size_t nr_sources)
{
	for (size_t i = 0; i < nr_sources; i++)
		if (sources[i].ops->play && sources[i].state != SOURCE_UP) {
			log_error(
				"cannot replay without the source %s (paimonctl check shows what is missing)",
				sources[i].ops->name);
			return -ENOTSUP;
		}
	return 0;
}

int replay_new(struct source *sources, size_t nr_sources, sd_event *event, double rate,
	       struct replay **ret_replay)
{
	struct replay *replay;
	int r = check_sources(sources, nr_sources);

	if (r < 0)
		return r;
	replay = calloc(1, sizeof(*replay) + nr_sources * sizeof(*replay->failed));
	if (!replay)
		return -ENOMEM;
	replay->sources = sources;
	replay->nr_sources = nr_sources;
	replay->rate = rate;
	replay->dice = (struct dice){SEED};
	r = sd_event_add_time_relative(event, &replay->timer, CLOCK_MONOTONIC, TICK_USEC, 1,
				       on_tick, replay);
	if (r >= 0)
		r = sd_event_source_set_enabled(replay->timer, SD_EVENT_ON);
	if (r < 0) {
		replay_free(replay);
		return r;
	}
	*ret_replay = replay;
	return 0;
}

struct replay *replay_free(struct replay *replay)
{
	if (!replay)
		return NULL;
	sd_event_source_disable_unref(replay->timer);
	free(replay);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
#include "sources.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "config/config.h"
#include "model/cgroups.h"
#include "model/snapshot.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/log.h"

#define SOON_USEC 20000	 /* until a source that has set retry_soon is retried */
#define WAKE_USEC 250000 /* a source is woken at most once per this time */

#define SOURCE_ADDRESS(name) &name##_source,
static const struct source_ops *const source_table[] = {SOURCES(SOURCE_ADDRESS)};

static const struct metric metric_source_up = {
	.name = "paimon_source_up",
	.help = "1 if the source counts, 0 if it has failed.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_source_info = {
	.name = "paimon_source_info",
	.help = "Backend of a source; always 1.",
	.type = METRIC_INFO,
};
static const struct metric metric_source_attached = {
	.name = "paimon_source_attached_timestamp_seconds",
	.help = "When this daemon attached or adopted the source.",
	.type = METRIC_GAUGE,
};

struct source *sources_find(struct sources *sources, const struct source_ops *ops)
{
	size_t i = 0;

	while (sources->all[i].ops != ops)
		i++;
	return &sources->all[i];
}

static enum source_wanted wanted(const struct sources *sources, const struct source *source)
{
	if (sources->replay)
		return source->ops->play ? SOURCE_YES : SOURCE_NO;
	return source->ops->wanted(sources->config);
}

static int on_wake(sd_event_source *event_source, int fd, uint32_t events, void *data)
{
	struct source *source = data;

	source->ops->woken(source);
	return 0;
}

static void source_listen(struct sources *sources, struct source *source)
{
	int fd = source->ops->wake_fd ? source->ops->wake_fd(source) : -ENOENT;
	int r = fd < 0 ? 0
		       : sd_event_add_io(sources->event, &source->wake, fd, EPOLLIN, on_wake,
					 source);

	if (fd >= 0 && r >= 0)
		r = sd_event_source_set_ratelimit(source->wake, WAKE_USEC, 1);
	if (r < 0)
		log_warning("%s: cannot be woken: %s", source->ops->name, strerror(-r));
}

static void source_start(struct sources *sources, struct source *source)
{
	char before[sizeof(source->reason)];
	int r;

	memcpy(before, source->reason, sizeof(before));
	source->reason[0] = '\0';
	/* A retry with the same result does not repeat its log messages. */
	if (before[0])
		log_hold();
	r = source->ops->probe(source);
	if (!r)
		r = source->ops->attach(source);
	if (r < 0 && !source->reason[0])
		source_fail(source, r, "%s", strerror(-r));
	log_release(!r || strcmp(before, source->reason));
	if (!r) {
		source->state = SOURCE_UP;
		source_listen(sources, source);
		source->attached_ns = clock_ns(CLOCK_REALTIME);
		log_info("%s: %s, %s", source->ops->name, source->backend,
			 source->replay	   ? "synthetic input"
			 : source->adopted ? "adopted, no event was missed"
					   : "attached");
		return;
	}
	source->state = r == -ENODEV && wanted(sources, source) == SOURCE_AUTO ? SOURCE_OFF
									       : SOURCE_FAILED;
	if (strcmp(before, source->reason))
		log_line(source->state == SOURCE_OFF ? LOG_LINE_INFO : LOG_LINE_ERROR, "%s: %s",
			 source->ops->name, source->reason);
}

static void source_stop(struct source *source, bool keep)
{
	source->wake = sd_event_source_disable_unref(source->wake);
	if (source->state == SOURCE_UP)
		source->ops->detach(source, keep);
	else if (!keep && !source->replay && source->ops->end_left)
		source->ops->end_left(source);
	source->state = SOURCE_OFF;
	source->reason[0] = '\0';
}

static void source_retry(struct source *source, bool soon)
{
	source->retry_soon = false;
	if (source->state == SOURCE_UP && source->ops->retry)
		source->ops->retry(source, soon);
}

static int on_soon(sd_event_source *timer, uint64_t usec, void *data);

/* If the timer cannot be set, they are retried with all others, some seconds later. */
static void retry_soon(struct sources *sources)
{
	bool soon = false;

	for (size_t i = 0; i < NR_SOURCES; i++)
		soon |= sources->all[i].retry_soon;
	if (soon && !sources->soon)
		sd_event_add_time_relative(sources->event, &sources->soon, CLOCK_MONOTONIC,
					   SOON_USEC, 1000, on_soon, sources);
}

static int on_soon(sd_event_source *timer, uint64_t usec, void *data)
{
	struct sources *sources = data;

	sources->soon = sd_event_source_disable_unref(sources->soon);
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].retry_soon)
			source_retry(&sources->all[i], true);
	retry_soon(sources);
	return 0;
}

static void start_sources(struct sources *sources)
{
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].state != SOURCE_UP &&
		    wanted(sources, &sources->all[i]) != SOURCE_NO)
			source_start(sources, &sources->all[i]);
	retry_soon(sources);
}

void sources_retry(struct sources *sources)
{
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].state == SOURCE_UP && sources->all[i].ops->outdated &&
		    sources->all[i].ops->outdated(&sources->all[i]))
			source_stop(&sources->all[i], false);
	for (size_t i = 0; i < NR_SOURCES; i++)
		source_retry(&sources->all[i], false);
	start_sources(sources);
}

void sources_start(struct sources *sources, sd_event *event, const struct config *config,
		   bool replay)
{
	sources->event = event;
	sources->config = config;
	sources->replay = replay;
	for (size_t i = 0; i < NR_SOURCES; i++)
		sources->all[i] = (struct source){
			.ops = source_table[i],
			.config = config,
			.replay = replay,
		};
	/* The configuration may have changed since the previous daemon: end what it kept for
	 * sources that are off now. */
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (wanted(sources, &sources->all[i]) == SOURCE_NO)
			source_stop(&sources->all[i], false);
	start_sources(sources);
}

void sources_add_restart(struct buffer *restart, const char *key)
{
	if (restart->size)
		buffer_add_string(restart, ", ");
	buffer_add_string(restart, key);
}

void sources_reload(struct sources *sources, const struct config *config, struct buffer *restart)
{
	sources->config = config;
	for (size_t i = 0; i < NR_SOURCES; i++) {
		struct source *source = &sources->all[i];

		source->config = config;
		if (wanted(sources, source) == SOURCE_NO)
			source_stop(source, false);
		else if (source->state == SOURCE_UP && source->ops->reload(source) < 0)
			log_warning("%s: %s", source->ops->name, source->reason);
		if (source->state == SOURCE_UP && source->ops->restart &&
		    source->ops->restart(source))
			sources_add_restart(restart, source->ops->restart(source));
	}
	start_sources(sources);
}

void sources_stop(struct sources *sources, bool keep)
{
	sources->soon = sd_event_source_disable_unref(sources->soon);
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].ops)
			source_stop(&sources->all[i], keep);
}

/* Snapshot and status */

static int add_source(struct snapshot *snapshot, const struct source *source)
{
	struct label labels[] = {{"source", source->ops->name}, {"backend", source->backend}};
	int r;

	if (source->state == SOURCE_OFF)
		return 0;
	r = snapshot_add_integer(snapshot, &metric_source_up, labels, 1,
				 source->state == SOURCE_UP);
	if (r < 0 || source->state != SOURCE_UP)
		return r;
	r = snapshot_add_integer(snapshot, &metric_source_info, labels, 2, 1);
	if (!r)
		r = snapshot_add_real(snapshot, &metric_source_attached, labels, 1,
				      source->attached_ns * 1e-9);
	return r;
}

bool sources_collected(const char *const *names, const char *name)
{
	for (const char *const *n = names; n && *n; n++)
		if (!strcmp(*n, name))
			return true;
	return !names;
}

int sources_check_names(const struct sources *sources, const char *const *names, const char *other,
			char **ret_error)
{
	char known[256] = "";

	for (size_t i = 0; i < NR_SOURCES; i++)
		list_add(known, sizeof(known), sources->all[i].ops->name);
	list_add(known, sizeof(known), other);
	for (const char *const *n = names; n && *n; n++) {
		bool found = !strcmp(*n, other);

		for (size_t i = 0; i < NR_SOURCES; i++)
			found |= !strcmp(*n, sources->all[i].ops->name);
		if (found)
			continue;
		if (asprintf(ret_error, "collect[]: unknown source %.64s (sources: %s)", *n,
			     known) < 0) {
			*ret_error = NULL;
			return -ENOMEM;
		}
		return -EINVAL;
	}
	return 0;
}

int sources_read(struct sources *sources, const char *const *names, struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; i < NR_SOURCES && !r; i++) {
		struct source *source = &sources->all[i];

		if (!sources_collected(names, source->ops->name))
			continue;
		r = source->state == SOURCE_UP ? source->ops->read(source, snapshot) : 0;
		if (r < 0 && r != -ENOMEM) {
			/* One source that cannot be read does not stop the others. */
			source_fail(source, r, "cannot read: %s", strerror(-r));
			log_error("%s: %s", source->ops->name, source->reason);
			source->wake = sd_event_source_disable_unref(source->wake);
			source->ops->detach(source, true);
			source->state = SOURCE_FAILED;
			r = 0;
		}
		if (source->state == SOURCE_FAILED && source->ops->read_failed)
			r = r ?: source->ops->read_failed(source, snapshot);
		r = r ?: add_source(snapshot, source);
	}
	retry_soon(sources);
	return r ?: cgroups_add_info(snapshot);
}

/* Reports everything that does not count as configured. */
static void source_tell_all(const struct source *source, source_tell *tell, void *user)
{
	if (source->state == SOURCE_UP && source->ops->tell)
		source->ops->tell(source, tell, user);
	else if (source->state != SOURCE_OFF && source->reason[0])
		tell(user, source->reason);
}

static void add_problem(void *user, const char *text)
{
	buffer_add(user, text, strlen(text) + 1);
}

static struct status_source source_status(const struct source *source)
{
	struct status_source status = {
		.name = source->ops->name,
		.state = source_state_name(source),
		.reason = source->reason[0] ? source->reason : NULL,
	};

	if (source->state == SOURCE_UP) {
		status.backend = source->backend;
		status.adopted = source->adopted;
		status.attached_ns = source->attached_ns;
	}
	source_tell_all(source, add_problem, &status.problems);
	return status;
}

int sources_status(const struct sources *sources, struct status *status)
{
	int r = 0;

	static_assert(NR_SOURCES <= STATUS_MAX_SOURCES, "all fit in");
	status->nr_sources = NR_SOURCES;
	for (size_t i = 0; i < NR_SOURCES; i++) {
		status->sources[i] = source_status(&sources->all[i]);
		r = r ?: status->sources[i].problems.error;
	}
	return r;
}

struct failures {
	const char *source;
	char *lines;
};

static void add_failure(void *user, const char *text)
{
	struct failures *failures = user;
	char *longer;

	if (asprintf(&longer, "%s%s%s: %s", failures->lines ?: "", failures->lines ? "\n" : "",
		     failures->source, text) < 0)
		return;
	free(failures->lines);
	failures->lines = longer;
}

char *sources_failures(const struct sources *sources)
{
	struct failures failures = {};

	for (size_t i = 0; i < NR_SOURCES; i++) {
		failures.source = sources->all[i].ops->name;
		source_tell_all(&sources->all[i], add_failure, &failures);
	}
	return failures.lines;
}

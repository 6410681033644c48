// SPDX-License-Identifier: GPL-2.0
#include "daemon.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "config.h"
#include "model/snapshot.h"
#include "process/fdstore.h"
#include "process/privilege.h"
#include "self/cost.h"
#include "self/process.h"
#include "serve/handoff.h"
#include "serve/http.h"
#include "serve/listen.h"
#include "source/events/events_source.h"
#include "source/replay/replay.h"
#include "source/source.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "version.h"

#define RETRY_USEC                                                              \
	(5 * 1000000ULL) /* until a source that is not up is tried again, and a \
			  * measurement of the cost */

#define RETRY_ACCURACY_USEC 250000 /* so that it wakes up with others */

#define WAKE_USEC 250000 /* a source is woken up at most once in this time */

#define BPFFS "/sys/fs/bpf/" /* where nothing is mounted, no folder can be made below it */

static const struct source_ops *const source_table[] = {&iopf_source, &events_source, &pai_source};

#define NR_SOURCES 3

struct sources {
	sd_event *event;
	const struct config *config; /* in force */
	bool replay;		     /* made-up input */
	struct source all[NR_SOURCES];
};

#define SELF "self" /* the name, beside those of sources, of what paimond says of itself */

struct self {
	bool last_reload_successful;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint64_t scrape_ns;  /* how long the latest snapshot took */
	char machine[sizeof(((struct utsname *)0)->machine)];
	struct cost cost; /* cost_init() is the daemon's */
};

struct sockets {
	struct http_socket *http; /* that http serves; the descriptors are the server's */
	size_t nr_http;
	struct sockaddr_un handoff_at;	/* whoever has opened it; "": there is none */
	char *unix_path, *handoff_path; /* of sockets of our own, removed at the end */
};

struct daemon {
	const struct daemon_options *options;
	sd_event *event;
	struct config *config;
	struct sources sources;
	struct sockets sockets;
	struct self self;
	struct replay *replay;
	struct http *http;
	struct handoff *handoff;
	sd_event_source *retry;
	int lock;
};

/* Sources */

static const struct metric metric_source_up = {
	.name = "paimon_source_up",
	.help = "1 if the source counts, 0 if it should and does not.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_source_info = {
	.name = "paimon_source_info",
	.help = "What a source counts with; always 1.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_source_attached = {
	.name = "paimon_source_attached_timestamp_seconds",
	.help = "When this daemon attached or adopted the source.",
	.type = METRIC_GAUGE,
};

static struct source *sources_find(struct sources *sources, const struct source_ops *ops)
{
	size_t i = 0;

	while (sources->all[i].ops != ops)
		i++;
	return &sources->all[i];
}

/* replay/ has nothing to play for kept events. */
static enum source_wanted wanted(const struct sources *sources, const struct source *source)
{
	if (sources->replay)
		return source->ops == &events_source ? SOURCE_NO : SOURCE_YES;
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
		log_warning("%s: not woken up: %s", source->ops->name, strerror(-r));
}

static void source_start(struct sources *sources, struct source *source)
{
	char before[sizeof(source->reason)];
	int r;

	memcpy(before, source->reason, sizeof(before));
	source->reason[0] = '\0';
	/* What is said on the way is said again only where it ends in another way. */
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
			 source->replay	   ? "made-up input"
			 : source->adopted ? "adopted, nothing was missed"
					   : "attached");
		return;
	}
	source->state = r == -ENODEV && wanted(sources, source) == SOURCE_AUTO ? SOURCE_OFF
									       : SOURCE_FAILED;
	if (strcmp(before, source->reason))
		log_line(source->state == SOURCE_OFF ? SD_INFO : SD_ERR, "%s: %s",
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

static void start_sources(struct sources *sources)
{
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].state != SOURCE_UP &&
		    wanted(sources, &sources->all[i]) != SOURCE_NO)
			source_start(sources, &sources->all[i]);
}

static void sources_retry(struct sources *sources)
{
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].state == SOURCE_UP && sources->all[i].ops->outdated &&
		    sources->all[i].ops->outdated(&sources->all[i]))
			source_stop(&sources->all[i], false);
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].state == SOURCE_UP && sources->all[i].ops->retry)
			sources->all[i].ops->retry(&sources->all[i]);
	start_sources(sources);
}

static void sources_start(struct sources *sources, sd_event *event, const struct config *config,
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
	/* The configuration may have changed since the daemon before. */
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (wanted(sources, &sources->all[i]) == SOURCE_NO)
			source_stop(&sources->all[i], false);
	start_sources(sources);
}

static void sources_add_restart(struct buffer *restart, const char *key)
{
	if (restart->size)
		buffer_add_string(restart, ", ");
	buffer_add_string(restart, key);
}

static void sources_reload(struct sources *sources, const struct config *config,
			   struct buffer *restart)
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

static void sources_stop(struct sources *sources, bool keep)
{
	for (size_t i = 0; i < NR_SOURCES; i++)
		if (sources->all[i].ops)
			source_stop(&sources->all[i], keep);
}

/* What is served */

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
	return r
		       ?: snapshot_add_real(snapshot, &metric_source_attached, labels, 1,
					    source->attached_ns * 1e-9);
}

static bool sources_collected(const char *const *names, const char *name)
{
	for (const char *const *n = names; n && *n; n++)
		if (!strcmp(*n, name))
			return true;
	return !names;
}

static int sources_check_names(const struct sources *sources, const char *const *names,
			       const char *other, char **ret_error)
{
	char known[256] = "";

	for (size_t i = 0; i < NR_SOURCES; i++)
		strcat(strcat(known, sources->all[i].ops->name), ", ");
	strcat(known, other);
	for (const char *const *n = names; n && *n; n++) {
		bool found = !strcmp(*n, other);

		for (size_t i = 0; i < NR_SOURCES; i++)
			found |= !strcmp(*n, sources->all[i].ops->name);
		if (found)
			continue;
		if (asprintf(ret_error, "collect[]: there is no %.64s; there are %s", *n, known) <
		    0) {
			*ret_error = NULL;
			return -ENOMEM;
		}
		return -EINVAL;
	}
	return 0;
}

static int sources_read(struct sources *sources, const char *const *names,
			struct snapshot *snapshot)
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
	return r;
}

/* Tells all that is not as the configuration has it. */
static void source_tell_all(const struct source *source, source_tell *tell, void *user)
{
	if (source->state == SOURCE_UP && source->ops->tell)
		source->ops->tell(source, tell, user);
	else if (source->state != SOURCE_OFF && source->reason[0])
		tell(user, source->reason);
}

static void add_problem(void *user, const char *text)
{
	json_string(user, NULL, text);
}

static const char *source_state_name(const struct source *source)
{
	static const char *const states[] = {"off", "up", "failed"};

	return states[source->state];
}

static void source_status(const struct source *source, struct json *json)
{
	json_open(json, NULL, '{');
	json_string(json, "name", source->ops->name);
	json_string(json, "state", source_state_name(source));
	if (source->state == SOURCE_UP) {
		json_string(json, "backend", source->backend);
		json_boolean(json, "adopted", source->adopted);
		json_real(json, "attached_timestamp_seconds", source->attached_ns * 1e-9);
	}
	json_string(json, "reason", source->reason[0] ? source->reason : NULL);
	json_open(json, "problems", '[');
	source_tell_all(source, add_problem, json);
	json_close(json, ']');
	json_close(json, '}');
}

static void sources_status(const struct sources *sources, struct json *json)
{
	json_open(json, "sources", '[');
	for (size_t i = 0; i < NR_SOURCES; i++)
		source_status(&sources->all[i], json);
	json_close(json, ']');
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

static char *sources_failures(const struct sources *sources)
{
	struct failures failures = {};

	for (size_t i = 0; i < NR_SOURCES; i++) {
		failures.source = sources->all[i].ops->name;
		source_tell_all(&sources->all[i], add_failure, &failures);
	}
	return failures.lines;
}

/* What paimond says of itself */

static const struct metric metric_build_info = {
	.name = "paimon_build_info",
	.help = "Version of paimond; always 1.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_reload = {
	.name = "paimon_config_last_reload_successful",
	.help = "1 if the configuration file is in force, 0 if its last change was refused.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_scrape = {
	.name = "paimon_scrape_duration_seconds",
	.help = "Time that reading all sources took, the time before.",
	.type = METRIC_GAUGE,
};

static void self_init(struct self *ret_self)
{
	struct utsname uts;

	*ret_self = (struct self){
		.last_reload_successful = true,
		.started_ns = clock_ns(CLOCK_MONOTONIC),
	};
	if (!uname(&uts))
		memcpy(ret_self->machine, uts.machine, sizeof(ret_self->machine));
}

static int self_read(struct self *self, struct snapshot *snapshot)
{
	struct label build[] = {
		{"version", PAIMON_VERSION},
		{"revision", PAIMON_REVISION},
		{"arch", self->machine},
	};
	int r = snapshot_add_integer(snapshot, &metric_build_info, build, 3, 1);

	r = r
		    ?: snapshot_add_integer(snapshot, &metric_reload, NULL, 0,
					    self->last_reload_successful);
	r = r ?: snapshot_add_real(snapshot, &metric_scrape, NULL, 0, self->scrape_ns * 1e-9);
	r = r ?: cost_read(&self->cost, snapshot);
	if (r < 0)
		return r;
	/* Out of descriptors, /proc cannot be read; the rest is served all the same. */
	r = process_read(snapshot);
	return r == -ENOMEM ? r : 0;
}

static void self_status(const struct self *self, struct json *json)
{
	json_string(json, "version", PAIMON_VERSION);
	json_string(json, "revision", PAIMON_REVISION);
	json_integer(json, "pid", getpid());
	json_real(json, "uptime_seconds", (clock_ns(CLOCK_MONOTONIC) - self->started_ns) * 1e-9);
}

/* Sockets */

static const char *path_advice(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another paimond serves there, or ";
	case -ENOTSOCK:
		return "remove that file, or ";
	case -ENOENT:
	case -ENOTDIR:
		return "make the folder it is in, or ";
	case -EACCES:
	case -EPERM:
		return geteuid() ? "run paimond as root, or " : "";
	default:
		return "";
	}
}

/* The hand-off socket, or -1: the rest is served without it too. */
static int open_handoff(struct sockets *sockets, const struct config *config, bool replay)
{
	const char *path = config->handoff;
	int fd;

	if (!path || replay)
		return -1;
	fd = listen_handoff(path);
	if (fd < 0) {
		log_warning(
			"cannot listen at %s: %s: no events are handed over (%sset handoff in the "
			"configuration)",
			path, strerror(-fd), path_advice(fd));
		return -1;
	}
	sockets->handoff_path = strdup(path);
	return fd;
}

/* Takes fd, also on failure. */
static int add_socket(struct sockets *sockets, int fd, bool is_unix)
{
	struct http_socket *grown = reallocarray(sockets->http, sockets->nr_http + 1,
						 sizeof(*sockets->http));

	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	sockets->http = grown;
	grown[sockets->nr_http++] = (struct http_socket){fd, is_unix};
	return 0;
}

/* All that systemd has passed, which is not always one of each. */
static int take_sockets(struct sockets *sockets, int *ret_handoff)
{
	int fd, r = 0;

	while (!r && (fd = fdstore_take_socket(AF_UNIX, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, true);
	while (!r && (fd = fdstore_take_socket(AF_INET, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, false);
	while (!r && (fd = fdstore_take_socket(AF_INET6, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, false);
	*ret_handoff = fdstore_take_socket(AF_UNIX, SOCK_SEQPACKET);
	fdstore_close_files();
	return r;
}

static int open_all(struct sockets *sockets, const struct config *config, bool replay,
		    int *ret_handoff)
{
	int fd, r = take_sockets(sockets, ret_handoff);

	if (!r && !sockets->nr_http && *ret_handoff >= 0)
		log_warning("systemd has passed the hand-off socket alone: nothing else is served "
			    "(as root: systemctl start paimond.socket, then restart paimond)");
	if (r < 0 || sockets->nr_http || *ret_handoff >= 0)
		return r;
	fd = listen_unix(config->socket);
	if (fd < 0) {
		log_error("cannot listen at %s: %s (%sset socket in the configuration)",
			  config->socket, strerror(-fd), path_advice(fd));
		return fd;
	}
	sockets->unix_path = strdup(config->socket);
	r = add_socket(sockets, fd, true);
	if (!r && config->listen) {
		fd = listen_tcp(config->listen);
		if (fd < 0)
			log_error("cannot listen at %s: %s (set listen in the configuration)",
				  config->listen, strerror(-fd));
		r = fd < 0 ? fd : add_socket(sockets, fd, false);
	}
	if (!r)
		*ret_handoff = open_handoff(sockets, config, replay);
	return r;
}

static int sockets_open(struct sockets *sockets, const struct config *config, bool replay,
			int *ret_handoff)
{
	/* Less than all of it, so that its path ends with NUL. */
	socklen_t size = sizeof(sockets->handoff_at) - 1;
	int handoff = -1, r = open_all(sockets, config, replay, &handoff);

	if (r < 0)
		return r;
	if (handoff >= 0)
		getsockname(handoff, (struct sockaddr *)&sockets->handoff_at, &size);
	*ret_handoff = handoff;
	return 0;
}

static void sockets_close(struct sockets *sockets)
{
	if (sockets->unix_path)
		unlink(sockets->unix_path);
	if (sockets->handoff_path)
		unlink(sockets->handoff_path);
	free(sockets->unix_path);
	free(sockets->handoff_path);
	free(sockets->http);
}

static void listener_status(int fd, struct json *json)
{
	char name[LISTEN_NAME_LEN];
	bool local = listen_name(fd, name);

	json_open(json, NULL, '{');
	json_string(json, "address", name);
	json_boolean(json, "loopback", local);
	json_close(json, '}');
}

static void sockets_status(const struct sockets *sockets, struct json *json)
{
	json_open(json, "listen", '[');
	for (size_t i = 0; i < sockets->nr_http; i++)
		if (!sockets->http[i].is_unix)
			listener_status(sockets->http[i].fd, json);
	json_close(json, ']');
	json_string(json, "handoff",
		    sockets->handoff_at.sun_path[0] ? sockets->handoff_at.sun_path : NULL);
}

static int on_retry(sd_event_source *event_source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	sources_retry(&daemon->sources);
	cost_tick(&daemon->self.cost);
	sd_event_source_set_time_relative(event_source, RETRY_USEC);
	return 0;
}

/* What is served */

static int fill_snapshot(struct daemon *daemon, const char *const *names, struct snapshot *snapshot)
{
	int r = sources_read(&daemon->sources, names, snapshot);

	return r || !sources_collected(names, SELF) ? r : self_read(&daemon->self, snapshot);
}

static int on_snapshot(void *data, const char *const *names, struct snapshot **ret_snapshot,
		       char **ret_error)
{
	struct daemon *daemon = data;
	struct snapshot *snapshot;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	int r = sources_check_names(&daemon->sources, names, SELF, ret_error);

	if (r < 0)
		return r;
	snapshot = snapshot_new(daemon->options->replay ? "replay" : NULL);
	r = snapshot ? fill_snapshot(daemon, names, snapshot) : -ENOMEM;
	daemon->self.scrape_ns = clock_ns(CLOCK_MONOTONIC) - start;
	if (r < 0) {
		log_error("cannot take a snapshot: %s", strerror(-r));
		snapshot_free(snapshot);
		return r;
	}
	*ret_snapshot = snapshot;
	return 0;
}

static void on_status(void *data, struct json *json)
{
	struct daemon *daemon = data;
	bool replay = daemon->options->replay;

	json_open(json, NULL, '{');
	self_status(&daemon->self, json);
	json_string(json, "input", replay ? "replay" : NULL);
	json_string(json, "state_dir", replay ? NULL : daemon->config->state_dir);
	sockets_status(&daemon->sockets, json);
	json_open(json, "config", '{');
	json_string(json, "path", daemon->options->config_path);
	json_boolean(json, "last_reload_successful", daemon->self.last_reload_successful);
	json_close(json, '}');
	sources_status(&daemon->sources, json);
	cost_status(&daemon->self.cost, json);
	json_close(json, '}');
}

static void on_page(void *data, struct page *ret_page)
{
	struct daemon *daemon = data;

	*ret_page = (struct page){
		.version = PAIMON_VERSION,
		.replay = daemon->options->replay,
		.nr_sources = NR_SOURCES,
	};
	static_assert(NR_SOURCES <= sizeof(ret_page->sources) / sizeof(*ret_page->sources),
		      "the page has a row for each source");
	for (size_t i = 0; i < NR_SOURCES; i++) {
		const struct source *source = &daemon->sources.all[i];

		ret_page->sources[i] = (struct page_source){
			source->ops->name, source_state_name(source),
			source->state == SOURCE_UP ? source->backend : NULL, source->reason};
	}
}

/* The source of events, or NULL with *ret_error: it is not up. */
static struct source *events_up(struct daemon *daemon, char **ret_error)
{
	struct source *source = sources_find(&daemon->sources, &events_source);

	if (source->state != SOURCE_UP) {
		if (asprintf(ret_error, "no events are kept: %s",
			     source->reason[0]	       ? source->reason
			     : daemon->options->replay ? "this is a replay"
						       : "[events] enable = no") < 0)
			*ret_error = NULL;
		return NULL;
	}
	return source;
}

static int on_events(void *data, const struct http_events_request *request, struct json *json,
		     char **ret_error)
{
	struct source *source = events_up(data, ret_error);

	return source ? events_request(source, request, json, ret_error) : -ENODEV;
}

static int on_keep(void *data, const int *fds, size_t nr, const char *name,
		   const struct ucred *peer, uint64_t *ret_id, char **ret_error)
{
	struct source *source = events_up(data, ret_error);
	struct events_owner owner;

	events_owner(EVENTS_FROM_HANDOFF, peer, &owner);
	return source ? events_keep(source, fds, nr, name, &owner, ret_id, ret_error) : -ENODEV;
}

static int on_descriptor(void *data, uint64_t id, uint32_t cpu, const struct ucred *peer,
			 int *ret_fd, char **ret_error)
{
	struct source *source = events_up(data, ret_error);

	return source ? events_descriptor(source, id, cpu, peer->uid, ret_fd, ret_error) : -ENODEV;
}

static int on_claim(void *data, uint64_t id, const struct ucred *peer, char **ret_error)
{
	struct source *source = events_up(data, ret_error);

	return source ? events_claim(source, id, peer->uid, ret_error) : -ENODEV;
}

static char *const *on_allowed_hosts(void *data)
{
	struct daemon *daemon = data;

	return daemon->config->allowed_hosts;
}

/* Reload */

/* What holds until the restart is what status and the pins say, and the next reload compares. */
static void keep_started(const char *key, char **old, char **new, struct buffer *restart)
{
	char *started = *old;

	if (strcmp(started ?: "", *new ?: ""))
		sources_add_restart(restart, key);
	*old = *new; /* freed with the old one */
	*new = started;
}

/* restart: gets the keys that are not in force before one. */
static void take_config(struct daemon *daemon, struct config *config, struct buffer *restart)
{
	struct config *old = daemon->config;

	keep_started("state_dir", &old->state_dir, &config->state_dir, restart);
	keep_started("socket", &old->socket, &config->socket, restart);
	keep_started("listen", &old->listen, &config->listen, restart);
	keep_started("handoff", &old->handoff, &config->handoff, restart);
	if (restart->size)
		log_warning("changed, which takes a restart of paimond: %.*s", (int)restart->size,
			    restart->data);
	daemon->config = config;
	sources_reload(&daemon->sources, config, restart);
	config_free(old);
}

/* 0: *ret_text is what failed nevertheless, or NULL, and *ret_restart likewise. */
static int on_reload(void *data, char **ret_text, char **ret_restart)
{
	struct daemon *daemon = data;
	struct buffer restart = {};
	struct config *config;
	int r;

	sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)clock_ns(CLOCK_MONOTONIC) / 1000);
	r = config_load(daemon->options->config_path, daemon->options->config_required, &config,
			ret_text);
	daemon->self.last_reload_successful = r == 0;
	if (r == 0) {
		take_config(daemon, config, &restart);
		*ret_text = sources_failures(&daemon->sources);
		*ret_restart = restart.size ? buffer_take_string(&restart) : NULL;
		log_info("reloaded %s", daemon->options->config_path);
	} else {
		log_error("not reloaded, the configuration stays as it was:");
		log_text(SD_ERR, *ret_text ?: strerror(-r));
	}
	sd_notify(false, "READY=1");
	return r;
}

static int on_hangup(sd_event_source *event_source, const struct signalfd_siginfo *info, void *data)
{
	_cleanup_free_ char *error = NULL, *restart = NULL;

	on_reload(data, &error, &restart);
	return 0;
}

/* Start and end */

/* A shell gives few, for programs that use select(). Under the unit there is nothing to raise. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("cannot raise the limit of descriptors: %s", strerror(errno));
}

static int take_lock(struct daemon *daemon)
{
	const char *path = daemon->config->state_dir;
	pid_t holder;

	if (daemon->options->replay)
		return 0;
	daemon->lock = lock_folder(path, &holder);
	if (daemon->lock == -EWOULDBLOCK && holder)
		log_error(
			"%s is in use by another paimond, process %d (one daemon for each state_dir)",
			path, (int)holder);
	else if (daemon->lock == -EWOULDBLOCK)
		log_error("%s is in use by another paimond (one daemon for each state_dir)", path);
	else if (daemon->lock < 0)
		log_warning("cannot use %s: %s (%sset state_dir in the configuration)", path,
			    strerror(-daemon->lock),
			    daemon->lock == -ENOENT && !strncmp(path, BPFFS, strlen(BPFFS))
				    ? "as root: mount -t bpf bpf /sys/fs/bpf, or "
				    : path_advice(daemon->lock));
	if (daemon->lock == -EWOULDBLOCK)
		return -EBUSY;
	/* Without the folder there is nothing to share; the sources say what to do. */
	return 0;
}

static int setup(struct daemon *daemon)
{
	struct http_callbacks callbacks = {
		.snapshot = on_snapshot,
		.status = on_status,
		.page = on_page,
		.reload = on_reload,
		.allowed_hosts = on_allowed_hosts,
		.events = on_events,
		.data = daemon,
	};
	const struct handoff_callbacks handoff = {
		.keep = on_keep,
		.descriptor = on_descriptor,
		.claim = on_claim,
		.data = daemon,
	};
	_cleanup_free_ char *error = NULL;
	int handoff_fd = -1, r;
	sigset_t signals;

	raise_descriptors();
	r = fdstore_init();
	if (r < 0)
		return r;
	r = config_load(daemon->options->config_path, daemon->options->config_required,
			&daemon->config, &error);
	if (r < 0) {
		log_text(SD_ERR, error ?: strerror(-r));
		return r;
	}
	r = take_lock(daemon);
	if (r < 0 ||
	    (r = sockets_open(&daemon->sockets, daemon->config, daemon->options->replay,
			      &handoff_fd)) < 0 ||
	    (r = privileges_drop(daemon->options->replay ? NULL : daemon->config->state_dir)) < 0)
		return r;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_default(&daemon->event);
	if (r < 0 || (r = sd_event_add_signal(daemon->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(daemon->event, NULL, SIGINT, NULL, NULL)) < 0 ||
	    (r = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_hangup, daemon)) < 0)
		return r;
	sources_start(&daemon->sources, daemon->event, daemon->config, daemon->options->replay);
	cost_init(&daemon->self.cost, daemon->sources.all, NR_SOURCES);
	if (daemon->options->replay) {
		struct source *iopf = sources_find(&daemon->sources, &iopf_source);
		struct source *pai = sources_find(&daemon->sources, &pai_source);

		if (iopf->state != SOURCE_UP || pai->state != SOURCE_UP) {
			log_error("nothing can be replayed without the sources above "
				  "(paimonctl check says what this machine lacks)");
			return -ENOTSUP;
		}
		r = replay_new(iopf, pai, daemon->event, daemon->options->replay_rate,
			       &daemon->replay);
		if (r < 0)
			return r;
	}
	r = sd_event_add_time_relative(daemon->event, &daemon->retry, CLOCK_MONOTONIC, RETRY_USEC,
				       RETRY_ACCURACY_USEC, on_retry, daemon);
	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->retry, SD_EVENT_ON);
	if (r >= 0 && handoff_fd >= 0)
		r = handoff_new(daemon->event, handoff_fd, &handoff, &daemon->handoff);
	return r < 0 ? r
		     : http_new(daemon->event, daemon->sockets.http, daemon->sockets.nr_http,
				&callbacks, &daemon->http);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon daemon = {
		.options = options,
		.lock = -1,
	};
	int r;

	self_init(&daemon.self);
	r = setup(&daemon);
	if (!r) {
		sd_notify(false, "READY=1");
		/* From the first ping on, and loading the programs may take long. */
		r = sd_event_set_watchdog(daemon.event, true);
	}
	if (r >= 0)
		r = sd_event_loop(daemon.event);
	if (r < 0)
		log_error("paimond ends: %s", strerror(-r));
	sd_notify(false, "STOPPING=1");
	http_free(daemon.http);
	handoff_free(daemon.handoff);
	replay_free(daemon.replay);
	sources_stop(&daemon.sources, fdstore_available());
	sockets_close(&daemon.sockets);
	sd_event_source_disable_unref(daemon.retry);
	sd_event_unref(daemon.event);
	if (daemon.lock >= 0)
		close(daemon.lock);
	config_free(daemon.config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

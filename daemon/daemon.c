// SPDX-License-Identifier: GPL-2.0
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "model/snapshot.h"
#include "model/status.h"
#include "process/fdstore.h"
#include "process/privilege.h"
#include "self/cost.h"
#include "self/status.h"
#include "serve/handoff.h"
#include "serve/http.h"
#include "sockets.h"
#include "source/events/events_source.h"
#include "source/replay/replay.h"
#include "source/source.h"
#include "sources.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/namespaces.h"

#define RETRY_USEC                                                              \
	(5 * 1000000ULL) /* until a source that is not up is tried again, and a \
			  * measurement of the cost */

#define RETRY_ACCURACY_USEC 250000 /* so that it coincides with other timers */

#define BPFFS "/sys/fs/bpf/" /* no directory can be created there if bpffs is not mounted */

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
	int lock; /* of state_dir; negative: it is not held */
};

/* Locks state_dir, so that no other paimond uses it. 0, also if there is nothing to lock: the
 * sources report the next step. -EBUSY: another one has it. */
static int take_lock(struct daemon *daemon)
{
	const char *path = daemon->config->state_dir;
	pid_t holder;

	if (daemon->options->replay)
		return 0;
	daemon->lock = lock_folder(path, &holder);
	if (daemon->lock == -EWOULDBLOCK && holder)
		log_error(
			"%s is in use by another paimond, process %d (each paimond needs its own state_dir)",
			path, (int)holder);
	else if (daemon->lock == -EWOULDBLOCK)
		log_error("%s is in use by another paimond (each paimond needs its own state_dir)",
			  path);
	return daemon->lock == -EWOULDBLOCK ? -EBUSY : 0;
}

/* bpffs may be mounted over state_dir after the start: the lock is then of another folder. */
static int renew_lock(struct daemon *daemon)
{
	int old = daemon->lock, r;

	if (daemon->options->replay || lock_is_of(old, daemon->config->state_dir))
		return 0;
	r = take_lock(daemon);
	if (old >= 0)
		close(old);
	return r;
}

static int on_retry(sd_event_source *event_source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;
	int r = renew_lock(daemon);

	if (r < 0)
		return sd_event_exit(daemon->event, r);
	sources_retry(&daemon->sources);
	cost_tick(&daemon->self.cost);
	sd_event_source_set_time_relative(event_source, RETRY_USEC);
	return 0;
}

/* Snapshot and status */

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

static int on_status(void *data, struct status *ret_status)
{
	struct daemon *daemon = data;
	bool replay = daemon->options->replay;
	struct status status = {
		.input = replay ? "replay" : NULL,
		.state_dir = replay ? NULL : daemon->config->state_dir,
		.config_path = daemon->options->config_path,
	};
	int r;

	self_status(&daemon->self, &status);
	r = sockets_status(&daemon->sockets, &status);
	if (!r)
		r = sources_status(&daemon->sources, &status);
	if (r < 0) {
		status_clear(&status);
		return r;
	}
	cost_status(&daemon->self.cost, &status.cost);
	*ret_status = status;
	return 0;
}

static char *const *on_allowed_hosts(void *data)
{
	struct daemon *daemon = data;

	return daemon->config->allowed_hosts;
}

/* Reload */

/* Keys that take effect after a restart keep the value of the start: status and pins use it, and
 * the next reload compares with it. */
static void keep_started(const char *key, char **old, char **new, struct buffer *restart)
{
	char *started = *old;

	if (strcmp(started ?: "", *new ?: ""))
		sources_add_restart(restart, key);
	*old = *new; /* freed with the old one */
	*new = started;
}

/* restart: receives the keys that take effect only after a restart. */
static void take_config(struct daemon *daemon, struct config *config, struct buffer *restart)
{
	struct config *old = daemon->config;

	keep_started("state_dir", &old->state_dir, &config->state_dir, restart);
	keep_started("socket", &old->socket, &config->socket, restart);
	keep_started("listen", &old->listen, &config->listen, restart);
	keep_started("handoff", &old->handoff, &config->handoff, restart);
	keep_started("gateway", &old->gateway, &config->gateway, restart);
	if (restart->size)
		log_warning("changed, but takes effect only after a restart of paimond: %.*s",
			    (int)restart->size, restart->data);
	daemon->config = config;
	sources_reload(&daemon->sources, config, restart);
	config_free(old);
}

/* 0: *ret_text is what fails nevertheless, or NULL, and *ret_restart likewise. */
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
		log_error("configuration not reloaded, the previous one stays in force:");
		log_text(LOG_LINE_ERROR, *ret_text ?: strerror(-r));
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

/* A shell sets a low soft limit, for programs that use select(). The unit sets both limits. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("cannot raise the limit on file descriptors: %s", strerror(errno));
}

static void say_no_state(const struct daemon *daemon)
{
	const char *path = daemon->config->state_dir;

	log_warning("cannot use %s: %s (%sset state_dir in the configuration)", path,
		    strerror(-daemon->lock),
		    daemon->lock == -ENOENT && !strncmp(path, BPFFS, strlen(BPFFS))
			    ? "as root: mount -t bpf bpf /sys/fs/bpf, or "
			    : path_advice(daemon->lock));
}

static int setup(struct daemon *daemon)
{
	struct http_callbacks callbacks = {
		.snapshot = on_snapshot,
		.status = on_status,
		.reload = on_reload,
		.allowed_hosts = on_allowed_hosts,
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
		log_text(LOG_LINE_ERROR, error ?: strerror(-r));
		return r;
	}
	r = take_lock(daemon);
	if (!r && daemon->lock < 0 && !daemon->options->replay)
		say_no_state(daemon);
	if (r < 0 ||
	    (r = sockets_open(&daemon->sockets, daemon->config, daemon->options->replay,
			      &handoff_fd)) < 0 ||
	    (r = privileges_drop(daemon->options->replay ? NULL : daemon->config->state_dir)) < 0)
		return r;
	if (!namespaces_pid_is_initial())
		log_warning(
			"paimond is in a PID namespace of its own: counts are attributed to cgroups, but not to processes (" NAMESPACES_PID_NEXT
			")");
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
	callbacks.kept = (struct kept){&events_kept_ops,
				       sources_find(&daemon->sources, &events_source)};
	if (daemon->options->replay) {
		r = replay_new(daemon->sources.all, NR_SOURCES, daemon->event,
			       daemon->options->replay_rate, &daemon->replay);
		if (r < 0)
			return r;
	}
	r = sd_event_add_time_relative(daemon->event, &daemon->retry, CLOCK_MONOTONIC, RETRY_USEC,
				       RETRY_ACCURACY_USEC, on_retry, daemon);
	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->retry, SD_EVENT_ON);
	if (r >= 0 && handoff_fd >= 0)
		r = handoff_new(daemon->event, handoff_fd, &callbacks.kept, &daemon->handoff);
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
		/* Only now: loading the programs may take long, and the watchdog runs from the
		 * first ping on. */
		r = sd_event_set_watchdog(daemon.event, true);
	}
	if (r >= 0)
		r = sd_event_loop(daemon.event);
	if (r < 0)
		log_error("paimond exits: %s", strerror(-r));
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

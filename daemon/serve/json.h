/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The JSON answers that are made of a snapshot, of the daemon's state, or of an
 * error. Called by http.c and daemon.c; pure. Strings are malloc'ed, NULL means
 * no memory.
 */
#ifndef PAIMON_SERVE_JSON_H
#define PAIMON_SERVE_JSON_H

#include "../model/snapshot.h"
#include "../source/source.h"

struct status {
	const char *version;
	const char *revision;
	double uptime_seconds;
	const char *input; /* or NULL */
	const char *state_dir;
	const char *socket; /* path or NULL */
	const char *listen; /* address or NULL */
	const char *config_path;
	bool last_reload_successful;
	const struct source *const *sources;
	size_t nr_sources;
};

char *json_snapshot(const struct snapshot *snapshot);
char *json_status(const struct status *status);
char *json_error(const char *code, const char *message);

#endif

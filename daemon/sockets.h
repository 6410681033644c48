/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sockets that paimond serves on: those that systemd has passed, or its own, at the paths
 * and the address of the configuration.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SOCKETS_H
#define PAIMON_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "serve/http.h"
#include "util/json.h"

struct config;

struct sockets {
	struct http_socket *http; /* that http serves; the descriptors are the server's */
	size_t nr_http;
	struct sockaddr_un handoff_at;	/* whoever has opened it; "": there is none */
	char *unix_path, *handoff_path; /* of sockets of our own, removed at the end */
};

/* Opens them, on a zeroed struct; *ret_handoff is -1 where there is no hand-off socket, else the
 * caller's. 0, or a negative errno after a message. */
int sockets_open(struct sockets *sockets, const struct config *config, bool replay,
		 int *ret_handoff);
/* Removes what was opened here, and closes nothing: that is for the servers. */
void sockets_close(struct sockets *sockets);

/* Adds "listen" and "handoff" to /v1/status. */
void sockets_status(const struct sockets *sockets, struct json *json);

/* What to do about a path, before or in place of setting another one. */
const char *path_advice(int error);

#endif

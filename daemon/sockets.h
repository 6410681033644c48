/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sockets that paimond serves: those passed by systemd, or its own with the paths and the
 * address in the configuration.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SOCKETS_H
#define PAIMON_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "model/status.h"
#include "serve/http.h"

struct config;

struct sockets {
	struct http_socket *http; /* for the HTTP server, which owns the descriptors */
	size_t nr_http;
	struct sockaddr_un handoff_at; /* address of the hand-off socket; "": none */
	char *unix_path, *handoff_path, *gateway_path; /* of own sockets, removed at the end */
};

/* Opens the sockets; the struct is zeroed before. The caller owns *ret_handoff, -1 if there is no
 * hand-off socket. 0, or a negative errno after a message. */
int sockets_open(struct sockets *sockets, const struct config *config, bool replay,
		 int *ret_handoff);
/* Removes the paths of own sockets. The servers close the descriptors. */
void sockets_close(struct sockets *sockets);

/* Fills in listen and handoff. 0 or -ENOMEM. */
int sockets_status(const struct sockets *sockets, struct status *status);

/* The next step for an error with a path, with "or" at its end to add another one; or "". */
const char *path_advice(int error);

#endif

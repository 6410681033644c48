/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One HTTP server on any number of sockets, in the daemon's event loop. Unix sockets
 * answer all requests, TCP only those of public routes. libmicrohttpd implements
 * the protocol, http.c the limits, and routes.c the answers.
 */
#ifndef PAIMON_HTTP_H
#define PAIMON_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "../model/kept.h"
#include "../model/snapshot.h"
#include "../model/status.h"

struct http;

/* Callbacks into the daemon; data is passed to each. */
struct http_callbacks {
	/*
	 * Takes a new snapshot of the named sources (NULL: of all). 0 or a negative errno;
	 * *ret_error, freed by the caller, is set if a name is unknown.
	 */
	int (*snapshot)(void *data, const char *const *names, struct snapshot **ret_snapshot,
			char **ret_error);
	/* 0 or -ENOMEM; status_clear() frees it. */
	int (*status)(void *data, struct status *ret_status);
	/* *ret_text, freed by the caller: the error or, after 0, what fails nevertheless.
	 * *ret_restart, likewise: the changed keys that require a restart. */
	int (*reload)(void *data, char **ret_text, char **ret_restart);
	char *const *(*allowed_hosts)(void *data); /* NULL-terminated, or NULL */
	void *data;
	struct kept kept; /* executes the requests for kept events */
};

struct http_socket {
	int fd;	      /* a listening socket */
	bool is_unix; /* false: the rules of TCP apply, also to the unix socket of paimon-gateway */
};

/* Serves on listening sockets. Takes ownership of them, also on failure. 0 or a negative errno. */
int http_new(sd_event *event, const struct http_socket *sockets, size_t nr_sockets,
	     const struct http_callbacks *callbacks, struct http **ret_http);
struct http *http_free(struct http *http);

#endif

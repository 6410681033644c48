/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP requests to paimond over its unix socket.
 *
 * Owns the connection, which stays open between requests. Used by all
 * subcommands, on the one thread of paimonctl.
 */
#ifndef PAIMONCTL_CLIENT_H
#define PAIMONCTL_CLIENT_H

#include <stddef.h>

struct client;

/* Accept header for /metrics in OpenMetrics. */
#define CLIENT_OPENMETRICS "application/openmetrics-text; version=1.0.0"

struct response {
	long status;
	char *body; /* NUL-terminated; NULL: empty */
	size_t length;
};

/* socket: path of the daemon's socket; must outlive the client. NULL: no memory. */
struct client *client_new(const char *socket);
struct client *client_free(struct client *client);

/*
 * Sends a GET request and waits for the answer. accept: a media type or NULL.
 * Returns 0 with an answer of any status, to be freed with response_clear().
 * -ENOENT or -ECONNREFUSED: the daemon does not run; another errno: it runs, but
 * there is no answer. client_error() then describes the error.
 */
int client_get(struct client *client, const char *path, const char *accept,
	       struct response *ret_response);
/* The same with another method. body: JSON, or NULL. */
int client_send(struct client *client, const char *method, const char *path, const char *body,
		struct response *ret_response);

/*
 * Starts a GET request without waiting. client_wait() returns 1 when it is done,
 * 0 after the timeout or if fd is readable or has hung up, or the negative errno of
 * a failed request. Without a started request it only waits for fd.
 */
int client_start(struct client *client, const char *path);
int client_wait(struct client *client, int fd, int milliseconds, struct response *ret_response);

/* The last error, for example "cannot reach paimond at ...". */
const char *client_error(const struct client *client);

void response_clear(struct response *response);

#endif

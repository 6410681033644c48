/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is answered to a request: the routes, who may take them, and in which
 * form the answer is. Called by http.c, on the daemon's one thread.
 */
#ifndef PAIMON_ANSWER_H
#define PAIMON_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "../util/buffer.h"
#include "http.h"

/* A request that has come as a whole. */
struct request {
	const struct http_callbacks *callbacks;
	struct MHD_Connection *connection;
	bool is_unix;
	const char *method, *version;
	const char *path; /* the target without its query, until answer() has taken it apart */
	const struct buffer *body;
};

enum MHD_Result answer(struct request *request);

/* Answers with an error, as JSON. allow: the methods that a 405 names, or NULL. */
enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
			     const char *message, const char *allow);

/* The place of a connection among the clients, or NULL: out of memory. */
struct client *answer_client(struct MHD_Connection *connection);

#endif

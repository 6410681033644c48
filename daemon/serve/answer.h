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

/* Answers a request that has come as a whole. */
enum MHD_Result answer(const struct http_callbacks *callbacks, bool is_unix,
		       struct MHD_Connection *connection, const char *path, const char *method,
		       const struct buffer *body);

/* Answers with an error, as JSON. allow: the methods that a 405 names, or NULL. */
enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
			     const char *message, const char *allow);

/* The place of a connection among the clients, or NULL: out of memory. */
struct client *answer_client(struct MHD_Connection *connection);

#endif

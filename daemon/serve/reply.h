/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request of libmicrohttpd, its headers, and the answers that all routes have in common.
 * Called by http.c, routes.c and events.c, on the daemon's one thread.
 */
#ifndef PAIMON_REPLY_H
#define PAIMON_REPLY_H

#include <microhttpd.h>
#include <stdbool.h>

#include "../util/buffer.h"
#include "budget.h"
#include "http.h"

struct answers;

/* A request that has come as a whole. */
struct request {
	const struct http_callbacks *callbacks;
	struct answers *answers;
	struct budget *budget; /* of who asks, or NULL: an operator has none */
	struct MHD_Connection *connection;
	bool is_unix;
	const char *method, *version;
	const char *path; /* the target without its query, until answer() has taken it apart */
	struct buffer *body;
	bool over_budget; /* of answer() */
};

#define JSON_TYPE "application/json"
#define MIN_GZIP 1024 /* bytes: below, the headers are most of an answer */

/* The place of a connection among the clients, or NULL: out of memory. */
struct client *request_client(struct MHD_Connection *connection);

/* The socket of a connection, or -1. */
int request_socket(struct MHD_Connection *connection);

/* The values of a header, separated by commas, to be freed. NULL: there is none, or no memory.
 * *ret_nr: the lines with it. */
char *request_header(struct MHD_Connection *connection, const char *name, size_t *ret_nr);

bool request_takes_gzip(struct MHD_Connection *connection);

/* The body of one or more answers. */
struct reply_body {
	struct buffer text;
	size_t refs;
};

/* Takes the text. NULL: no memory. */
struct reply_body *reply_body_new(struct buffer *text);
void reply_body_unref(void *body);

/* Queues an answer. allow: the methods that a 405 names, or NULL. Takes the response; if that is
 * NULL, out of memory, the connection is closed. size: the bytes that wait for the client. */
enum MHD_Result reply_response(struct MHD_Connection *connection, unsigned int status,
			       const char *type, struct MHD_Response *response, bool gzip,
			       const char *allow, size_t size);

/* The same with a body, of which it takes a reference. gzip: the body is compressed. */
enum MHD_Result reply_with(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct reply_body *body, bool gzip, const char *allow);

/* The same with a text, which it takes, and compresses if the client asks for that. */
enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct buffer *text, const char *allow);

/* Takes the text, and answers 200 with it, or 503 if it is incomplete. */
enum MHD_Result reply_json(struct MHD_Connection *connection, struct buffer *text);

/* An error, as JSON. */
enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
			    const char *message, const char *allow);
enum MHD_Result reply_no_memory(struct MHD_Connection *connection);

#endif

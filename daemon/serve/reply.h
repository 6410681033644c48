/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request of libmicrohttpd, its headers, and the functions to answer it that all routes use.
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

/* A complete request. */
struct request {
	const struct http_callbacks *callbacks;
	struct answers *answers;
	struct budget *budget; /* budget of the client, or NULL for an operator */
	struct MHD_Connection *connection;
	bool is_unix;
	const char *method, *version;
	const char *path; /* the target without its query; after answer() has parsed it, the path */
	struct buffer *body;
	bool over_budget; /* set by answer() */
};

#define JSON_TYPE "application/json"
#define MIN_GZIP 1024 /* in bytes; smaller answers are mostly headers */

/* The client of a connection, or NULL: out of memory. */
struct client *request_client(struct MHD_Connection *connection);

/* The socket of a connection, or -1. */
int request_socket(struct MHD_Connection *connection);

/* All values of a header, separated by commas, to be freed. NULL: the request does not have it,
 * or out of memory. *ret_nr: how often the header is there. */
char *request_header(struct MHD_Connection *connection, const char *name, size_t *ret_nr);

bool request_takes_gzip(struct MHD_Connection *connection);

/* The body of one or more answers. */
struct reply_body {
	struct buffer text;
	size_t refs;
};

/* Takes ownership of the text. NULL: out of memory. */
struct reply_body *reply_body_new(struct buffer *text);
void reply_body_unref(void *body);

/* A header that only some answers have. */
struct reply_header {
	const char *name, *value;
};

/* Queues an answer. header: one more, or NULL. Takes ownership of the response; if
 * it is NULL (out of memory), closes the connection. size: bytes that wait for the client. */
enum MHD_Result reply_response(struct MHD_Connection *connection, unsigned int status,
			       const char *type, struct MHD_Response *response, bool gzip,
			       const struct reply_header *header, size_t size);

/* The same with a body, to which it takes a reference. gzip: the body is compressed. */
enum MHD_Result reply_with(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct reply_body *body, bool gzip, const struct reply_header *header);

/* The same with a text: takes ownership, and compresses it if the client accepts that. */
enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct buffer *text, const struct reply_header *header);

/* Takes ownership of the text, and answers 200 with it, or 503 if it is incomplete. */
enum MHD_Result reply_json(struct MHD_Connection *connection, struct buffer *text);

/* Answers with an error, as JSON. allow: the methods for a 405, or NULL. */
enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
			    const char *message, const char *allow);
enum MHD_Result reply_no_memory(struct MHD_Connection *connection);

#endif

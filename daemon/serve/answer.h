/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers requests: the routes, who may use them, and the format of each answer.
 * Called by http.c, on the daemon's one thread.
 */
#ifndef PAIMON_ANSWER_H
#define PAIMON_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "../util/buffer.h"
#include "budget.h"
#include "http.h"

/*
 * Texts for Prometheus that are shared while the budget is used up, in each form, plain and
 * gzip: a new one at most every KEPT_NS, so that a scrape is always answered.
 */
#define KEPT_NS 1000000000ULL
struct kept {
	struct body *body; /* NULL: none */
	uint64_t made_ns;  /* CLOCK_MONOTONIC */
};

struct answers {
	struct kept kept[4]; /* by enum text_format, each plain and gzip */
};

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

enum MHD_Result answer(struct request *request);

/* Frees what is kept and older than KEPT_NS, or all of it. Is something left? */
bool answers_expire(struct answers *answers, bool all);

/* Answers with an error, as JSON. allow: the methods that a 405 names, or NULL. */
enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
			     const char *message, const char *allow);

/* The place of a connection among the clients, or NULL: out of memory. */
struct client *answer_client(struct MHD_Connection *connection);

#endif

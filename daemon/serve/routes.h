/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers requests: the routes, who may use them, and the format of each answer.
 * Called by http.c, on the daemon's one thread.
 */
#ifndef PAIMON_ROUTES_H
#define PAIMON_ROUTES_H

#include <microhttpd.h>
#include <stdbool.h>

#include "encode/encoder.h"
#include "reply.h"

/*
 * Texts for Prometheus that are shared while the budget is used up, in each form, plain and
 * gzip: a new one at most every SHARED_NS, so that a scrape is always answered.
 */
#define SHARED_NS 1000000000ULL
struct shared_text {
	struct reply_body *body; /* NULL: none */
	uint64_t made_ns;	 /* CLOCK_MONOTONIC */
};

struct answers {
	struct shared_text texts[2 * NR_ENCODERS]; /* of each encoder, plain and gzip */
};

enum MHD_Result answer(struct request *request);

/* Frees the shared texts that are older than SHARED_NS, or all of them. Is one left? */
bool answers_expire(struct answers *answers, bool all);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers requests: the routes, who may use them, and the format of each answer.
 * Called by http.c, on the daemon's one thread.
 */
#ifndef PAIMON_ROUTES_H
#define PAIMON_ROUTES_H

#include <microhttpd.h>
#include <stdbool.h>

#include "../model/history.h"
#include "encode/encoder.h"
#include "reply.h"

/*
 * Scraped texts that are shared while the budget is used up, in each format, plain and gzip: a new
 * one at most every SHARED_NS, so that every scrape is answered.
 */
#define SHARED_NS 1000000000ULL
struct shared_text {
	struct reply_body *body; /* NULL: there is none */
	uint64_t made_ns;	 /* CLOCK_MONOTONIC */
};

struct answers {
	struct shared_text texts[2 * NR_ENCODERS]; /* by encoder; plain and gzip */
	struct shared_text pages[2 * 2];	   /* refreshed, paused; plain and gzip */
	/* Kept while somebody looks at the page, and for HISTORY_SPAN_NS after. */
	struct history *history;
	uint64_t looked_ns; /* CLOCK_MONOTONIC */
};

enum MHD_Result answer(struct request *request);

/* Frees shared texts that are older than SHARED_NS, and a history at which nobody looks any more;
 * or all of them. Returns whether one is left. */
bool answers_expire(struct answers *answers, bool all);

#endif

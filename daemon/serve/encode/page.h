/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page for browsers at /: what paimon counts, how that went in the last minutes, and what it
 * costs. One HTML file without scripts and external resources; the style is page.css. It shows
 * public metrics only, so it names no process. Pure. Called by routes.c.
 *
 * page.c has the frame, page_faults.c and page_tables.c the sections of the sources.
 */
#ifndef PAIMON_ENCODE_PAGE_H
#define PAIMON_ENCODE_PAGE_H

#include <stdbool.h>

#include "../../model/history.h"
#include "../../model/snapshot.h"
#include "../../model/status.h"
#include "../../util/buffer.h"
#include "../../util/event_set.h"

#define PAGE_TYPE "text/html; charset=utf-8"
#define PAGE_REFRESH "5" /* seconds */

/* The header Content-Security-Policy: only the style in the page itself. */
extern const char page_policy[];

/* What the page wants to know of the past. */
enum page_want {
	WANT_REQUESTS,
	WANT_ANSWERS,
	WANT_DURATION,
	WANT_DISCARDED,
	WANT_LOST,
	WANT_FUNCTIONS,
	WANT_NNPA_CGROUPS,
	WANT_EVENTS,
	WANT_EVENT_CGROUPS,
	WANT_PMU_EVENTS,
	NR_PAGE_WANTS,
};
extern const struct history_want page_wants[NR_PAGE_WANTS];

struct page {
	const struct snapshot *snapshot;
	const struct history *history; /* of page_wants */
	const struct status *status;
	const struct event_sets *sets; /* or NULL */
	const char *host;	       /* the name of the machine */
	bool paused;		       /* the browser does not ask again */
};

void encode_page(const struct page *page, struct buffer *html);

#endif

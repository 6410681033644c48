/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimond, over its socket for the gateway: one request a connection, HTTP/1.0, the whole answer in
 * memory. At most UPSTREAM_MAX requests run at once, the others wait their turn; so unread answers
 * of paimond are bounded. On the loop's thread.
 */
#ifndef PAIMON_GATEWAY_UPSTREAM_H
#define PAIMON_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "../util/buffer.h"

#define UPSTREAM_MAX 4
#define UPSTREAM_MAX_HEADER (16 << 10) /* bytes of an answer's header */
#define UPSTREAM_MAX_BODY (32 << 20)   /* bytes */
#define UPSTREAM_SECONDS 20	       /* without a byte */
#define UPSTREAM_UNREACHABLE "paimond cannot be reached"

struct upstream;

/* A request. The memory is the caller's until done() is called, once, later. */
struct fetch {
	struct buffer request; /* its text; freed by this */
	void (*done)(struct fetch *fetch);
	/* After done(): the answer, which the caller frees, or an error. */
	unsigned int status; /* 502, 503 or 504 with an error */
	const char *error;   /* or NULL */
	struct buffer answer;
	char *headers; /* in answer: the first one; see upstream_next_header() */
	size_t body;   /* in answer: where it begins */
	/* For this. */
	struct upstream *upstream;
	struct fetch *next;
	sd_event_source *io, *timer;
	int fd;
};

/* path: of the socket; it must stay. */
int upstream_new(sd_event *event, const char *path, struct upstream **ret_upstream);
/* Ends all requests, with an error. */
struct upstream *upstream_free(struct upstream *upstream);

/* target: what is asked for. headers: whole lines, with CR LF. 0, or a negative errno, and done()
 * is not called: paimond cannot be reached. The struct is zeroed but for done. */
int upstream_get(struct upstream *upstream, const char *target, const char *headers,
		 struct fetch *fetch);

/* Takes the next header of an answer that is for the client: not those of the connection alone. */
bool upstream_next_header(struct fetch *fetch, char **ret_name, char **ret_value);

/* Splits the answer: sets status, headers and body. 0 or -EBADMSG. For upstream.c and its tests. */
int upstream_parse(struct fetch *fetch);

#endif

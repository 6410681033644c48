/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests for kept events: the server receives them, the source of events executes them, and
 * neither depends on the other.
 */
#ifndef PAIMON_KEPT_H
#define PAIMON_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct json_member;

/* A request for /v1/events (id 0) or /v1/events/ID. */
struct http_events_request {
	const char *method;
	uint64_t id;
	bool has_body;
	const struct json_member *members; /* of the body */
	size_t nr_members;
	struct ucred peer;
};

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests for kept events: the JSON of /v1/events. Called by routes.c, on the daemon's one
 * thread.
 */
#ifndef PAIMON_SERVE_EVENTS_H
#define PAIMON_SERVE_EVENTS_H

#include "reply.h"

/* Answers a request for /v1/events or /v1/events/ID. Unknown keys are errors. */
enum MHD_Result answer_events(const struct request *request);

#endif

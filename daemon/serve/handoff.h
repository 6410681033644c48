/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server of the hand-off socket (<paimon/handoff.h>), in the daemon's event loop and
 * on its one thread. It handles messages and descriptors, and does not depend on events.
 *
 * It never waits for a client: a request is one message, and a reply that does not fit
 * into the socket ends the connection. There are at most HANDOFF_CLIENTS; a further one
 * replaces the client without progress for the longest time. Descriptors in a message are
 * closed after it was handled; those of clients that are not operators are never received.
 */
#ifndef PAIMON_SERVE_HANDOFF_H
#define PAIMON_SERVE_HANDOFF_H

#include <systemd/sd-event.h>

#include "../model/kept.h"

#define HANDOFF_CLIENTS 64

struct handoff;

/* Serves on a listening socket. Takes ownership of it, also on failure. kept: executes the
 * requests. 0 or a negative errno. */
int handoff_new(sd_event *event, int fd, const struct kept *kept, struct handoff **ret_handoff);
struct handoff *handoff_free(struct handoff *handoff);

#endif

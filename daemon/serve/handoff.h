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

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#define HANDOFF_CLIENTS 64

struct handoff;

/* What the daemon does; all return 0 or a negative errno with *ret_error (freed by the
 * caller; NULL: errno's text will do). data is passed on. */
struct handoff_callbacks {
	/* fds stay the caller's. */
	int (*keep)(void *data, const int *fds, size_t nr, const char *name,
		    const struct ucred *peer, uint64_t *ret_id, char **ret_error);
	/* *ret_fd stays the callee's, until the next call. */
	int (*descriptor)(void *data, uint64_t id, uint32_t cpu, const struct ucred *peer,
			  int *ret_fd, char **ret_error);
	int (*claim)(void *data, uint64_t id, const struct ucred *peer, char **ret_error);
	void *data;
};

/* Serves on a listening socket, which the server owns from then on, also on failure.
 * 0 or a negative errno. */
int handoff_new(sd_event *event, int fd, const struct handoff_callbacks *callbacks,
		struct handoff **ret_handoff);
struct handoff *handoff_free(struct handoff *handoff);

#endif

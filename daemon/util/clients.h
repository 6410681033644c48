/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The connections of a listener, and which one to close at a limit.
 *
 * Connections are in the order of their last progress: they connected, sent a whole
 * request, or read a whole answer. At the limit of connections, or of bytes in
 * unread answers, the connection without progress for the longest time is closed. So
 * stalled clients never keep a new one out. Called by http.c, on the daemon's one
 * thread.
 */
#ifndef PAIMON_CLIENTS_H
#define PAIMON_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

struct client {
	struct clients *clients; /* NULL: already shut down */
	struct client *previous, *next;
	int fd;
	size_t waiting;		 /* unread bytes of the answer */
	bool too_many_arguments; /* of the current request */
};

struct clients {
	unsigned int max;
	size_t max_waiting;
	unsigned int nr;
	size_t waiting;
	unsigned long dropped;	     /* clients closed at a limit since the start */
	struct client *first, *last; /* first: without progress for the longest time */
};

/* Adds a connection, and closes another one if there are too many. NULL: out of memory. The
 * caller keeps the descriptor. A client that is to be closed is only shut down; it is closed by
 * the code that sees the end of its connection. */
struct client *clients_add(struct clients *clients, int fd);

/* The client made progress and has no unread answer. */
void client_progress(struct client *client);

/* An answer of this size waits for the client. If there are too many bytes, closes other
 * connections, never this one. */
void client_answer(struct client *client, size_t size);

/* Removes a client whose connection is closed. */
struct client *client_free(struct client *client);

#endif

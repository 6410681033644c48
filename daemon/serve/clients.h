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
	struct clients *clients; /* NULL: gone already, as far as we are concerned */
	struct client *previous, *next;
	int fd;
	size_t waiting;		 /* bytes of the answer that it has not taken */
	bool too_many_arguments; /* of the request at hand */
};

struct clients {
	unsigned int max;
	size_t max_waiting;
	unsigned int nr;
	size_t waiting;
	unsigned long dropped;	     /* who had to go, so far */
	struct client *first, *last; /* first: who stood still for longest */
};

/* A new connection, or NULL: no memory. Makes room. The descriptor stays the
 * caller's: who has to go is shut down, and is closed by who sees the end. */
struct client *clients_add(struct clients *clients, int fd);

/* It made progress, and has nothing more to take. */
void client_progress(struct client *client);

/* An answer of that size waits for it. Makes room, and never at its cost. */
void client_answer(struct client *client, size_t size);

/* Its connection is closed. */
struct client *client_free(struct client *client);

#endif

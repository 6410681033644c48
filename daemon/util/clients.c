// SPDX-License-Identifier: GPL-2.0
#include "clients.h"

#include <stdlib.h>
#include <sys/socket.h>

static void take_out(struct client *client)
{
	struct clients *clients = client->clients;

	*(client->previous ? &client->previous->next : &clients->first) = client->next;
	*(client->next ? &client->next->previous : &clients->last) = client->previous;
	clients->nr--;
	clients->waiting -= client->waiting;
	client->clients = NULL;
}

static void put_last(struct clients *clients, struct client *client)
{
	client->clients = clients;
	client->previous = clients->last;
	client->next = NULL;
	*(clients->last ? &clients->last->next : &clients->first) = client;
	clients->last = client;
	clients->nr++;
	clients->waiting += client->waiting;
}

static void drop(struct client *client)
{
	client->clients->dropped++;
	take_out(client);
	shutdown(client->fd, SHUT_RDWR);
}

struct client *clients_add(struct clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->fd = fd;
	if (clients->nr >= clients->max)
		drop(clients->first);
	put_last(clients, client);
	return client;
}

static void set_waiting(struct client *client, size_t size)
{
	struct clients *clients = client->clients;

	if (!clients)
		return;
	take_out(client);
	client->waiting = size;
	put_last(clients, client);
}

void client_progress(struct client *client)
{
	set_waiting(client, 0);
}

void client_answer(struct client *client, size_t size)
{
	struct clients *clients = client->clients;
	struct client *next;

	set_waiting(client, size);
	for (struct client *c = clients ? clients->first : NULL;
	     c && c != client && clients->waiting > clients->max_waiting; c = next) {
		next = c->next;
		if (c->waiting)
			drop(c);
	}
}

struct client *client_free(struct client *client)
{
	if (client && client->clients)
		take_out(client);
	free(client);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
/* Instead of client.c, in a build without libcurl: no request is sent. */
#include <errno.h>

#include "client.h"

struct client {
	char unused;
};

struct client *client_new(const char *socket)
{
	static struct client client;

	return &client;
}

struct client *client_free(struct client *client)
{
	return NULL;
}

const char *client_error(const struct client *client)
{
	return "cannot ask paimond: this paimonctl was built without libcurl (meson setup -Dcurl=enabled)";
}

int client_get(struct client *client, const char *path, const char *accept,
	       struct response *ret_response)
{
	return -ENOTSUP;
}

int client_send(struct client *client, const char *method, const char *path, const char *body,
		struct response *ret_response)
{
	return -ENOTSUP;
}

int client_start(struct client *client, const char *path)
{
	return -ENOTSUP;
}

int client_wait(struct client *client, int fd, int milliseconds, struct response *ret_response)
{
	return -ENOTSUP;
}

void response_clear(struct response *response)
{
}

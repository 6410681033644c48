// SPDX-License-Identifier: GPL-2.0
/*
 * page-server busy|idle|unable [replay]: the real server on a TCP port, which it prints, with
 * made-up snapshots. Each one is five seconds later than the one before. For the test `page`.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "page-fixture.h"
#include "serve/http.h"
#include "util/tcp.h"

static enum page_machine machine;
static const char *input;

static int on_snapshot(void *data, const char *const *names, struct snapshot **ret_snapshot,
		       char **ret_error)
{
	static double seconds;

	*ret_snapshot = page_snapshot(machine, input, seconds += 5);
	return 0;
}

static int on_status(void *data, struct status *ret_status)
{
	page_status(machine, input, ret_status);
	return 0;
}

static char *const *on_allowed_hosts(void *data)
{
	return NULL;
}

int main(int argc, char **argv)
{
	static const char *const machines[] = {"busy", "idle", "unable"};
	const struct http_callbacks callbacks = {.snapshot = on_snapshot,
						 .status = on_status,
						 .allowed_hosts = on_allowed_hosts};
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct http_socket server = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	char name[LISTEN_NAME_LEN];
	struct http *http;
	sd_event *event;

	for (size_t i = 0; i < 3; i++)
		if (argc > 1 && !strcmp(argv[1], machines[i]))
			machine = i;
	input = argc > 2 ? argv[2] : NULL;
	if (server.fd < 0 || bind(server.fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(server.fd, SOMAXCONN) || sd_event_default(&event) < 0)
		return EXIT_FAILURE;
	listen_name(server.fd, name);
	if (http_new(event, &server, 1, &callbacks, &http) < 0)
		return EXIT_FAILURE;
	printf("%s\n", name);
	fflush(stdout);
	return sd_event_loop(event) < 0;
}

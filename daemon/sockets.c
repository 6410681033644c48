// SPDX-License-Identifier: GPL-2.0
#include "sockets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "config/config.h"
#include "process/fdstore.h"
#include "serve/listen.h"
#include "util/log.h"
#include "util/tcp.h"

const char *path_advice(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "stop the other paimond that listens there, or ";
	case -ENOTSOCK:
		return "remove that file, or ";
	case -ENOENT:
	case -ENOTDIR:
		return "create its directory, or ";
	case -EACCES:
	case -EPERM:
		return geteuid() ? "run paimond as root, or " : "";
	default:
		return "";
	}
}

/* Opens the hand-off socket, or returns -1: everything else works without it. */
static int open_handoff(struct sockets *sockets, const struct config *config, bool replay)
{
	const char *path = config->handoff;
	int fd;

	if (!path || replay)
		return -1;
	fd = listen_handoff(path);
	if (fd < 0) {
		log_warning(
			"cannot listen at %s: %s; events cannot be handed over (%sset handoff in the configuration)",
			path, strerror(-fd), path_advice(fd));
		return -1;
	}
	sockets->handoff_path = strdup(path);
	return fd;
}

/* Is it the unix socket of paimon-gateway? The unit has no other one of this name. */
static bool is_gateway(int fd)
{
	struct sockaddr_un at = {};
	socklen_t size = sizeof(at) - 1;
	const char *name;

	if (getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return false;
	name = strrchr(at.sun_path, '/');
	return name && !strcmp(name, "/gateway.sock");
}

/* Takes ownership of fd, also on failure. */
static int add_socket(struct sockets *sockets, int fd, bool is_unix)
{
	struct http_socket *grown = reallocarray(sockets->http, sockets->nr_http + 1,
						 sizeof(*sockets->http));

	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	sockets->http = grown;
	grown[sockets->nr_http++] = (struct http_socket){fd, is_unix};
	return 0;
}

/* Takes all sockets that systemd has passed, of which there can be any number. */
static int take_sockets(struct sockets *sockets, int *ret_handoff)
{
	int fd, r = 0;

	while (!r && (fd = fdstore_take_socket(AF_UNIX, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, !is_gateway(fd));
	while (!r && (fd = fdstore_take_socket(AF_INET, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, false);
	while (!r && (fd = fdstore_take_socket(AF_INET6, SOCK_STREAM)) >= 0)
		r = add_socket(sockets, fd, false);
	*ret_handoff = fdstore_take_socket(AF_UNIX, SOCK_SEQPACKET);
	fdstore_close_files();
	return r;
}

static int open_all(struct sockets *sockets, const struct config *config, bool replay,
		    int *ret_handoff)
{
	int fd, r = take_sockets(sockets, ret_handoff);

	if (!r && !sockets->nr_http && *ret_handoff >= 0)
		log_warning(
			"systemd has passed only the hand-off socket: paimond cannot serve anything else (as root: systemctl start paimond.socket, then restart paimond)");
	if (r < 0 || sockets->nr_http || *ret_handoff >= 0)
		return r;
	fd = listen_unix(config->socket);
	if (fd < 0) {
		log_error("cannot listen at %s: %s (%sset socket in the configuration)",
			  config->socket, strerror(-fd), path_advice(fd));
		return fd;
	}
	sockets->unix_path = strdup(config->socket);
	r = add_socket(sockets, fd, true);
	if (!r && config->listen) {
		fd = listen_tcp(config->listen);
		if (fd < 0)
			log_error("cannot listen at %s: %s (set listen in the configuration)",
				  config->listen, strerror(-fd));
		r = fd < 0 ? fd : add_socket(sockets, fd, false);
	}
	if (!r && config->gateway) {
		fd = listen_unix(config->gateway);
		if (fd < 0)
			log_error("cannot listen at %s: %s (%sset gateway in the configuration)",
				  config->gateway, strerror(-fd), path_advice(fd));
		else
			sockets->gateway_path = strdup(config->gateway);
		r = fd < 0 ? fd : add_socket(sockets, fd, false);
	}
	if (!r)
		*ret_handoff = open_handoff(sockets, config, replay);
	return r;
}

int sockets_open(struct sockets *sockets, const struct config *config, bool replay,
		 int *ret_handoff)
{
	/* One byte less, so that the path ends with NUL. */
	socklen_t size = sizeof(sockets->handoff_at) - 1;
	int handoff = -1, r = open_all(sockets, config, replay, &handoff);

	if (r < 0)
		return r;
	if (handoff >= 0)
		getsockname(handoff, (struct sockaddr *)&sockets->handoff_at, &size);
	*ret_handoff = handoff;
	return 0;
}

void sockets_close(struct sockets *sockets)
{
	if (sockets->unix_path)
		unlink(sockets->unix_path);
	if (sockets->handoff_path)
		unlink(sockets->handoff_path);
	if (sockets->gateway_path)
		unlink(sockets->gateway_path);
	free(sockets->unix_path);
	free(sockets->handoff_path);
	free(sockets->gateway_path);
	free(sockets->http);
}

int sockets_status(const struct sockets *sockets, struct status *status)
{
	static_assert(sizeof(status->listen->address) == LISTEN_NAME_LEN, "a name fits");
	status->listen = calloc(sockets->nr_http + 1, sizeof(*status->listen));
	if (!status->listen)
		return -ENOMEM;
	for (size_t i = 0; i < sockets->nr_http; i++) {
		struct status_listener *listener = &status->listen[status->nr_listen];

		if (sd_is_socket(sockets->http[i].fd, AF_UNIX, SOCK_STREAM, -1) > 0)
			continue;
		listener->loopback = listen_name(sockets->http[i].fd, listener->address);
		status->nr_listen++;
	}
	if (sockets->handoff_at.sun_path[0])
		status->handoff = sockets->handoff_at.sun_path;
	return 0;
}

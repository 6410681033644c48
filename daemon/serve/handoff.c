// SPDX-License-Identifier: GPL-2.0
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <paimon/handoff.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../util/cleanup.h"
#include "../util/clients.h"
#include "../util/fail.h"
#include "peer.h"

#define MAX_CAME 253 /* SCM_MAX_FD: no message has more descriptors */
#define ACCEPTS_PER_SECOND 10000

struct connection {
	struct handoff *handoff;
	struct client *client;
	sd_event_source *source;
	struct ucred peer;
	bool is_operator;
	int fd;
};

struct handoff {
	sd_event_source *listener;
	struct kept kept;
	struct clients clients;
	/* One more than clients: a client that was shut down remains until the end of its
	 * connection is seen. */
	struct connection *connections[HANDOFF_CLIENTS + 1];
	int fd;
};

/* A received message. */
struct message {
	struct paimon_handoff_request request;
	ssize_t size;
	int flags;
	int fds[MAX_CAME];
	size_t nr;
};

/* Receives a message. The caller closes the descriptors, whatever size is. */
static void receive(const struct connection *connection, struct message *ret_message)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(ret_message->fds))];
	} control;
	struct iovec iov = {&ret_message->request, sizeof(ret_message->request)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		/* Without a control buffer, the kernel drops descriptors. Closing a file can
		 * take as long as its file system likes, so paimond receives them from operators
		 * only. */
		.msg_control = connection->is_operator ? &control : NULL,
		.msg_controllen = connection->is_operator ? sizeof(control) : 0,
	};

	memset(ret_message, 0, sizeof(*ret_message));
	ret_message->size = recvmsg(connection->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (ret_message->size < 0)
		return;
	ret_message->flags = header.msg_flags;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(ret_message->fds + ret_message->nr, CMSG_DATA(c), size);
		ret_message->nr += size / sizeof(int);
	}
}

/* Checks that a message is valid for its operation. */
static int check(const struct message *message, char **ret_error)
{
	const struct paimon_handoff_request *request = &message->request;
	struct paimon_handoff_request used = {.version = request->version, .op = request->op};

	if (message->size >= (ssize_t)sizeof(request->version) &&
	    request->version != PAIMON_HANDOFF_VERSION)
		return fail(ret_error, -EPROTONOSUPPORT,
			    "version %u of the hand-off protocol: this paimond supports version %d",
			    request->version, PAIMON_HANDOFF_VERSION);
	if (message->flags & MSG_TRUNC || message->size != sizeof(*request))
		return fail(ret_error, -EMSGSIZE, "the request does not have %zu bytes",
			    sizeof(*request));
	if (message->flags & MSG_CTRUNC)
		return fail(
			ret_error, -EMFILE,
			"paimond has too few free descriptors (raise LimitNOFILE of paimond.service)");
	switch (request->op) {
	case PAIMON_HANDOFF_UNCLAIM:
		used.nr = request->nr;
		memcpy(used.name, request->name, sizeof(used.name) - 1);
		break;
	case PAIMON_HANDOFF_OPEN:
		used.cpu = request->cpu;
		used.id = request->id;
		break;
	case PAIMON_HANDOFF_CLAIM:
		used.id = request->id;
		break;
	default:
		return fail(ret_error, -EINVAL, "unknown operation %u", request->op);
	}
	if (memcmp(&used, request, sizeof(used)))
		return fail(
			ret_error, -EINVAL,
			"operation %u: the name is not terminated, or an unused member is not 0",
			request->op);
	if (message->nr != request->nr)
		return fail(ret_error, -EINVAL, "the request is for %u descriptors, but has %zu",
			    request->nr, message->nr);
	return 0;
}

/* Performs the request. *ret_fd: a descriptor to send, owned by the callee; or unchanged. */
static int perform(const struct connection *connection, const struct message *message,
		   uint64_t *ret_id, int *ret_fd, char **ret_error)
{
	const struct kept *kept = &connection->handoff->kept;
	const struct paimon_handoff_request *request = &message->request;
	uint32_t uid = connection->peer.uid;
	struct kept_owner owner;
	int r;

	if (!connection->is_operator)
		return fail(ret_error, -EACCES,
			    "only root and members of group " OPERATORS " may do this");
	r = check(message, ret_error);
	if (!r)
		r = kept->ops->ready(kept->data, ret_error);
	if (r < 0)
		return r;
	if (request->op == PAIMON_HANDOFF_OPEN)
		return kept->ops->descriptor(kept->data, request->id, request->cpu, uid, ret_fd,
					     ret_error);
	if (request->op == PAIMON_HANDOFF_CLAIM)
		return kept->ops->release(kept->data, request->id, uid, ret_error);
	peer_owner(&connection->peer, &owner);
	return kept->ops->keep(kept->data, message->fds, message->nr, request->name, &owner, ret_id,
			       ret_error);
}

/* Sends a reply. fd: a descriptor to send with it, or -1. */
static bool reply(int socket, const struct paimon_handoff_reply *reply, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {(void *)reply, sizeof(*reply)};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*reply);
}

/* Answers a message. False: the connection is to be closed. */
static bool answer_message(struct connection *connection, const struct message *message)
{
	const struct kept *kept = &connection->handoff->kept;
	struct paimon_handoff_reply answer = {.version = PAIMON_HANDOFF_VERSION};
	_cleanup_free_ char *error = NULL, *ignored = NULL;
	uint64_t id = 0;
	int fd = -1;

	answer.error = perform(connection, message, &id, &fd, &error);
	answer.id = id;
	if (answer.error)
		snprintf(answer.text, sizeof(answer.text), "%s", error ?: strerror(-answer.error));
	if (reply(connection->fd, &answer, fd))
		return true;
	/* The client does not know the id: undo the request (d8). */
	if (id)
		kept->ops->release(kept->data, id, connection->peer.uid, &ignored);
	return false;
}

static void connection_free(struct connection *connection)
{
	struct handoff *handoff = connection->handoff;

	for (int i = 0; i <= HANDOFF_CLIENTS; i++)
		if (handoff->connections[i] == connection)
			handoff->connections[i] = NULL;
	client_free(connection->client);
	sd_event_source_disable_unref(connection->source);
	close(connection->fd);
	free(connection);
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct connection *connection = data;
	struct message message;
	bool more;

	receive(connection, &message);
	if (message.size < 0 && (errno == EAGAIN || errno == EINTR))
		/* A hang-up without data to read would be reported forever. */
		more = !(events & (EPOLLHUP | EPOLLERR));
	else
		more = message.size > 0 && answer_message(connection, &message);
	for (size_t i = 0; i < message.nr; i++)
		close(message.fds[i]);
	if (more)
		client_progress(connection->client);
	else
		connection_free(connection);
	return 0;
}

static int connection_new(sd_event *event, struct handoff *handoff, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection)), **place = NULL;

	for (int i = 0; i <= HANDOFF_CLIENTS && !place; i++)
		if (!handoff->connections[i])
			place = &handoff->connections[i];
	if (!connection || !place) {
		free(connection);
		close(fd);
		return -ENOMEM;
	}
	*place = connection;
	connection->handoff = handoff;
	connection->fd = fd;
	connection->is_operator = peer_get(fd, &connection->peer) && peer_is_operator(fd);
	connection->client = clients_add(&handoff->clients, fd);
	if (!connection->client ||
	    sd_event_add_io(event, &connection->source, fd, EPOLLIN, on_message, connection) < 0) {
		connection_free(connection);
		return -ENOMEM;
	}
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct handoff *handoff = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	/* If accept4() fails, the event comes again, or the client has gone. */
	if (client >= 0)
		connection_new(sd_event_source_get_event(source), handoff, client);
	return 0;
}

int handoff_new(sd_event *event, int fd, const struct kept *kept, struct handoff **ret_handoff)
{
	struct handoff *handoff = calloc(1, sizeof(*handoff));
	int r;

	if (!handoff) {
		close(fd);
		return -ENOMEM;
	}
	handoff->fd = fd;
	handoff->kept = *kept;
	handoff->clients.max = HANDOFF_CLIENTS;
	/* A socket of systemd may be blocking. */
	r = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (!r)
		r = sd_event_add_io(event, &handoff->listener, fd, EPOLLIN, on_connect, handoff);
	if (r >= 0)
		/* Requests are handled before new connections, which may close others. */
		r = sd_event_source_set_priority(handoff->listener, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		/* Without free descriptors, the listener would otherwise wake up the daemon
		 * forever. */
		r = sd_event_source_set_ratelimit(handoff->listener, 1000000, ACCEPTS_PER_SECOND);
	if (r < 0) {
		handoff_free(handoff);
		return r;
	}
	*ret_handoff = handoff;
	return 0;
}

struct handoff *handoff_free(struct handoff *handoff)
{
	if (!handoff)
		return NULL;
	for (int i = 0; i <= HANDOFF_CLIENTS; i++)
		if (handoff->connections[i])
			connection_free(handoff->connections[i]);
	sd_event_source_disable_unref(handoff->listener);
	close(handoff->fd);
	free(handoff);
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Any messages to the hand-off server, with any number of descriptors: what it asks of
 * the daemon is whole, a message has one reply or ends the connection, and no descriptor
 * is left. An input: how many descriptors, whether the client leaves before it is served
 * (bit 0), and messages, each behind its length.
 */
#include <errno.h>
#include <fcntl.h>
#include <paimon/handoff.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "fuzz.h"
#include "serve/handoff.h"
#include "serve/listen.h"

#define NAME "name\0\0\0\0\0\0\0\0\0\0\0\0" /* 16 of 64 */
#define ZERO "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

const struct seed fuzz_seeds[] = {
	SEED("\2\0\x58\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0" NAME ZERO ZERO ZERO),
	SEED("\0\0\x58\1\0\0\0\2\0\0\0\7\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0" ZERO ZERO ZERO ZERO),
	SEED("\0\1\x58\1\0\0\0\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" ZERO ZERO ZERO ZERO),
	SEED("\377\0\4\1\0\0\0\0\5\2\0\0\0\0"),
	{},
};

static sd_event *event;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static uint64_t last_id;

static int on_ready(void *data, char **ret_error)
{
	return 0;
}

static int on_keep(void *data, const int *fds, size_t nr, const char *name,
		   const struct kept_owner *owner, uint64_t *ret_id, char **ret_error)
{
	must(memchr(name, '\0', PAIMON_HANDOFF_NAME_LEN));
	must(owner->pid == (uint32_t)getpid());
	for (size_t i = 0; i < nr; i++)
		must(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
	if (!nr)
		return -EINVAL;
	*ret_id = ++last_id;
	return 0;
}

static int on_descriptor(void *data, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
			 char **ret_error)
{
	*ret_fd = cpu ? -1 : STDERR_FILENO;
	return cpu ? -ENOENT : 0;
}

static int on_release(void *data, uint64_t id, uint32_t uid, char **ret_error)
{
	must(asprintf(ret_error, "%0300d", 0) > 0);
	return id & 1 ? -EINVAL : 0;
}

static void start(void)
{
	static const struct kept_ops ops = {
		.ready = on_ready,
		.keep = on_keep,
		.descriptor = on_descriptor,
		.release = on_release,
	};
	struct handoff *handoff;
	int fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/paimon-fuzz-handoff-%d",
		 getpid());
	fd = listen_handoff(address.sun_path);
	must(fd >= 0 && sd_event_new(&event) >= 0);
	/* The descriptor that the event loop has for timers, from the first one on. */
	must(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 1ULL << 50, 0, NULL, NULL) >=
	     0);
	must(!handoff_new(event, fd, &(struct kept){&ops, NULL}, &handoff));
}

/* With the socket itself, so many times. */
static ssize_t send_sockets(int fd, const void *data, size_t size, size_t nr)
{
	int fds[253];

	for (size_t i = 0; i < nr; i++)
		fds[i] = fd;
	return send_message(fd, data, size, fds, nr, MSG_DONTWAIT);
}

/* Does the connection go on? */
static bool get_reply(int fd)
{
	struct paimon_handoff_reply reply;
	ssize_t n;

	/* So many connections as here, the listener takes a rest from. A run of the loop is
	 * one message, of another connection too; libFuzzer ends one that hangs. */
	for (int i = 0;
	     (n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC)) < 0 && errno == EAGAIN;
	     i++) {
		must(i < 10000);
		must(sd_event_run(event, 100000) >= 0);
	}
	must(n <= 0 || n == sizeof(reply));
	must(n >= 0 || errno == ECONNRESET);
	if (n <= 0)
		return false;
	must(reply.version == PAIMON_HANDOFF_VERSION && reply.error <= 0);
	must(memchr(reply.text, '\0', sizeof(reply.text)));
	must(!reply.error == !reply.text[0] && (!reply.error || !reply.id));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct paimon_handoff_request last = {1, PAIMON_HANDOFF_CLAIM, .id = 2};
	const uint8_t *end = data + size;
	int fd, lowest;
	bool leaves;
	size_t nr;

	if (!event)
		start();
	if (size < 2)
		return 0;
	nr = data[0] % 254;
	leaves = data[1] & 1;
	fd = lowest = dial(&address, SOCK_SEQPACKET, 0);
	must(fd >= 0);
	for (data += 2; data < end;) {
		size_t length = *data++;

		length = length < (size_t)(end - data) ? length : (size_t)(end - data);
		if (send_sockets(fd, data, length, nr) < 0)
			break;
		data += length;
		if (!leaves && !get_reply(fd))
			break;
	}
	close(fd);
	/* Once another one is served, the first has been too. */
	fd = dial(&address, SOCK_SEQPACKET, 0);
	must(send_message(fd, &last, sizeof(last), NULL, 0, MSG_DONTWAIT) == sizeof(last));
	must(get_reply(fd));
	close(fd);
	while (sd_event_run(event, 0) > 0)
		;
	fd = dup(STDERR_FILENO);
	must(fd == lowest);
	close(fd);
	/* Nor a higher one. */
	must(fcntl(lowest + 1, F_GETFD) < 0 && fcntl(lowest + 2, F_GETFD) < 0);
	return 0;
}

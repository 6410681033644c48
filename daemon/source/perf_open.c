// SPDX-License-Identifier: GPL-2.0
#include "perf_open.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../opener/opener.h"
#include "../util/affinity.h"
#include "../util/cleanup.h"
#include "../util/clock.h"

/* For how long paimond does not ask the opener again after it did not answer: there can be
 * hundreds of requests in a row. */
#define SULK_NS 5000000000ULL

/* A connection to the opener, or a negative errno. */
static int connect_opener(void)
{
	/* systemd starts it at the first connection. The daemon serves nobody else while it
	 * waits. */
	static const struct timeval patience = {.tv_sec = 2};
	const char *path = getenv("PAIMOND_OPENER") ?: OPENER_SOCKET;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	int connected;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	connected = fd;
	fd = -1;
	return connected;
}

/* Sends a request. 0 with the reply and its descriptor (-1: none), or a negative errno. */
static int exchange(const struct opener_request *request, struct opener_reply *ret_reply,
		    int *ret_fd)
{
	_cleanup_close_ int fd = connect_opener();
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec part = {ret_reply, sizeof(*ret_reply)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	ssize_t size;

	if (fd < 0)
		return fd;
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return -errno;
	size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	if (size < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	*ret_fd = -1;
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	/* No descriptor comes with an error. */
	if (size == sizeof(*ret_reply) &&
	    (!ret_reply->error || (ret_reply->error < 0 && *ret_fd < 0)))
		return 0;
	cleanup_close_fd(ret_fd);
	return -EBADMSG;
}

/* The same. Returns refused, the error of the kernel, if there is no opener. */
static int ask(const struct opener_request *request, int refused, struct opener_reply *ret_reply,
	       int *ret_fd)
{
	static uint64_t sulk_until;
	static int error;

	if (clock_ns(CLOCK_MONOTONIC) < sulk_until)
		return error ?: refused;
	error = exchange(request, ret_reply, ret_fd);
	if (!error)
		return ret_reply->error;
	sulk_until = clock_ns(CLOCK_MONOTONIC) + SULK_NS;
	error = error == -EAGAIN ? -ETIMEDOUT : 0;
	return error ?: refused;
}

int perf_paranoid(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level = 0;

	if (file && fscanf(file, "%d", &level) != 1)
		level = 0;
	if (file)
		fclose(file);
	return level;
}

static struct affinity affinity;
static bool is_batch;

void perf_open_begin(void)
{
	is_batch = true;
}

void perf_open_end(void)
{
	is_batch = false;
	affinity_restore(&affinity);
}

int perf_open(const void *attr, int cpu)
{
	struct opener_request request = {.version = OPENER_VERSION,
					 .what = OPENER_EVENT,
					 .cpu = cpu};
	const struct perf_event_attr *head = attr;
	struct opener_reply reply;
	int fd, r;

	if (is_batch)
		affinity_follow(&affinity, cpu);
	fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		return fd;
	r = -errno;
	if ((r != -EACCES && r != -EPERM) || head->size > sizeof(request.attr))
		return r;
	memcpy(request.attr, attr, head->size);
	r = ask(&request, r, &reply, &fd);
	return r < 0 ? r : fd >= 0 ? fd : -EBADMSG;
}

int perf_open_tracepoint(const char *events, const char *text, uint64_t *ret_id)
{
	struct opener_request request = {.version = OPENER_VERSION, .what = OPENER_TRACEPOINT};
	struct opener_reply reply;
	int r = opener_find_tracepoint(events, text, ret_id), fd = -1;

	if (events || (r != -EACCES && r != -ENOENT) || strlen(text) >= sizeof(request.tracepoint))
		return r;
	strcpy(request.tracepoint, text);
	r = ask(&request, r, &reply, &fd);
	cleanup_close_fd(&fd);
	if (!r)
		*ret_id = reply.id;
	return r;
}

// SPDX-License-Identifier: GPL-2.0
#include "opener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "../util/affinity.h"
#include "../util/cleanup.h"

#define PMUS "/sys/bus/event_source/devices"

/* Reads the number in a file of one line. 0 or a negative errno. */
static int read_number(const char *path, uint64_t *ret_number)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[32];
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	unsigned long long number;

	if (n < 0)
		return -errno;
	line[n] = '\0';
	if (sscanf(line, "%llu", &number) != 1)
		return -EBADMSG;
	*ret_number = number;
	return 0;
}

/* PMUs that place a probe at any address they are given. */
static bool sets_probes(uint32_t type, const char *sysfs_pmus)
{
	static const char *const probes[] = {"kprobe", "uprobe"};

	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		char path[PATH_MAX];
		uint64_t number;

		snprintf(path, sizeof(path), "%s/%s/type", sysfs_pmus, probes[i]);
		if (!read_number(path, &number) && number == type)
			return true;
	}
	return false;
}

int opener_check_attr(const unsigned char bytes[OPENER_ATTR_SIZE], const char *sysfs_pmus)
{
	/* After config2 there are fields that only newer headers have: config3 and config4. */
	static const size_t config3 = 128, end = 144;
	struct perf_event_attr attr;
	unsigned char rest[OPENER_ATTR_SIZE];

	_Static_assert(sizeof(attr) <= OPENER_ATTR_SIZE, "the headers have a larger attr");
	memcpy(&attr, bytes, sizeof(attr));
	memcpy(rest, bytes, sizeof(rest));
	memset(rest + config3, 0, end - config3);
	if (attr.size < PERF_ATTR_SIZE_VER0 || attr.size > OPENER_ATTR_SIZE)
		return -EINVAL;
	if (attr.type == PERF_TYPE_BREAKPOINT || sets_probes(attr.type, sysfs_pmus))
		return -EACCES;
	if (!(attr.sample_period == 0 && attr.sample_type == 0) &&
	    !(attr.sample_period == 1 && attr.sample_type == PERF_SAMPLE_RAW))
		return -EINVAL;
	/* After all permitted fields are cleared, the rest must be zero. */
	attr.size = attr.type = 0;
	attr.config = attr.config1 = attr.config2 = 0;
	attr.sample_period = attr.sample_type = 0;
	attr.disabled = attr.pinned = 0;
	attr.exclude_user = attr.exclude_kernel = attr.exclude_hv = attr.exclude_idle = 0;
	attr.exclude_host = attr.exclude_guest = 0;
	memcpy(rest, &attr, sizeof(attr) < config3 ? sizeof(attr) : config3);
	for (size_t i = 0; i < sizeof(rest); i++)
		if (rest[i])
			return -EINVAL;
	return 0;
}

int opener_find_tracepoint(const char *events, const char *text, uint64_t *ret_id)
{
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *folders[] = {events ?: "/sys/kernel/tracing/events",
				 events ? NULL : "/sys/kernel/debug/tracing/events"};
	size_t system = strspn(text, word), event = 0;
	int r = -ENOENT;

	if (text[system] == ':')
		event = strspn(text + system + 1, word);
	if (!system || !event || text[system + 1 + event])
		return -EINVAL;
	for (size_t i = 0; r == -ENOENT && i < 2 && folders[i]; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%.*s/%s/id", folders[i], (int)system, text,
			 text + system + 1);
		r = read_number(path, ret_id);
	}
	return r;
}

/* A descriptor, or a negative errno. Requests come in the order in which paimond opens. The last
 * series leaves the opener, which does nothing else and soon exits, on the CPU of its events. */
static int open_event(const struct opener_request *request)
{
	static struct affinity affinity;
	int r = opener_check_attr(request->attr, PMUS);

	if (r < 0)
		return r;
	affinity_follow(&affinity, request->cpu);
	r = syscall(SYS_perf_event_open, request->attr, -1, request->cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int answer(struct opener_request *request, size_t size, struct opener_reply *reply)
{
	if (size != sizeof(*request) || request->version != OPENER_VERSION || request->reserved)
		return -EBADMSG;
	switch (request->what) {
	case OPENER_EVENT:
		return open_event(request);
	case OPENER_TRACEPOINT:
		if (!memchr(request->tracepoint, '\0', sizeof(request->tracepoint)))
			return -EINVAL;
		return opener_find_tracepoint(NULL, request->tracepoint, &reply->id);
	default:
		return -EBADMSG;
	}
}

void opener_serve(int fd, unsigned int uid)
{
	static const struct timeval patience = {.tv_sec = 1};
	struct opener_request request = {};
	struct opener_reply reply = {};
	struct iovec part = {&reply, sizeof(reply)};
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct ucred peer;
	socklen_t length = sizeof(peer);
	_cleanup_close_ int event = -1;
	ssize_t size;
	int r;

	/* Limits how long a silent client can block the next one. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return;
	if (peer.uid && peer.uid != uid)
		return;
	size = recv(fd, &request, sizeof(request), MSG_TRUNC);
	if (size <= 0)
		return;
	r = answer(&request, size, &reply);
	if (r >= 0 && request.what == OPENER_EVENT) {
		struct cmsghdr *header;

		event = r;
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &event, sizeof(int));
	}
	reply.error = r < 0 ? r : 0;
	sendmsg(fd, &message, MSG_NOSIGNAL);
}

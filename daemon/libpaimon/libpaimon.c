// SPDX-License-Identifier: GPL-2.0
#include "paimon.h"

#include <errno.h>
#include <fcntl.h>
#include <paimon/handoff.h>
#include <paimon/uapi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define TIMEOUT 30 /* seconds; paimond answers within microseconds */

static __thread char text[PAIMON_HANDOFF_TEXT_LEN + 160];

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error;
}

/* Connects to paimond. A descriptor, or a negative errno. */
static int dial(void)
{
	const char *path = secure_getenv("PAIMON_HANDOFF") ?: PAIMON_HANDOFF_PATH;
	const struct timeval timeout = {.tv_sec = TIMEOUT};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(-ENAMETOOLONG, "%.80s...: this path is too long for a socket", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	/* -ENOENT means an unknown event. */
	if (r == -ENOENT || r == -ECONNREFUSED)
		return fail(-ECONNREFUSED, "%s: paimond does not run, or has handoff = no", path);
	return fail(r, "%s: %s%s", path, strerror(-r),
		    r == -EACCES ? " (only root and members of group paimon may do this)" : "");
}

static int send_request(int socket, const struct paimon_handoff_request *request, const int *fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(PAIMON_HANDOFF_MAX_FDS * sizeof(int))];
	} control = {.header = {CMSG_LEN(request->nr * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {(void *)request, sizeof(*request)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (request->nr) {
		memcpy(CMSG_DATA(&control.header), fds, request->nr * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(request->nr * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ret_fd: the descriptor in the reply, or -1. */
static int receive_reply(int socket, struct paimon_handoff_reply *ret_reply, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {ret_reply, sizeof(*ret_reply)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t n;

	do {
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	header = CMSG_FIRSTHDR(&message);
	*ret_fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	if (!n)
		return -ECONNRESET;
	/* The caller closes the descriptor. */
	return n == sizeof(*ret_reply) && ret_reply->version == PAIMON_HANDOFF_VERSION ? 0
										       : -EPROTO;
}

static int ask(const struct paimon_handoff_request *request, const int *fds, uint64_t *ret_id,
	       int *ret_fd)
{
	struct paimon_handoff_reply reply;
	int socket = dial(), fd = -1, r;

	if (socket < 0)
		return socket;
	r = send_request(socket, request, fds);
	r = r ?: receive_reply(socket, &reply, &fd);
	/* A caller would take a positive number for a descriptor. */
	if (!r && reply.error > 0)
		r = -EPROTO;
	close(socket);
	if (r < 0)
		fail(r, "no answer from paimond: %s", strerror(-r));
	else if (reply.error)
		r = fail(reply.error, "%.*s", PAIMON_HANDOFF_TEXT_LEN, reply.text);
	else if (ret_fd && fd < 0)
		r = fail(-EMFILE, "this process has no free descriptor (raise ulimit -n)");
	if (ret_id && !r)
		*ret_id = reply.id;
	if (ret_fd && !r)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}

EXPORT int paimon_unclaim(const int *fds, size_t nr, const char *name, uint64_t *ret_id)
{
	struct paimon_handoff_request request = {
		.version = PAIMON_HANDOFF_VERSION,
		.op = PAIMON_HANDOFF_UNCLAIM,
		.nr = nr,
	};

	if (!nr || nr > PAIMON_HANDOFF_MAX_FDS)
		return fail(-EINVAL, "%zu descriptors: 1 to %d can be handed over", nr,
			    PAIMON_HANDOFF_MAX_FDS);
	if (name && strlen(name) >= sizeof(request.name))
		return fail(-EINVAL, "%.80s: a name has up to %zu characters", name,
			    sizeof(request.name) - 1);
	strcpy(request.name, name ?: "");
	return ask(&request, fds, ret_id, NULL);
}

EXPORT int paimon_open(uint64_t id, unsigned int cpu)
{
	const struct paimon_handoff_request request = {
		.version = PAIMON_HANDOFF_VERSION,
		.op = PAIMON_HANDOFF_OPEN,
		.id = id,
		.cpu = cpu,
	};
	int fd;

	return ask(&request, NULL, NULL, &fd) ?: fd;
}

EXPORT int paimon_claim(uint64_t id)
{
	const struct paimon_handoff_request request = {
		.version = PAIMON_HANDOFF_VERSION,
		.op = PAIMON_HANDOFF_CLAIM,
		.id = id,
	};

	return ask(&request, NULL, NULL, NULL);
}

/* Opens /dev/paimon for one request. */
static int ask_device(unsigned long op, struct paimon_drv_config *request)
{
	int device, r;

	/* Otherwise the number may be that of the device. */
	if (fcntl(request->fd, F_GETFD) < 0)
		return fail(-EBADF, "descriptor %d: %s", request->fd, strerror(EBADF));
	device = open(PAIMON_DEVICE, O_RDWR | O_CLOEXEC);
	/* -ENOENT would not say that the event can be opened anew. */
	if (device < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return fail(
			-ENODEV, PAIMON_DEVICE
			" does not exist (load paimon_drv_config, or open the perf event anew)");
	if (device < 0)
		return fail(-errno, PAIMON_DEVICE ": %s%s", strerror(errno),
			    errno == EACCES ? " (only root and members of group paimon may do this)"
					    : "");
	r = ioctl(device, op, request) < 0 ? -errno : 0;
	close(device);
	switch (r) {
	case 0:
		return 0;
	case -EOPNOTSUPP:
		return fail(
			r,
			"descriptor %d is not an event of a PMU that can be configured while it counts (open the perf event anew)",
			request->fd);
	case -EBUSY:
		return fail(
			r,
			"another event uses what all counters of the PMU share; nothing was changed (close that event, and try again)");
	case -EINVAL:
		return fail(
			r,
			"not a configuration of this PMU; nothing was changed (its format directory in sysfs and paimon(4) have the values)");
	}
	return fail(r, "descriptor %d: %s", request->fd, strerror(-r));
}

EXPORT int paimon_configure(int fd, const uint64_t config[3])
{
	struct paimon_drv_config request = {
		.size = sizeof(request),
		.fd = fd,
		.config1 = config[0],
		.config2 = config[1],
		.config3 = config[2],
	};

	return ask_device(PAIMON_SET_DRV_CONFIG, &request);
}

EXPORT int paimon_configuration(int fd, uint64_t ret_config[3])
{
	struct paimon_drv_config request = {.size = sizeof(request), .fd = fd};
	int r = ask_device(PAIMON_GET_DRV_CONFIG, &request);

	if (r < 0)
		return r;
	ret_config[0] = request.config1;
	ret_config[1] = request.config2;
	ret_config[2] = request.config3;
	return 0;
}

EXPORT const char *paimon_error(void)
{
	return text;
}

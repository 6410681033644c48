// SPDX-License-Identifier: GPL-2.0
/*
 * A request to paimon-opener that holds anything, of any size. There is one reply, and
 * a descriptor with it only for an event that counts on a CPU.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "opener/opener.h"

/* A request for the clock of CPU 0, and one for a tracepoint. */
const struct seed fuzz_seeds[] = {
	SEED("\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\x80\0\0\0"),
	SEED("\1\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0sched:sched_switch"),
	{},
};

/* What only CAP_SYS_ADMIN, or nobody, should get from the kernel. */
static void check_opened(const struct opener_request *request)
{
	struct perf_event_attr attr;

	memcpy(&attr, request->attr, sizeof(attr));
	must(request->version == OPENER_VERSION && request->what == OPENER_EVENT);
	must(attr.type != PERF_TYPE_BREAKPOINT);
	must(attr.sample_period <= 1 && !(attr.sample_type & ~(__u64)PERF_SAMPLE_RAW));
	must(!attr.inherit && !attr.mmap && !attr.comm && !attr.enable_on_exec && !attr.watermark);
	must(!attr.freq && !attr.use_clockid && !attr.aux_output && !attr.read_format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct opener_request request = {};
	char control[CMSG_SPACE(4 * sizeof(int))];
	struct opener_reply reply;
	struct iovec part = {&reply, sizeof(reply)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	const struct cmsghdr *header;
	int pair[2], fd;

	/* A small input is the start of a whole request, so that most get further than its size. */
	if (size < sizeof(request) && size % 2 == 0) {
		memcpy(&request, data, size);
		data = (const uint8_t *)&request;
		size = sizeof(request);
	} else if (size > 4 * sizeof(request) || !size) {
		return 0;
	} else {
		memcpy(&request, data, size < sizeof(request) ? size : sizeof(request));
	}
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	must(send(pair[0], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	opener_serve(pair[1], getuid());
	close(pair[1]);
	must(recvmsg(pair[0], &message, MSG_CMSG_CLOEXEC) == sizeof(reply));
	must(!(message.msg_flags & MSG_CTRUNC) && reply.error <= 0 && !reply.reserved);
	header = CMSG_FIRSTHDR(&message);
	if (header) {
		must(header->cmsg_len == CMSG_LEN(sizeof(int)) && !reply.error);
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
		must(fcntl(fd, F_GETFD) >= 0);
		close(fd);
		check_opened(&request);
	}
	must(!reply.error || !reply.id);
	close(pair[0]);
	return 0;
}

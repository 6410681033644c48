// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptor store from systemd's side: what arrives at a notify socket, and
 * what the daemon makes of descriptors that were passed to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdstore.h"

static int notify = -1;
static int passed[4]; /* where the descriptors that "systemd" passes are made */

/* The next message, and the descriptor that came with it, or -1. */
static int receive(char *text, size_t size)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {text, size - 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(notify, &message, MSG_DONTWAIT);
	int fd = -1;

	assert_return_code(n, errno);
	text[n] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void test_put(void **state)
{
	struct stat ours, theirs;
	int pipes[2], fd;
	char text[256];

	assert_true(fdstore_available());
	assert_return_code(pipe(pipes), errno);
	assert_int_equal(fdstore_put("iopf-request", pipes[0]), 0);
	fd = receive(text, sizeof(text));
	assert_true(fd >= 0);
	/* Its holder is dead when this matters: a poll would throw it away. */
	assert_string_equal(text, "FDSTORE=1\nFDNAME=iopf-request\nFDPOLL=0");
	assert_return_code(fstat(pipes[0], &ours), errno);
	assert_return_code(fstat(fd, &theirs), errno);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(fd);

	fdstore_remove("iopf-request");
	assert_int_equal(receive(text, sizeof(text)), -1);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=iopf-request");
	close(pipes[0]);
	close(pipes[1]);
}

static void test_take(void **state)
{
	int unix_fd, tcp_fd, handoff_fd;

	assert_int_equal(fdstore_take("nosuch"), -ENOENT);
	assert_int_equal(fdstore_take("iopf-handle"), SD_LISTEN_FDS_START + 1);
	assert_int_equal(fdstore_take("iopf-handle"), -ENOENT); /* it has an owner now */
	assert_int_equal(fdstore_sockets(&unix_fd, &tcp_fd, &handoff_fd), 0);
	assert_int_equal(unix_fd, SD_LISTEN_FDS_START);
	assert_int_equal(tcp_fd, SD_LISTEN_FDS_START + 2);
	assert_int_equal(handoff_fd, SD_LISTEN_FDS_START + 3);
}

/* What systemd does before it runs a service. */
static int setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int on = 1, pipes[2];
	char text[32];

	/* The numbers 3 to 6, whatever the test was started with. */
	passed[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	passed[2] = socket(AF_INET, SOCK_STREAM, 0);
	passed[3] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (pipe(pipes) < 0 || bind(passed[0], (struct sockaddr *)&address, sizeof(sa_family_t)) ||
	    bind(passed[3], (struct sockaddr *)&address, sizeof(sa_family_t)) ||
	    listen(passed[0], 1) < 0 || listen(passed[2], 1) < 0 || listen(passed[3], 1) < 0)
		return -1;
	passed[1] = pipes[0];
	for (int i = 0; i < 4; i++)
		passed[i] = fcntl(passed[i], F_DUPFD, 100);
	for (int i = 0; i < 4; i++)
		if (dup2(passed[i], SD_LISTEN_FDS_START + i) < 0)
			return -1;
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "4", 1);
	setenv("LISTEN_FDNAMES", "paimond.socket:iopf-handle:paimond.socket:paimond.socket", 1);
	setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);

	notify = fcntl(socket(AF_UNIX, SOCK_DGRAM, 0), F_DUPFD, 100);
	if (setsockopt(notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(notify, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(notify, (struct sockaddr *)&address, &(socklen_t){sizeof(address)}) < 0)
		return -1;
	/* An abstract name that the kernel chose: a NUL and five digits. */
	address.sun_path[0] = '@';
	snprintf(text, sizeof(text), "%.6s", address.sun_path);
	setenv("NOTIFY_SOCKET", text, 1);
	return fdstore_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

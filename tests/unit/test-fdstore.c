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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/fdstore.h"

static int notify = -1;
#define NR_PASSED 9
static int passed[NR_PASSED]; /* where the descriptors that "systemd" passes are made */

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
	static const int domains[] = {AF_UNIX, 0, AF_INET, 0, AF_INET, AF_UNIX};

	assert_int_equal(fdstore_take("nosuch"), -ENOENT);
	assert_int_equal(fdstore_take("iopf-handle"), SD_LISTEN_FDS_START + 1);
	assert_int_equal(fdstore_take("iopf-handle"), -ENOENT); /* it has an owner now */
	/* Each of a kind, however many there are. */
	for (int i = 0; i < 6; i++)
		if (domains[i])
			assert_int_equal(fdstore_take_socket(domains[i], SOCK_STREAM),
					 SD_LISTEN_FDS_START + i);
	assert_int_equal(fdstore_take_socket(AF_UNIX, SOCK_SEQPACKET), SD_LISTEN_FDS_START + 3);
	assert_int_equal(fdstore_take_socket(AF_UNIX, SOCK_STREAM), -ENOENT);
	assert_int_equal(fdstore_take_socket(AF_INET, SOCK_STREAM), -ENOENT);
	assert_int_equal(fdstore_take_socket(AF_UNIX, SOCK_SEQPACKET), -ENOENT);
}

/* What nobody serves is named and closed; what is from the store stays. */
static void test_refused(void **state)
{
	static const char line[] = "descriptor 9 (paimond.socket) from systemd is closed";
	char text[2048];
	int log = open("/tmp", O_TMPFILE | O_RDWR, 0600), old = dup(2);

	assert_return_code(log, errno);
	assert_return_code(dup2(log, 2), errno);
	fdstore_close_files();
	dup2(old, 2);
	text[pread(log, text, sizeof(text) - 1, 0)] = '\0';
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "descriptor 10 (fifo) from systemd is closed"));
	assert_null(strstr(text, "iopf-epoll"));
	assert_int_equal(fcntl(SD_LISTEN_FDS_START + 6, F_GETFD), -1);
	assert_int_equal(fcntl(SD_LISTEN_FDS_START + 7, F_GETFD), -1);
	assert_int_equal(fdstore_take("iopf-epoll"), SD_LISTEN_FDS_START + 8);
	for (int i = 0; i < 6; i++)
		assert_return_code(fcntl(SD_LISTEN_FDS_START + i, F_GETFD), errno);
	close(log);
	close(old);
}

/* What systemd does before it runs a service. */
static int setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int on = 1, pipes[2];
	char text[32];

	/* The numbers from 3 on, whatever the test was started with. */
	passed[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	passed[2] = socket(AF_INET, SOCK_STREAM, 0);
	passed[3] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	passed[4] = socket(AF_INET, SOCK_STREAM, 0);
	passed[5] = socket(AF_UNIX, SOCK_STREAM, 0);
	passed[6] = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (pipe(pipes) < 0)
		return -1;
	passed[1] = epoll_create1(0);
	passed[7] = pipes[0];
	passed[8] = epoll_create1(0);
	for (int i = 0; i < NR_PASSED; i++) {
		if (i == 0 || i == 3 || i == 5)
			bind(passed[i], (struct sockaddr *)&address, sizeof(sa_family_t));
		if (i != 1 && i < 6 && listen(passed[i], 1) < 0)
			return -1;
	}
	for (int i = 0; i < NR_PASSED; i++)
		passed[i] = fcntl(passed[i], F_DUPFD, 100);
	for (int i = 0; i < NR_PASSED; i++)
		if (dup2(passed[i], SD_LISTEN_FDS_START + i) < 0)
			return -1;
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "9", 1);
	setenv("LISTEN_FDNAMES",
	       "paimond.socket:iopf-handle:paimond.socket:paimond.socket:paimond.socket:"
	       "paimond.socket:paimond.socket:fifo:iopf-epoll",
	       1);
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
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

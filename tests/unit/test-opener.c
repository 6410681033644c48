// SPDX-License-Identifier: GPL-2.0
/*
 * paimon-opener: whom it answers, what it opens, and what paimond makes of its answers.
 * The connection and the process are real; the events are software events.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "opener/opener.h"
#include "source/perf_open.h"
#include "util/affinity.h"

#define NOBODY 65534

static char folder[] = "/tmp/test-opener-XXXXXX";

static void make_file(const char *path, const char *text)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", folder, path);
	write_text(full, "%s", text);
}

static void make_folder(const char *path)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", folder, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(folder));
	make_folder("kprobe");
	make_file("kprobe/type", "8\n");
	make_folder("uprobe");
	make_file("uprobe/type", "9\n");
	make_folder("sched");
	make_folder("sched/sched_switch");
	make_file("sched/sched_switch/id", "372\n");
	return 0;
}

static int teardown(void **state)
{
	remove_tree(folder);
	return 0;
}

static int check(const struct perf_event_attr *attr)
{
	unsigned char bytes[OPENER_ATTR_SIZE] = {};

	memcpy(bytes, attr, sizeof(*attr));
	return opener_check_attr(bytes, folder);
}

static void test_what_counts_is_opened(void **state)
{
	const struct perf_event_attr plain = {.size = PERF_ATTR_SIZE_VER7, .type = 1, .config = 2};
	struct perf_event_attr attr = plain;
	unsigned char bytes[OPENER_ATTR_SIZE] = {};

	assert_int_equal(check(&attr), 0);
	attr.config1 = attr.config2 = UINT64_MAX;
	attr.exclude_user = attr.exclude_kernel = attr.exclude_hv = attr.exclude_guest = 1;
	attr.exclude_host = attr.exclude_idle = 1;
	assert_int_equal(check(&attr), 0);
	/* As the PMUs of PAI are sampled. */
	attr = plain;
	attr.sample_period = 1;
	attr.sample_type = PERF_SAMPLE_RAW;
	assert_int_equal(check(&attr), 0);
	/* config3 and config4, which the headers may not name. */
	attr = plain;
	attr.size = OPENER_ATTR_SIZE;
	memcpy(bytes, &attr, sizeof(attr));
	memset(bytes + 128, 0xff, 16);
	assert_int_equal(opener_check_attr(bytes, folder), 0);
}

static void test_probes_and_breakpoints_are_refused(void **state)
{
	static const uint32_t types[] = {PERF_TYPE_BREAKPOINT, 8, 9};
	struct perf_event_attr attr = {.size = PERF_ATTR_SIZE_VER7};

	for (size_t i = 0; i < 3; i++) {
		attr.type = types[i];
		assert_int_equal(check(&attr), -EACCES);
	}
}

/* Every bit of the attributes that is not allowed by name is refused. */
static void test_nothing_else_is_opened(void **state)
{
	struct perf_event_attr allowed = {.exclude_user = 1,
					  .exclude_kernel = 1,
					  .exclude_hv = 1,
					  .exclude_idle = 1,
					  .exclude_host = 1,
					  .exclude_guest = 1,
					  .disabled = 1,
					  .pinned = 1};
	unsigned char *flags = (unsigned char *)&allowed + 40;
	int opened = 0;

	for (size_t bit = 24 * 8; bit < 128 * 8; bit++) {
		struct perf_event_attr attr = {.size = PERF_ATTR_SIZE_VER7, .type = 1};
		unsigned char *bytes = (unsigned char *)&attr;
		int byte = bit / 8, r;

		bytes[byte] |= 1 << bit % 8;
		r = check(&attr);
		if (byte >= 40 && byte < 48 && flags[byte - 40] & 1 << bit % 8)
			assert_int_equal(r, 0);
		else if (byte >= 56 && byte < 72) /* config1, config2 */
			assert_int_equal(r, 0);
		else
			assert_int_equal(r, -EINVAL);
		opened += !r;
	}
	assert_int_equal(opened, 8 + 2 * 64);
}

static void test_a_wrong_size_is_refused(void **state)
{
	static const uint32_t sizes[] = {0, 63, OPENER_ATTR_SIZE + 1, UINT32_MAX};
	struct perf_event_attr attr = {.type = 1};

	for (size_t i = 0; i < 4; i++) {
		attr.size = sizes[i];
		assert_int_equal(check(&attr), -EINVAL);
	}
}

static void test_tracepoints_are_found_by_name(void **state)
{
	static const char *const wrong[] = {
		"",
		":",
		"sched",
		"sched:",
		":sched_switch",
		"sched:../x",
		"..:",
		"a:b:c",
		"sched:sched_switch/",
		"sched:sched_switch\n",
		"./sched:sched_switch",
	};
	uint64_t id = 7;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(opener_find_tracepoint(folder, wrong[i], &id), -EINVAL);
	assert_int_equal(opener_find_tracepoint(folder, "sched:none", &id), -ENOENT);
	assert_int_equal(id, 7);
	assert_int_equal(opener_find_tracepoint(folder, "sched:sched_switch", &id), 0);
	assert_int_equal(id, 372);
	id = 7;
	assert_int_equal(perf_open_tracepoint(folder, "sched:sched_switch", &id), 0);
	assert_int_equal(id, 372);
}

/* What the opener answers to size bytes, sent by this process; -1: nothing. */
static ssize_t answer_to(const void *bytes, size_t size, unsigned int uid,
			 struct opener_reply *ret_reply)
{
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(send(pair[0], bytes, size, MSG_NOSIGNAL), size);
	opener_serve(pair[1], uid);
	close(pair[1]);
	n = recv(pair[0], ret_reply, sizeof(*ret_reply), 0);
	close(pair[0]);
	return n > 0 ? n : -1;
}

static void test_only_one_user_is_answered(void **state)
{
	struct opener_request request = {.version = OPENER_VERSION};
	struct opener_reply reply;

	assert_int_equal(answer_to(&request, sizeof(request), geteuid(), &reply), sizeof(reply));
	if (geteuid())
		assert_int_equal(answer_to(&request, sizeof(request), NOBODY - 1, &reply), -1);
}

static void test_what_is_no_request_is_refused(void **state)
{
	struct opener_request request = {.version = OPENER_VERSION, .what = OPENER_TRACEPOINT};
	char large[2 * sizeof(request)] = {};
	struct opener_reply reply;
	unsigned int uid = geteuid();

	for (size_t size = 1; size <= sizeof(large); size++) {
		if (size == sizeof(request))
			continue;
		assert_int_equal(answer_to(large, size, uid, &reply), sizeof(reply));
		assert_int_equal(reply.error, -EBADMSG);
	}
	/* No end of the name. */
	memset(request.tracepoint, 'a', sizeof(request.tracepoint));
	assert_int_equal(answer_to(&request, sizeof(request), uid, &reply), sizeof(reply));
	assert_int_equal(reply.error, -EINVAL);
	request.what = 3;
	assert_int_equal(answer_to(&request, sizeof(request), uid, &reply), sizeof(reply));
	assert_int_equal(reply.error, -EBADMSG);
	request.what = OPENER_EVENT;
	assert_int_equal(answer_to(&request, sizeof(request), uid, &reply), sizeof(reply));
	assert_int_equal(reply.error, -EINVAL);
	request.version = 2;
	assert_int_equal(answer_to(&request, sizeof(request), uid, &reply), sizeof(reply));
	assert_int_equal(reply.error, -EBADMSG);
}

/* Requests for one CPU in a row are answered on it, and those for another one where this may run.
 */
static void test_a_series_is_opened_where_it_counts(void **state)
{
	const struct perf_event_attr attr = {.size = PERF_ATTR_SIZE_VER7,
					     .type = PERF_TYPE_SOFTWARE};
	struct opener_request request = {.version = OPENER_VERSION, .what = OPENER_EVENT};
	struct opener_reply reply;
	cpu_set_t before, mask;

	affinity_patience_ns = UINT64_MAX; /* the machine may be busy */
	memcpy(request.attr, &attr, sizeof(attr));
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &before))
			request.cpu = cpu;
	for (int i = 0; i <= AFFINITY_OPENS; i++)
		answer_to(&request, sizeof(request), geteuid(), &reply);
	assert_int_equal(sched_getaffinity(0, sizeof(mask), &mask), 0);
	assert_int_equal(CPU_COUNT(&mask), 1);
	assert_int_equal(sched_getcpu(), request.cpu);
	request.cpu++;
	answer_to(&request, sizeof(request), geteuid(), &reply);
	assert_int_equal(sched_getaffinity(0, sizeof(mask), &mask), 0);
	assert_true(CPU_EQUAL(&mask, &before));
}

/* An opener in a process of its own, which answers with a reply of size bytes, and a descriptor
 * if fd is one; NULL: as it really does. */
static pid_t start_opener(char path[static 108], const struct opener_reply *reply, size_t size,
			  int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t child;

	snprintf(path, 108, "%s/socket", folder);
	unlink(path);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(chmod(path, 0777), 0);
	child = fork();
	assert_true(child >= 0);
	if (child) {
		close(listening);
		return child;
	}
	for (;;) {
		int connection = accept(listening, NULL, NULL);
		char control[CMSG_SPACE(sizeof(int))] = {};
		struct iovec part = {(void *)reply, size};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		struct opener_request request;

		if (!reply) {
			opener_serve(connection, NOBODY);
			close(connection);
			continue;
		}
		recv(connection, &request, sizeof(request), 0);
		if (fd >= 0) {
			struct cmsghdr *header = (struct cmsghdr *)control;

			message.msg_control = control;
			message.msg_controllen = sizeof(control);
			header->cmsg_level = SOL_SOCKET;
			header->cmsg_type = SCM_RIGHTS;
			header->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(header), &fd, sizeof(int));
		}
		sendmsg(connection, &message, 0);
		close(connection);
	}
}

static void stop_opener(pid_t opener)
{
	kill(opener, SIGKILL);
	waitpid(opener, NULL, 0);
}

/* In a process of its own, since it gives up what root may do: what perf_open() says there. */
static int open_as_nobody(const char *socket, int *ret_value)
{
	struct perf_event_attr attr = {.size = PERF_ATTR_SIZE_VER7,
				       .type = PERF_TYPE_SOFTWARE,
				       .config = 0};
	int value[2] = {}, pipes[2], status;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		uint64_t count = 0;
		int fd;

		setenv("PAIMOND_OPENER", socket, 1);
		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		fd = perf_open(&attr, 0);
		value[0] = fd < 0 ? fd : 0;
		/* The clock of a CPU counts. */
		value[1] = fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) && count;
		_exit(write(pipes[1], value, sizeof(value)) != sizeof(value));
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], value, sizeof(value)), sizeof(value));
	close(pipes[0]);
	waitpid(child, &status, 0);
	*ret_value = value[1];
	return value[0];
}

static bool is_refused_alone(void)
{
	int counts;

	return open_as_nobody("/nowhere", &counts) == -EACCES;
}

static void test_what_the_kernel_refuses_is_asked_for(void **state)
{
	struct opener_reply refused = {.error = -EBUSY}, none = {}, absurd = {.error = 5};
	char path[108];
	pid_t opener;
	int counts;

	if (geteuid() || !is_refused_alone())
		skip();
	assert_int_equal(chmod(folder, 0755), 0);
	/* The kernel's word, by the opener: not what it had said to the caller. */
	opener = start_opener(path, &refused, sizeof(refused), -1);
	assert_int_equal(open_as_nobody(path, &counts), -EBUSY);
	stop_opener(opener);
	/* Success without a descriptor. */
	opener = start_opener(path, &none, sizeof(none), -1);
	assert_int_equal(open_as_nobody(path, &counts), -EBADMSG);
	stop_opener(opener);
	/* What is no reply is as if there were nobody. */
	opener = start_opener(path, &absurd, sizeof(absurd), STDERR_FILENO);
	assert_int_equal(open_as_nobody(path, &counts), -EACCES);
	stop_opener(opener);
	opener = start_opener(path, &none, 3, STDERR_FILENO);
	assert_int_equal(open_as_nobody(path, &counts), -EACCES);
	stop_opener(opener);
}

/* Nobody takes the connection: paimond goes on, and says why. */
static void test_an_opener_that_is_silent_is_given_up(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), counts;

	if (geteuid() || !is_refused_alone())
		skip();
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/silent", folder);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(chmod(address.sun_path, 0777), 0);
	assert_int_equal(open_as_nobody(address.sun_path, &counts), -ETIMEDOUT);
	close(listening);
	/* One that has gone is none. */
	assert_int_equal(open_as_nobody(address.sun_path, &counts), -EACCES);
}

static void test_an_event_that_was_asked_for_counts(void **state)
{
	char path[108];
	int counts = 0;
	pid_t opener;

	if (geteuid() || !is_refused_alone())
		skip();
	assert_int_equal(chmod(folder, 0755), 0);
	opener = start_opener(path, NULL, 0, -1);
	assert_int_equal(open_as_nobody(path, &counts), 0);
	assert_true(counts);
	stop_opener(opener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts_is_opened),
		cmocka_unit_test(test_probes_and_breakpoints_are_refused),
		cmocka_unit_test(test_nothing_else_is_opened),
		cmocka_unit_test(test_a_wrong_size_is_refused),
		cmocka_unit_test(test_tracepoints_are_found_by_name),
		cmocka_unit_test(test_only_one_user_is_answered),
		cmocka_unit_test(test_what_is_no_request_is_refused),
		cmocka_unit_test(test_a_series_is_opened_where_it_counts),
		cmocka_unit_test(test_what_the_kernel_refuses_is_asked_for),
		cmocka_unit_test(test_an_opener_that_is_silent_is_given_up),
		cmocka_unit_test(test_an_event_that_was_asked_for_counts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

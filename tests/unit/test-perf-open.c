// SPDX-License-Identifier: GPL-2.0
/*
 * What daemon/source/perf_open.c does where the kernel does not permit perf events to paimond: it
 * asks an opener, here a thread that answers as it is told to.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "opener/opener.h"
#include "source/perf_open.h"

static char path[] = "/tmp/paimon-perf-open-XXXXXX";
static int refused; /* errno of perf_event_open(2) and of tracefs */
static int given;   /* the descriptor that the opener gives; -1: none */
static int nr_asked;
static time_t later; /* s: by which clocks are ahead */
static const char *paranoid;
static struct opener_request request; /* the latest one */
static struct opener_reply reply;
static size_t reply_size; /* 0: it closes the connection; SIZE_MAX: it never answers */

/* Linked in place of perf_event_open(2). */
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	errno = refused;
	return -1;
}

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int r = __real_clock_gettime(clock, ret_time);

	ret_time->tv_sec += later;
	return r;
}

FILE *__wrap_fopen64(const char *file, const char *mode);
FILE *__wrap_fopen64(const char *file, const char *mode)
{
	return paranoid ? fmemopen((void *)paranoid, strlen(paranoid), mode) : NULL;
}

int __wrap_opener_find_tracepoint(const char *events, const char *text, uint64_t *ret_id);
int __wrap_opener_find_tracepoint(const char *events, const char *text, uint64_t *ret_id)
{
	return -refused;
}

static void *serve(void *listener)
{
	for (;;) {
		int fd = accept((int)(intptr_t)listener, NULL, NULL);

		if (fd < 0)
			return NULL;
		nr_asked++;
		if (recv(fd, &request, sizeof(request), 0) == sizeof(request) &&
		    reply_size == SIZE_MAX)
			recv(fd, &request, 1, 0); /* until the other end has no more patience */
		else if (reply_size)
			send_message(fd, &reply, reply_size, &given, given >= 0, MSG_NOSIGNAL);
		close(fd);
	}
}

static pthread_t opener;
static int listener, idle; /* descriptors while nothing is asked */

/* The thread closes its end a little later. */
static void expect_idle(void)
{
	for (int i = 0; i < 1000 && count_descriptors(getpid()) > idle; i++)
		usleep(1000);
	assert_int_equal(count_descriptors(getpid()), idle);
}

static int setup(void **data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!mkdtemp(path))
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/opener", path);
	setenv("PAIMOND_OPENER", address.sun_path, 1);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 8))
		return -1;
	given = memfd_create("event", MFD_CLOEXEC);
	idle = count_descriptors(getpid());
	return pthread_create(&opener, NULL, serve, (void *)(intptr_t)listener);
}

static int teardown(void **data)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(opener, NULL);
	close(listener);
	close(given);
	remove_tree(path);
	return 0;
}

/* From now on the opener answers so, and is asked again if it was not for a while. */
static void answer(size_t size, int error, uint64_t id)
{
	reply = (struct opener_reply){.error = error, .id = id};
	reply_size = size;
	later += 6;
	nr_asked = 0;
}

static int open_event(void)
{
	const struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
					     .size = PERF_ATTR_SIZE_VER7,
					     .config = PERF_COUNT_SW_DUMMY};

	return perf_open(&attr, 3);
}

static void test_given(void **data)
{
	struct stat ours, theirs;
	int fd;

	refused = EACCES;
	answer(sizeof(reply), 0, 0);
	fd = open_event();
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(fstat(given, &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(fd);
	assert_int_equal(request.version, OPENER_VERSION);
	assert_int_equal(request.what, OPENER_EVENT);
	assert_int_equal(request.cpu, 3);
	assert_int_equal(((const struct perf_event_attr *)request.attr)->config,
			 PERF_COUNT_SW_DUMMY);
	refused = EPERM;
	fd = open_event();
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(nr_asked, 2);
}

/* The kernel's own refusal, of what it does not permit to the opener either. */
static void test_refused_there(void **data)
{
	int event = given;

	refused = EACCES;
	given = -1;
	answer(sizeof(reply), -EINVAL, 0);
	assert_int_equal(open_event(), -EINVAL);
	assert_int_equal(open_event(), -EINVAL);
	assert_int_equal(nr_asked, 2);
	/* Neither an error nor an event. */
	answer(sizeof(reply), 0, 0);
	assert_int_equal(open_event(), -EBADMSG);
	given = event;
	/* Both: it is not left open. */
	answer(sizeof(reply), -EINVAL, 0);
	assert_int_equal(open_event(), -EACCES);
	expect_idle();
}

/* What is no question of permission, it is not asked. */
static void test_not_asked(void **data)
{
	struct {
		struct perf_event_attr attr;
		char more[256];
	} newer = {.attr.size = sizeof(newer)};

	answer(sizeof(reply), 0, 0);
	refused = ENOENT;
	assert_int_equal(open_event(), -ENOENT);
	refused = EMFILE;
	assert_int_equal(open_event(), -EMFILE);
	refused = EACCES; /* of a kernel so new that the attr is too large for a request */
	assert_int_equal(perf_open(&newer, 0), -EACCES);
	assert_int_equal(nr_asked, 0);
}

/* A wrong answer is none: the kernel's error counts, and the opener is left alone for 5 s. */
static void test_wrong(void **data)
{
	static const struct {
		size_t size;
		int error;
	} answers[] = {{0, 0}, {sizeof(reply) - 1, 0}, {sizeof(reply), 7}};

	refused = EPERM;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		answer(answers[i].size, answers[i].error, 0);
		assert_int_equal(open_event(), -EPERM);
		assert_int_equal(open_event(), -EPERM);
		assert_int_equal(nr_asked, 1);
		expect_idle();
	}
	answer(sizeof(reply), 0, 0);
	assert_int_equal(close(open_event()), 0);
}

/* It hangs: that is said, and the loop waits for it only once in 5 s. */
static void test_silent(void **data)
{
	refused = EPERM;
	answer(SIZE_MAX, 0, 0);
	assert_int_equal(open_event(), -ETIMEDOUT);
	assert_int_equal(open_event(), -ETIMEDOUT);
	assert_int_equal(nr_asked, 1);
	answer(sizeof(reply), 0, 0);
	assert_int_equal(close(open_event()), 0);
}

static void test_no_opener(void **data)
{
	char *socket = strdup(getenv("PAIMOND_OPENER")), longer[200];

	refused = EACCES;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setenv("PAIMOND_OPENER", longer, 1);
	answer(sizeof(reply), 0, 0);
	assert_int_equal(open_event(), -EACCES);
	setenv("PAIMOND_OPENER", "/no/such/socket", 1);
	answer(sizeof(reply), 0, 0);
	assert_int_equal(open_event(), -EACCES);
	unsetenv("PAIMOND_OPENER"); /* that of the package */
	answer(sizeof(reply), 0, 0);
	if (access(OPENER_SOCKET, F_OK))
		assert_int_equal(open_event(), -EACCES);
	assert_int_equal(nr_asked, 0);
	setenv("PAIMOND_OPENER", socket, 1);
	free(socket);
}

static void test_tracepoint(void **data)
{
	uint64_t id = 0;
	char longer[OPENER_ATTR_SIZE + 1];

	refused = EACCES;
	answer(sizeof(reply), 0, 4242);
	assert_int_equal(perf_open_tracepoint(NULL, "sched:sched_switch", &id), 0);
	assert_int_equal(id, 4242);
	assert_int_equal(request.what, OPENER_TRACEPOINT);
	assert_string_equal(request.tracepoint, "sched:sched_switch");
	refused = ENOENT; /* or tracefs is not mounted here */
	assert_int_equal(perf_open_tracepoint(NULL, "a:b", &id), 0);
	answer(sizeof(reply), -ENOENT, 0);
	assert_int_equal(perf_open_tracepoint(NULL, "a:b", &id), -ENOENT);
	assert_int_equal(id, 4242);
	/* Not asked: in a folder of a test, what is no name, and what is too long for a request. */
	answer(sizeof(reply), 0, 1);
	assert_int_equal(perf_open_tracepoint("/tmp", "a:b", &id), -ENOENT);
	refused = EINVAL;
	assert_int_equal(perf_open_tracepoint(NULL, "ab", &id), -EINVAL);
	refused = EACCES;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(perf_open_tracepoint(NULL, longer, &id), -EACCES);
	assert_int_equal(nr_asked, 0);
	expect_idle();
}

static void test_paranoid(void **data)
{
	paranoid = "3\n";
	assert_int_equal(perf_paranoid(), 3);
	paranoid = "-1\n";
	assert_int_equal(perf_paranoid(), -1);
	paranoid = "\n";
	assert_int_equal(perf_paranoid(), 0);
	paranoid = NULL;
	assert_int_equal(perf_paranoid(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given),	   cmocka_unit_test(test_refused_there),
		cmocka_unit_test(test_not_asked),  cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_silent),	   cmocka_unit_test(test_no_opener),
		cmocka_unit_test(test_tracepoint), cmocka_unit_test(test_paranoid),
	};

	return cmocka_run_group_tests_name("perf-open", tests, setup, teardown);
}

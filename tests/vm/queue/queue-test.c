// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of paimon_soft.ko through /dev/paimon-soft: the rules of the queue that
 * show only in a real address space, and lives of devices, processes and files.
 * Prints "ok NAME" or "not ok NAME - why"; with a name as argument runs that
 * test alone. The module must be loaded with
 * devices=3 debug=1; tests/vm/queue/paimon_test.c has the other rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <paimon/uapi.h>

#include "lib/helpers.h"

#define PAGE 4096UL
#define DEVICE "/dev/paimon-soft"
#define NEVER 12345 /* a PASID that nobody has */

static bool failed;

#define expect(name, condition)                                                                    \
	do {                                                                                       \
		if (!(condition) && !failed) {                                                     \
			printf("not ok %s - line %d: %s (errno %d)\n", name, __LINE__, #condition, \
			       errno);                                                             \
			failed = true;                                                             \
		}                                                                                  \
	} while (0)

static int open_device(int flags)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0)
		die(DEVICE);
	return fd;
}

static uint32_t bind_pasid(int fd)
{
	struct paimon_soft_bind bind = {.size = sizeof(bind)};

	return ioctl(fd, PAIMON_SOFT_BIND, &bind) < 0 ? 0 : bind.pasid;
}

static int unbind_pasid(int fd, uint32_t pasid)
{
	struct paimon_soft_bind bind = {.size = sizeof(bind), .pasid = pasid};

	return ioctl(fd, PAIMON_SOFT_UNBIND, &bind) < 0 ? -errno : 0;
}

static int submit(int fd, const struct paimon_soft_request *requests, uint32_t nr,
		  uint32_t *ret_done)
{
	struct paimon_soft_submit submit = {.size = sizeof(submit),
					    .nr = nr,
					    .requests = (uintptr_t)requests};
	int r = ioctl(fd, PAIMON_SOFT_SUBMIT, &submit) < 0 ? -errno : 0;

	if (ret_done)
		*ret_done = submit.done;
	return r;
}

static struct paimon_soft_request make(uint32_t pasid, uint32_t grpid, const void *addr,
				       uint32_t perm, uint32_t flags)
{
	return (struct paimon_soft_request){
		.pasid = pasid,
		.grpid = grpid,
		.addr = (uintptr_t)addr,
		.perm = perm,
		.flags = flags | PAIMON_IOPF_PASID_VALID,
	};
}

/* Sends one request that is a group and returns the code of its response, or -1. */
static int fault(int fd, uint32_t pasid, const void *addr, uint32_t perm)
{
	struct paimon_soft_request request = make(pasid, 1, addr, perm, PAIMON_IOPF_LAST);
	struct paimon_soft_response response;

	if (submit(fd, &request, 1, NULL) ||
	    read(fd, &response, sizeof(response)) != sizeof(response))
		return -1;
	return response.code;
}

static struct paimon_soft_stats stats(int fd, uint32_t device)
{
	struct paimon_soft_stats s = {.size = sizeof(s), .device = device};

	if (ioctl(fd, PAIMON_SOFT_STATS, &s) < 0)
		memset(&s, 0xff, sizeof(s));
	return s;
}

static void *map(int prot, size_t pages)
{
	return mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static bool present(void *page)
{
	unsigned char vec = 0;

	return !mincore(page, PAGE, &vec) && vec & 1;
}

static void test_c6(void)
{
	int fd = open_device(0);
	uint32_t pasid = bind_pasid(fd);
	char *memory = map(PROT_READ | PROT_WRITE, 4), *readonly = map(PROT_READ, 1);
	struct paimon_soft_request request = make(0, 1, memory, PAIMON_IOPF_PERM_READ,
						  PAIMON_IOPF_LAST);
	struct paimon_soft_response response;
	int file = memfd_create("empty", MFD_CLOEXEC);
	char *beyond = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);

	expect("c6", fault(fd, pasid, memory, PAIMON_IOPF_PERM_WRITE) == PAIMON_IOPF_SUCCESS);
	expect("c6", present(memory) && !present(memory + PAGE));
	expect("c6", fault(fd, NEVER, memory, PAIMON_IOPF_PERM_READ) == PAIMON_IOPF_INVALID);
	expect("c6", fault(fd, pasid, (void *)PAGE, PAIMON_IOPF_PERM_READ) == PAIMON_IOPF_INVALID);
	expect("c6", fault(fd, pasid, readonly, PAIMON_IOPF_PERM_READ) == PAIMON_IOPF_SUCCESS);
	expect("c6", fault(fd, pasid, readonly, PAIMON_IOPF_PERM_WRITE) == PAIMON_IOPF_INVALID);
	expect("c6", fault(fd, pasid, memory, PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_EXEC) ==
			     PAIMON_IOPF_INVALID);
	/* VM_FAULT_ERROR: a page beyond the end of its file. */
	expect("c6", fault(fd, pasid, beyond, PAIMON_IOPF_PERM_READ) == PAIMON_IOPF_INVALID);
	request.flags &= ~PAIMON_IOPF_PASID_VALID;
	expect("c6", !submit(fd, &request, 1, NULL) &&
			     read(fd, &response, sizeof(response)) == sizeof(response) &&
			     response.code == PAIMON_IOPF_INVALID);
	close(file);
	close(fd);
	munmap(memory, 4 * PAGE);
	munmap(readonly, PAGE);
	munmap(beyond, PAGE);
}

static void test_c10(void)
{
	int fd = open_device(O_NONBLOCK);
	uint32_t pasid = bind_pasid(fd);
	struct paimon_soft_request marker = make(pasid, 9, NULL, 0, PAIMON_IOPF_LAST);
	struct paimon_soft_stats before = stats(fd, 0), after;
	struct paimon_soft_response response;
	uint32_t done;

	expect("c10", !submit(fd, &marker, 1, &done) && done == 1);
	expect("c10", !unbind_pasid(fd, pasid)); /* flushes */
	expect("c10", read(fd, &response, sizeof(response)) < 0 && errno == EAGAIN);
	after = stats(fd, 0);
	expect("c10", after.stop_markers == before.stop_markers + 1);
	expect("c10", !memcmp(after.requests, before.requests, sizeof(after.requests)));
	close(fd);
}

/* c8 and c9 as a driver's user sees them: what the queue has no memory for is
 * refused, and a group that lost its last request is answered by the endpoint. */
static void test_no_memory(void)
{
	int fd = open_device(O_NONBLOCK);
	uint32_t pasid = bind_pasid(fd), done;
	struct paimon_soft_fail nth = {.size = sizeof(nth), .nth = 3};
	struct paimon_soft_stats before = stats(fd, 0), after;
	struct paimon_soft_request requests[3];
	struct paimon_soft_response response;

	for (int i = 0; i < 3; i++)
		requests[i] = make(pasid, 5, NULL, PAIMON_IOPF_PERM_READ,
				   i == 2 ? PAIMON_IOPF_LAST | PAIMON_IOPF_NEEDS_PASID : 0);
	expect("no-memory", !ioctl(fd, PAIMON_SOFT_FAIL_ALLOC, &nth));
	expect("no-memory", submit(fd, requests, 3, &done) == -ENOMEM && done == 2);
	expect("no-memory", read(fd, &response, sizeof(response)) == sizeof(response));
	expect("no-memory", response.code == PAIMON_IOPF_FAILURE && response.requests == 3 &&
				    response.pasid == pasid);
	after = stats(fd, 0);
	expect("no-memory", after.refused == before.refused + 1);
	expect("no-memory",
	       after.discarded[PAIMON_IOPF_NOMEM] == before.discarded[PAIMON_IOPF_NOMEM] + 2);
	nth.nth = 1;
	expect("no-memory", !ioctl(fd, PAIMON_SOFT_FAIL_ALLOC, &nth));
	expect("no-memory", submit(fd, requests, 1, &done) == -ENOMEM && done == 0);
	expect("no-memory", read(fd, &response, sizeof(response)) < 0 && errno == EAGAIN);
	expect("no-memory", stats(fd, 0).outstanding == 0);
	close(fd);
}

/* c11: once UNBIND has returned, all that was queued has its response. */
static void test_unbind(void)
{
	int fd = open_device(O_NONBLOCK), answered = 0;
	uint32_t pasid = bind_pasid(fd);
	char *memory = map(PROT_READ | PROT_WRITE, 256);
	struct paimon_soft_request requests[256];
	struct paimon_soft_response response;

	for (int i = 0; i < 256; i++)
		requests[i] = make(pasid, i, memory + i * PAGE, PAIMON_IOPF_PERM_WRITE,
				   PAIMON_IOPF_LAST);
	expect("c11-unbind", !submit(fd, requests, 256, NULL));
	expect("c11-unbind", !unbind_pasid(fd, pasid));
	while (read(fd, &response, sizeof(response)) == sizeof(response))
		answered++;
	expect("c11-unbind", answered == 256);
	expect("c11-unbind", unbind_pasid(fd, pasid) == -ENOENT);
	close(fd);
	munmap(memory, 256 * PAGE);
}

/* Requests in a known number, for a reader of the tracepoints (20-queue). */
static void test_c19(void)
{
	int fd = open_device(0);
	uint32_t pasid = bind_pasid(fd);
	char *memory = map(PROT_READ | PROT_WRITE, 16);
	struct paimon_soft_request requests[16];
	struct paimon_soft_response response;

	for (int i = 0; i < 16; i++)
		requests[i] = make(pasid, 7777, memory + i * PAGE, PAIMON_IOPF_PERM_WRITE,
				   i == 15 ? PAIMON_IOPF_LAST : 0);
	expect("c19-load", !submit(fd, requests, 16, NULL));
	expect("c19-load", read(fd, &response, sizeof(response)) == sizeof(response));
	close(fd);
	munmap(memory, 16 * PAGE);
}

static void test_bad_ioctl(void)
{
	int fd = open_device(O_NONBLOCK);
	uint32_t pasid = bind_pasid(fd), done = 9;
	struct paimon_soft_request request = make(pasid, 1, NULL, PAIMON_IOPF_PERM_READ,
						  PAIMON_IOPF_LAST),
				   bad;
	struct paimon_soft_submit header = {.size = sizeof(header),
					    .nr = 1,
					    .requests = (uintptr_t)&request};
	struct paimon_soft_bind bind = {.size = sizeof(bind)};
	struct paimon_soft_stats s = {.size = sizeof(s), .device = 1000};
	struct paimon_soft_info info = {.size = 1};
	struct paimon_soft_fail nth = {.size = 4, .nth = 1};

	expect("bad-ioctl", ioctl(fd, _IO(PAIMON_SOFT_IOC, 99)) < 0 && errno == ENOTTY);
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_INFO, &info) < 0 && errno == EINVAL);
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_INFO, (void *)8) < 0 && errno == EFAULT);
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_FAIL_ALLOC, &nth) < 0 && errno == EINVAL);
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_STATS, &s) < 0 && errno == EINVAL);
	bind.flags = 1;
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_BIND, &bind) < 0 && errno == EINVAL);
	bind.flags = 0;
	bind.reserved = 1;
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_BIND, &bind) < 0 && errno == EINVAL);
	expect("bad-ioctl", unbind_pasid(fd, NEVER) < 0);
	header.flags = 4;
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_SUBMIT, &header) < 0 && errno == EINVAL);
	header.flags = 0;
	header.nr = PAIMON_SOFT_MAX_REQUESTS + 1;
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_SUBMIT, &header) < 0 && errno == EINVAL);
	header.nr = UINT32_MAX;
	expect("bad-ioctl", ioctl(fd, PAIMON_SOFT_SUBMIT, &header) < 0 && errno == EINVAL);
	header.nr = 2;
	header.requests = 8;
	expect("bad-ioctl",
	       ioctl(fd, PAIMON_SOFT_SUBMIT, &header) < 0 && errno == EFAULT && header.done == 0);
	for (int i = 0; i < 5; i++) {
		bad = request;
		if (i == 0)
			bad.device = 1000;
		else if (i == 1)
			bad.perm = 0x10;
		else if (i == 2)
			bad.flags = 0x10;
		else if (i == 3)
			bad.reserved = 1;
		else
			bad.grpid = PAIMON_IOPF_ALL_GROUPS;
		expect("bad-ioctl", submit(fd, &bad, 1, &done) == -EINVAL && done == 0);
	}
	expect("bad-ioctl", read(fd, &bad, 1) < 0 && errno == EINVAL);
	close(fd);
}

static void test_overflow(void)
{
	struct paimon_soft_info info = {.size = sizeof(info)};
	int fd = open_device(O_NONBLOCK);
	uint32_t pasid = bind_pasid(fd), done;
	struct paimon_soft_stats before = stats(fd, 0), after;
	struct paimon_soft_request *requests;

	expect("overflow", !ioctl(fd, PAIMON_SOFT_INFO, &info));
	requests = calloc(info.depth + 1, sizeof(*requests));
	for (uint32_t i = 0; i <= info.depth; i++)
		requests[i] = make(pasid, i, NULL, PAIMON_IOPF_PERM_READ, 0);
	expect("overflow", submit(fd, requests, info.depth + 1, &done) == -EOVERFLOW);
	expect("overflow", done == info.depth);
	after = stats(fd, 0);
	expect("overflow", after.overflows == before.overflows + 1);
	expect("overflow", after.discarded[PAIMON_IOPF_OVERFLOW] ==
				   before.discarded[PAIMON_IOPF_OVERFLOW] + info.depth);
	expect("overflow", after.outstanding == 0);
	free(requests);
	close(fd);
}

static void on_alarm(int signal)
{
}

static void test_read(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct paimon_soft_response response;
	int fd = open_device(0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	uint32_t pasid = bind_pasid(fd);
	char *memory = map(PROT_READ | PROT_WRITE, 1);
	struct paimon_soft_request request = make(pasid, 1, memory, PAIMON_IOPF_PERM_READ,
						  PAIMON_IOPF_LAST);

	expect("read", poll(&poll_fd, 1, 0) == 0);
	sigaction(SIGALRM, &action, NULL);
	ualarm(100000, 0);
	expect("read", read(fd, &response, sizeof(response)) < 0 && errno == EINTR);
	expect("read", !submit(fd, &request, 1, NULL));
	expect("read", poll(&poll_fd, 1, 10000) == 1 && poll_fd.revents & POLLIN);
	expect("read", read(fd, &response, sizeof(response)) == sizeof(response));
	expect("read", poll(&poll_fd, 1, 0) == 0);
	close(fd);
	munmap(memory, PAGE);
}

/* After fork the child's descriptor names the parent's PASID; after the parent
 * of it is gone (or has become another program), it names nothing. */
static void test_fork_exec_exit(void)
{
	static const char *const names[] = {"fork", "exit", "exec"};

	for (int i = 0; i < 3; i++) {
		int fd = open_device(0), ready[2];
		char *memory = map(PROT_READ | PROT_WRITE, 2);
		uint32_t pasid = 0;
		int status;
		pid_t pid;

		if (pipe(ready) < 0)
			exit(1);
		if (i == 0)
			pasid = bind_pasid(fd);
		pid = fork();
		if (!pid && i == 0) /* the page must show up in the parent */
			_exit(fault(fd, pasid, memory, PAIMON_IOPF_PERM_WRITE) !=
			      PAIMON_IOPF_SUCCESS);
		if (!pid) {
			pasid = bind_pasid(fd);
			if (fault(fd, pasid, memory, PAIMON_IOPF_PERM_WRITE) != PAIMON_IOPF_SUCCESS)
				pasid = 0;
			if (write(ready[1], &pasid, sizeof(pasid)) < 0 || i == 1)
				_exit(0);
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		expect(names[i], waitpid(pid, &status, 0) == pid && status == 0);
		if (i == 0) {
			expect(names[i], present(memory));
		} else {
			expect(names[i], read(ready[0], &pasid, sizeof(pasid)) == sizeof(pasid));
			expect(names[i], pasid);
			expect(names[i], fault(fd, pasid, memory, PAIMON_IOPF_PERM_READ) ==
						 PAIMON_IOPF_INVALID);
		}
		close(ready[0]);
		close(ready[1]);
		close(fd);
		munmap(memory, 2 * PAGE);
		if (!failed)
			printf("ok %s\n", names[i]);
	}
}

/* Dies, or closes, with many faults in flight: nothing may hang or leak. */
static void test_in_flight(void)
{
	int fd = open_device(0);

	for (int round = 0; round < 30; round++) {
		pid_t pid = fork();

		if (!pid) {
			int own = open_device(0);
			uint32_t pasid = bind_pasid(own);
			char *memory = map(PROT_READ | PROT_WRITE, 256);
			struct paimon_soft_request requests[256];

			for (int i = 0; i < 256; i++)
				requests[i] = make(pasid, i, memory + i * PAGE,
						   PAIMON_IOPF_PERM_WRITE,
						   i % 8 ? PAIMON_IOPF_LAST : 0);
			submit(own, requests, 256, NULL);
			if (round % 3 == 0)
				kill(getpid(), SIGKILL);
			if (round % 3 == 1)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		expect("in-flight", waitpid(pid, NULL, 0) == pid);
	}
	expect("in-flight", stats(fd, 0).outstanding == 0);
	close(fd);
}

static void *binder(void *data)
{
	int fd = *(int *)data;
	char *memory = map(PROT_READ | PROT_WRITE, 1);

	for (int i = 0; i < 50; i++) {
		uint32_t pasid = bind_pasid(fd);

		if (!pasid || fault(fd, pasid, memory, PAIMON_IOPF_PERM_WRITE) < 0 ||
		    unbind_pasid(fd, pasid))
			return (void *)1;
	}
	munmap(memory, PAGE);
	return NULL;
}

static void test_binders(void)
{
	int fd = open_device(0), status, bad = 0;
	pthread_t threads[4];

	for (int process = 0; process < 2; process++)
		if (!fork()) {
			void *result, *any = NULL;

			for (int i = 0; i < 4; i++)
				pthread_create(&threads[i], NULL, binder, &fd);
			for (int i = 0; i < 4; i++) {
				pthread_join(threads[i], &result);
				any = result ?: any;
			}
			_exit(any != NULL);
		}
	while (wait(&status) > 0)
		bad |= status;
	expect("binders", !bad);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{"c6", test_c6},
		{"c10", test_c10},
		{"c19-load", test_c19},
		{"no-memory", test_no_memory},
		{"c11-unbind", test_unbind},
		{"bad-ioctl", test_bad_ioctl},
		{"overflow", test_overflow},
		{"read", test_read},
		{"fork-exec-exit", test_fork_exec_exit},
		{"in-flight", test_in_flight},
		{"binders", test_binders},
	};

	bool any_failed = false;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		failed = false;
		tests[i].run();
		if (!failed)
			printf("ok %s\n", tests[i].name);
		any_failed |= failed;
	}
	return any_failed;
}

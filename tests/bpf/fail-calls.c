// SPDX-License-Identifier: GPL-2.0
/*
 * System calls that fail: those of paimond and of libbpf that a kernel, a limit or a container may
 * refuse. FAIL_ERRNO: as which error. Not the waiting for events, nor what ends a process.
 */
#include <stdarg.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>

#include "fail.h"

static int error(void)
{
	static int number;

	return number ?: (number = atoi(getenv("FAIL_ERRNO") ?: "0") ?: EPERM);
}

/* TYPE NAME(PARAMETERS), which returns FAILED. */
#define FAILING(type, name, failed, parameters, ...)                        \
	type name parameters                                                \
	{                                                                   \
		static type(*real) parameters;                              \
                                                                            \
		if (fails(error()))                                         \
			return failed;                                      \
		if (!real)                                                  \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
		return real(__VA_ARGS__);                                   \
	}

FAILING(int, access, -1, (const char *path, int mode), path, mode)
FAILING(int, bind, -1, (int fd, const struct sockaddr *address, socklen_t size), fd, address, size)
FAILING(int, chmod, -1, (const char *path, mode_t mode), path, mode)
FAILING(int, epoll_create1, -1, (int flags), flags)
FAILING(FILE *, fopen64, NULL, (const char *path, const char *mode), path, mode)
FAILING(int, fstat64, -1, (int fd, struct stat64 *ret_stat), fd, ret_stat)
FAILING(int, fstatat64, -1, (int fd, const char *path, struct stat64 *ret_stat, int flags), fd,
	path, ret_stat, flags)
FAILING(int, getsockopt, -1, (int fd, int level, int name, void *ret_value, socklen_t *size), fd,
	level, name, ret_value, size)
FAILING(int, lchown, -1, (const char *path, uid_t user, gid_t group), path, user, group)
FAILING(int, listen, -1, (int fd, int backlog), fd, backlog)
FAILING(int, lstat64, -1, (const char *path, struct stat64 *ret_stat), path, ret_stat)
FAILING(int, mkdir, -1, (const char *path, mode_t mode), path, mode)
FAILING(void *, mmap64, MAP_FAILED,
	(void *address, size_t size, int protection, int flags, int fd, off64_t offset), address,
	size, protection, flags, fd, offset)
FAILING(ssize_t, pread64, -1, (int fd, void *ret_data, size_t size, off64_t offset), fd, ret_data,
	size, offset)
FAILING(int, rename, -1, (const char *from, const char *to), from, to)
FAILING(int, sched_setaffinity, -1, (pid_t pid, size_t size, const cpu_set_t *cpus), pid, size,
	cpus)
FAILING(int, setrlimit64, -1, (__rlimit_resource_t resource, const struct rlimit64 *limit),
	resource, limit)
FAILING(int, setsockopt, -1, (int fd, int level, int name, const void *value, socklen_t size), fd,
	level, name, value, size)
FAILING(int, socket, -1, (int domain, int type, int protocol), domain, type, protocol)
FAILING(int, stat64, -1, (const char *path, struct stat64 *ret_stat), path, ret_stat)
FAILING(int, statfs64, -1, (const char *path, struct statfs64 *ret_stat), path, ret_stat)
FAILING(int, timerfd_create, -1, (int clock, int flags), clock, flags)
FAILING(int, unlink, -1, (const char *path), path)

/* What was added can be taken away. */
int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	return op == EPOLL_CTL_ADD && fails(error())
		       ? -1
		       : (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return fails(error()) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* bpf(2) and perf_event_open(2), for which libc has no functions. */
static long real_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	static long (*real)(long, ...);

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a, b, c, d, e, f);
}

long syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number != SYS_bpf && number != SYS_perf_event_open)
		return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return fails(error()) ? -1 : real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

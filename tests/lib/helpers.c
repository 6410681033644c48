// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/helpers.h"

void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

void unpin(void)
{
	cpu_set_t set;

	memset(&set, -1, sizeof(set));
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static long voluntary_switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

/* A sleep can end before the switch. */
void switch_out(void)
{
	long before = voluntary_switches();

	while (voluntary_switches() == before)
		nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
}

uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*state >> 33) % below;
}

int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		die("waitpid");
	return status;
}

int own_mounts(void)
{
	return unshare(CLONE_NEWNS) ?: mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int mount_tracefs(void)
{
	return access("/sys/kernel/tracing/events", F_OK)
		       ? mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL)
		       : 0;
}

#define TRACING "/sys/kernel/tracing/"

void start_trace(void)
{
	if (mount_tracefs())
		die("mount of tracefs");
	write_text(TRACING "trace", "\n"); /* opening it is what empties it */
	write_text(TRACING "events/paimon/enable", "1");
}

char *end_trace(void)
{
	char *text = NULL;
	size_t size = 0, length;
	FILE *in, *out = open_memstream(&text, &size);
	char part[4096];

	write_text(TRACING "events/paimon/enable", "0");
	in = fopen(TRACING "trace", "re");
	if (!in || !out)
		die(TRACING "trace");
	while ((length = fread(part, 1, sizeof(part), in)))
		fwrite(part, 1, length, out);
	fclose(in);
	if (fclose(out))
		die("memory for the trace");
	return text;
}

int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group)
{
	attr->size = sizeof(*attr);
	return syscall(SYS_perf_event_open, attr, pid, cpu, group, PERF_FLAG_FD_CLOEXEC);
}

uint64_t read_count(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("read of a perf event");
	return count;
}

int count_descriptors(pid_t pid)
{
	char path[64];
	DIR *dir;
	int nr = -2; /* . and .. */

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		die(path);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		die(path);
	close(fd);
}

void write_text(const char *path, const char *format, ...)
{
	char *text;
	va_list ap;
	int size;

	va_start(ap, format);
	size = vasprintf(&text, format, ap);
	va_end(ap);
	if (size < 0)
		die(path);
	write_file(path, text, size);
	free(text);
}

void remove_tree(const char *path)
{
	char command[256];

	if (snprintf(command, sizeof(command), "rm -r '%s'", path) >= (int)sizeof(command) ||
	    system(command))
		die(path);
}

int dial(const void *address, int type, int receive_buffer)
{
	const struct sockaddr *to = address;
	socklen_t size = to->sa_family == AF_UNIX ? sizeof(struct sockaddr_un)
						  : sizeof(struct sockaddr_in);
	int fd = socket(to->sa_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((receive_buffer &&
	     setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer))) ||
	    connect(fd, to, size)) {
		close(fd);
		return -1;
	}
	return fd;
}

ssize_t send_message(int socket, const void *data, size_t size, const int *fds, size_t nr,
		     int flags)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(253 * sizeof(int))];
	} control;
	struct iovec iov = {(void *)data, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nr) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		control.header = (struct cmsghdr){CMSG_LEN(nr * sizeof(int)), SOL_SOCKET,
						  SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, nr * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | flags);
}

// SPDX-License-Identifier: GPL-2.0
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"

/* /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 00:1f:23 0 EOF" */
static pid_t find_holder(int fd)
{
	unsigned int major, minor;
	unsigned long inode;
	char line[256];
	struct stat st;
	int pid, holder = 0;
	FILE *locks = fopen("/proc/locks", "re");

	if (!locks || fstat(fd, &st) < 0) {
		if (locks)
			fclose(locks);
		return 0;
	}
	while (!holder && fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &inode) ==
			    4 &&
		    inode == st.st_ino && makedev(major, minor) == st.st_dev)
			holder = pid;
	fclose(locks);
	return holder;
}

int lock_folder(const char *path, pid_t *ret_holder)
{
	_cleanup_close_ int fd = -1;
	int r;

	mkdir(path, 0700); /* if it is missing; may fail */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		*ret_holder = find_holder(fd);
		return r;
	}
	r = fd;
	fd = -1;
	return r;
}

bool lock_is_of(int fd, const char *path)
{
	struct stat locked, now;

	return fd >= 0 && !fstat(fd, &locked) && !stat(path, &now) && locked.st_dev == now.st_dev &&
	       locked.st_ino == now.st_ino;
}

// SPDX-License-Identifier: GPL-2.0
#include "namespaces.h"

#include <sys/stat.h>

/* Inodes of the initial namespaces: include/linux/proc_ns.h since Linux 3.8, and since 6.18
 * include/uapi/linux/nsfs.h. */
#define INITIAL_USER 0xeffffffd
#define INITIAL_PID 0xeffffffc

static bool has_inode(const char *path, ino_t inode)
{
	struct stat st;

	return stat(path, &st) < 0 || st.st_ino == inode;
}

bool namespaces_pid_is_initial(void)
{
	static enum { UNKNOWN, INITIAL, OTHER } known; /* a process cannot change its own */

	if (known == UNKNOWN)
		known = has_inode("/proc/self/ns/pid", INITIAL_PID) ? INITIAL : OTHER;
	return known == INITIAL;
}

bool namespaces_user_is_initial(void)
{
	return has_inode("/proc/self/ns/user", INITIAL_USER);
}

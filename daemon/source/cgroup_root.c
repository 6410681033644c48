// SPDX-License-Identifier: GPL-2.0
#include "cgroup_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../util/cleanup.h"

int cgroup_root_open(void)
{
	static const char *const paths[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		_cleanup_close_ int fd = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct statfs fs;
		struct stat st;

		if (fd >= 0 && !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC &&
		    !fstat(fd, &st) && st.st_ino == 1)
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -ENOENT;
}

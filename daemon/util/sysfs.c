// SPDX-License-Identifier: GPL-2.0
#include "sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define MAX_LINE 4096 /* sysfs gives a page at most */

char *sysfs_line(int folder, const char *name)
{
	/* Reading a pipe would block. */
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char line[MAX_LINE];
	struct stat stat;
	ssize_t length;

	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode))
		return strdup("");
	length = read(fd, line, sizeof(line) - 1);
	if (length < 0)
		length = 0;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	for (const char *c = line; *c; c++)
		if (!isprint((unsigned char)*c))
			*line = '\0';
	return strdup(line);
}

char *sysfs_target(int folder, const char *link)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(folder, link, target, sizeof(target) - 1);

	if (length <= 0)
		return strdup("");
	target[length] = '\0';
	return strdup(basename(target));
}

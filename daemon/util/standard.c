// SPDX-License-Identifier: GPL-2.0
#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int standard_open(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open() returns the lowest free number. Output must fail, and not be lost
		 * silently. */
		if (open("/dev/null", (fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) | O_CLOEXEC) < 0)
			return -errno;
	}
	return 0;
}

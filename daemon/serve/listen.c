// SPDX-License-Identifier: GPL-2.0
#include "listen.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../util/cleanup.h"
#include "peer.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* group: -1 for the group of the process. */
static int listen_at(const char *path, int type, mode_t mode, gid_t group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	_cleanup_close_ int fd = socket(AF_UNIX, type | FLAGS, 0),
			    probe = socket(AF_UNIX, type | FLAGS, 0);
	char folder[sizeof(address.sun_path)];
	char *slash;
	int r;

	if (fd < 0 || probe < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	strcpy(folder, path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (connect(probe, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED) {
		/* The same error comes for a file that is not a socket; do not remove it. */
		if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return -ENOTSOCK;
		unlink(path);
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* No client can connect before listen(). */
	if (group != (gid_t)-1 && lchown(path, -1, group) < 0 && errno != EPERM)
		return -errno;
	if (chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

int listen_unix(const char *path)
{
	return listen_at(path, SOCK_STREAM, 0666, -1);
}

int listen_handoff(const char *path)
{
	const struct group *operators = getgrnam(OPERATORS);

	return listen_at(path, SOCK_SEQPACKET, 0660, operators ? operators->gr_gid : (gid_t)-1);
}

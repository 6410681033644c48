// SPDX-License-Identifier: GPL-2.0
#include "listen.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../util/cleanup.h"
#include "peer.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* group: -1 for ours. */
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
		/* So is connecting to a file that is no socket, which is not ours to remove. */
		if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return -ENOTSOCK;
		unlink(path);
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Nobody connects before the listen(). */
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

/* The address in numbers, to be freed with freeaddrinfo(), or NULL. */
static struct addrinfo *parse_address(const char *address)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	_cleanup_free_ char *host = strdup(address);
	char *name = host, *port = host ? strrchr(host, ':') : NULL, *end;
	struct addrinfo *info;
	unsigned long number;

	if (!port)
		return NULL;
	*port++ = '\0';
	number = strtoul(port, &end, 10);
	if (port[0] < '0' || port[0] > '9' || *end || number < 1 || number > 65535)
		return NULL;
	if (name[0] == '[') {
		name++;
		end = strchr(name, ']');
		if (!end || end[1])
			return NULL;
		*end = '\0';
	}
	return !name[0] || getaddrinfo(name, port, &hints, &info) ? NULL : info;
}

bool listen_tcp_valid(const char *address)
{
	struct addrinfo *info = parse_address(address);

	if (info)
		freeaddrinfo(info);
	return info;
}

int listen_tcp(const char *address)
{
	struct addrinfo *info = parse_address(address);
	int fd, one = 1, r = 0;

	if (!info)
		return -EINVAL;
	fd = socket(info->ai_family, SOCK_STREAM | FLAGS, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
		r = -errno;
	freeaddrinfo(info);
	if (r < 0 && fd >= 0)
		close(fd);
	return r ?: fd;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	const void *ipv4 = &((const struct sockaddr_in *)address)->sin_addr;

	if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		ipv4 = &in6->s6_addr[12];
	else if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(in6);
	return *(const uint8_t *)ipv4 == IN_LOOPBACKNET;
}

bool listen_name(int fd, char name[LISTEN_NAME_LEN])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char host[LISTEN_NAME_LEN - 16], port[6];

	name[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
	    getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return false;
	snprintf(name, LISTEN_NAME_LEN, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		 port);
	return is_loopback(&address);
}

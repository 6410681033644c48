// SPDX-License-Identifier: GPL-2.0
#include "tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"

int listen_tcp(const char *text)
{
	struct sockaddr_storage address;
	_cleanup_close_ int fd = -1;
	int one = 1, r;
	socklen_t size;

	r = address_parse(text, &address, &size);
	if (r < 0)
		return r;
	if (strchr(text, '%') && !((struct sockaddr_in6 *)&address)->sin6_scope_id)
		return -ENODEV;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
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
	return address_is_loopback(&address);
}

// SPDX-License-Identifier: GPL-2.0
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int parse_ipv6(char *host, in_port_t port, struct sockaddr_in6 *ret_address)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = port};
	char *end = strchr(host, ']'), *interface;

	if (!end || end[1])
		return -EINVAL;
	*end = '\0';
	interface = strchr(host, '%');
	if (interface) {
		*interface++ = '\0';
		if (!*interface)
			return -EINVAL;
		address.sin6_scope_id = if_nametoindex(interface);
	}
	if (inet_pton(AF_INET6, host, &address.sin6_addr) != 1)
		return -EINVAL;
	/* For all other addresses the kernel ignores the interface. */
	if (!interface == !!IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr))
		return -EINVAL;
	*ret_address = address;
	return 0;
}

int address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct sockaddr_in ipv4 = {.sin_family = AF_INET};
	struct sockaddr_in6 ipv6;
	char host[128], *port;
	unsigned long number;

	if (strlen(text) >= sizeof(host))
		return -EINVAL;
	strcpy(host, text);
	port = strrchr(host, ':');
	if (!port)
		return -EINVAL;
	*port++ = '\0';
	number = strtoul(port, NULL, 10);
	if (!*port || strspn(port, "0123456789") != strlen(port) || !number || number > 65535)
		return -EINVAL;
	if (host[0] == '[') {
		if (parse_ipv6(host + 1, htons(number), &ipv6) < 0)
			return -EINVAL;
		memcpy(ret_address, &ipv6, sizeof(ipv6));
		*ret_size = sizeof(ipv6);
		return 0;
	}
	ipv4.sin_port = htons(number);
	if (inet_pton(AF_INET, host, &ipv4.sin_addr) != 1)
		return -EINVAL;
	memcpy(ret_address, &ipv4, sizeof(ipv4));
	*ret_size = sizeof(ipv4);
	return 0;
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
	const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	const void *ipv4 = &((const struct sockaddr_in *)address)->sin_addr;

	if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		ipv4 = &in6->s6_addr[12];
	else if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(in6);
	return *(const uint8_t *)ipv4 == IN_LOOPBACKNET;
}

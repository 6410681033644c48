/* SPDX-License-Identifier: GPL-2.0 */
/* Numeric TCP addresses. Any thread. */
#ifndef PAIMON_ADDRESS_H
#define PAIMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * Parses IPV4:PORT, [IPV6]:PORT or, if and only if the address is link-local,
 * [IPV6%INTERFACE]:PORT. Other notations are refused: IPv4 is four decimal numbers, the port
 * is 1 to 65535. 0 or -EINVAL. A missing interface gives scope 0.
 */
int address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size);

/* Can a TCP address be reached from this machine alone? */
bool address_is_loopback(const struct sockaddr_storage *address);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* TCP addresses in numbers. Any thread. */
#ifndef PAIMON_ADDRESS_H
#define PAIMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * IPV4:PORT, [IPV6]:PORT or, if and only if it is link-local, [IPV6%INTERFACE]:PORT, and no
 * other ways to write one: four decimal numbers, a port from 1 to 65535. 0 or -EINVAL. An
 * interface that is not there is number 0.
 */
int address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size);

/* Can a TCP address be reached from this machine alone? */
bool address_is_loopback(const struct sockaddr_storage *address);

#endif

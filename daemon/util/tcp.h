/* SPDX-License-Identifier: GPL-2.0 */
/* Listening TCP sockets. Non-blocking, close-on-exec. Any thread. */
#ifndef PAIMON_TCP_H
#define PAIMON_TCP_H

#include <stdbool.h>

/* Listens at an address in the form of address_parse(). Returns the descriptor or a negative
 * errno. */
int listen_tcp(const char *text);

/* The address of a TCP socket in the form that listen_tcp() accepts, or "". Returns whether it
 * is reachable from this machine only. */
#define LISTEN_NAME_LEN 64
bool listen_name(int fd, char name[LISTEN_NAME_LEN]);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens listening sockets for a daemon that runs without socket activation.
 * Non-blocking, close-on-exec.
 */
#ifndef PAIMON_LISTEN_H
#define PAIMON_LISTEN_H

#include <stdbool.h>

/* Listens at path, 0666. A socket that nobody answers any more is replaced;
 * one that somebody answers: -EADDRINUSE. The folder is made if its parent is
 * there. Returns the descriptor or a negative errno. */
int listen_unix(const char *path);

/* The same with SOCK_SEQPACKET, 0660 and, where the group is there and we may say so, of
 * group paimon. */
int listen_handoff(const char *path);

/* Listens at an address as address_parse() takes it. */
int listen_tcp(const char *text);

/* Where a TCP socket listens, written as listen_tcp() takes it, or "". Can that be reached
 * from this machine alone? */
#define LISTEN_NAME_LEN 64
bool listen_name(int fd, char name[LISTEN_NAME_LEN]);

#endif

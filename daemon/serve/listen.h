/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens listening sockets for a daemon that runs without socket activation.
 * Non-blocking, close-on-exec.
 */
#ifndef PAIMON_LISTEN_H
#define PAIMON_LISTEN_H

#include <stdbool.h>

/* Listens at path, with mode 0666. Replaces a socket that has no listener; if it has one, fails
 * with -EADDRINUSE. Creates the directory if its parent exists. Returns the descriptor or a
 * negative errno. */
int listen_unix(const char *path);

/* The same with SOCK_SEQPACKET, mode 0660 and group paimon, if the group exists and the process
 * may set it. */
int listen_handoff(const char *path);

/* Listens at an address in the form of address_parse(). */
int listen_tcp(const char *text);

/* The address of a TCP socket in the form that listen_tcp() accepts, or "". Returns whether it
 * is reachable from this machine only. */
#define LISTEN_NAME_LEN 64
bool listen_name(int fd, char name[LISTEN_NAME_LEN]);

#endif

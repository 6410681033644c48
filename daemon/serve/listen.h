/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens listening unix sockets for a daemon that runs without socket activation.
 * Non-blocking, close-on-exec.
 */
#ifndef PAIMON_LISTEN_H
#define PAIMON_LISTEN_H

/* Listens at path, with mode 0666. Replaces a socket that has no listener; if it has one, fails
 * with -EADDRINUSE. Creates the directory if its parent exists. Returns the descriptor or a
 * negative errno. */
int listen_unix(const char *path);

/* The same with SOCK_SEQPACKET, mode 0660 and group paimon, if the group exists and the process
 * may set it. */
int listen_handoff(const char *path);

#endif

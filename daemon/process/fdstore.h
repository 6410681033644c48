/* SPDX-License-Identifier: GPL-2.0 */
/*
 * systemd's file descriptor store. Descriptors in it survive a crash and `systemctl
 * restart`, and are closed by `systemctl stop`. Names are unique and consist of
 * [a-z0-9-]. The store exists only under a unit with FileDescriptorStoreMax; elsewhere
 * fdstore_available() is false, and the sources pin their objects instead.
 */
#ifndef PAIMON_FDSTORE_H
#define PAIMON_FDSTORE_H

#include <stdbool.h>

/* Collects the descriptors that systemd passed (LISTEN_FDS). Call it once, before anything
 * else reads the environment. */
int fdstore_init(void);

bool fdstore_available(void);

/* The descriptor with that name, left by an earlier daemon, or -ENOENT. It stays in
 * systemd's store; the caller owns the returned copy. */
int fdstore_take(const char *name);

/* Gives a descriptor back: the next fdstore_take() of that name in this process returns it,
 * even without systemd's store. Takes ownership of fd. */
void fdstore_give_back(const char *name, int fd);

/* Removes the descriptors that were not taken and whose names begin with prefix. */
void fdstore_drop(const char *prefix);

/* Puts a copy of fd into the store. 0 or a negative errno. */
int fdstore_put(const char *name, int fd);

/* Removes a name from the store; no error if it is not there. */
void fdstore_remove(const char *name);

/* Waits until systemd has processed all previous requests. */
void fdstore_sync(void);

/* The next socket from socket activation with this domain and type that was not taken, or
 * -ENOENT. The caller owns it. */
int fdstore_take_socket(int domain, int type);

/* Closes the other files and sockets that were not taken, and logs each one. Descriptors from
 * the store stay. */
void fdstore_close_files(void);

#endif

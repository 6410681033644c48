/* SPDX-License-Identifier: GPL-2.0 */
/*
 * systemd's descriptor store: descriptors that outlive the process, across a
 * crash and `systemctl restart`, and end with `systemctl stop`. Names are
 * unique, of [a-z0-9-]. Only there under a unit with FileDescriptorStoreMax;
 * elsewhere fdstore_available() is false and the sources pin what must live.
 */
#ifndef PAIMON_FDSTORE_H
#define PAIMON_FDSTORE_H

#include <stdbool.h>

/* Collects what systemd passed (LISTEN_FDS); call once, before anything else
 * reads the environment. */
int fdstore_init(void);

bool fdstore_available(void);

/* The descriptor of that name, left over from an earlier daemon, or -ENOENT.
 * It stays in systemd's store; the caller owns its own copy of it. */
int fdstore_take(const char *name);

/* Gives back a descriptor: the next one in this process who takes that name gets it, with
 * systemd's store or without. Takes fd. */
void fdstore_give_back(const char *name, int fd);

/* Removes all that nobody has taken, of names that begin so. */
void fdstore_drop(const char *prefix);

/* Puts a copy of fd into the store. 0 or a negative errno. */
int fdstore_put(const char *name, int fd);

/* Removes a name from the store; no error where there is none. */
void fdstore_remove(const char *name);

/* Waits until systemd has done all that was said before. */
void fdstore_sync(void);

/* The next listening socket of socket activation of this domain and type that nobody
 * has taken, or -ENOENT. The caller owns it. */
int fdstore_take_socket(int domain, int type);

/* Closes the files and sockets that nobody has taken, each with a line in the log; what is
 * from the store stays. */
void fdstore_close_files(void);

#endif

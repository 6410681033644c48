/* SPDX-License-Identifier: GPL-2.0 */
/* Who is on the other end of a unix socket. Any thread. */
#ifndef PAIMON_PEER_H
#define PAIMON_PEER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "../model/kept.h"

#define OPERATORS "paimon" /* the group whose members may change what is counted */

/* Who connected; false: nobody can say. */
bool peer_get(int fd, struct ucred *ret_peer);

/* The peer as the owner of what it asks for. */
void peer_owner(const struct ucred *peer, struct kept_owner *ret_owner);

/* Is that root, the daemon's own user, or in the operators' group, supplementary groups
 * included? */
bool peer_is_operator(int fd);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The process at the other end of a unix socket. Any thread. */
#ifndef PAIMON_PEER_H
#define PAIMON_PEER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "../model/kept.h"

#define OPERATORS "paimon" /* the group whose members may change what is counted */

/* Gets the credentials of the peer; false: unknown. */
bool peer_get(int fd, struct ucred *ret_peer);

/* The peer, as the owner of events that it opens. */
void peer_owner(const struct ucred *peer, struct kept_owner *ret_owner);

/* Is the peer an operator: root, the daemon's own user, or a member of the group OPERATORS, also
 * as a supplementary group? */
bool peer_is_operator(int fd);

#endif

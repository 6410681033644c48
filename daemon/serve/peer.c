// SPDX-License-Identifier: GPL-2.0
#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "../util/cleanup.h"

bool peer_get(int fd, struct ucred *ret_peer)
{
	socklen_t size = sizeof(*ret_peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size);
}

/* The name of a process, or "" if it has ended or is not visible to paimond. */
static void read_comm(pid_t pid, char ret_comm[16])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(ret_comm, 16, file))
		ret_comm[0] = '\0';
	if (file)
		fclose(file);
	ret_comm[strcspn(ret_comm, "\n")] = '\0';
}

void peer_owner(const struct ucred *peer, struct kept_owner *ret_owner)
{
	*ret_owner = (struct kept_owner){.uid = peer->uid, .pid = peer->pid};
	read_comm(peer->pid, ret_owner->comm);
}

bool peer_is_operator(int fd)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct group *operators;
	socklen_t size = 0;
	struct ucred peer;

	if (!peer_get(fd, &peer))
		return false;
	/* Also the daemon's own user: `systemctl reload` runs paimonctl as that user. */
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	operators = getgrnam(OPERATORS);
	if (!operators)
		return false;
	if (peer.gid == operators->gr_gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == operators->gr_gid)
			return true;
	return false;
}

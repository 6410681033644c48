/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the hand-off socket. Over it a process hands its perf events over to
 * paimond, which keeps them, and gets descriptors of kept events. libpaimon(3) is its
 * client.
 *
 * The socket is SOCK_SEQPACKET. A request is one message and has one reply; replies come
 * in the order of the requests. Integers are in native byte order. A message of another
 * size or version, or with a field set that its operation does not use, is refused. If the
 * client has not read earlier replies and a reply does not fit into the socket, the
 * request is undone and the connection ends.
 */
#ifndef PAIMON_HANDOFF_H
#define PAIMON_HANDOFF_H

#include <linux/types.h>

#define PAIMON_HANDOFF_PATH "/run/paimon/handoff.sock"
#define PAIMON_HANDOFF_VERSION 1
#define PAIMON_HANDOFF_MAX_FDS 64
#define PAIMON_HANDOFF_NAME_LEN 64
#define PAIMON_HANDOFF_TEXT_LEN 240

enum paimon_handoff_op {
	/*
	 * Keeps nr perf events as one event: 1 to PAIMON_HANDOFF_MAX_FDS descriptors in
	 * SCM_RIGHTS, of the same event on different CPUs. The sender may close them
	 * afterwards. In: nr, name (with its NUL; empty: one is generated). Out: id. Errors:
	 *
	 * -EACCES	the sender is neither root nor in group paimon
	 * -EBADF	a descriptor is not a perf event
	 * -ENOENT	a perf event is dead
	 * -EINVAL	a perf event counts for a task, is on a CPU that is offline, is on the
	 *		same CPU as another, or differs from the others; an invalid name; not
	 *		nr descriptors
	 * -EEXIST	a perf event is already kept, or the name is in use
	 * -EBUSY	its buffer is mapped
	 * -EOPNOTSUPP	it has the attribute inherit, or counts for a cgroup, or this kernel
	 *		would fault when its PMU goes
	 * -EMFILE, -ENOSPC, -ENOMEM	no room
	 * -ENODEV	paimond keeps no events
	 */
	PAIMON_HANDOFF_UNCLAIM = 1,
	/*
	 * Returns a descriptor of a kept event on a CPU, in SCM_RIGHTS of the reply. In: id,
	 * cpu. Errors: -EINVAL (no such CPU, or the event has several perf events there, on
	 * several PMUs), -ENOENT (no event with this id, or it does not count on this CPU),
	 * -EACCES (the sender is neither the owner of the event nor root), -ESTALE (an earlier
	 * paimond had the descriptors: the event can only be read), -ENODEV.
	 */
	PAIMON_HANDOFF_OPEN = 2,
	/*
	 * Releases an event: it is no longer kept, and ends when its last descriptor is closed.
	 * In: id. Errors: -EINVAL (no event with this id is kept), -EACCES (as above, or the
	 * event belongs to the configuration), -ENODEV.
	 */
	PAIMON_HANDOFF_CLAIM = 3,
};

struct paimon_handoff_request {
	__u32 version;
	__u32 op;
	__u64 id;
	__u32 cpu;
	__u32 nr;
	char name[PAIMON_HANDOFF_NAME_LEN];
};

struct paimon_handoff_reply {
	__u32 version;
	__s32 error; /* 0 or a negative errno */
	__u64 id;
	char text[PAIMON_HANDOFF_TEXT_LEN]; /* describes the error; with its NUL */
};

_Static_assert(sizeof(struct paimon_handoff_request) == 88, "size of a request");
_Static_assert(__builtin_offsetof(struct paimon_handoff_request, id) == 8, "offset of id");
_Static_assert(__builtin_offsetof(struct paimon_handoff_request, cpu) == 16, "offset of cpu");
_Static_assert(__builtin_offsetof(struct paimon_handoff_request, nr) == 20, "offset of nr");
_Static_assert(__builtin_offsetof(struct paimon_handoff_request, name) == 24, "offset of name");
_Static_assert(sizeof(struct paimon_handoff_reply) == 256, "size of a reply");
_Static_assert(__builtin_offsetof(struct paimon_handoff_reply, error) == 4, "offset of error");
_Static_assert(__builtin_offsetof(struct paimon_handoff_reply, id) == 8, "offset of id");
_Static_assert(__builtin_offsetof(struct paimon_handoff_reply, text) == 16, "offset of text");

#endif

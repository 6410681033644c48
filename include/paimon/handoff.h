/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the hand-off socket, by which a process has paimond keep its perf events
 * counting, and gets at kept ones. libpaimon(3) is its client.
 *
 * SOCK_SEQPACKET; a request is one message and has one reply, in the order of the
 * requests. Bytes and descriptors are those of this machine. A message of another size
 * or version, or with what its operation does not use set, is refused. A reply that cannot
 * be sent at once, since earlier ones were not taken, ends the connection, and undoes its
 * request.
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
	 * Keeps nr perf events, 1 to PAIMON_HANDOFF_MAX_FDS descriptors in SCM_RIGHTS of the
	 * same event on one CPU each, as one event; the sender may close them. In: nr, name
	 * (with its NUL; empty: one is made up). Out: id. Errors:
	 *
	 * -EACCES	the sender is neither root nor in group paimon
	 * -EBADF	a descriptor is no perf event
	 * -ENOENT	a perf event is dead
	 * -EINVAL	a perf event counts for a task, on a CPU that is not online, on the same
	 *		CPU as another, or something else than the others; a bad name; not nr
	 *		descriptors
	 * -EEXIST	one is kept already, or the name is taken
	 * -EBUSY	its buffer is mapped
	 * -EOPNOTSUPP	it is inherited
	 * -EMFILE, -ENOSPC, -ENOMEM	no room
	 * -ENODEV	no events are kept
	 */
	PAIMON_HANDOFF_UNCLAIM = 1,
	/*
	 * A descriptor of a kept event on a CPU, in SCM_RIGHTS of the reply. In: id, cpu.
	 * Errors: -EINVAL (there is no such CPU, or it has several there, on several PMUs),
	 * -ENOENT (no event of this id, or it does not count on this CPU), -EACCES (neither who
	 * handed it over nor root), -ESTALE (the paimond that had its descriptors is gone: it can
	 * only be read), -ENODEV.
	 */
	PAIMON_HANDOFF_OPEN = 2,
	/*
	 * Keeps an event no longer: it ends with the last of its descriptors. In: id.
	 * Errors: -EINVAL (no event of this id is kept), -EACCES (as above, or it is of the
	 * configuration), -ENODEV.
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
	char text[PAIMON_HANDOFF_TEXT_LEN]; /* of the error, with its NUL */
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

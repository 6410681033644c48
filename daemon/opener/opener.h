/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon-opener does what paimond has no privileges for. It opens perf events if the
 * kernel requires CAP_SYS_ADMIN (Debian's kernel.perf_event_paranoid = 3), and looks up
 * the ids of tracepoints, because tracefs is readable by root only. It opens only events
 * for which CAP_PERFMON is sufficient on other kernels, so that paimond gains no further
 * privileges.
 *
 * A SOCK_SEQPACKET connection carries one request and one reply; the reply to
 * OPENER_EVENT carries the descriptor. Both ends are from the same package.
 */
#ifndef PAIMON_OPENER_H
#define PAIMON_OPENER_H

#include <linux/perf_event.h>
#include <stdint.h>

#define OPENER_SOCKET "/run/paimon/opener.sock"
#define OPENER_VERSION 1

/* Larger than struct perf_event_attr, for newer kernel headers. */
#define OPENER_ATTR_SIZE 144

enum opener_what {
	OPENER_EVENT = 1,
	OPENER_TRACEPOINT = 2,
};

struct opener_request {
	uint32_t version;
	uint32_t what;
	int32_t cpu; /* of OPENER_EVENT */
	uint32_t reserved;
	union {
		unsigned char attr[OPENER_ATTR_SIZE];
		char tracepoint[OPENER_ATTR_SIZE]; /* system:event */
	};
};

struct opener_reply {
	int32_t error; /* 0 or a negative errno */
	uint32_t reserved;
	uint64_t id; /* of OPENER_TRACEPOINT */
};

/*
 * Is CAP_PERFMON sufficient for this event? It must count for a whole CPU, or sample each
 * context switch as the PAI PMUs do, and must not set a probe or a breakpoint. 0, -EINVAL
 * or -EACCES. sysfs_pmus: the directory with the kernel's PMUs.
 */
int opener_check_attr(const unsigned char attr[OPENER_ATTR_SIZE], const char *sysfs_pmus);

/* The id of the tracepoint system:event in a directory `events` of tracefs (NULL: where it is
 * mounted). 0 or a negative errno; -EINVAL if text is not the name of a tracepoint. */
int opener_find_tracepoint(const char *events, const char *text, uint64_t *ret_id);

/* Answers the request on the connection fd, which the caller closes. uid: the only user
 * except root that is answered. */
void opener_serve(int fd, unsigned int uid);

#endif

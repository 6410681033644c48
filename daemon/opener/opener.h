/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon-opener does for paimond what needs root: it opens perf events where the
 * kernel wants CAP_SYS_ADMIN for that (Debian's kernel.perf_event_paranoid = 3), and
 * looks up the number of a tracepoint, since tracefs is root's. It opens only what
 * CAP_PERFMON is enough for elsewhere, so that paimond gains nothing else by it.
 *
 * A connection of SOCK_SEQPACKET carries one request and one reply; the reply to
 * OPENER_EVENT brings the descriptor. Both ends are of one package.
 */
#ifndef PAIMON_OPENER_H
#define PAIMON_OPENER_H

#include <linux/perf_event.h>
#include <stdint.h>

#define OPENER_SOCKET "/run/paimon/opener.sock"
#define OPENER_VERSION 1

/* Room for struct perf_event_attr of kernels whose headers are newer than ours. */
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
 * Is this an event that CAP_PERFMON is enough for: of a whole CPU, counting or, as
 * the PMUs of PAI have it, sampling each switch, and nothing that sets a probe or a
 * breakpoint? 0, -EINVAL or -EACCES. sysfs_pmus: where the kernel lists its PMUs.
 */
int opener_check_attr(const unsigned char attr[OPENER_ATTR_SIZE], const char *sysfs_pmus);

/* The number of the tracepoint system:event in a folder `events` of tracefs (NULL: where it is
 * mounted). 0 or a negative errno; -EINVAL where the text is no name of a tracepoint. */
int opener_find_tracepoint(const char *events, const char *text, uint64_t *ret_id);

/* Answers what comes over the connection fd, which stays the caller's. uid: the only
 * user beside root that is answered. */
void opener_serve(int fd, unsigned int uid);

#endif

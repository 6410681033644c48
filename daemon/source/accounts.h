/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The accounts of attribution (bpf/switch.h): what each cgroup and process used, now and in the
 * current and the last minute; and the release of the places of those that have departed.
 *
 * On the daemon's one thread.
 */
#ifndef PAIMON_ACCOUNTS_H
#define PAIMON_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "../util/cleanup.h"
#include "attribution.h"

/* Whose a count is, instead of a path or a PID. */
enum account_kind {
	ACCOUNT_NAMED,
	ACCOUNT_OTHER,	  /* without a place */
	ACCOUNT_DEPARTED, /* those that are gone */
};

/* What a cgroup or a process used of one event. */
struct account_sum {
	uint32_t column;
	enum account_kind kind;
	char *path;	   /* of a cgroup; NULL: a process */
	uint64_t start_ns; /* of a process */
	uint32_t tgid;	   /* 0: the idle tasks */
	uint32_t order;	   /* of a process: the higher, the later is comm */
	char comm[16];
	struct events_reading sum;
};

/* Sorted by column, kind and owner, each of which is there once. */
struct account_sums {
	struct account_sum *sums;
	size_t nr, allocated;
};

/* One copy of all cells. */
struct accounts_look {
	struct account_sums cgroups, processes; /* processes: of columns by process */
	struct events_reading totals[SWITCH_COLUMNS];
};

/* Copies all cells, without reading: attribution_read(). NULL: no memory. */
struct accounts_look *accounts_look(const struct attribution *attribution);
void accounts_look_free(struct accounts_look *look);
DEFINE_CLEANUP(struct accounts_look *, accounts_look_free);

/* A minute: since start_ns (CLOCK_REALTIME), of cgroups and processes that are named. */
struct accounts_minute {
	uint64_t start_ns; /* 0: there is none */
	struct account_sums cgroups, processes;
};

/* Fills in what was used in the current minute, as of a look, and a reference to the last one. 0 or
 * -ENOMEM. The caller frees *ret_current with accounts_minute_clear(). */
int accounts_minutes(const struct attribution *attribution, const struct accounts_look *look,
		     struct accounts_minute *ret_current, const struct accounts_minute **ret_last);
void accounts_minute_clear(struct accounts_minute *minute);

/* Is this process, among those of its column, the last one with its PID? */
bool accounts_is_latest(const struct account_sums *processes, size_t index);

struct snapshot;
/* Add what is common to all sources to a snapshot: when a minute began, if there is one; failed
 * readings, and what did not fit, by reason. 0 or a negative errno. */
int accounts_add_minute(struct snapshot *snapshot, const char *source,
			const struct accounts_minute *minute, const char *which);
int accounts_add_failures(const struct attribution *attribution, struct snapshot *snapshot,
			  const char *source, const char *const reasons[SWITCH_NR_KINDS]);

/* Called every few seconds: frees the places of cgroups and processes that were missing at the
 * previous call too, or at once if few places are free, and begins a new minute. */
void accounts_tend(struct attribution *attribution);

/* For attribution.c: prepares new maps, or completes what an earlier daemon was doing. 0 or a
 * negative errno. */
int accounts_recover(struct attribution *attribution);
void accounts_free(struct attribution *attribution);
/* Removes all counts of a column, which no program uses any more. */
void accounts_clear_column(struct attribution *attribution, uint32_t column);

#endif

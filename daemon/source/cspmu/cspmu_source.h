/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of the source cspmu: cspmu.c finds the PMUs and tells what does not count,
 * counters.c holds the perf events, read.c serves them.
 *
 * A counter is one event of one PMU on one of the CPUs of its cpumask. It has the same number as
 * its perf event's slot and its element of the list of events (bpf/events.h): name is the event's,
 * pmu the PMU's, cpus the socket, as served. The element stays while the PMU is gone, so that the
 * total continues when it is back; it is given to another counter when the list is full.
 * Descriptors of perf events are not kept open.
 *
 * When the active CPU of a PMU goes offline, the kernel moves its perf events to the CPU that the
 * cpumask then has; counters follow the cpumask.
 *
 * A PMU of CPUs has a counter of each event on each CPU, of no socket. When the CPU goes offline,
 * the counter is away: its total stays, and what its perf event counted last is read when the CPU
 * is back. Then a new perf event replaces it, for the kernel has ended it.
 *
 * On the daemon's one thread.
 */
#ifndef PAIMON_CSPMU_SOURCE_H
#define PAIMON_CSPMU_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../reader.h"
#include "probe.h"

struct snapshot;
struct source;

/* What is known of a counter while the daemon runs. */
struct cspmu_counter {
	bool wanted; /* its PMU is there, and its family has the event */
	bool away;   /* at the latest update, the CPU of its PMU of CPUs was offline */
	int error;   /* of the latest attempt to open it: 0 or a negative errno */
	uint64_t
		still_ns; /* since when it does not count, or is not read (CLOCK_MONOTONIC), or 0 */
	uint64_t failed;  /* readings that failed */
	bool shares;	  /* in the latest reading it was not on a counter all the time */
};

/* The data of an attached source. */
struct cspmu {
	struct reader *reader;
	struct cspmu_counter *counters; /* reader->nr_slots */
	struct event_sets *sets;
	struct cspmu_found found;
	char *left_out; /* lines on events that are not counted, or NULL */
	char *wrong;	/* lines on mistakes in files of event sets, or NULL */
	bool full;	/* max_events is reached */
};

/* Reads all perf events, and follows the cpumasks of their PMUs. */
void cspmu_read_counters(struct source *source);

/*
 * Makes the counters those of cspmu->found: continues, opens and ends perf events. What cannot be
 * opened is the error of its counter, and tried again at the next call. 0 or -ENOMEM.
 */
int cspmu_update_counters(struct source *source);

/* Recovers the counters of an earlier daemon, after whichever store it died. */
void cspmu_recover_counters(struct source *source);

/* Ends all perf events; their totals stay. */
void cspmu_end_counters(struct source *source);

/* Adds all points of the source: source_ops.read. 0 or a negative errno. */
int cspmu_read(struct source *source, struct snapshot *snapshot);

#define for_each_counter(i, cspmu)                               \
	for (uint32_t i = 0; i < (cspmu)->reader->nr_slots; i++) \
		if ((cspmu)->counters[i].wanted)

#endif

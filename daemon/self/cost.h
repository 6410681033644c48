/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cost of paimon: run times of its BPF programs and sizes of its BPF maps, as
 * the kernel accounts them, and the CPU time, memory and descriptors of the daemon.
 * For metrics, and for the line in `paimonctl status`.
 *
 * The kernel measures run times while the sysctl kernel.bpf_stats_enabled is 1, or while somebody
 * with CAP_SYS_ADMIN holds a descriptor of BPF_ENABLE_STATS, as paimonctl status does. paimond has
 * no such capability; it gives paimonctl the totals, whose differences are the cost meanwhile.
 *
 * Sizes of maps are read when the sources change, not at each scrape. Rates cover the
 * last five to ten seconds: the daemon calls cost_tick() every five seconds.
 * Called by the daemon, on its one thread.
 */
#ifndef PAIMON_COST_H
#define PAIMON_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../model/snapshot.h"
#include "../model/status.h"
#include "../source/source.h"

#define COST_MAX_MAPS 64

struct cost_sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t events;
	uint64_t run_ns, runs; /* of all programs */
	uint64_t misses;       /* runs that the kernel skipped since the programs were loaded */
	uint64_t cpu_ns;       /* of the daemon */
	uint64_t sources;
	bool run_times; /* does the kernel measure run times? */
};

struct cost {
	const struct source *sources;
	size_t nr_sources;
	uint64_t seen; /* changes with the sources that are up */
	struct {
		char name[32];
		uint64_t bytes;
	} maps[COST_MAX_MAPS];
	size_t nr_maps;
	struct cost_sample before, latest;
};

/* The sources must outlive it. */
void cost_init(struct cost *cost, const struct source *sources, size_t nr_sources);

void cost_tick(struct cost *cost);

/* Adds the metrics. 0 or a negative errno. */
int cost_read(struct cost *cost, struct snapshot *snapshot);

void cost_status(struct cost *cost, struct status_cost *ret_cost);

#endif

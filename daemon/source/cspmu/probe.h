/* SPDX-License-Identifier: GPL-2.0 */
/* The system PMUs of this machine, and what to count of them; for paimonctl check too. */
#ifndef PAIMON_CSPMU_PROBE_H
#define PAIMON_CSPMU_PROBE_H

#include <stdint.h>

#include "../../config/config.h"
#include "../../util/event_set.h"
#include "../../util/system_pmu.h"

/* A system PMU, or PMU of CPUs, that is counted, or could be. */
struct cspmu_pmu {
	const struct system_pmu *pmu;
	const struct event_set *set; /* of its family; NULL: a CoreSight PMU of no known family */
};

struct cspmu_found {
	struct system_pmus system;
	struct cspmu_pmu *pmus; /* by name; they point into system, and into the event sets */
	size_t nr_pmus;
	/* The first PMU that its family does not get, because that is of the other kind; or NULL.
	 */
	struct cspmu_pmu other;
};

/*
 * Finds the PMUs that belong to a family of an event set, and all CoreSight PMUs. They are found by
 * their cpumask, identifier, driver and class; the name decides only where there is no identifier.
 * So PMUs of CPUs, which have none of these, are found by name, for families with cpus = online.
 * sets: kept by the caller. 0 or -ENOMEM; there may be no PMU.
 */
int cspmu_find(const struct event_sets *sets, struct cspmu_found *ret_found);
void cspmu_found_free(struct cspmu_found *found);

/* Does the PMU list an event of this name? An event that it does not list is never opened. */
bool cspmu_lists(const struct system_pmu *pmu, const char *event);

/* Writes why found->other is not counted. Returns false if there is none. */
bool cspmu_tell_other(const struct cspmu_found *found, char *text, size_t size);

/* The first device that waits for a module, or NULL. */
const struct system_pmu *cspmu_waits(const struct cspmu_found *found);

/*
 * How many perf events there may be: max_events, or as many as the events that PMUs of CPUs list
 * need on all CPUs that there may be, and 256 more; at most CONFIG_MAX_EVENTS.
 */
uint32_t cspmu_max_events(const struct config *config, const struct cspmu_found *found);

/* The size of the maps for so many, in bytes. */
uint64_t cspmu_map_bytes(uint32_t max_events);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System PMUs in sysfs, found by what they are: a PMU with a cpumask counts for the system on
 * these CPUs, whatever its name is, and one without is a PMU of CPUs; the device behind it says
 * which driver it has, and the class paimon_cspmu which implementer and backend. Devices of that
 * class which have no PMU yet, because they wait for a module, are found too.
 *
 * Only files in the given directory are opened, and their contents are not trusted: what is no
 * plain text of one line is left out. No state: any thread.
 */
#ifndef PAIMON_SYSTEM_PMU_H
#define PAIMON_SYSTEM_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_sets;

#define SYSTEM_PMU_SYSFS "/sys"

/* All strings are owned, and "" if sysfs does not tell. */
struct system_pmu {
	char *name;	  /* of the PMU; "": the device has none */
	char *device;	  /* in the class paimon_cspmu */
	char *cpus;	  /* a list: the active CPUs, or of a PMU of CPUs those online */
	char *identifier; /* as sysfs has it */
	char *driver;	  /* of the device behind the PMU */
	/* Of the class paimon_cspmu: */
	char *implementer; /* JEP106 id, such as 0x36b */
	char *backend;
	char *waits_for; /* the module that the device waits for */
	char *counters;
	char *counters_used;
	char *socket;
	uint32_t type; /* of the PMU */
	bool of_cpus;  /* has no cpumask: it counts for the CPU of each perf event */
};

struct system_pmus {
	struct system_pmu *all; /* by name, those without a PMU first */
	size_t nr;
};

/* sysfs: SYSTEM_PMU_SYSFS, or another directory in a test. 0, or -ENOMEM; there may be none. */
int system_pmus_read(const char *sysfs, struct system_pmus *ret_pmus);
void system_pmus_free(struct system_pmus *pmus);

/*
 * The CPUs on which a PMU is counted now, to be freed: those of its cpumask, or those of a PMU of
 * CPUs that are online. 0 or a negative errno.
 */
int system_pmu_read_cpus(const char *sysfs, const struct system_pmu *pmu, unsigned int **ret_cpus,
			 size_t *ret_nr);

/*
 * The event sets of this machine: those of event_set_folders, or of the one folder that the
 * environment variable PAIMON_EVENT_SETS names. As event_sets_load().
 */
int system_pmu_event_sets(struct event_sets **ret_sets, char **ret_errors);

/* The readings of a PMU that its driver has given up, as sysfs tells now; 0 if it does not. */
uint64_t system_pmu_read_errors(const char *sysfs, const struct system_pmu *pmu);

/* Is this the PMU of a CoreSight device: one of the class paimon_cspmu, or of the kernel's own
 * driver? */
bool system_pmu_is_coresight(const struct system_pmu *pmu);

/* The number of an identifier, with or without 0x. False: it is none. */
bool system_pmu_number(const char *identifier, uint64_t *ret_number);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PMUs and their named events in sysfs. The contents of the directory are not
 * validated: files that cannot be read are left out, and only regular files are
 * read, up to one page.
 */
#ifndef PAIMONCTL_PMU_H
#define PAIMONCTL_PMU_H

#include <stddef.h>

#define PMU_FOLDER "/sys/bus/event_source/devices"

struct pmu_event {
	char *name;   /* in the syntax of perf: pmu/event/ */
	char *config; /* NULL: none; also for the next two */
	char *unit, *scale;
};

struct pmu {
	char *name;
	char *type; /* NULL: cannot be read */
	char *cpus; /* NULL: no cpumask, events are opened on any CPU */
	struct pmu_event *events;
	size_t nr_events;
};

/* Reads all PMUs, sorted by name. 0 or a negative errno. */
int pmu_read_all(const char *folder, struct pmu **ret_pmus, size_t *ret_nr_pmus);
void pmu_free_all(struct pmu *pmus, size_t nr_pmus);

#endif

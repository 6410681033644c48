/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PMUs and their named events, as sysfs has them. Whatever lies in that
 * folder is taken as it is: what cannot be read is left out, and nothing is
 * read that is not a plain file, nor more of it than a page.
 */
#ifndef PAIMONCTL_PMU_H
#define PAIMONCTL_PMU_H

#include <stddef.h>

#define PMU_FOLDER "/sys/bus/event_source/devices"

struct pmu_event {
	char *name;   /* as perf takes it: pmu/event/ */
	char *config; /* NULL, as the next two: none */
	char *unit, *scale;
};

struct pmu {
	char *name;
	char *type; /* NULL: cannot be read */
	char *cpus; /* NULL: no cpumask, events are opened on any CPU */
	struct pmu_event *events;
	size_t nr_events;
};

/* All of them by name. 0 or a negative errno. */
int pmu_read_all(const char *folder, struct pmu **ret_pmus, size_t *ret_nr_pmus);
void pmu_free_all(struct pmu *pmus, size_t nr_pmus);

#endif

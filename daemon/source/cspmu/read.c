// SPDX-License-Identifier: GPL-2.0
/* The points of system PMUs in a snapshot. */
#include <errno.h>
#include <string.h>

#include "../../model/snapshot.h"
#include "../../util/utf8.h"
#include "../source.h"
#include "cspmu_source.h"

static const struct metric metric_events = {
	.name = "paimon_cspmu_events_total",
	.help = "Events of a system PMU, raw counts, by socket; of a PMU of CPUs summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_info = {
	.name = "paimon_cspmu_info",
	.help = "What a system PMU is; always 1.",
	.type = METRIC_INFO,
};
static const struct metric metric_errors = {
	.name = "paimon_cspmu_read_errors_total",
	.help = "Readings of a system PMU that failed; the next one catches up.",
	.type = METRIC_COUNTER,
};

/* Do two counters belong to the same series? A socket can have several CPUs in the cpumask. */
static bool is_same(const struct events_event *a, const struct events_event *b)
{
	return !strcmp(a->pmu, b->pmu) && !strcmp(a->name, b->name) && !strcmp(a->cpus, b->cpus);
}

/* Adds the point of a counter and of all others of its series, unless an earlier one did. What has
 * never counted has none. */
static int add_counter(const struct cspmu *cspmu, struct snapshot *snapshot, uint32_t index)
{
	const struct events_event *event = &cspmu->reader->events[index];
	char pmu[UTF8_NAME_LEN(sizeof(event->pmu))];
	const struct label labels[] = {
		{"pmu", utf8_name(event->pmu, pmu)},
		{"event", event->name},
		{"socket", event->cpus},
	};
	struct events_reading sum = {};
	bool counts = false;

	/* Those of a series are mostly side by side; a PMU of CPUs can have thousands. */
	if (index && cspmu->counters[index - 1].wanted && is_same(event - 1, event))
		return 0;
	for_each_counter(i, cspmu) {
		const struct events_slot *slot = &cspmu->reader->slots[i];
		struct events_reading total;

		if (!is_same(&cspmu->reader->events[i], event))
			continue;
		if (i < index)
			return 0;
		total = reader_total(slot);
		sum = reader_sum(sum, &total);
		counts |= slot->event || total.enabled;
	}
	return counts ? snapshot_add_integer(snapshot, &metric_events, labels, *event->cpus ? 3 : 2,
					     sum.value)
		      : 0;
}

static int add_pmu(const struct cspmu *cspmu, struct snapshot *snapshot,
		   const struct system_pmu *pmu)
{
	char name[UTF8_NAME_LEN(256)], driver[UTF8_NAME_LEN(256)];
	const struct label labels[] = {
		{"pmu", utf8_name(pmu->name, name)},
		{"implementer", pmu->implementer},
		{"backend", pmu->backend},
		{"identifier", pmu->identifier},
		{"driver", utf8_name(pmu->driver, driver)},
	};
	uint64_t errors = system_pmu_read_errors(SYSTEM_PMU_SYSFS, pmu);
	int r = snapshot_add_integer(snapshot, &metric_info, labels, 5, 1);

	for_each_counter(i, cspmu)
		if (!strcmp(cspmu->reader->events[i].pmu, pmu->name))
			errors += cspmu->counters[i].failed;
	return r ?: snapshot_add_integer(snapshot, &metric_errors, labels, 1, errors);
}

int cspmu_read(struct source *source, struct snapshot *snapshot)
{
	const struct cspmu *cspmu = source->data;
	int r = 0;

	cspmu_read_counters(source);
	for_each_counter(i, cspmu)
		r = r ?: add_counter(cspmu, snapshot, i);
	for (size_t p = 0; p < cspmu->found.nr_pmus && !r; p++)
		r = add_pmu(cspmu, snapshot, cspmu->found.pmus[p].pmu);
	return r;
}

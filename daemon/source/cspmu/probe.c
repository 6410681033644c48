// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "../../config/keys.h"
#include "../../util/cleanup.h"
#include "../../util/event_spec.h"
#include "events.h"

/* NULL if sysfs does not tell. */
static const char *known(const char *text)
{
	return *text ? text : NULL;
}

/* Does the PMU list all events of a formula? */
static bool lists_all(const struct system_pmu *pmu, const struct event_set *set,
		      const struct formula *formula)
{
	for (size_t i = 0; i < set->nr_events; i++)
		if (formula_uses(formula, i) && !cspmu_lists(pmu, set->events[i]))
			return false;
	return true;
}

/* Is there something to learn from a PMU of CPUs? Each IBM z has a cpum_cf, and not each of these
 * has the events of the family. */
static bool has_value(const struct system_pmu *pmu, const struct event_set *set)
{
	bool has = !set->nr_formulas;

	for (size_t i = 0; i < set->nr_formulas && !has; i++)
		has = lists_all(pmu, set, set->formulas[i].formula);
	return has;
}

/* Takes what belongs to a family, and all CoreSight PMUs. A family is either of system PMUs or of
 * PMUs of CPUs. 0 or -ENOMEM. */
static int choose(const struct event_sets *sets, struct cspmu_found *found)
{
	found->pmus = calloc(found->system.nr + 1, sizeof(*found->pmus));
	if (!found->pmus)
		return -ENOMEM;
	for (size_t i = 0; i < found->system.nr; i++) {
		const struct system_pmu *pmu = &found->system.all[i];
		const struct event_set_pmu about = {
			.name = pmu->name,
			.identifier = known(pmu->identifier),
			.implementer = known(pmu->implementer),
		};
		const struct event_set *set = *pmu->name ? event_sets_find(sets, &about) : NULL;

		if (set && set->of_cpus != pmu->of_cpus) {
			/* A system PMU without CPUs is none that needs another event set. */
			if (!found->other.pmu && !set->identifiers && !set->implementer)
				found->other = (struct cspmu_pmu){pmu, set};
			set = NULL;
		}
		if (set && set->of_cpus && !has_value(pmu, set))
			set = NULL;
		if (set || (*pmu->name && system_pmu_is_coresight(pmu)))
			found->pmus[found->nr_pmus++] = (struct cspmu_pmu){pmu, set};
	}
	return 0;
}

int cspmu_find(const struct event_sets *sets, struct cspmu_found *ret_found)
{
	struct cspmu_found found = {};
	int r = system_pmus_read(SYSTEM_PMU_SYSFS, &found.system);

	r = r ?: choose(sets, &found);
	if (r < 0) {
		cspmu_found_free(&found);
		return r;
	}
	*ret_found = found;
	return 0;
}

void cspmu_found_free(struct cspmu_found *found)
{
	system_pmus_free(&found->system);
	free(found->pmus);
	*found = (struct cspmu_found){};
}

bool cspmu_lists(const struct system_pmu *pmu, const char *event)
{
	_cleanup_free_ char *path = NULL;
	struct stat stat;

	if (asprintf(&path, EVENT_SPEC_PMUS "/%s/events/%s", pmu->name, event) < 0) {
		path = NULL;
		return false;
	}
	return !lstat(path, &stat) && S_ISREG(stat.st_mode);
}

bool cspmu_tell_other(const struct cspmu_found *found, char *text, size_t size)
{
	const struct cspmu_pmu *other = &found->other;

	if (!other->pmu)
		return false;
	snprintf(text, size,
		 other->pmu->of_cpus
			 ? "%.80s has no cpumask, so event set %s needs cpus = online to count it"
			 : "%.80s has a cpumask, so event set %s must not have cpus = online",
		 other->pmu->name, other->set->name);
	return true;
}

const struct system_pmu *cspmu_waits(const struct cspmu_found *found)
{
	for (size_t i = 0; i < found->system.nr; i++)
		if (!*found->system.all[i].name)
			return &found->system.all[i];
	return NULL;
}

uint32_t cspmu_max_events(const struct config *config, const struct cspmu_found *found)
{
	uint32_t max = 256;

	if (config->cspmu_max_events)
		return config->cspmu_max_events;
	for (size_t p = 0; p < found->nr_pmus; p++) {
		const struct cspmu_pmu *pmu = &found->pmus[p];

		for (size_t e = 0; pmu->pmu->of_cpus && e < pmu->set->nr_events; e++)
			if (cspmu_lists(pmu->pmu, pmu->set->events[e]))
				max += get_nprocs_conf();
	}
	return max < CONFIG_MAX_EVENTS ? max : CONFIG_MAX_EVENTS;
}

uint64_t cspmu_map_bytes(uint32_t max_events)
{
	return (uint64_t)max_events * (EVENTS_SLOT_BYTES + sizeof(struct events_event));
}

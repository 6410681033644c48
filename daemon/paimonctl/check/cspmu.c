// SPDX-License-Identifier: GPL-2.0
/* paimonctl check: event sets, and the system PMUs of which they say what to count. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../config/config.h"
#include "../../source/cspmu/probe.h"
#include "../../util/cleanup.h"
#include "../../util/list.h"
#include "check.h"

#define MAX_NAMES 360 /* bytes in a finding */
#define POSTED "pg_req_posted"

static void check_event_sets(struct check *check, const struct event_sets *sets, const char *errors)
{
	char names[MAX_NAMES] = "";

	if (errors)
		check_add(check, "event sets", CHECK_WARNING,
			  "all mistakes: paimond --check-config",
			  "%.*s: files with mistakes are not used", (int)strcspn(errors, "\n"),
			  errors);
	if (errors)
		return;
	for (size_t i = 0; i < sets->nr_sets; i++)
		list_add(names, sizeof(names), sets->sets[i]->name);
	if (sets->nr_sets)
		check_add(check, "event sets", CHECK_OK, NULL, "%s", names);
	else
		check_add(check, "event sets", CHECK_WARNING,
			  "install paimon again, or see paimon-event-set(5)",
			  "there are none, so no events of system PMUs are counted");
}

/* Lists PMUs; returns how many have a family. */
static size_t list_pmus(const struct cspmu_found *found, char *names, size_t size)
{
	size_t nr = 0;

	for (size_t i = 0; i < found->nr_pmus; i++) {
		const struct cspmu_pmu *pmu = &found->pmus[i];
		char text[384];

		snprintf(text, sizeof(text), "%.255s (%s)", pmu->pmu->name,
			 pmu->set ? pmu->set->name : "no event set");
		list_add(names, size, text);
		nr += pmu->set != NULL;
	}
	return nr;
}

static void check_found(struct check *check, const struct cspmu_found *found)
{
	const struct system_pmu *waits = cspmu_waits(found);
	char names[MAX_NAMES] = "", next[160];
	enum source_wanted wanted = check->config->cspmu;
	size_t nr = list_pmus(found, names, sizeof(names));
	char other[256];

	if (cspmu_tell_other(found, other, sizeof(other)))
		check_add(check, "event sets", CHECK_WARNING,
			  "change the event set: paimon-event-set(5)", "%s", other);
	check->cspmu = found->nr_pmus;
	check->cspmu_max = cspmu_max_events(check->config, found);
	if (waits) {
		snprintf(next, sizeof(next), "as root: modprobe %.120s", waits->waits_for);
		check_add(check, "system PMUs", CHECK_WARNING, next, "%.80s waits for %.80s%s%s",
			  waits->device, waits->waits_for, *names ? "; " : "", names);
	} else if (!found->nr_pmus && wanted == SOURCE_YES) {
		check_add(check, "system PMUs", CHECK_MISSING, "set enable = auto in [cspmu]",
			  "none of a known family, and enable = yes in [cspmu]");
	} else if (!found->nr_pmus) {
		check_add(check, "system PMUs", CHECK_OK, NULL, "none of a known family");
	} else if (!nr) {
		check_add(check, "system PMUs", CHECK_WARNING,
			  "write an event set: paimon-event-set(5)", "%s", names);
	} else {
		check_add(check, "system PMUs", CHECK_OK, NULL, "%s%s", names,
			  wanted == SOURCE_NO ? ": not used, enable = no in [cspmu]" : "");
	}
}

static bool is_counted(const struct cspmu_found *found, const struct system_pmu *pmu)
{
	for (size_t i = 0; i < found->nr_pmus; i++)
		for (size_t j = 0; found->pmus[i].pmu == pmu && found->pmus[i].set &&
				   j < found->pmus[i].set->nr_events;
		     j++)
			if (!strcmp(found->pmus[i].set->events[j], POSTED))
				return true;
	return false;
}

/*
 * What Intel VT-d counts, and the kernel's fault handler may never see. Nothing is said where no
 * PMU counts page requests.
 */
static void check_page_requests(struct check *check, const struct cspmu_found *found)
{
	char names[MAX_NAMES] = "", uncounted[MAX_NAMES] = "";

	for (size_t i = 0; i < found->system.nr; i++) {
		const struct system_pmu *pmu = &found->system.all[i];

		if (*pmu->name && cspmu_lists(pmu, POSTED))
			list_add(is_counted(found, pmu) ? names : uncounted, MAX_NAMES, pmu->name);
	}
	if (!*names && !*uncounted)
		return;
	if (check->config->cspmu == SOURCE_NO || check->config->iopf == SOURCE_NO)
		check_add(check, "page requests", CHECK_WARNING,
			  "set enable = auto in [cspmu] and [iopf]",
			  "only with both sources it is known how many never reach the kernel");
	else if (*uncounted)
		check_add(check, "page requests", CHECK_WARNING,
			  "install the event set intel-vtd again: paimon-event-set(5)",
			  "no event set counts " POSTED " of %s", uncounted);
	else
		check_add(check, "page requests", CHECK_OK, NULL,
			  "%s: " POSTED " less paimon_iopf_requests_total never reached the kernel",
			  names);
}

void check_cspmu(struct check *check)
{
	_cleanup_(event_sets_freep) struct event_sets *sets = NULL;
	_cleanup_free_ char *errors = NULL;
	struct cspmu_found found;
	int r = system_pmu_event_sets(&sets, &errors);

	if (r < 0) {
		check_add(check, "event sets", CHECK_WARNING, "see its message", "%s",
			  errors ?: strerror(-r));
		return;
	}
	check_event_sets(check, sets, errors);
	if (cspmu_find(sets, &found) < 0)
		return;
	check_found(check, &found);
	check_page_requests(check, &found);
	cspmu_found_free(&found);
}

/* SPDX-License-Identifier: GPL-2.0 */
/* What the counts of a system PMU mean, for list too. */
#ifndef PAIMONCTL_CSPMU_H
#define PAIMONCTL_CSPMU_H

#include <stdbool.h>

struct event_set;
struct event_set_formula;
struct json_object;

/* The event set of a PMU, by its point of paimon_cspmu_info; NULL: it belongs to no family, or the
 * event sets cannot be read. */
const struct event_set *cspmu_event_set(struct json_object *info);

/* Are all events of a formula of its set counted on the PMU, on any socket? */
bool cspmu_has_value(struct json_object *snapshot, const char *pmu, const struct event_set *set,
		     const struct event_set_formula *formula);

#endif

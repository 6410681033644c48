/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The recording rules of Prometheus for event sets: each formula on the rates over five minutes of
 * paimon_cspmu_events_total, as pmu:paimon_cspmu_FORMULA_UNIT:rate5m. A PMU belongs to the
 * family whose patterns match its name: rules do not see identifiers. No state: any thread.
 */
#ifndef PAIMON_EVENT_RULES_H
#define PAIMON_EVENT_RULES_H

#include "../util/buffer.h"
#include "../util/event_set.h"

/* Adds a file of rules, in YAML. */
void event_rules(struct buffer *buffer, const struct event_sets *sets);

#endif

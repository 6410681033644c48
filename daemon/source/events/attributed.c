// SPDX-License-Identifier: GPL-2.0
/* Which kept events are attributed, and their slots. */
#include "attributed.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

#include "../../util/event_spec.h"
#include "../../util/fail.h"
#include "../../util/log.h"
#include "../../util/namespaces.h"
#include "../perf_open.h"
#include "probe.h"

#define LINK "events-switch"
#define SWITCH "sched:sched_switch"

static struct pins accounts_pins(struct source *source)
{
	return (struct pins){source, "events-accounts", SWITCH_LAYOUT};
}

int events_can_attribute(const struct event_spec *spec, enum kept_by by, char **ret_error)
{
	uint64_t id;

	if (by == KEPT_BY_PROCESS && !namespaces_pid_is_initial())
		return fail(
			ret_error, -EOPNOTSUPP,
			"%s: cannot be attributed to processes, only by cgroup: paimond is in a PID namespace of its own, and does not see when others end (" NAMESPACES_PID_NEXT
			")",
			spec->text);
	if (spec->uncore)
		return fail(
			ret_error, -EOPNOTSUPP,
			"%s: cannot be attributed: PMU %s counts for the system, and does not know for whom",
			spec->text, spec->pmu);
	if (spec->level)
		return fail(ret_error, -EOPNOTSUPP,
			    "%s: cannot be attributed: it is a level, and not a count", spec->text);
	if (spec->type == PERF_TYPE_TRACEPOINT && !perf_open_tracepoint(NULL, SWITCH, &id) &&
	    id == spec->config)
		return fail(
			ret_error, -EOPNOTSUPP,
			"%s: cannot be attributed: it is counted while it is being attributed (context-switches can)",
			spec->text);
	return 0;
}

/* Does the kernel count it after the tracepoint at which it is charged? */
static bool is_late(const struct events_event *event)
{
	uint64_t config = events_terms(event)->config[0];

	return event->type == PERF_TYPE_SOFTWARE && (config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
						     config == PERF_COUNT_SW_CGROUP_SWITCHES);
}

/* Reading */

/* Is it known up to where the perf event in a slot is charged? */
static bool is_known(const struct events *events, uint32_t slot)
{
	return events->attribution->lasts[slot].perf_id == events->reader->slots[slot].perf_id;
}

static int set_slot(struct events *events, const struct events_event *event, uint32_t column,
		    uint32_t slot)
{
	uint64_t flags = (is_late(event) ? SWITCH_LATE : 0) |
			 (events_by(event) == KEPT_BY_PROCESS ? SWITCH_PROCESS : 0);
	bool known = is_known(events, slot);
	int r;

	events->attribution->lasts[slot].perf_id = events->reader->slots[slot].perf_id;
	r = attribution_set(events->attribution, events->reader->slots[slot].cpu, column, slot,
			    flags, !known);
	/* Without an entry it is read as others are. */
	reader_set_elsewhere(events->reader, slot, r >= 0);
	return r;
}

static int find_column(const struct events *events, const struct events_event *event)
{
	return events->attribution && events_by(event) != KEPT_BY_NOTHING
		       ? attribution_find(events->attribution, event->id)
		       : -ENOENT;
}

void events_attribute_slot(struct events *events, const struct events_event *event, uint32_t slot)
{
	int column = find_column(events, event), r;

	if (column < 0)
		return;
	r = set_slot(events, event, column, slot);
	if (r < 0)
		log_error("events: %s is not attributed on CPU %u: %s", event->name,
			  events->reader->slots[slot].cpu, strerror(-r));
}

struct events_reading events_hand_over(struct events *events, uint32_t old, uint32_t new)
{
	const struct events_slot *slot = &events->reader->slots[old];
	struct events_count count = slot->counts[slot->current & 1];
	const struct switch_last *lasts;
	struct events_reading total;

	events_attribute_slot(events, &events->reader->events[slot->event - 1], new);
	lasts = events->attribution->lasts;
	if (lasts[old].reading.value < count.seen.value)
		count.base.value += count.seen.value; /* reset by another process */
	total = reader_sum(count.base, &lasts[old].reading);
	total.value -= lasts[new].reading.value;
	total.enabled -= lasts[new].reading.enabled;
	total.running -= lasts[new].reading.running;
	return total;
}

void events_unattribute_slot(struct events *events, uint32_t slot)
{
	uint32_t cpu = events->reader->slots[slot].cpu;

	if (!events->reader->elsewhere[slot])
		return;
	for (uint32_t column = 0; column < SWITCH_COLUMNS; column++)
		if (attribution_slot(events->attribution, cpu, column) == slot)
			attribution_clear(events->attribution, cpu, column);
	reader_set_elsewhere(events->reader, slot, false);
}

void events_unattribute(struct events *events, uint64_t id)
{
	int column = events->attribution ? attribution_find(events->attribution, id) : -ENOENT;

	if (column >= 0)
		attribution_release(events->attribution, column);
	for (column = 0; events->attribution && column < SWITCH_COLUMNS; column++)
		if (events->attribution->state->columns[column].event)
			return;
	if (events->attribution && events->attribution->running)
		attribution_stop(events->attribution);
}

/* Start */

/* Gives the columns of events that are no longer there back. */
static void release_columns(struct events *events)
{
	for (uint32_t column = 0; column < SWITCH_COLUMNS; column++) {
		uint64_t id = events->attribution->state->columns[column].event;
		const struct events_event *event = id ? events_find(events, id) : NULL;

		if (id && (!event || events_by(event) == KEPT_BY_NOTHING))
			attribution_release(events->attribution, column);
	}
}

/* What an event has counted on all its CPUs. */
static struct events_reading sum_slots(const struct events *events,
				       const struct events_event *event)
{
	struct events_reading all = {};

	for_each_slot(i, events, event) {
		struct events_reading total = reader_total(&events->reader->slots[i]);

		all = reader_sum(all, &total);
	}
	return all;
}

/* Continues with an event: its slots are those in force. What its perf events have counted without
 * being attributed is nobody's. */
static void continue_event(struct events *events, const struct events_event *event)
{
	int column = attribution_find(events->attribution, event->id);
	struct events_reading total;
	bool known = true;

	if (column < 0)
		column = attribution_take(events->attribution, event->id, 0,
					  events_by(event) == KEPT_BY_PROCESS);
	if (column < 0) {
		log_error("events: %s is not attributed: no column is free", event->name);
		return;
	}
	for_each_slot(i, events, event) {
		uint32_t cpu = events->reader->slots[i].cpu;

		known &= is_known(events, i);
		if (attribution_slot(events->attribution, cpu, column) == i)
			reader_set_elsewhere(events->reader, i, true);
		else
			events_attribute_slot(events, event, i);
	}
	/* A slot that was being opened when the daemon died. */
	for (uint32_t cpu = 0; cpu < events->attribution->nr_cpus; cpu++) {
		int64_t slot = attribution_slot(events->attribution, cpu, column);

		if (slot >= 0 &&
		    (slot >= events->reader->nr_slots ||
		     events->reader->slots[slot].event != events_number(events, event)))
			attribution_clear(events->attribution, cpu, column);
	}
	if (known)
		return;
	events_account_all(events);
	total = sum_slots(events, event);
	attribution_reconcile(events->attribution, column, &total);
}

void events_warn_series(struct source *source)
{
	const struct events *events = source->data;
	const struct pins pins = accounts_pins(source);
	uint32_t series;

	if (!events->attribution)
		return;
	series = events->attribution->state->ranges[SWITCH_CGROUP_CELLS].nr;
	if (series != source->config->events_max_cgroup_series)
		log_warning(
			"events: max_cgroup_series stays %u, the size of the pinned maps (to change it " PINS_PURGE
			")",
			series, PINS_PURGE_OF(&pins));
}

/* Loads it, and takes over. */
static int begin(struct source *source)
{
	struct events *events = source->data;
	const struct pins pins = accounts_pins(source);
	const struct attribution_options options = events_attribution_options(source->config);
	int r;

	if (events->attribution)
		return 0;
	/* Of events that are no more, and perhaps of another size. */
	if (!events->reader->reused)
		pins_remove(&pins, "switch_state");
	r = attribution_new(source, &pins, LINK, &options, events->reader, &events->attribution);
	if (r < 0)
		return r;
	events_warn_series(source);
	release_columns(events);
	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		if (events->reader->events[i].id &&
		    events_by(&events->reader->events[i]) != KEPT_BY_NOTHING)
			continue_event(events, &events->reader->events[i]);
	return 0;
}

int events_prepare_attribution(struct source *source, const struct event_spec *spec,
			       enum kept_by by, char **ret_error)
{
	struct events *events = source->data;
	char reason[sizeof(source->reason)];
	int r = events_can_attribute(spec, by, ret_error);

	if (r < 0)
		return r;
	memcpy(reason, source->reason, sizeof(reason));
	r = begin(source) ?: attribution_start(source, events->attribution);
	if (r < 0) {
		fail(ret_error, r, "%s: cannot be attributed: %s", spec->text, source->reason);
		memcpy(source->reason, reason, sizeof(reason));
	}
	return r;
}

int events_attribute(struct events *events, const struct events_event *event, uint64_t id,
		     const uint32_t *slots, size_t nr, char **ret_error)
{
	const char *spec = events_terms(event)->spec;
	int column = attribution_take(events->attribution, id, 0,
				      events_by(event) == KEPT_BY_PROCESS);
	int r = column;

	if (r < 0)
		fail(ret_error, r, "%s: cannot be attributed: %d events are already (close one)",
		     spec, SWITCH_COLUMNS);
	for (size_t i = 0; i < nr && r >= 0; i++) {
		r = set_slot(events, event, column, slots[i]);
		if (r < 0)
			fail(ret_error, r,
			     "%s: cannot be attributed: it cannot be read at context switches on CPU %u: %s",
			     spec, events->reader->slots[slots[i]].cpu, strerror(-r));
	}
	if (r >= 0)
		return 0;
	for (size_t i = 0; i < nr; i++)
		events_unattribute_slot(events, slots[i]);
	events_unattribute(events, id);
	return r;
}

void events_recover_attribution(struct source *source)
{
	struct events *events = source->data;
	bool any = false;

	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		any |= events->reader->events[i].id &&
		       events_by(&events->reader->events[i]) != KEPT_BY_NOTHING;
	if (!any) {
		events_end_attribution(source);
		return;
	}
	if (begin(source) < 0 || attribution_start(source, events->attribution) < 0) {
		log_error("events: nothing is attributed: %s", source->reason);
		events->attribution = attribution_free(events->attribution, false);
		for (uint32_t i = 0; i < events->reader->nr_slots; i++)
			reader_set_elsewhere(events->reader, i, false);
		source->reason[0] = '\0';
	}
}

void events_end_attribution(struct source *source)
{
	const struct pins pins = accounts_pins(source);

	pins_drop(&pins, LINK);
}

const struct events_reading *events_attributed_total(const struct events *events,
						     const struct events_event *event,
						     const struct accounts_look *look,
						     struct events_reading *ret_total)
{
	int column = find_column(events, event);

	if (column < 0)
		return NULL;
	*ret_total = look ? look->totals[column] : attribution_total(events->attribution, column);
	return ret_total;
}

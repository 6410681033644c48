// SPDX-License-Identifier: GPL-2.0
/*
 * Changes the driver configuration of events while they count (invariants e): the perf events stay
 * open, so that no count and no time is lost.
 *
 * The registry and the kernel cannot change at the same instant. EVENTS_CHANGING is stored before
 * the first perf event is changed, and removed after the terms are in force; if a daemon dies in
 * between, the next one puts the terms that are in force in the registry into force on every CPU.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/fail.h"
#include "../../util/log.h"
#include "../source.h"
#include "drv_config.h"
#include "registry.h"

/* Can a PMU of this event have driver configuration? That of the kernel's own types has none. */
static bool is_candidate(const struct events_event *event)
{
	return event->type > PERF_TYPE_BREAKPOINT && !(event->flags & EVENTS_CORE);
}

bool events_is_live(const struct events *events, const struct events_event *event, int device)
{
	__u64 config[3];
	size_t nr = 0;

	if (device < 0 || !is_candidate(event))
		return false;
	for_each_slot(i, events, event) {
		if (events->fds[i] < 0 || drv_config_get(device, events->fds[i], config) < 0)
			return false;
		nr++;
	}
	return nr;
}

/* Does only the driver configuration differ? */
static bool is_only_config(const struct events_terms *a, const struct events_terms *b)
{
	return a->config[0] == b->config[0] && a->config[4] == b->config[4] &&
	       a->exclude == b->exclude;
}

/* Puts the terms in force into force again in a slot; if the perf event refuses that too, it is
 * reopened, or remains marked for the next reload. */
static void put_back(struct events *events, const struct events_event *event, uint32_t index,
		     int device)
{
	struct events_slot *slot = &events->reader->slots[index];
	const struct events_terms *terms = events_terms(event);

	if (device >= 0 && events->fds[index] >= 0 &&
	    !drv_config_set(device, events->fds[index], &terms->config[1])) {
		reader_commit(&slot->terms, event->current);
		return;
	}
	reader_commit(&slot->terms, event->current + 1);
	events_open_again(events, event, slot->type, slot->cpu, slot);
}

static int refused(const struct events *events, const struct events_event *event, uint32_t index,
		   const struct events_terms *terms, int error, char **ret_error)
{
	unsigned int cpu = events->reader->slots[index].cpu;

	switch (error) {
	case -EBUSY:
		return fail(
			ret_error, error,
			"%s: refused on CPU %u: another event uses what all counters of the PMU share; nothing was changed (close that event, and try again)",
			terms->spec, cpu);
	case -EINVAL:
		return fail(
			ret_error, error,
			"%s: refused on CPU %u: not a configuration of PMU %s; nothing was changed (its format directory in sysfs and paimon(4) have the values)",
			terms->spec, cpu, event->pmu);
	}
	return fail(
		ret_error, error,
		"%s: refused on CPU %u: %s; nothing was changed (try again, and see the kernel's log)",
		terms->spec, cpu, strerror(-error));
}

/* Changes the perf events one by one. On failure those that were changed are put back. */
static int change_slots(struct events *events, const struct events_event *event,
			const struct events_terms *terms, int device, uint32_t *ret_refused)
{
	int r = 0;

	for_each_slot(i, events, event) {
		r = drv_config_set(device, events->fds[i], &terms->config[1]);
		if (r < 0) {
			*ret_refused = i;
			break;
		}
	}
	if (!r)
		return 0;
	events_account_all(events);
	for_each_slot(i, events, event) {
		if (i == *ret_refused)
			break;
		put_back(events, event, i, device);
	}
	return r;
}

int events_set_live(struct events *events, struct events_event *event,
		    const struct events_event *changed, char **ret_error)
{
	const struct events_terms *terms = events_terms(changed);
	_cleanup_close_ int device = -1;
	uint32_t index = NO_SLOT;
	int r;

	if (!is_candidate(event) || !is_only_config(terms, events_terms(event)))
		return EVENTS_REOPEN;
	for_each_slot(i, events, event)
		if (events->fds[i] < 0)
			return EVENTS_REOPEN;
	device = drv_config_open();
	if (device < 0)
		return EVENTS_REOPEN;
	event->terms[changed->current & 1] = *terms;
	reader_commit(&event->flags, event->flags | EVENTS_CHANGING);
	r = change_slots(events, event, terms, device, &index);
	if (!r) {
		for_each_slot(i, events, event)
			reader_commit(&events->reader->slots[i].terms, changed->current);
		event->changes++;
		reader_commit(&event->current, changed->current);
	}
	reader_commit(&event->flags, event->flags & ~EVENTS_CHANGING);
	if (drv_config_is_missing(r))
		r = EVENTS_REOPEN;
	else if (r < 0)
		refused(events, event, index, terms, r, ret_error);
	events_link_slots(events); /* after refused(), which has the old slots */
	return r;
}

void events_undo_change(struct events *events, struct events_event *event)
{
	_cleanup_close_ int device = -1;

	if (!(event->flags & EVENTS_CHANGING))
		return;
	log_info("events: %s stays %s: an interrupted change is undone", event->name,
		 events_terms(event)->spec);
	device = drv_config_open();
	events_account_all(events);
	for_each_slot(i, events, event)
		put_back(events, event, i, device);
	reader_commit(&event->flags, event->flags & ~EVENTS_CHANGING);
	events_link_slots(events);
}

// SPDX-License-Identifier: GPL-2.0
/* Adds readings to accounts, and handles perf events that no longer count. */
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/log.h"
#include "perf_file.h"
#include "registry.h"

/* Finds out which slots every event has: there are many of both. */
void events_link_slots(struct events *events)
{
	const struct reader *reader = events->reader;

	memset(events->first, 0xff, reader->nr_events * sizeof(*events->first));
	for (uint32_t i = reader->nr_slots; i-- > 0;) {
		uint32_t event = reader->slots[i].event;

		if (!event)
			continue;
		events->next[i] = events->first[event - 1];
		events->first[event - 1] = i;
	}
}

/* Takes a reading into a slot's account. Returns whether its time has gone on. */
static bool account(struct events_event *event, struct events_slot *slot,
		    const struct events_value *value)
{
	struct events_count count = slot->counts[slot->current & 1];
	bool counts = value->reading.enabled != count.seen.enabled;

	if (value->error)
		return false;
	if (!(event->flags & EVENTS_LEVEL) && value->reading.value < count.seen.value) {
		/* Whoever holds a descriptor may reset it; the total goes on (d15). */
		count.base.value += count.seen.value;
		event->resets++;
		log_warning("events: %s was reset by someone on CPU %u; its total goes on",
			    event->name, slot->cpu);
	}
	if (memcmp(&count.seen, &value->reading, sizeof(count.seen))) {
		count.seen = value->reading;
		reader_set_count(slot, &count);
	}
	return counts;
}

/* Marks a slot, and says so once. */
static void mark(struct events *events, uint32_t index, enum slot_state state, const char *what)
{
	const struct events_slot *slot = &events->reader->slots[index];

	events->states[index] = state;
	log_warning("events: %s %s on CPU %u", events->reader->events[slot->event - 1].name, what,
		    slot->cpu);
}

int events_inspect(struct events *events, uint32_t index, struct perf_file *ret_file)
{
	_cleanup_free_ char *error = NULL;
	int r = events->inspect ? 0 : inspect_new(&events->inspect, &error);

	return r ?: inspect_look(events->inspect, &events->fds[index], 1, ret_file, &error);
}

/*
 * A perf event whose time stands still was disabled by someone (d15), or its CPU was off
 * and is back, unnoticed: then it stands still for ever. One of a system PMU may have gone
 * elsewhere.
 */
static void look_at_stalled(struct events *events, uint32_t index)
{
	struct events_slot *slot = &events->reader->slots[index];
	struct events_event *event = &events->reader->events[slot->event - 1];
	bool handed_over = event->origin == EVENTS_FROM_HANDOFF;
	struct perf_file file;

	if (events->fds[index] < 0) {
		/* Nobody can say what has become of it; what can be opened anew is. */
		if (handed_over || events->reader->values[index].error == -EINVAL)
			mark(events, index, SLOT_STOPPED, "counts no more, or elsewhere than");
		else
			events_restart(events, event, index);
	} else if (events_inspect(events, index, &file) < 0) {
		mark(events, index, SLOT_STOPPED, "stands still, why cannot be seen,");
	} else if (file.detached && handed_over) {
		/* Not all that it was opened with is known. */
		mark(events, index, SLOT_STOPPED,
		     "was opened by another process, and counts no more since its CPU was off,");
	} else if (file.detached) {
		events_restart(events, event, index);
	} else if ((uint32_t)file.cpu != slot->cpu &&
		   !events_slot_on(events, event, slot->type, file.cpu)) {
		events_move_slot(events, index, file.cpu);
	} else if (events->reader->values[index].error) {
		mark(events, index, SLOT_STOPPED, "cannot be read");
	} else {
		mark(events, index, SLOT_DISABLED, "is disabled, by someone who has it open,");
	}
}

int events_account_all(struct events *events)
{
	struct reader *reader = events->reader;
	int r = reader_read(reader);

	/* What was not read does not stand still. */
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < reader->nr_slots; i++) {
		struct events_slot *slot = &reader->slots[i];

		/* While its CPU is off it is as it was. */
		if (!slot->event || reader->cpus[i] < 0 || reader->values[i].error == -ENXIO)
			continue;
		if (account(&reader->events[slot->event - 1], slot, &reader->values[i]))
			events->states[i] = SLOT_COUNTS;
		else if (events->states[i] == SLOT_COUNTS)
			events->states[i] = SLOT_STALLED;
	}
	return 0;
}

void events_read_all(struct events *events)
{
	int r;

	events_follow_cpus(events);
	r = events_account_all(events);
	/* Only now: it fills slots, whose readings are those of what was in them before. */
	for (uint32_t i = 0; !r && i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event && events->states[i] == SLOT_STALLED)
			look_at_stalled(events, i);
	events_link_slots(events);
}

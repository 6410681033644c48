// SPDX-License-Identifier: GPL-2.0
/* Updates accounts from readings. */
#include <string.h>

#include "../../util/log.h"
#include "../attribution.h"
#include "registry.h"

/* Builds the list of slots of each event, in one pass: there are many of both. */
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

/* Updates a slot's account with a reading. Returns whether its enabled time has advanced. */
static bool account(struct events_event *event, struct events_slot *slot,
		    const struct events_value *value)
{
	struct events_count count = slot->counts[slot->current & 1];
	bool counts = value->reading.enabled != count.seen.enabled;

	if (value->error)
		return false;
	if (!(event->flags & EVENTS_LEVEL) && value->reading.value < count.seen.value) {
		/* Any holder of a descriptor may reset it; the total continues (d15). */
		count.base.value += count.seen.value;
		event->resets++;
		log_warning(
			"events: %s was reset by another process on CPU %u; its total continues",
			event->name, slot->cpu);
	}
	if (memcmp(&count.seen, &value->reading, sizeof(count.seen))) {
		count.seen = value->reading;
		reader_set_count(slot, &count);
	}
	return counts;
}

int events_account_all(struct events *events)
{
	struct reader *reader = events->reader;
	int r = reader_read(reader);

	if (events->attribution)
		attribution_read(events->attribution, SWITCH_CURRENT);
	/* Without a reading, no perf event is marked as stalled. */
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < reader->nr_slots; i++) {
		struct events_slot *slot = &reader->slots[i];

		/* The account does not change while the CPU is offline. */
		if (!slot->event || reader->cpus[i] < 0 || reader->values[i].error == -ENXIO)
			continue;
		if (account(&reader->events[slot->event - 1], slot, &reader->values[i]))
			events->states[i] = SLOT_COUNTS;
		else if (events->states[i] == SLOT_COUNTS)
			events->states[i] = SLOT_STALLED;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Handles perf events that no longer count, after a reading. */
#include "../../util/cleanup.h"
#include "../../util/log.h"
#include "perf_file.h"
#include "registry.h"

/* Sets the state of a slot, and logs it once. */
static void mark(struct events *events, uint32_t index, enum slot_state state, const char *what)
{
	const struct events_slot *slot = &events->reader->slots[index];

	events->states[index] = state;
	log_warning("events: %s on CPU %u %s", events->reader->events[slot->event - 1].name,
		    slot->cpu, what);
}

int events_inspect(struct events *events, uint32_t index, struct perf_file *ret_file)
{
	_cleanup_free_ char *error = NULL;
	int r = events->inspect ? 0 : inspect_new(&events->inspect, &error);

	return r ?: inspect_look(events->inspect, &events->fds[index], 1, ret_file, &error);
}

/*
 * The enabled time of the perf event does not advance. Either somebody disabled it (d15), or its
 * CPU was offline and is online again, which stops it permanently. The kernel may also have
 * migrated an event of a system PMU to another CPU.
 */
static void look_at_stalled(struct events *events, uint32_t index)
{
	struct events_slot *slot = &events->reader->slots[index];
	struct events_event *event = &events->reader->events[slot->event - 1];
	bool handed_over = event->origin == EVENTS_FROM_HANDOFF;
	struct perf_file file;

	if (events->fds[index] < 0) {
		/* Its state is unknown without a descriptor. It is reopened if possible. */
		if (handed_over || events->reader->values[index].error == -EINVAL)
			mark(events, index, SLOT_STOPPED,
			     "no longer counts, or counts on another CPU");
		else
			events_restart(events, event, index);
	} else if (events_inspect(events, index, &file) < 0) {
		mark(events, index, SLOT_STOPPED, "does not advance, and its state cannot be read");
	} else if (file.detached && handed_over) {
		/* Not all of the attributes it was opened with are known. */
		mark(events, index, SLOT_STOPPED,
		     "was opened by another process, and has stopped because its CPU was offline "
		     "(hand over another one)");
	} else if (file.detached) {
		events_restart(events, event, index);
	} else if ((uint32_t)file.cpu != slot->cpu &&
		   !events_slot_on(events, event, slot->type, file.cpu)) {
		events_move_slot(events, index, file.cpu);
	} else if (events->reader->values[index].error) {
		mark(events, index, SLOT_STOPPED, "cannot be read");
	} else {
		mark(events, index, SLOT_DISABLED, "was disabled by a process that has it open");
	}
}

void events_read_all(struct events *events)
{
	int r;

	events_follow_cpus(events);
	r = events_account_all(events);
	/* After all readings are accounted for: reopening fills slots that still have the
	 * readings of their previous perf events. */
	for (uint32_t i = 0; !r && i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event && events->states[i] == SLOT_STALLED)
			look_at_stalled(events, i);
	events_link_slots(events);
}

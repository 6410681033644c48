// SPDX-License-Identifier: GPL-2.0
/* Adopts the registry of an earlier daemon, after whichever store it died. */
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/log.h"
#include "registry.h"

/* Of two slots of the same event and CPU, removes the one that the other has replaced. */
static void drop_replaced(struct events *events, const struct events_event *event)
{
	struct events_slot *slots = events->reader->slots;

	for_each_slot(i, events, event)
		for_each_slot(j, events, event)
			if (slots[i].cpu == slots[j].cpu && slots[i].type == slots[j].type &&
			    slots[i].seq < slots[j].seq) {
				events_free_slot(events, i);
				break;
			}
}

/* The descriptor of a slot's perf event, from systemd's store, or -1. */
static int take_descriptor(const struct events_slot *slot, uint32_t index)
{
	uint64_t perf_id;
	char name[32];
	int fd;

	events_store_name(index, name);
	fd = fdstore_take(name);
	if (fd < 0)
		return -1;
	if (slot->event && !ioctl(fd, PERF_EVENT_IOC_ID, &perf_id) && perf_id == slot->perf_id)
		return fd;
	fdstore_remove(name);
	close(fd);
	return -1;
}

/* Makes sure that texts are terminated and ids unique, whatever the maps contain. */
static void check_event(struct events *events, struct events_event *event)
{
	event->name[sizeof(event->name) - 1] = '\0';
	for (int i = 0; i < 2; i++)
		event->terms[i].spec[sizeof(event->terms[i].spec) - 1] = '\0';
	event->pmu[sizeof(event->pmu) - 1] = '\0';
	event->unit[sizeof(event->unit) - 1] = '\0';
	event->scale[sizeof(event->scale) - 1] = '\0';
	event->cpus[sizeof(event->cpus) - 1] = '\0';
	event->comm[sizeof(event->comm) - 1] = '\0';
	if (event->id > events->reader->state->last_id)
		events->reader->state->last_id = event->id;
}

void events_recover(struct events *events)
{
	struct reader *reader = events->reader;
	size_t nr_read = 0;

	for (uint32_t i = 0; i < reader->nr_events; i++)
		check_event(events, &reader->events[i]);
	for (uint32_t i = 0; i < reader->nr_slots; i++) {
		const struct events_slot *slot = &reader->slots[i];

		events->fds[i] = take_descriptor(slot, i);
		events->nr_fds += events->fds[i] >= 0;
		if (slot->event > reader->nr_events || slot->cpu > MAX_CPU ||
		    (slot->event && !reader->events[slot->event - 1].id))
			events_free_slot(events, i);
		else if (slot->event)
			reader_set_cpu(reader, i, slot->cpu);
		else if (reader->reused)
			reader_remove(reader, i); /* a daemon died while it opened it */
	}
	events_link_slots(events);
	for (uint32_t i = 0; i < reader->nr_events; i++)
		if (reader->events[i].id)
			drop_replaced(events, &reader->events[i]);
	/* Descriptors of slots that no longer exist. */
	fdstore_drop("event-");
	events_link_slots(events);
	for (uint32_t i = 0; i < reader->nr_events; i++)
		if (reader->events[i].id) {
			events_follow_mask(events, &reader->events[i]);
			events_undo_change(events, &reader->events[i]);
			events_finish_change(events, &reader->events[i]);
		}
	for (uint32_t i = 0; i < reader->nr_slots; i++)
		nr_read += reader->slots[i].event && events->fds[i] < 0;
	if (nr_read)
		log_warning(
			"events: %zu perf events still count, but can only be read: their descriptors ended with the previous paimond, which had no descriptor store (to get new ones, close and open the events)",
			nr_read);
}

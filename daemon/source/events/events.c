// SPDX-License-Identifier: GPL-2.0
/* The source of kept events: its table of functions, from attach to detach. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/event_spec.h"
#include "../../util/log.h"
#include "../perf_open.h"
#include "../pins.h"
#include "../source.h"
#include "attributed.h"
#include "perf_file.h"
#include "probe.h"
#include "registry.h"

static enum source_wanted events_wanted(const struct config *config)
{
	return config->events_wanted;
}

static int events_probe(struct source *source)
{
	return 0;
}

static void warn_max(const struct source *source)
{
	const struct pins pins = {NULL, "events", EVENTS_LAYOUT};
	const struct events *events = source->data;

	if (events->reader->nr_events != events_max_events(source->config))
		log_warning(
			"events: max stays %u, the size of the pinned maps (to change it " PINS_PURGE
			")",
			events->reader->nr_events, PINS_PURGE_OF(&pins));
}

/* Gives the descriptors back to the store: for the next attach in this process, or in the next
 * process. */
static void give_back(struct events *events, bool ends)
{
	char name[32];

	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		if (events->fds[i] < 0)
			continue;
		events_store_name(i, name);
		if (!ends)
			fdstore_give_back(name, events->fds[i]);
		else
			close(events->fds[i]);
	}
}

static void events_detach(struct source *source, bool keep)
{
	struct events *events = source->data;

	if (events->fds)
		give_back(events, keep);
	inspect_free(events->inspect);
	attribution_free(events->attribution, keep);
	reader_free(events->reader);
	free(events->fds);
	free(events->next);
	free(events->first);
	free(events->given);
	free(events->lacking);
	events_clear_absent(events->absent, events->nr_absent);
	free(events->names);
	free(events->states);
	free(events->cpus);
	free(events->online);
	free(events);
	source->data = NULL;
}

static int ask_tracepoint(const char *text, uint64_t *ret_id)
{
	return perf_open_tracepoint(NULL, text, ret_id);
}

static int events_attach(struct source *source)
{
	const struct pins pins = {source, "events", EVENTS_LAYOUT};
	struct events *events = calloc(1, sizeof(*events));
	uint32_t nr_slots;
	int r;

	if (!events)
		return -ENOMEM;
	event_spec_ask_tracepoint = ask_tracepoint;
	r = reader_new(source, &pins, NULL, events_nr_slots(source->config, get_nprocs_conf()),
		       events_max_events(source->config), &events->reader);
	if (r < 0) {
		free(events);
		return r;
	}
	source->data = events;
	nr_slots = events->reader->nr_slots;
	events->fds = malloc(nr_slots * sizeof(*events->fds));
	events->next = malloc(nr_slots * sizeof(*events->next));
	events->first = malloc(events->reader->nr_events * sizeof(*events->first));
	events->given = calloc(events->reader->nr_events, sizeof(*events->given));
	events->lacking = calloc(events->reader->nr_events, sizeof(*events->lacking));
	events->states = calloc(nr_slots, sizeof(*events->states));
	r = events->fds && events->next && events->first && events->given && events->lacking &&
			    events->states
		    ? 0
		    : -ENOMEM;
	if (events->fds)
		memset(events->fds, -1, nr_slots * sizeof(*events->fds));
	if (!r) {
		events_recover(events);
		r = events_index_names(events);
		if (!r)
			events_recover_attribution(source);
	}
	if (!r)
		r = events_read_online(events, &(unsigned int *){NULL}, &(size_t){0});
	if (r < 0) {
		events_detach(source, false);
		return r;
	}
	warn_max(source);
	source->adopted = events->reader->reused;
	source->backend = "perf";
	events_take_config(source, false);
	return 0;
}

static int events_reload(struct source *source)
{
	struct events *events = source->data;

	warn_max(source);
	events_warn_series(source);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->states[i] == SLOT_STOPPED)
			events->states[i] = SLOT_STALLED; /* inspected again, and reopened */
	events_read_all(events);
	events_complete(events);
	events_take_config(source, false);
	return 0;
}

/* Retries events whose PMU a module may have added. */
static void events_retry(struct source *source, bool soon)
{
	const struct events *events = source->data;
	size_t i = 0;

	if (events->attribution && !soon)
		accounts_tend(events->attribution);
	while (i < events->nr_absent && (!events->absent[i].why || events->absent[i].closed))
		i++;
	if (i < events->nr_absent)
		events_take_config(source, true);
}

static void events_objects(const struct source *source, struct source_objects *objects)
{
	const struct events *events = source->data;
	const struct events_bpf *bpf = events->reader->bpf;
	struct bpf_map *map;

	source_add_program(objects, bpf_program__name(bpf->progs.events_read),
			   bpf_program__fd(bpf->progs.events_read));
	bpf_object__for_each_map(map, bpf->obj)
		source_add_map(objects, bpf_map__name(map), bpf_map__fd(map));
	if (events->attribution)
		attribution_objects(events->attribution, objects);
}

static const char *needs_restart(const struct source *source)
{
	const struct events *events = source->data;

	if (events->reader->nr_events != events_max_events(source->config))
		return "[events] max";
	return events->attribution && events->attribution->bpf->rodata->folds ==
					      source->config->events_transient_scopes
		       ? "[events] transient_scopes"
		       : NULL;
}

const struct source_ops events_source = {
	.name = "events",
	.wanted = events_wanted,
	.probe = events_probe,
	.attach = events_attach,
	.retry = events_retry,
	.read = events_read,
	.read_failed = events_read_failed,
	.tell = events_tell,
	.objects = events_objects,
	.reload = events_reload,
	.restart = needs_restart,
	.detach = events_detach,
	.end_left = events_end_attribution,
};

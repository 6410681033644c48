// SPDX-License-Identifier: GPL-2.0
/* Fills in struct kept_event, the description of a kept event. */
#include <errno.h>
#include <stdlib.h>

#include "../../util/cleanup.h"
#include "../../util/utf8.h"
#include "../source.h"
#include "attributed.h"
#include "drv_config.h"
#include "registry.h"

static int compare_numbers(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

/* Sorts the list and removes duplicates. Returns the new length. */
static size_t sort_cpus(unsigned int *cpus, size_t nr)
{
	size_t left = 0;

	qsort(cpus, nr, sizeof(*cpus), compare_numbers);
	for (size_t i = 0; i < nr; i++)
		if (!i || cpus[i] != cpus[i - 1])
			cpus[left++] = cpus[i];
	return left;
}

/* What events_set() does. */
static const char *describe_set(const struct events *events, const struct events_event *event,
				int device)
{
	if (event->origin != EVENTS_FROM_COMMAND)
		return "no";
	return events_is_live(events, event, device) ? "live" : "reopen";
}

/* device: drv_config_open() */
static int tell_event(const struct events *events, const struct events_event *event, int device,
		      kept_tell *tell, void *user)
{
	static const char *const origins[EVENTS_NR_ORIGINS] = {
		[EVENTS_FROM_CONFIG] = "configuration",
		[EVENTS_FROM_COMMAND] = "command",
		[EVENTS_FROM_HANDOFF] = "hand-off",
	};
	_cleanup_free_ struct kept_level *levels = NULL;
	_cleanup_free_ unsigned int *cpus = NULL;
	char config[24], comm[UTF8_NAME_LEN(sizeof(event->comm))];
	struct events_reading all = {}, of_accounts;
	size_t nr = 0, n = 0;

	for_each_slot(i, events, event)
		nr++;
	cpus = malloc((nr ?: 1) * sizeof(*cpus));
	levels = malloc((nr ?: 1) * sizeof(*levels));
	if (!cpus || !levels)
		return -ENOMEM;
	for_each_slot(i, events, event) {
		const struct events_slot *slot = &events->reader->slots[i];
		struct events_reading total = reader_total(slot);

		all = reader_sum(all, &total);
		levels[n] = (struct kept_level){slot->cpu, total.value};
		cpus[n++] = slot->cpu;
	}
	if (events_attributed_total(events, event, NULL, &of_accounts))
		all = of_accounts;
	events_format_config(event, config);
	tell(user, &(struct kept_event){
			   .id = event->id,
			   .name = event->name,
			   .spec = events_terms(event)->spec,
			   .pmu = event->pmu,
			   .unit = event->unit,
			   .scale = event->scale,
			   .config = config,
			   .state = events_state_names[events_state_of(events, event)],
			   .set = describe_set(events, event, device),
			   .by = events_by(event),
			   .origin = event->origin < EVENTS_NR_ORIGINS ? origins[event->origin]
								       : "unknown",
			   .cpus = cpus,
			   .nr_cpus = sort_cpus(cpus, nr),
			   .uid = event->uid,
			   .pid = event->pid,
			   .comm = utf8_name(event->comm, comm),
			   .descriptors = events->given[event - events->reader->events],
			   .opened_ns = event->opened_ns,
			   .levels = event->flags & EVENTS_LEVEL ? levels : NULL,
			   .nr_levels = nr,
			   .value = all.value,
			   .enabled_ns = all.enabled,
			   .running_ns = all.running,
			   .resets = event->resets,
			   .changes = event->changes,
			   .reopened = event->reopened,
		   });
	return 0;
}

int events_list(struct source *source, kept_tell *tell, void *user)
{
	_cleanup_close_ int device = drv_config_open();
	struct events *events = source->data;
	int r = 0;

	events_read_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events && !r; i++)
		if (events->reader->events[i].id)
			r = tell_event(events, &events->reader->events[i], device, tell, user);
	return r;
}

int events_show(struct source *source, uint64_t id, bool reads, kept_tell *tell, void *user)
{
	struct events *events = source->data;
	const struct events_event *event = events_find(events, id);
	_cleanup_close_ int device = -1;

	if (!event)
		return -ENOENT;
	if (reads)
		events_read_all(events);
	device = drv_config_open();
	return tell_event(events, event, device, tell, user);
}

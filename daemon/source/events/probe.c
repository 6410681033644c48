// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <errno.h>

#include "../../model/kept.h"
#include "../attribution.h"
#include "events.h"
#include "events.skel.h"
#include "perf_file.skel.h"

/* Without max in the configuration. With so many perf events, the maps of all sources take at most
 * 16 MiB on 1,024 CPUs. */
#define DEFAULT_MAX 128
#define DEFAULT_MAX_SLOTS 16384

uint32_t events_max_events(const struct config *config)
{
	return config->events_max ?: DEFAULT_MAX;
}

uint32_t events_max_slots(const struct config *config, uint32_t nr_cpus)
{
	uint32_t nr = events_max_events(config) * nr_cpus;

	return !config->events_max && nr > DEFAULT_MAX_SLOTS ? DEFAULT_MAX_SLOTS : nr;
}

uint32_t events_nr_slots(const struct config *config, uint32_t nr_cpus)
{
	return events_max_slots(config, nr_cpus) + nr_cpus;
}

struct attribution_options events_attribution_options(const struct config *config)
{
	uint32_t series = config->events_max_cgroup_series;

	return (struct attribution_options){
		.nr_cgroups = series < SWITCH_MAX_CGROUPS ? series : SWITCH_MAX_CGROUPS,
		.nr_cells = series,
		.nr_processes = 2048,
		.nr_process_cells = 16384,
		.folds = !config->events_transient_scopes,
	};
}

/* Of attribution, if an event of the configuration needs it. */
static uint64_t attribution_bytes(const struct config *config, uint32_t nr_cpus)
{
	const struct attribution_options options = events_attribution_options(config);
	bool any = false;

	for (size_t i = 0; i < config->nr_events; i++)
		any |= config->events[i].by != KEPT_BY_NOTHING;
	return any ? attribution_map_bytes(&options, nr_cpus, events_nr_slots(config, nr_cpus)) : 0;
}

uint64_t events_map_bytes(const struct config *config, uint32_t nr_cpus)
{
	if (config->events_wanted == SOURCE_NO)
		return 0;
	return events_max_events(config) * sizeof(struct events_event) +
	       events_nr_slots(config, nr_cpus) * EVENTS_SLOT_BYTES +
	       attribution_bytes(config, nr_cpus);
}

int events_try_load(void)
{
	struct events_bpf *bpf = events_bpf__open();
	int r = bpf ? events_bpf__load(bpf) : -errno;

	events_bpf__destroy(bpf);
	return r;
}

int events_try_load_switch(void)
{
	struct switch_bpf *bpf = switch_bpf__open();
	int r = bpf ? switch_bpf__load(bpf) : -errno;

	switch_bpf__destroy(bpf);
	return r;
}

int events_try_load_perf_file(void)
{
	struct perf_file_bpf *bpf = perf_file_bpf__open();
	int r = bpf ? perf_file_bpf__load(bpf) : -errno;

	perf_file_bpf__destroy(bpf);
	return r;
}

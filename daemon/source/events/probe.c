// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <errno.h>
#include <sys/sysinfo.h>

#include "../../model/kept.h"
#include "../attribution.h"
#include "events.h"
#include "events.skel.h"
#include "perf_file.skel.h"

uint64_t events_max_slots(const struct config *config)
{
	return config->events_wanted == SOURCE_NO
		       ? 0
		       : (uint64_t)config->events_max * get_nprocs_conf();
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
static uint64_t attribution_bytes(const struct config *config)
{
	const struct attribution_options options = events_attribution_options(config);
	bool any = false;

	for (size_t i = 0; i < config->nr_events; i++)
		any |= config->events[i].by != KEPT_BY_NOTHING;
	return any ? attribution_map_bytes(&options, get_nprocs_conf(), events_max_slots(config))
		   : 0;
}

uint64_t events_map_bytes(const struct config *config)
{
	if (config->events_wanted == SOURCE_NO)
		return 0;
	return config->events_max * sizeof(struct events_event) +
	       events_max_slots(config) * EVENTS_SLOT_BYTES + attribution_bytes(config);
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

// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <errno.h>
#include <sys/sysinfo.h>

#include "events.h"
#include "events.skel.h"
#include "perf_file.skel.h"

uint64_t events_max_slots(const struct config *config)
{
	return config->events_wanted == SOURCE_NO
		       ? 0
		       : (uint64_t)config->events_max * get_nprocs_conf();
}

uint64_t events_map_bytes(const struct config *config)
{
	return (config->events_wanted != SOURCE_NO) * config->events_max *
		       sizeof(struct events_event) +
	       events_max_slots(config) * EVENTS_SLOT_BYTES;
}

int events_try_load(void)
{
	struct events_bpf *bpf = events_bpf__open();
	int r = bpf ? events_bpf__load(bpf) : -errno;

	events_bpf__destroy(bpf);
	return r;
}

int events_try_load_perf_file(void)
{
	struct perf_file_bpf *bpf = perf_file_bpf__open();
	int r = bpf ? perf_file_bpf__load(bpf) : -errno;

	perf_file_bpf__destroy(bpf);
	return r;
}

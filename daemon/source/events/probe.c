// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <sys/sysinfo.h>

#include "events.h"

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

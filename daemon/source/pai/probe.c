// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <sys/sysinfo.h>

#include "../map_memory.h"
#include "events.h"
#include "pai.h"

uint64_t pai_map_bytes(const struct config *config)
{
	return get_nprocs_conf() * (sizeof(struct pai_cpu) + 64 * EVENTS_SLOT_BYTES) +
	       (config->pai_max_cgroups + 1) *
		       (sizeof(struct pai_cgroup) + sizeof(struct pai_counts) + MAP_HASH_BYTES +
			PAI_CGROUP_PATH) +
	       (PAI_MAX_TASKS + 1) *
		       (MAP_HASH_BYTES + sizeof(struct pai_task_id) + sizeof(struct pai_task));
}

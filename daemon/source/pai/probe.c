// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../util/event_spec.h"
#include "../attribution.h"
#include "../map_memory.h"
#include "events.h"
#include "pai.h"
#include "pai.skel.h"

int pai_find_pmu(const char *name, uint32_t *ret_type, bool *ret_own)
{
	char path[128];
	uint32_t type;
	FILE *file;
	bool found;

	snprintf(path, sizeof(path), EVENT_SPEC_PMUS "/%s/type", name);
	file = fopen(path, "re");
	found = file && fscanf(file, "%u", &type) == 1;
	if (file)
		fclose(file);
	if (!found)
		return -ENODEV;
	snprintf(path, sizeof(path), EVENT_SPEC_PMUS "/%s/caps/sample_tracepoint", name);
	*ret_own = !access(path, F_OK);
	*ret_type = type;
	return 0;
}

enum pai_refusal pai_plan_ext(const struct config *config, bool own, struct pai_plan *ret_plan)
{
	bool sampling = config->pai_mode == PAI_SAMPLING;

	*ret_plan = (struct pai_plan){
		.counts = true,
		.prefers_counting = !sampling,
		.samples = PAI_BY_NOTHING,
		.attributes = config->pai_mode == PAI_AUTO,
	};
	if (!sampling)
		return PAI_NOT_REFUSED;
	if (own) {
		ret_plan->counts = false;
		ret_plan->samples = config->pai_backend == PAI_BACKEND_PERF_EVENT
					    ? PAI_BY_PERF_EVENT
					    : PAI_BY_TRACEPOINT;
		return PAI_NOT_REFUSED;
	}
	if (config->pai_backend == PAI_BACKEND_TRACEPOINT)
		return PAI_HAS_NO_TRACEPOINT;
	if (!config->pai_accept_throttling_panic)
		return PAI_MAY_PANIC;
	ret_plan->samples = PAI_BY_PERF_EVENT;
	return PAI_NOT_REFUSED;
}

struct attribution_options pai_attribution_options(const struct config *config)
{
	return (struct attribution_options){
		.nr_cgroups = config->pai_max_cgroups,
		.nr_cells = config->pai_max_cgroups * SWITCH_COLUMNS,
		.nr_processes = PAI_MAX_TASKS,
		.nr_process_cells = PAI_MAX_TASKS * SWITCH_COLUMNS,
		.folds = !config->events_transient_scopes,
		.values_only = true,
	};
}

uint64_t pai_map_bytes(const struct config *config, uint32_t nr_cpus)
{
	const struct attribution_options options = pai_attribution_options(config);
	uint32_t nr_slots = nr_cpus * 64;

	return (config->pai_mode == PAI_AUTO ? attribution_map_bytes(&options, nr_cpus, nr_slots)
					     : 0) +
	       nr_cpus * (sizeof(struct pai_cpu) + 64 * EVENTS_SLOT_BYTES) +
	       (config->pai_max_cgroups + 1) *
		       (sizeof(struct pai_cgroup) + sizeof(struct pai_counts) + MAP_HASH_BYTES +
			PAI_CGROUP_PATH) +
	       (PAI_MAX_TASKS + 1) *
		       (MAP_HASH_BYTES + sizeof(struct pai_task_id) + sizeof(struct pai_task));
}

int pai_try_load(void)
{
	/* As paimond does it: the BTF of modules requires CAP_SYS_ADMIN. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct pai_bpf *bpf = pai_bpf__open_opts(&options);
	int r = -errno;

	if (bpf) {
		bpf_program__set_autoload(bpf->progs.pai_play, true);
		r = pai_bpf__load(bpf);
	}
	pai_bpf__destroy(bpf);
	return r;
}

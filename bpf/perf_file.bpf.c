// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the properties of perf events, which no system call returns. The daemon puts its
 * own descriptors into perf_files, after it has verified that they are perf events, and
 * runs this iterator over the files of its own thread.
 */
#include "kernel.h"
#include "perf_file_maps.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PERF_FILE_MAX);
	__type(key, u32);
	__type(value, struct perf_file);
} perf_files SEC(".maps");

SEC("iter/task_file")
int perf_file_look(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	const struct perf_event_attr *attr;
	const struct perf_event *event;
	struct perf_file *found;
	u32 fd = ctx->fd;

	/* In other files private_data points to something else. */
	found = file ? bpf_map_lookup_elem(&perf_files, &fd) : NULL;
	if (!found)
		return 0;
	event = BPF_CORE_READ(file, private_data);
	attr = __builtin_preserve_access_index(&event->attr);
	found->config[0] = BPF_CORE_READ(attr, config);
	found->config[1] = BPF_CORE_READ(attr, config1);
	found->config[2] = BPF_CORE_READ(attr, config2);
	if (bpf_core_field_exists(attr->config3))
		found->config[3] = BPF_CORE_READ(attr, config3);
	found->attr_type = BPF_CORE_READ(attr, type);
	/* Newer kernels detach the events of a PMU that is unregistered. */
	found->revoked = !BPF_CORE_READ(event, pmu);
	/* They dereference the missing PMU for its scope when its event is read through a map. */
	if (bpf_core_enum_value_exists(enum perf_event_state, PERF_EVENT_STATE_REVOKED) &&
	    bpf_core_field_exists(struct pmu, scope))
		found->faults = !!BPF_CORE_READ(event, pmu, scope);
	found->pmu_type = BPF_CORE_READ(event, pmu, type);
	found->cpu = BPF_CORE_READ(event, cpu);
	found->task = !!(BPF_CORE_READ(event, attach_state) & PERF_ATTACH_TASK);
	found->mapped = !!BPF_CORE_READ(event, rb);
	found->inherit = BPF_CORE_READ_BITFIELD_PROBED(attr, inherit);
	found->excluded = BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_user) |
			  BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_kernel) << 1 |
			  BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_hv) << 2 |
			  BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_guest) << 3 |
			  BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_host) << 4 |
			  BPF_CORE_READ_BITFIELD_PROBED(attr, exclude_idle) << 5;
	if (bpf_core_field_exists(event->cgrp))
		found->cgroup = !!BPF_CORE_READ(event, cgrp);
	found->dead = (int)BPF_CORE_READ(event, state) <= PERF_EVENT_STATE_EXIT;
	found->detached = !(BPF_CORE_READ(event, attach_state) & PERF_ATTACH_CONTEXT);
	bpf_probe_read_kernel_str(found->pmu, sizeof(found->pmu), BPF_CORE_READ(event, pmu, name));
	found->seen = 1;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <bpf/btf.h>
#include <errno.h>
#include <paimon/iopf_worker.h>
#include <unistd.h>

#include "../map_memory.h"
#include "iopf_source.h"

const char *const iopf_backend_names[IOPF_NR_BACKENDS] = {
	[IOPF_BACKEND_MODULE] = "paimon.ko",
	[IOPF_BACKEND_FENTRY] = "fentry",
	[IOPF_BACKEND_KPROBE_MULTI] = "kprobe.multi",
	[IOPF_BACKEND_KPROBE] = "kprobe",
};

const char *const iopf_tracepoints[IOPF_NR_PROGRAMS] = {
	[IOPF_REQUEST] = "paimon_iopf_request",
	[IOPF_HANDLE] = "paimon_iopf_handle",
	[IOPF_RESPONSE] = "paimon_iopf_response",
	[IOPF_DISCARD] = "paimon_iopf_discard",
};

/* Kernel functions, each with its names in all supported versions. */
static struct iopf_kernel_function functions[IOPF_NR_FUNCTIONS] = {
	[IOPF_FN_REPORT] = {{"iommu_report_device_fault"}, .needed = true},
	[IOPF_FN_HANDLE] = {{PAIMON_IOPF_WORKERS}},
	[IOPF_FN_RESPONSE] = {{"iopf_group_response", "iommu_page_response"}, .needed = true},
	[IOPF_FN_DISCARD] = {{"iopf_queue_discard_partial"}},
	[IOPF_FN_REMOVE] = {{"iopf_queue_remove_device"}},
};

bool iopf_module_loaded(void)
{
	return !access("/sys/module/paimon", F_OK);
}

/*
 * fentry costs least, but its programs can be preempted; on kernels that do so it comes last.
 * Availability: kprobe.multi requires CONFIG_FPROBE; fentry exists on arm64 since 6.4, and not on
 * s390x.
 */
const enum iopf_backend *iopf_backend_order(bool preempts)
{
	static const enum iopf_backend orders[2][IOPF_NR_FUNCTION_BACKENDS] = {
		{IOPF_BACKEND_FENTRY, IOPF_BACKEND_KPROBE_MULTI, IOPF_BACKEND_KPROBE},
		{IOPF_BACKEND_KPROBE_MULTI, IOPF_BACKEND_KPROBE, IOPF_BACKEND_FENTRY},
	};

	return orders[preempts];
}

/* Does the function with this id return a value? */
static bool returns(const struct btf *btf, uint32_t id)
{
	const struct btf_type *proto = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);

	return proto && proto->type;
}

bool iopf_functions_found(void)
{
	static bool looked, complete;
	struct btf *btf;

	if (looked)
		return complete;
	btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);
	if (!btf)
		return false;
	looked = complete = true;
	for (int i = 0; i < IOPF_NR_FUNCTIONS; i++) {
		struct iopf_kernel_function *f = &functions[i];

		for (int j = 0; j < 3 && f->names[j] && !f->found; j++) {
			int id = btf__find_by_name_kind(btf, f->names[j], BTF_KIND_FUNC);

			if (id > 0) {
				f->found = f->names[j];
				f->id = id;
			}
		}
		if (f->needed && !f->found)
			complete = false;
	}
	/* Also attached at its return if its return value tells whether the request was refused. */
	if (functions[IOPF_FN_REPORT].found && returns(btf, functions[IOPF_FN_REPORT].id))
		functions[IOPF_FN_REPORTED] = functions[IOPF_FN_REPORT];
	btf__free(btf);
	return complete;
}

const struct iopf_kernel_function *iopf_kernel_function(enum iopf_function function)
{
	iopf_functions_found();
	return &functions[function];
}

uint64_t iopf_map_bytes(const struct config *config)
{
	uint64_t devices = config->iopf_max_devices;

	return devices * (2 * sizeof(struct iopf_device) + IOPF_SLOTS * sizeof(struct iopf_slot) +
			  PAIMON_DEVICE_NAME_LEN +
			  4 * (MAP_HASH_BYTES + sizeof(uint64_t) + sizeof(struct iopf_known))) +
	       IOPF_MAX_SPILLED *
		       (MAP_HASH_BYTES + sizeof(struct iopf_group_id) + sizeof(struct iopf_slot)) +
	       sizeof(struct iopf_state);
}

int iopf_try_load(const struct config *config, enum iopf_backend backend)
{
	/* As paimond does it: the BTF of modules requires CAP_SYS_ADMIN. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct iopf iopf = {.bpf = iopf_bpf__open_opts(&options)};
	int r = iopf.bpf ? iopf_hooks_prepare(&iopf, backend) : -errno;

	if (!r) {
		iopf.bpf->rodata->iopf_max_devices = config->iopf_max_devices;
		r = iopf_bpf__load(iopf.bpf);
	}
	iopf_bpf__destroy(iopf.bpf);
	return r;
}

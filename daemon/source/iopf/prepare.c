// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the hooks for the programs of the IOPF source: the tracepoints of paimon.ko
 * or, without it, the functions of the kernel's own fault handler, with fentry or
 * kprobe (probe.c looks for them).
 *
 * Called by iopf.c, on the daemon's one thread, and by paimonctl check.
 */
#include <bpf/libbpf.h>
#include <stdio.h>

#include "iopf_source.h"
#include "probe.h"

/* Links are called iopf-BACKEND-HOOK; those of the module iopf-HOOK. */
static const char *const tracepoint_hooks[IOPF_NR_PROGRAMS] = {
	[IOPF_REQUEST] = "request",
	[IOPF_HANDLE] = "handle",
	[IOPF_RESPONSE] = "response",
	[IOPF_DISCARD] = "discard",
};
static const char *const function_hooks[IOPF_NR_FUNCTIONS] = {
	[IOPF_FN_REPORT] = "report",   [IOPF_FN_REPORTED] = "reported",
	[IOPF_FN_HANDLE] = "handle",   [IOPF_FN_RESPONSE] = "response",
	[IOPF_FN_DISCARD] = "discard", [IOPF_FN_REMOVE] = "remove",
};
static const struct {
	const char *link;
	const char *dispatcher; /* prefixes of program names */
	const char *program;
} prefixes[IOPF_NR_BACKENDS] = {
	[IOPF_BACKEND_MODULE] = {.link = ""},
	[IOPF_BACKEND_FENTRY] = {"fentry-", "paimon_fentry_", "fentry_"},
	[IOPF_BACKEND_KPROBE_MULTI] = {"multi-", "paimon_multi_", "kprobe_"},
	[IOPF_BACKEND_KPROBE] = {"kprobe-", "paimon_kprobe_", "kprobe_"},
};

void iopf_hook_name(enum iopf_backend backend, int index, char ret_name[32])
{
	snprintf(ret_name, 32, "iopf-%s%s", prefixes[backend].link,
		 backend == IOPF_BACKEND_MODULE ? tracepoint_hooks[index] : function_hooks[index]);
}

static struct iopf_hook *add_hook(struct iopf *iopf, enum iopf_backend backend, int index)
{
	struct iopf_hook *hook = &iopf->hooks[iopf->nr_hooks++];

	*hook = (struct iopf_hook){.link = -1, .adopted = -1};
	iopf_hook_name(backend, index, hook->name);
	return hook;
}

static void prepare_tracepoints(struct iopf *iopf)
{
	struct bpf_program *const dispatchers[IOPF_NR_PROGRAMS] = {
		[IOPF_REQUEST] = iopf->bpf->progs.paimon_request,
		[IOPF_HANDLE] = iopf->bpf->progs.paimon_handle,
		[IOPF_RESPONSE] = iopf->bpf->progs.paimon_response,
		[IOPF_DISCARD] = iopf->bpf->progs.paimon_discard,
	};
	struct bpf_program *const programs[IOPF_NR_PROGRAMS] = {
		[IOPF_REQUEST] = iopf->bpf->progs.iopf_request,
		[IOPF_HANDLE] = iopf->bpf->progs.iopf_handle,
		[IOPF_RESPONSE] = iopf->bpf->progs.iopf_response,
		[IOPF_DISCARD] = iopf->bpf->progs.iopf_discard,
	};

	for (uint32_t i = 0; i < IOPF_NR_PROGRAMS; i++) {
		struct iopf_hook *hook = add_hook(iopf, IOPF_BACKEND_MODULE, i);

		hook->how = HOOK_RAW_TP;
		hook->target = iopf_tracepoints[i];
		hook->dispatcher = dispatchers[i];
		hook->program = programs[i];
		hook->programs = iopf->bpf->maps.iopf_programs;
		hook->index = i;
	}
}

/* The program of the object with this prefix and hook in its name. */
static struct bpf_program *program(struct iopf *iopf, const char *prefix, const char *hook)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, hook);
	return bpf_object__find_program_by_name(iopf->bpf->obj, name);
}

/* Marks a program to be loaded, for the type of its hook. */
static int prepare_program(struct bpf_program *program, const struct iopf_hook *hook)
{
	bpf_program__set_autoload(program, true);
	if (hook->how == HOOK_KPROBE_MULTI)
		bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI);
	if (hook->how == HOOK_FEXIT)
		bpf_program__set_expected_attach_type(program, BPF_TRACE_FEXIT);
	return hook->how == HOOK_FEXIT || hook->how == HOOK_FENTRY
		       ? bpf_program__set_attach_target(program, 0, hook->target)
		       : 0;
}

static int prepare_functions(struct iopf *iopf, enum iopf_backend backend)
{
	struct bpf_map *const arrays[IOPF_NR_FUNCTIONS] = {
		[IOPF_FN_REPORT] = iopf->bpf->maps.iopf_fn_report,
		[IOPF_FN_REPORTED] = iopf->bpf->maps.iopf_fn_reported,
		[IOPF_FN_HANDLE] = iopf->bpf->maps.iopf_fn_handle,
		[IOPF_FN_RESPONSE] = iopf->bpf->maps.iopf_fn_response,
		[IOPF_FN_DISCARD] = iopf->bpf->maps.iopf_fn_discard,
		[IOPF_FN_REMOVE] = iopf->bpf->maps.iopf_fn_remove,
	};
	const struct iopf_kernel_function *response = iopf_kernel_function(IOPF_FN_RESPONSE);
	int r = 0;

	iopf->bpf->rodata->iopf_group_response_is_there = response->found == response->names[0];
	for (int i = 0; i < IOPF_NR_FUNCTIONS && !r; i++) {
		const struct iopf_kernel_function *function = iopf_kernel_function(i);
		struct iopf_hook *hook;

		if (!function->found)
			continue;
		hook = add_hook(iopf, backend, i);
		hook->at_return = i == IOPF_FN_REPORTED;
		hook->how = backend == IOPF_BACKEND_KPROBE	   ? HOOK_KPROBE
			    : backend == IOPF_BACKEND_KPROBE_MULTI ? HOOK_KPROBE_MULTI
			    : hook->at_return			   ? HOOK_FEXIT
								   : HOOK_FENTRY;
		hook->target = function->found;
		hook->target_id = function->id;
		hook->dispatcher = program(iopf, prefixes[backend].dispatcher, function_hooks[i]);
		hook->program = program(iopf, prefixes[backend].program, function_hooks[i]);
		hook->programs = hook->how == HOOK_KPROBE	  ? iopf->bpf->maps.iopf_kprobes
				 : hook->how == HOOK_KPROBE_MULTI ? iopf->bpf->maps.iopf_multi
								  : arrays[i];
		hook->index = backend == IOPF_BACKEND_FENTRY ? 0 : i;
		r = prepare_program(hook->dispatcher, hook) ?: prepare_program(hook->program, hook);
	}
	return r;
}

int iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend)
{
	iopf->nr_hooks = 0;
	if (backend != IOPF_BACKEND_MODULE)
		return prepare_functions(iopf, backend);
	prepare_tracepoints(iopf);
	return 0;
}

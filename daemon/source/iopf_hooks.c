// SPDX-License-Identifier: GPL-2.0
/*
 * Where the programs of the IOPF source are attached: to the tracepoints of
 * paimon.ko, or, without it, to the functions of the kernel's own handler of
 * page faults, by fentry or by kprobe. What the kernel has is asked of its BTF.
 *
 * Called by iopf.c, on the daemon's one thread.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../fdstore.h"
#include "../util/log.h"
#include "iopf_source.h"
#include "source.h"

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
	const char *dispatcher; /* programs */
	const char *program;
} prefixes[IOPF_NR_BACKENDS] = {
	[IOPF_BACKEND_MODULE] = {.link = ""},
	[IOPF_BACKEND_FENTRY] = {"fentry-", "paimon_fentry_", "fentry_"},
	[IOPF_BACKEND_KPROBE_MULTI] = {"multi-", "paimon_multi_", "kprobe_"},
	[IOPF_BACKEND_KPROBE] = {"kprobe-", "paimon_kprobe_", "kprobe_"},
};

/* The kernel's functions, each with the names it has had, the newest first. */
static struct function {
	const char *names[3];
	bool needed;
	const char *found;
	uint32_t id; /* in the kernel's BTF */
} functions[IOPF_NR_FUNCTIONS] = {
	[IOPF_FN_REPORT] = {{"iommu_report_device_fault"}, .needed = true},
	[IOPF_FN_HANDLE] = {{"iommu_sva_handle_iopf", "iopf_handler", "iopf_handle_group"}},
	[IOPF_FN_RESPONSE] = {{"iopf_group_response", "iommu_page_response"}, .needed = true},
	[IOPF_FN_DISCARD] = {{"iopf_queue_discard_partial"}},
	[IOPF_FN_REMOVE] = {{"iopf_queue_remove_device"}},
};

/* Does a function of this id return anything? */
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
		struct function *f = &functions[i];

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
	/* Seen once more, at its return, if that says whether it was refused. */
	if (functions[IOPF_FN_REPORT].found && returns(btf, functions[IOPF_FN_REPORT].id))
		functions[IOPF_FN_REPORTED] = functions[IOPF_FN_REPORT];
	btf__free(btf);
	return complete;
}

static struct iopf_hook *add_hook(struct iopf *iopf, enum iopf_backend backend, const char *name)
{
	struct iopf_hook *hook = &iopf->hooks[iopf->nr_hooks++];

	*hook = (struct iopf_hook){.link = -1, .adopted = -1};
	snprintf(hook->name, sizeof(hook->name), "iopf-%s%s", prefixes[backend].link, name);
	return hook;
}

static void prepare_tracepoints(struct iopf *iopf)
{
	static const char *const tracepoints[IOPF_NR_PROGRAMS] = {
		[IOPF_REQUEST] = "paimon_iopf_request",
		[IOPF_HANDLE] = "paimon_iopf_handle",
		[IOPF_RESPONSE] = "paimon_iopf_response",
		[IOPF_DISCARD] = "paimon_iopf_discard",
	};
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
		struct iopf_hook *hook = add_hook(iopf, IOPF_BACKEND_MODULE, tracepoint_hooks[i]);

		hook->how = HOOK_RAW_TP;
		hook->target = tracepoints[i];
		hook->dispatcher = dispatchers[i];
		hook->program = programs[i];
		hook->programs = iopf->bpf->maps.iopf_programs;
		hook->index = i;
	}
}

/* The program that the object has by a name of two parts. */
static struct bpf_program *program(struct iopf *iopf, const char *prefix, const char *hook)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, hook);
	return bpf_object__find_program_by_name(iopf->bpf->obj, name);
}

/* Has a program loaded, as one of its kind of hook. */
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
	int r = 0;

	iopf->bpf->rodata->iopf_group_response_is_there = functions[IOPF_FN_RESPONSE].found ==
							  functions[IOPF_FN_RESPONSE].names[0];
	for (int i = 0; i < IOPF_NR_FUNCTIONS && !r; i++) {
		struct iopf_hook *hook;

		if (!functions[i].found)
			continue;
		hook = add_hook(iopf, backend, function_hooks[i]);
		hook->at_return = i == IOPF_FN_REPORTED;
		hook->how = backend == IOPF_BACKEND_KPROBE	   ? HOOK_KPROBE
			    : backend == IOPF_BACKEND_KPROBE_MULTI ? HOOK_KPROBE_MULTI
			    : hook->at_return			   ? HOOK_FEXIT
								   : HOOK_FENTRY;
		hook->target = functions[i].found;
		hook->target_id = functions[i].id;
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

int iopf_hooks_prepare(struct source *source, struct iopf *iopf, enum iopf_backend backend)
{
	int r;

	iopf->nr_hooks = 0;
	if (backend == IOPF_BACKEND_MODULE) {
		prepare_tracepoints(iopf);
		return 0;
	}
	r = prepare_functions(iopf, backend);
	return r < 0 ? source_fail(source, r, "cannot prepare the BPF programs: %s", strerror(-r))
		     : 0;
}

int iopf_hooks_set_programs(struct source *source, struct iopf *iopf)
{
	for (int i = 0; i < iopf->nr_hooks; i++) {
		const struct iopf_hook *hook = &iopf->hooks[i];
		int fd = bpf_program__fd(hook->program), r;

		r = bpf_map_update_elem(bpf_map__fd(hook->programs), &hook->index, &fd, 0);
		if (r < 0)
			return source_fail(source, r, "cannot put a program behind %s: %s",
					   hook->target, strerror(-r));
	}
	return 0;
}

/* Is fd a link of our dispatcher to its place? */
static bool is_link_of(int fd, const struct iopf_hook *hook)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char name[64] = "";

	if (hook->how == HOOK_RAW_TP) {
		info.raw_tracepoint.tp_name = (__u64)(uintptr_t)name;
		info.raw_tracepoint.tp_name_len = sizeof(name);
	}
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	switch (hook->how) {
	case HOOK_RAW_TP:
		return info.type == BPF_LINK_TYPE_RAW_TRACEPOINT && !strcmp(name, hook->target);
	case HOOK_FENTRY:
	case HOOK_FEXIT:
		return info.type == BPF_LINK_TYPE_TRACING &&
		       info.tracing.target_btf_id == hook->target_id &&
		       info.tracing.attach_type ==
			       (hook->how == HOOK_FEXIT ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY);
	case HOOK_KPROBE_MULTI:
		return info.type == BPF_LINK_TYPE_KPROBE_MULTI;
	default:
		return info.type == BPF_LINK_TYPE_PERF_EVENT;
	}
}

void iopf_hooks_close(struct iopf *iopf)
{
	for (int i = 0; i < iopf->nr_hooks; i++) {
		struct iopf_hook *hook = &iopf->hooks[i];

		if (hook->link >= 0)
			close(hook->link);
		if (hook->adopted >= 0)
			close(hook->adopted);
		hook->link = hook->adopted = -1;
	}
}

/*
 * The pin of an attached dispatcher: whoever adopts its link cannot ask for the
 * program, and wants to know whether it is the one that calls what is in the arrays
 * of this layout, and what it costs. NULL: out of memory.
 */
static char *program_path(struct source *source, const struct iopf_hook *hook)
{
	const struct pins pins = iopf_pins(source);
	char name[64];

	snprintf(name, sizeof(name), "%s-program", hook->name);
	return pins_path(&pins, name);
}

static int pin_program(struct source *source, const struct iopf_hook *hook)
{
	char *path = program_path(source, hook);
	int r = path ? 0 : -ENOMEM;

	if (path)
		unlink(path);
	r = r ?: bpf_obj_pin(bpf_program__fd(hook->dispatcher), path);
	free(path);
	return r;
}

bool iopf_hooks_adopt(struct source *source, struct iopf *iopf)
{
	const struct pins pins = iopf_pins(source);

	for (int i = 0; i < iopf->nr_hooks; i++) {
		struct iopf_hook *hook = &iopf->hooks[i];
		char *path = program_path(source, hook);

		hook->adopted = path ? bpf_obj_get(path) : -1;
		hook->link = pins_take(&pins, hook->name);
		free(path);
		if (hook->link >= 0 && (!is_link_of(hook->link, hook) ||
					!pins_is_link_of(hook->link, hook->adopted))) {
			log_warning("iopf: what is kept as %s is not a link of this layout to %s, "
				    "attached anew",
				    hook->name, hook->target);
			close(hook->link);
			hook->link = -1;
		}
		if (hook->link < 0) {
			iopf_hooks_close(iopf);
			return false;
		}
	}
	return true;
}

static void drop(struct source *source, const char *prefix, const char *hook)
{
	const struct pins pins = iopf_pins(source);
	char name[32], program[48];

	snprintf(name, sizeof(name), "iopf-%s%s", prefix, hook);
	snprintf(program, sizeof(program), "%s-program", name);
	pins_drop(&pins, name);
	pins_remove(&pins, program);
}

void iopf_hooks_drop(struct source *source)
{
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++)
		drop(source, prefixes[IOPF_BACKEND_MODULE].link, tracepoint_hooks[i]);
	for (int i = IOPF_BACKEND_FENTRY; i < IOPF_NR_BACKENDS; i++)
		for (int j = 0; j < IOPF_NR_FUNCTIONS; j++)
			drop(source, prefixes[i].link, function_hooks[j]);
	/* What is attached next must not count beside them. */
	fdstore_sync();
}

/* A number in a file of the perf PMU for kprobes, behind a text. */
static int read_kprobe(const char *path, const char *format, unsigned int *ret_number)
{
	FILE *file = fopen(path, "re");
	int r;

	if (!file)
		return -errno;
	r = fscanf(file, format, ret_number) == 1 ? 0 : -EINVAL;
	fclose(file);
	return r;
}

/* A link to a kprobe of our own, by a perf event, which the link holds. */
static int attach_kprobe(const struct iopf_hook *hook, int program)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .config1 = (uintptr_t)hook->target};
	unsigned int bit;
	int event, link;

	link = read_kprobe("/sys/bus/event_source/devices/kprobe/type", "%u", &attr.type)
		       ?: read_kprobe("/sys/bus/event_source/devices/kprobe/format/retprobe",
				      "config:%u", &bit);
	if (link < 0)
		return link;
	attr.config = hook->at_return ? 1ULL << bit : 0;
	event = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	link = bpf_link_create(program, event, BPF_PERF_EVENT, NULL);
	close(event);
	return link;
}

static int attach_hook(const struct iopf_hook *hook)
{
	LIBBPF_OPTS(bpf_link_create_opts, multi, .kprobe_multi.syms = (const char **)&hook->target,
		    .kprobe_multi.cnt = 1,
		    .kprobe_multi.flags = hook->at_return ? BPF_F_KPROBE_MULTI_RETURN : 0);
	int program = bpf_program__fd(hook->dispatcher);

	switch (hook->how) {
	case HOOK_RAW_TP:
		return bpf_raw_tracepoint_open(hook->target, program);
	case HOOK_KPROBE_MULTI:
		return bpf_link_create(program, 0, BPF_TRACE_KPROBE_MULTI, &multi);
	case HOOK_KPROBE:
		return attach_kprobe(hook, program);
	default:
		return bpf_raw_tracepoint_open(NULL, program);
	}
}

/*
 * The place where requests come in is attached last: a group whose first request
 * is seen is then followed to its end.
 */
int iopf_hooks_attach(struct source *source, struct iopf *iopf)
{
	const struct pins pins = iopf_pins(source);

	for (int i = iopf->nr_hooks - 1; i >= 0; i--) {
		struct iopf_hook *hook = &iopf->hooks[i];

		hook->link = attach_hook(hook);
		if (hook->link == -ENOENT && hook->how == HOOK_RAW_TP)
			return source_fail(source, -ENODEV,
					   "this paimon.ko has no tracepoint %s "
					   "(install the module of this version)",
					   hook->target);
		if (hook->link < 0)
			return source_fail(source, hook->link, "cannot attach to %s: %s%s",
					   hook->target, strerror(-hook->link),
					   hook->link == -EACCES && hook->how == HOOK_KPROBE
						   ? " (Debian's kernel.perf_event_paranoid = 3 "
						     "asks for more than CAP_PERFMON: sysctl "
						     "kernel.perf_event_paranoid=2)"
						   : "");
	}
	for (int i = 0; i < iopf->nr_hooks; i++) {
		int r = pin_program(source, &iopf->hooks[i])
				?: pins_keep(&pins, iopf->hooks[i].name, iopf->hooks[i].link);

		if (r < 0)
			return source_fail(source, r,
					   "cannot keep the link to %s for the next "
					   "daemon: %s",
					   iopf->hooks[i].target, strerror(-r));
	}
	return 0;
}

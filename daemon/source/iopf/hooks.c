// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches the programs of the IOPF source to the hooks that prepare.c has found.
 *
 * Called by iopf.c, on the daemon's one thread.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/log.h"
#include "../perf_open.h"
#include "../source.h"
#include "iopf_source.h"

int iopf_hooks_set_programs(struct source *source, struct iopf *iopf)
{
	for (int i = 0; i < iopf->nr_hooks; i++) {
		const struct iopf_hook *hook = &iopf->hooks[i];
		int fd = bpf_program__fd(hook->program), r;

		r = bpf_map_update_elem(bpf_map__fd(hook->programs), &hook->index, &fd, 0);
		if (r < 0)
			return source_fail(source, r, "cannot set the program of %s: %s",
					   hook->target, strerror(-r));
	}
	return 0;
}

/* Is fd the link of our dispatcher to this hook? */
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
 * The path of the pin of an attached dispatcher. The daemon that adopts the link cannot get the
 * program from it, but must know whether the program tail-calls through the arrays of this layout,
 * and what it costs. NULL: out of memory.
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
			log_warning(
				"iopf: the stored %s is not a link of this layout to %s: attaching again",
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

static void drop(struct source *source, enum iopf_backend backend, int index)
{
	const struct pins pins = iopf_pins(source);
	char name[32], program[48];

	iopf_hook_name(backend, index, name);
	snprintf(program, sizeof(program), "%s-program", name);
	pins_drop(&pins, name);
	pins_remove(&pins, program);
}

void iopf_hooks_drop(struct source *source)
{
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++)
		drop(source, IOPF_BACKEND_MODULE, i);
	for (int i = IOPF_BACKEND_FENTRY; i < IOPF_NR_BACKENDS; i++)
		for (int j = 0; j < IOPF_NR_FUNCTIONS; j++)
			drop(source, i, j);
	/* Wait until they are detached: links that are attached next would count the same
	 * events. */
	fdstore_sync();
}

/* Reads a number from a file of the PMU kprobe. */
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

/* Attaches through a kprobe of our own: a perf event, which the link holds. */
static int attach_kprobe(const struct iopf_hook *hook, int program)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .config1 = (uintptr_t)hook->target};
	unsigned int bit;
	int event, link;

	link = read_kprobe("/sys/bus/event_source/devices/kprobe/type", "%u", &attr.type);
	if (!link)
		link = read_kprobe("/sys/bus/event_source/devices/kprobe/format/retprobe",
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
 * The hook for requests is attached last: if the first request of a group is seen, so is the rest
 * of the group.
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
			return source_fail(
				source, hook->link, "cannot attach to %s: %s%s", hook->target,
				strerror(-hook->link),
				hook->link == -EACCES && hook->how == HOOK_KPROBE &&
						perf_paranoid() > 2
					? " (this kernel.perf_event_paranoid requires more than CAP_PERFMON: sysctl kernel.perf_event_paranoid=2)"
					: "");
	}
	for (int i = 0; i < iopf->nr_hooks; i++) {
		int r = pin_program(source, &iopf->hooks[i]);

		if (!r)
			r = pins_keep(&pins, iopf->hooks[i].name, iopf->hooks[i].link);
		if (r < 0)
			return source_fail(source, r,
					   "cannot keep the link to %s for the next daemon: %s",
					   iopf->hooks[i].target, strerror(-r));
	}
	return 0;
}

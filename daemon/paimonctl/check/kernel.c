// SPDX-License-Identifier: GPL-2.0
/* paimonctl check: the kernel, its BTF, and which BPF features work. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../source/iopf/probe.h"
#include "../../util/kernel.h"
#include "check.h"

#define AS_ROOT "as root: paimonctl check"

/* r0 = 0; exit */
static const struct bpf_insn nothing[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

void check_kernel(struct check *check)
{
	struct utsname uts;

	libbpf_set_print(NULL); /* its messages are not for users */
	uname(&uts);
	check_add(check, "kernel", CHECK_OK, NULL, "%s, %s", uts.release, uts.machine);
}

static struct btf *load_btf(void)
{
	struct btf *btf;

	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return NULL;
	btf = btf__parse("/sys/kernel/btf/vmlinux", NULL);
	return libbpf_get_error(btf) ? NULL : btf;
}

void check_btf(struct check *check)
{
	struct btf *btf = load_btf();

	check->btf = btf;
	if (btf)
		check_add(check, "BTF", CHECK_OK, NULL, "/sys/kernel/btf/vmlinux, %u types",
			  btf__type_cnt(btf));
	else
		check_add(check, "BTF", CHECK_FATAL,
			  "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian's kernels have it); "
			  "for this kernel: grep BTF /boot/config-$(uname -r)",
			  "cannot read /sys/kernel/btf/vmlinux (%s)", strerror(errno));
	btf__free(btf);
}

/* Loads a program that does nothing and runs it, as replay does. */
static int try_program(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "paimon_check", "GPL", nothing, 2,
			       NULL);
	int r = fd < 0 ? fd : bpf_prog_test_run_opts(fd, &run);

	if (fd >= 0)
		close(fd);
	return r;
}

/* Loads a program that reads kernel memory. */
static int try_reading(void)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "paimon_check", "GPL", insns,
			       sizeof(insns) / sizeof(*insns), NULL);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int try_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "paimon_check", 4, 8, 1, &options);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

void check_bpf(struct check *check)
{
	int map = try_map(), program = try_program(), r = map ? map : program;

	if (r == -ENOSYS) {
		check_add(check, "BPF", CHECK_FATAL,
			  "boot a kernel with CONFIG_BPF_SYSCALL=y (Debian's kernels have it)",
			  "this kernel has none");
	} else if (!check->privileged) {
		check_add(check, "BPF", CHECK_WARNING, AS_ROOT,
			  "not tried: this requires CAP_BPF and CAP_PERFMON");
	} else if (r) {
		check_add(
			check, "BPF", CHECK_FATAL,
			r == -EPERM
				? "run paimond outside of this container, or allow bpf(2) in its seccomp profile"
				: "see the kernel's log: dmesg | tail",
			"a %s is refused: %s", map ? "map" : "program", strerror(-r));
	} else {
		check->bpf = true;
		check->locked = try_reading();
		check_add(check, "BPF", CHECK_OK, NULL, "maps and programs load and run");
	}
}

/*
 * Attaches an empty program to a kernel function that exists for tests and is never
 * called, and detaches it: a program that loads cannot always be attached.
 */
static int try_attach(enum bpf_attach_type type)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type);
	const char *function = "bpf_fentry_test1";
	LIBBPF_OPTS(bpf_link_create_opts, multi, .kprobe_multi.syms = &function,
		    .kprobe_multi.cnt = 1);
	bool fentry = type == BPF_TRACE_FENTRY;
	struct btf *btf = load_btf();
	int id = btf ? btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) : -ENOENT;
	int program, link;

	btf__free(btf);
	if (id < 0)
		return id;
	if (fentry)
		options.attach_btf_id = (__u32)id;
	program = bpf_prog_load(fentry ? BPF_PROG_TYPE_TRACING : BPF_PROG_TYPE_KPROBE,
				"paimon_check", "GPL", nothing, 2, &options);
	if (program < 0)
		return program;
	link = fentry ? bpf_raw_tracepoint_open(NULL, program)
		      : bpf_link_create(program, 0, type, &multi);
	close(program);
	if (link >= 0)
		close(link);
	return link < 0 ? link : 0;
}

static const char *instead(const struct check *check)
{
	return check->module	   ? "nothing to do: paimon.ko is loaded, and does not need it"
	       : check->no_modules ? "boot a kernel that has it (Debian's kernels do)"
				   : "load paimon.ko: with its tracepoints this is not needed";
}

void check_attach(struct check *check)
{
	int r;

	check->kprobe = !access("/sys/bus/event_source/devices/kprobe", F_OK);
	check->preempts = kernel_preempts();
	if (check->privileged)
		check->kprobe_multi = !try_attach(BPF_TRACE_KPROBE_MULTI);
	if (check->kprobe)
		check_add(check, "kprobe", CHECK_OK, NULL, "functions can be probed%s",
			  check->kprobe_multi ? ", also with kprobe.multi" : "");
	else
		check_add(check, "kprobe", CHECK_MISSING, instead(check),
			  "this kernel has no kprobe events (CONFIG_KPROBE_EVENTS)");
	if (!check->privileged) {
		check_add(check, "fentry", CHECK_WARNING, AS_ROOT,
			  "not tried: this requires CAP_BPF and CAP_PERFMON");
		return;
	}
	if (!check->btf) {
		check_add(check, "fentry", CHECK_WARNING, "see BTF above",
			  "unknown: this requires BTF");
		return;
	}
	r = try_attach(BPF_TRACE_FENTRY);
	check->fentry = !r;
	if (r)
		check_add(
			check, "fentry", CHECK_MISSING,
			check->kprobe ? "nothing to do: kprobes are used instead" : instead(check),
			"refused: %s%s", strerror(-r),
			r == -EPERM ? " (lockdown, a security module, or a hardened kernel)" : "");
	else if (check->preempts)
		check_add(check, "fentry", CHECK_WARNING,
			  check->kprobe ? "nothing to do: kprobes are used instead"
					: instead(check),
			  "works, but would miss events: this kernel preempts BPF programs");
	else
		check_add(check, "fentry", CHECK_OK, NULL,
			  "a program can be attached to a function");
}

void check_functions(struct check *check)
{
	const char *report = iopf_kernel_function(IOPF_FN_REPORT)->found;
	const char *handle = iopf_kernel_function(IOPF_FN_HANDLE)->found;
	const struct iopf_kernel_function *missing = iopf_kernel_function(report ? IOPF_FN_RESPONSE
										 : IOPF_FN_REPORT);

	check->functions = iopf_functions_found();
	if (check->functions)
		check_add(check, "functions", CHECK_OK, NULL, "%s, %s%s%s", report, handle ?: "",
			  handle ? ", " : "", iopf_kernel_function(IOPF_FN_RESPONSE)->found);
	else if (!check->btf)
		check_add(check, "functions", CHECK_WARNING, "see BTF above",
			  "unknown: this requires BTF");
	else
		check_add(check, "functions", CHECK_MISSING,
			  "boot a kernel with CONFIG_IOMMU_SVA=y, if a device here can fault",
			  "this kernel has no I/O page fault handler (%s)", missing->names[0]);
}

bool check_tracepoints(void)
{
	struct btf *base = load_btf(), *btf;
	bool found = true;

	/* The module has no BTF, so this cannot be checked: not an error. */
	btf = base ? btf__parse_split("/sys/kernel/btf/paimon", base) : NULL;
	if (btf && !libbpf_get_error(btf)) {
		for (size_t i = 0; i < IOPF_NR_PROGRAMS; i++) {
			char type[64];

			snprintf(type, sizeof(type), "btf_trace_%s", iopf_tracepoints[i]);
			found &= btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
		}
		btf__free(btf);
	}
	btf__free(base);
	return found;
}

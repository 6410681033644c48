// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl check: do the BPF objects of paimond load on this machine? Each one is loaded as in
 * paimond, with its own maps, not attached, and then unloaded.
 */
#include <errno.h>
#include <string.h>

#include "../../source/iopf/iopf_source.h"
#include "../../source/load.h"
#include "check.h"
#include "events.skel.h"
#include "pai.skel.h"
#include "perf_file.skel.h"

static int try_iopf(const struct check *check)
{
	struct iopf iopf = {.bpf = iopf_bpf__open()};
	int r = iopf.bpf ? iopf_hooks_prepare(&iopf, check->backend) : -errno;

	if (!r) {
		iopf.bpf->rodata->iopf_max_devices = check->config->iopf_max_devices;
		r = iopf_bpf__load(iopf.bpf);
	}
	iopf_bpf__destroy(iopf.bpf);
	return r;
}

static int try_events(const struct check *check __attribute__((unused)))
{
	struct events_bpf *bpf = events_bpf__open();
	int r = bpf ? events_bpf__load(bpf) : -errno;

	events_bpf__destroy(bpf);
	return r;
}

static int try_perf_file(const struct check *check __attribute__((unused)))
{
	struct perf_file_bpf *bpf = perf_file_bpf__open();
	int r = bpf ? perf_file_bpf__load(bpf) : -errno;

	perf_file_bpf__destroy(bpf);
	return r;
}

static int try_pai(const struct check *check __attribute__((unused)))
{
	struct pai_bpf *bpf = pai_bpf__open();
	int r = -errno;

	if (bpf) {
		bpf_program__set_autoload(bpf->progs.pai_play, true);
		r = pai_bpf__load(bpf);
	}
	pai_bpf__destroy(bpf);
	return r;
}

void check_programs(struct check *check)
{
	static const struct {
		const char *name; /* and the part of paimond that needs it */
		int (*try)(const struct check *check);
	} objects[] = {
		{"iopf (page faults)", try_iopf},
		{"events (kept events, and counting of pai)", try_events},
		{"perf_file (event adopt and keep)", try_perf_file},
		{"pai (samples)", try_pai},
	};
	bool all = check->bpf && check->btf;

	if (!check->privileged) {
		check_add(check, "programs", CHECK_WARNING, "as root: paimonctl check",
			  "not tried: it takes CAP_BPF and CAP_PERFMON");
		check_add(check, "replay", CHECK_WARNING, "as root: paimonctl check",
			  "not tried: it takes CAP_BPF and CAP_PERFMON");
		return;
	}
	for (size_t i = 0; check->bpf && check->btf && i < sizeof(objects) / sizeof(*objects);
	     i++) {
		char why[256];
		int r = load_begin(NULL) ?: objects[i].try(check);

		if (r >= 0)
			continue;
		all = false;
		load_why(r, why, sizeof(why));
		check_add(check, "programs", CHECK_FATAL,
			  "boot another kernel (those of Debian load them), and report this line "
			  "with that of the kernel above",
			  "%s: does not load: %s", objects[i].name, why);
	}
	if (all)
		check_add(check, "programs", CHECK_OK, NULL, "all of paimond load%s",
			  load_compiled() ? ""
					  : "; they are interpreted, and cost more (no JIT, or "
					    "net.core.bpf_jit_enable = 0)");
	if (all)
		check_add(check, "replay", CHECK_OK, NULL,
			  "paimond --replay works here, without module and hardware");
	else
		check_add(check, "replay", CHECK_MISSING,
			  "first what is named above: replay runs the real BPF programs",
			  "cannot work here");
}

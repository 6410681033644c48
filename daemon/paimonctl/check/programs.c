// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl check: do the BPF objects of paimond load on this machine? Each one is loaded as in
 * paimond, with its own maps, not attached, and then unloaded.
 */
#include "../../source/events/probe.h"
#include "../../source/iopf/probe.h"
#include "../../source/load.h"
#include "../../source/pai/probe.h"
#include "check.h"

static int try_iopf(const struct check *check)
{
	return iopf_try_load(check->config, check->backend);
}

static int try_events(const struct check *check __attribute__((unused)))
{
	return events_try_load();
}

static int try_switch(const struct check *check __attribute__((unused)))
{
	return events_try_load_switch();
}

static int try_perf_file(const struct check *check __attribute__((unused)))
{
	return events_try_load_perf_file();
}

static int try_pai(const struct check *check __attribute__((unused)))
{
	return pai_try_load();
}

void check_programs(struct check *check)
{
	static const struct {
		const char *name; /* and the part of paimond that needs it */
		int (*try)(const struct check *check);
		bool reads; /* kernel memory */
	} objects[] = {
		{"iopf (page faults)", try_iopf, true},
		{"events (kept events, and counting of pai)", try_events, false},
		{"switch (attribution to cgroups and processes)", try_switch, true},
		{"perf_file (event adopt and keep)", try_perf_file, true},
		{"pai (samples)", try_pai, true},
	};
	bool all = check->bpf && check->btf && !check->locked;

	if (!check->privileged) {
		check_add(check, "programs", CHECK_WARNING, "as root: paimonctl check",
			  "not tried: this requires CAP_BPF and CAP_PERFMON");
		check_add(check, "replay", CHECK_WARNING, "as root: paimonctl check",
			  "not tried: this requires CAP_BPF and CAP_PERFMON");
		return;
	}
	for (size_t i = 0; check->bpf && check->btf && i < sizeof(objects) / sizeof(*objects);
	     i++) {
		char why[256];
		int r = check->locked && objects[i].reads
				? 0
				: load_begin(NULL) ?: objects[i].try(check);

		if (r >= 0)
			continue;
		all = false;
		load_why(r, why, sizeof(why));
		check_add(
			check, "programs", CHECK_FATAL,
			"boot another kernel (Debian's kernels load them), and report this line and the line kernel above",
			"%s: does not load: %s", objects[i].name, why);
	}
	if (check->locked)
		check_add(check, "programs", CHECK_WARNING, "see lockdown",
			  "only those that read perf events load");
	if (all)
		check_add(
			check, "programs", CHECK_OK, NULL, "all programs of paimond load%s",
			load_compiled()
				? ""
				: "; the kernel interprets them, which costs more (no JIT, or net.core.bpf_jit_enable = 0)");
	if (all)
		check_add(check, "replay", CHECK_OK, NULL,
			  "paimond --replay works, without module or hardware");
	else
		check_add(check, "replay", CHECK_MISSING,
			  "fix the lines above first: replay runs the real BPF programs",
			  "cannot work here");
}

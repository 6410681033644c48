// SPDX-License-Identifier: GPL-2.0
/* paimonctl check: the PMUs for NNPA and cryptography, and how paimond uses them. */
#include <stdio.h>

#include "../../config/config.h"
#include "../../source/pai/probe.h"
#include "check.h"

static void check_none(struct check *check)
{
	static const char none[] = "none on this machine (IBM z from z16 on, or paimon_soft.ko)";

	if (check->config->pai == SOURCE_YES)
		check_add(check, "pai", CHECK_MISSING, "set enable = auto in [pai]",
			  "%s, and enable = yes in [pai]", none);
	else
		check_add(check, "pai", CHECK_OK, NULL, "%s", none);
}

/* How paimond counts. */
static const char *how(const struct pai_plan *plan)
{
	return plan->attributes
		       ? "counted, by process and cgroup (perf record gets EBUSY meanwhile, before Linux 6.11 and on the PMU of paimon_pai.ko)"
		       : "counted; with mode = auto in [pai] also by process and cgroup";
}

/* How paimond uses pai_ext of the kernel's own driver. Returns the next step, or NULL. */
static const char *check_own(const struct config *config, const char **ret_done)
{
	struct pai_plan plan;

	switch (pai_plan_ext(config, false, &plan)) {
	case PAI_HAS_NO_TRACEPOINT:
		*ret_done = "counted, not sampled: it has no tracepoint";
		return "set backend = auto in [pai]";
	case PAI_MAY_PANIC:
		*ret_done = "counted, not sampled, although mode = sampling";
		return "set mode = auto in [pai]";
	case PAI_NOT_REFUSED:
		break;
	}
	*ret_done = plan.samples ? "sampled, which can panic the machine" : how(&plan);
	return plan.samples ? "set accept_throttling_panic = no in [pai]" : NULL;
}

void check_pai(struct check *check)
{
	bool tracepoint = false, unused;
	uint32_t type;
	bool ext = !pai_find_pmu("pai_ext", &type, &tracepoint);
	bool crypto = !pai_find_pmu("pai_crypto", &type, &unused);
	bool own = ext && !tracepoint;
	const struct config *config = check->config;
	struct pai_plan plan;
	const char *next = NULL, *done = "counted";
	char names[64], danger[384] = "", rate[16] = "?";

	if (!ext && !crypto) {
		check_none(check);
		return;
	}
	snprintf(names, sizeof(names), "%s%s%s",
		 own   ? "pai_ext of the kernel's own driver"
		 : ext ? "pai_ext of paimon_pai.ko"
		       : "",
		 ext && crypto ? ", " : "", crypto ? "pai_crypto" : "");
	if (config->pai == SOURCE_NO) {
		check_add(check, "pai", CHECK_OK, NULL, "%s: not used, enable = no in [pai]",
			  names);
		return;
	}
	check->pai = true;
	if (own) {
		next = check_own(config, &done);
		check_read("/proc/sys/kernel/perf_event_max_sample_rate", rate, sizeof(rate));
		snprintf(
			danger, sizeof(danger),
			". mode = sampling is dangerous: this driver can panic the machine when a sampling event of pai_ext is throttled, which takes more samples in a tick than kernel.perf_event_max_sample_rate = %s allows",
			rate);
	} else if (ext) {
		pai_plan_ext(config, true, &plan);
		done = plan.samples ? "sampled" : how(&plan);
	}
	if (check->no_events) {
		done = "paimond cannot open their events (see sysctl)";
		next = "as root: systemctl start paimon-opener.socket";
	}
	check_add(check, "pai", next ? CHECK_WARNING : CHECK_OK, next, "%s: %s%s", names, done,
		  danger);
}

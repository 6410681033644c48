// SPDX-License-Identifier: GPL-2.0
/* paimonctl check: the PMUs for NNPA and cryptography, and how paimond uses them. */
#include <stdio.h>
#include <unistd.h>

#include "../../config.h"
#include "../pmu.h"
#include "check.h"

#define PAI_EXT PMU_FOLDER "/pai_ext"

static void check_none(struct check *check)
{
	static const char none[] = "none on this machine (IBM z from z16 on, or paimon_soft.ko)";

	if (check->config->pai == SOURCE_YES)
		check_add(check, "pai", CHECK_MISSING, "set enable = auto in [pai]",
			  "%s, and enable = yes in [pai]", none);
	else
		check_add(check, "pai", CHECK_OK, NULL, "%s", none);
}

/* How paimond uses pai_ext of the kernel's own driver. Returns the next step, or NULL. */
static const char *check_own(const struct config *config, const char **ret_done)
{
	*ret_done = "counted";
	if (config->pai_mode == PAI_COUNTING)
		return NULL;
	if (config->pai_backend == PAI_BACKEND_TRACEPOINT) {
		*ret_done = "counted, not sampled: it has no tracepoint";
		return "set backend = auto in [pai]";
	}
	if (config->pai_accept_throttling_panic) {
		*ret_done = "sampled, at the risk of the machine";
		return "set accept_throttling_panic = no in [pai]";
	}
	if (config->pai_mode == PAI_AUTO)
		return NULL;
	*ret_done = "counted, not sampled, though mode = sampling asks for it";
	return "set mode = auto in [pai]";
}

void check_pai(struct check *check)
{
	bool ext = !access(PAI_EXT, F_OK), crypto = !access(PMU_FOLDER "/pai_crypto", F_OK);
	bool own = ext && access(PAI_EXT "/caps/sample_tracepoint", F_OK);
	const struct config *config = check->config;
	const char *next = NULL, *done = "counted";
	char names[64], danger[384] = "", rate[16] = "?";

	if (!ext && !crypto) {
		check_none(check);
		return;
	}
	snprintf(names, sizeof(names), "%s%s%s",
		 own   ? "pai_ext of the kernel's own driver"
		 : ext ? "pai_ext of paimon.ko"
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
			". A sampling event of pai_ext that is throttled, at more than %s samples "
			"a second within a tick (kernel.perf_event_max_sample_rate), can panic the "
			"machine%s",
			rate,
			config->pai_mode == PAI_COUNTING || config->pai_accept_throttling_panic
				? ""
				: ": mode = auto only counts therefore; to sample all the same "
				  "takes mode = sampling and accept_throttling_panic = yes in "
				  "[pai]");
	} else if (ext) {
		done = config->pai_mode == PAI_SAMPLING
			       ? "sampled"
			       : "counted; with mode = sampling in [pai] samples tell instead who "
				 "uses it";
	}
	if (check->no_events) {
		done = "paimond may open no events of theirs (see sysctl)";
		next = "as root: systemctl start paimon-opener.socket";
	}
	check_add(check, "pai", next ? CHECK_WARNING : CHECK_OK, next, "%s: %s%s", names, done,
		  danger);
}

// SPDX-License-Identifier: GPL-2.0
#include "kept.h"

const char *const kept_by_names[] = {
	[KEPT_BY_NOTHING] = "none",
	[KEPT_BY_CGROUP] = "cgroup",
	[KEPT_BY_PROCESS] = "process",
	NULL,
};

// SPDX-License-Identifier: GPL-2.0
/* The points of NNPA counters by cgroup and process, from attribution. */
#include <stdio.h>

#include "../../model/snapshot.h"
#include "../../util/utf8.h"
#include "pai_source.h"

static const struct metric metric_departed_tasks[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_departed_task_events_total",
			.help = "NNPA functions executed by processes that have ended, summed over CPUs.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_OPERATORS,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_departed_task_conditions_total",
			.help = "NNPA functions that met a condition, by processes that have ended, summed over CPUs.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_OPERATORS,
		},
};
static const struct metric metric_cgroup_window = {
	.name = "paimon_nnpa_cgroup_window",
	.help = "NNPA functions executed, by cgroup, in the current and the last minute.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_LOCAL,
};
static const struct metric metric_task_window = {
	.name = "paimon_nnpa_task_window",
	.help = "NNPA functions executed, by process, in the current and the last minute.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_OPERATORS,
};

/* minute: NULL: since the beginning. */
static int add_cgroup(const struct pai_pmu *pmu, struct snapshot *snapshot,
		      const struct account_sum *sum, const char *minute)
{
	char path[UTF8_NAME_LEN(CGROUP_PATH)];
	const char *counter = pai_pmu_counter(pmu, sum->column);
	enum pai_kind kind = pai_kind(PAI_EXT, sum->column);
	const struct label labels[] = {
		{"cgroup", sum->kind == ACCOUNT_NAMED ? utf8_name(sum->path, path) : "other"},
		{"counter", counter},
		{"minute", minute},
	};

	if (sum->kind == ACCOUNT_DEPARTED)
		return snapshot_add_integer(snapshot, &pai_metric_departed[kind], &labels[1], 1,
					    sum->sum.value);
	if (!sum->sum.value || (minute && kind != PAI_FUNCTIONS))
		return 0;
	return minute ? snapshot_add_integer(snapshot, &metric_cgroup_window, labels, 3,
					     sum->sum.value)
		      : snapshot_add_integer(snapshot, &pai_metric_cgroups[kind], labels, 2,
					     sum->sum.value);
}

static int add_process(const struct pai_pmu *pmu, struct snapshot *snapshot,
		       const struct account_sum *sum, const char *minute)
{
	char comm[UTF8_NAME_LEN(sizeof(sum->comm))], pid[12] = "other";
	enum pai_kind kind = pai_kind(PAI_EXT, sum->column);
	struct label labels[] = {
		{"pid", pid},
		{"comm", ""},
		{"counter", pai_pmu_counter(pmu, sum->column)},
		{"minute", minute},
	};

	if (sum->kind == ACCOUNT_DEPARTED)
		return snapshot_add_integer(snapshot, &metric_departed_tasks[kind], &labels[2], 1,
					    sum->sum.value);
	if (!sum->sum.value || (minute && kind != PAI_FUNCTIONS))
		return 0;
	if (sum->kind == ACCOUNT_NAMED) {
		snprintf(pid, sizeof(pid), "%u", sum->tgid);
		labels[1].value = sum->tgid ? utf8_name(sum->comm, comm) : "idle";
	}
	return minute ? snapshot_add_integer(snapshot, &metric_task_window, labels, 4,
					     sum->sum.value)
		      : snapshot_add_integer(snapshot, &pai_metric_tasks[kind], labels, 3,
					     sum->sum.value);
}

static int add_minute(const struct pai_pmu *pmu, struct snapshot *snapshot,
		      const struct accounts_minute *minute, const char *which)
{
	int r = accounts_add_minute(snapshot, "pai", minute, which);

	for (size_t i = 0; i < minute->cgroups.nr && !r; i++)
		r = add_cgroup(pmu, snapshot, &minute->cgroups.sums[i], which);
	for (size_t i = 0; i < minute->processes.nr && !r; i++)
		if (accounts_is_latest(&minute->processes, i))
			r = add_process(pmu, snapshot, &minute->processes.sums[i], which);
	return r;
}

int pai_accounts_read(const struct pai_pmu *pmu, const struct accounts_look *look,
		      struct snapshot *snapshot)
{
	static const char *const reasons[SWITCH_NR_KINDS] = {
		[SWITCH_CGROUPS] = "pai_cgroups",
		[SWITCH_PROCESSES] = "pai_tasks",
		[SWITCH_CGROUP_CELLS] = "pai_series",
		[SWITCH_PROCESS_CELLS] = "pai_task_series",
	};
	const struct accounts_minute *last;
	struct accounts_minute current;
	int r = 0;

	for (size_t i = 0; i < look->cgroups.nr && !r; i++)
		r = add_cgroup(pmu, snapshot, &look->cgroups.sums[i], NULL);
	for (size_t i = 0; i < look->processes.nr && !r; i++)
		r = add_process(pmu, snapshot, &look->processes.sums[i], NULL);
	r = r ?: accounts_minutes(pmu->attribution, look, &current, &last);
	if (r < 0)
		return r;
	r = add_minute(pmu, snapshot, &current, "current")
		    ?: add_minute(pmu, snapshot, last, "last");
	accounts_minute_clear(&current);
	return r ?: accounts_add_failures(pmu->attribution, snapshot, "pai", reasons);
}

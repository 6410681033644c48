// SPDX-License-Identifier: GPL-2.0
/* The points of attribution that are common to all sources. */
#include "../model/snapshot.h"
#include "accounts.h"
#include "source.h"

static const struct metric metric_window_start = {
	.name = "paimon_attribution_window_start_seconds",
	.help = "When the current, or the last, minute of attribution began.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_LOCAL,
};
static const struct metric metric_errors = {
	.name = "paimon_attribution_read_errors_total",
	.help = "Failed readings of perf events at context switches, summed over CPUs; the next one catches up.",
	.type = METRIC_COUNTER,
};

bool accounts_is_latest(const struct account_sums *processes, size_t index)
{
	const struct account_sum *sum = &processes->sums[index], *next = sum + 1;

	return sum->kind != ACCOUNT_NAMED || index + 1 == processes->nr ||
	       next->column != sum->column || next->kind != sum->kind || next->tgid != sum->tgid;
}

int accounts_add_minute(struct snapshot *snapshot, const char *source,
			const struct accounts_minute *minute, const char *which)
{
	const struct label labels[] = {{"source", source}, {"minute", which}};

	return minute->start_ns ? snapshot_add_real(snapshot, &metric_window_start, labels, 2,
						    minute->start_ns / 1e9)
				: 0;
}

int accounts_add_failures(const struct attribution *attribution, struct snapshot *snapshot,
			  const char *source, const char *const reasons[SWITCH_NR_KINDS])
{
	static const char *const errors[] = {
		[SWITCH_ENOENT] = "ENOENT",
		[SWITCH_EINVAL] = "EINVAL",
		[SWITCH_EBUSY] = "EBUSY",
		[SWITCH_OTHER] = "other",
	};
	struct label labels[] = {{"source", source}, {"error", NULL}};
	int r = 0;

	for (int i = 0; i <= SWITCH_OTHER && !r; i++) {
		uint64_t failed = 0;

		for (uint32_t cpu = 0; cpu < attribution->nr_cpus; cpu++)
			failed += ((const volatile struct switch_cpu *)&attribution->cpus[cpu])
					  ->failed[i];
		labels[1].value = errors[i];
		r = snapshot_add_integer(snapshot, &metric_errors, labels, 2, failed);
	}
	for (int kind = 0; kind < SWITCH_NR_KINDS && !r; kind++) {
		const struct label label = {"reason", reasons[kind]};

		r = snapshot_add_integer(snapshot, &metric_dropped, &label, 1,
					 attribution->state->dropped[kind]);
	}
	return r;
}

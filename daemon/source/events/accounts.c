// SPDX-License-Identifier: GPL-2.0
/* The points of cgroups and processes: of attributed events. */
#include <stdio.h>

#include "../../util/cleanup.h"
#include "../../util/utf8.h"
#include "../source.h"
#include "attributed.h"

static const struct metric metric_cgroup_value = {
	.name = "paimon_event_cgroup_value_total",
	.help = "Raw count of an attributed perf event by cgroup, not scaled, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_cgroup_enabled = {
	.name = "paimon_event_cgroup_enabled_seconds_total",
	.help = "Time that an attributed perf event was enabled while a cgroup ran, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_cgroup_running = {
	.name = "paimon_event_cgroup_running_seconds_total",
	.help = "Time that an attributed perf event was on a counter while a cgroup ran, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_departed_value = {
	.name = "paimon_event_departed_value_total",
	.help = "Raw count of an attributed perf event of removed cgroups, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_departed_enabled = {
	.name = "paimon_event_departed_enabled_seconds_total",
	.help = "Time that an attributed perf event was enabled while removed cgroups ran, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_departed_running = {
	.name = "paimon_event_departed_running_seconds_total",
	.help = "Time that an attributed perf event was on a counter while removed cgroups ran, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_process = {
	.name = "paimon_event_process_value_total",
	.help = "Raw count of an attributed perf event by process, not scaled, summed over CPUs.",
	.type = METRIC_COUNTER,
	.scope = SCOPE_OPERATORS,
};
static const struct metric metric_process_departed = {
	.name = "paimon_event_process_departed_value_total",
	.help = "Raw count of an attributed perf event of processes that have ended, summed over CPUs.",
	.type = METRIC_COUNTER,
	.scope = SCOPE_OPERATORS,
};
static const struct metric metric_cgroup_window = {
	.name = "paimon_event_cgroup_window",
	.help = "Raw count of an attributed perf event by cgroup, in the current and the last minute.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_LOCAL,
};
static const struct metric metric_process_window = {
	.name = "paimon_event_process_window",
	.help = "Raw count of an attributed perf event by process, in the current and the last minute.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_OPERATORS,
};

struct sink {
	struct snapshot *snapshot;
	const struct events_event *events[SWITCH_COLUMNS]; /* by column */
};

static int add_readings(struct snapshot *snapshot, const struct label *labels, size_t nr,
			const struct metric *const metrics[3], const struct events_reading *sum)
{
	int r = snapshot_add_integer(snapshot, metrics[0], labels, nr, sum->value);

	r = r ?: snapshot_add_real(snapshot, metrics[1], labels, nr, sum->enabled / 1e9);
	return r ?: snapshot_add_real(snapshot, metrics[2], labels, nr, sum->running / 1e9);
}

/* minute: NULL: since the beginning. */
static int add_cgroup(const struct sink *sink, const struct account_sum *sum, const char *minute)
{
	static const struct metric *const named[] = {&metric_cgroup_value, &metric_cgroup_enabled,
						     &metric_cgroup_running};
	static const struct metric *const departed[] = {
		&metric_departed_value, &metric_departed_enabled, &metric_departed_running};
	char name[UTF8_NAME_LEN(EVENTS_NAME_LEN)], path[UTF8_NAME_LEN(CGROUP_PATH)];
	struct label labels[3] = {{"name", utf8_name(sink->events[sum->column]->name, name)},
				  {"cgroup", "other"},
				  {"minute", minute}};

	if (sum->kind == ACCOUNT_DEPARTED)
		return add_readings(sink->snapshot, labels, 1, departed, &sum->sum);
	if (sum->kind == ACCOUNT_NAMED)
		labels[1].value = utf8_name(sum->path, path);
	if (!minute)
		return add_readings(sink->snapshot, labels, 2, named, &sum->sum);
	return sum->sum.value ? snapshot_add_integer(sink->snapshot, &metric_cgroup_window, labels,
						     3, sum->sum.value)
			      : 0;
}

static int add_process(const struct sink *sink, const struct account_sum *sum, const char *minute)
{
	char name[UTF8_NAME_LEN(EVENTS_NAME_LEN)], comm[UTF8_NAME_LEN(sizeof(sum->comm))];
	char pid[12] = "other";
	struct label labels[4] = {{"name", utf8_name(sink->events[sum->column]->name, name)},
				  {"pid", pid},
				  {"comm", ""},
				  {"minute", minute}};

	if (sum->kind == ACCOUNT_DEPARTED)
		return snapshot_add_integer(sink->snapshot, &metric_process_departed, labels, 1,
					    sum->sum.value);
	if (sum->kind == ACCOUNT_NAMED) {
		snprintf(pid, sizeof(pid), "%u", sum->tgid);
		labels[2].value = sum->tgid ? utf8_name(sum->comm, comm) : "idle";
	}
	if (!minute)
		return snapshot_add_integer(sink->snapshot, &metric_process, labels, 3,
					    sum->sum.value);
	return sum->sum.value ? snapshot_add_integer(sink->snapshot, &metric_process_window, labels,
						     4, sum->sum.value)
			      : 0;
}

static int add_minute(const struct sink *sink, const struct accounts_minute *minute,
		      const char *which)
{
	int r = accounts_add_minute(sink->snapshot, "events", minute, which);

	for (size_t i = 0; i < minute->cgroups.nr && !r; i++)
		r = add_cgroup(sink, &minute->cgroups.sums[i], which);
	for (size_t i = 0; i < minute->processes.nr && !r; i++)
		if (accounts_is_latest(&minute->processes, i))
			r = add_process(sink, &minute->processes.sums[i], which);
	return r;
}

int events_read_accounts(struct source *source, const struct accounts_look *look,
			 struct snapshot *snapshot)
{
	static const char *const reasons[SWITCH_NR_KINDS] = {
		[SWITCH_CGROUPS] = "events_cgroups",
		[SWITCH_PROCESSES] = "events_processes",
		[SWITCH_CGROUP_CELLS] = "events_series",
		[SWITCH_PROCESS_CELLS] = "events_process_series",
	};
	const struct events *events = source->data;
	struct sink sink = {.snapshot = snapshot};
	const struct accounts_minute *last;
	struct accounts_minute current;
	int r = 0;

	for (uint32_t column = 0; column < SWITCH_COLUMNS; column++)
		sink.events[column] =
			events_find(events, events->attribution->state->columns[column].event);
	for (size_t i = 0; i < look->cgroups.nr && !r; i++)
		r = add_cgroup(&sink, &look->cgroups.sums[i], NULL);
	for (size_t i = 0; i < look->processes.nr && !r; i++)
		r = add_process(&sink, &look->processes.sums[i], NULL);
	r = r ?: accounts_minutes(events->attribution, look, &current, &last);
	if (r < 0)
		return r;
	r = add_minute(&sink, &current, "current") ?: add_minute(&sink, last, "last");
	accounts_minute_clear(&current);
	return r ?: accounts_add_failures(events->attribution, snapshot, "events", reasons);
}

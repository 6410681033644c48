// SPDX-License-Identifier: GPL-2.0
/*
 * NNPA counters by cgroup and process, from samples: their points in a snapshot, and the release
 * of the places of cgroups that no longer exist. Called on the daemon's one thread.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../model/snapshot.h"
#include "../../util/cleanup.h"
#include "../../util/log.h"
#include "../../util/namespaces.h"
#include "../../util/utf8.h"
#include "../places.h"
#include "../source.h"
#include "pai_source.h"

const struct metric pai_metric_cgroups[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_cgroup_events_total",
			.help = "NNPA functions executed, by cgroup, summed over CPUs.",
			.type = METRIC_COUNTER,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_cgroup_conditions_total",
			.help = "NNPA functions that met a condition, by cgroup, summed over CPUs.",
			.type = METRIC_COUNTER,
		},
};
const struct metric pai_metric_departed[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_departed_events_total",
			.help = "NNPA functions executed in removed cgroups whose place is reused, summed over CPUs.",
			.type = METRIC_COUNTER,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_departed_conditions_total",
			.help = "NNPA functions that met a condition in removed cgroups whose place is reused, summed over CPUs.",
			.type = METRIC_COUNTER,
		},
};
const struct metric pai_metric_tasks[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_task_events_total",
			.help = "NNPA functions executed, by process, summed over CPUs.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_OPERATORS,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_task_conditions_total",
			.help = "NNPA functions that met a condition, by process, summed over CPUs.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_OPERATORS,
		},
};
static const struct metric metric_samples = {
	.name = "paimon_pai_samples_total",
	.help = "Samples of pai_ext by result, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const char *const dropped_names[PAI_NR_DROPPED] = {"pai_cgroups", "pai_tasks"};

/* Adds the counters that are not 0, each with one additional label. metrics: indexed by kind. */
static int add_counters(struct source *source, struct snapshot *snapshot,
			const struct metric *metrics, const uint64_t *counters,
			struct label *labels, size_t nr_labels)
{
	int r = 0;

	for (uint32_t number = 1; number < PAI_COUNTERS && !r; number++) {
		uint64_t value = counters[number];

		labels[nr_labels] = (struct label){"counter", pai_nnpa_counter(source, number)};
		if (value && *labels[nr_labels].value)
			r = snapshot_add_integer(snapshot, &metrics[pai_kind(PAI_EXT, number)],
						 labels, nr_labels + 1, value);
	}
	return r;
}

struct pai_look *pai_samples_look(const struct pai_samples *samples)
{
	uint32_t nr = samples->max_cgroups + 1;
	struct pai_look *look = calloc(1, sizeof(*look) + nr * sizeof(*look->own));

	for (uint32_t i = 0; look && i < nr; i++) {
		const volatile struct pai_counts *counts = &samples->cgroups[i].counts;
		const struct pai_counts *departed = &samples->departed[i];
		uint32_t state = places_state(&samples->cgroups[i].state);
		enum place_phase phase = place_phase(state);

		if (i && !state) /* never used */
			continue;
		/* Samples that arrive while the place opens are read next time. */
		if (i && (phase == PLACE_FREE || phase == PLACE_TAKEN))
			counts = departed;
		for (uint32_t number = 1; number < PAI_COUNTERS; number++) {
			uint64_t counted = counts->counters[number];
			uint64_t all = counted + counts->beside[number];
			uint64_t before = departed->counters[number] + departed->beside[number];

			if (phase == PLACE_CLOSING && i)
				before = all;
			look->counted[number] += counted;
			look->departed[number] += before;
			look->own[i][number] = all - before;
		}
	}
	return look;
}

static int add_cgroup(struct source *source, struct snapshot *snapshot,
		      const struct pai_samples *samples, const struct pai_look *look,
		      uint32_t index)
{
	const struct pai_cgroup *cgroup = &samples->cgroups[index];
	char raw[PAI_CGROUP_PATH], buffer[UTF8_NAME_LEN(sizeof(raw))];
	struct label labels[2] = {{"cgroup", "other"}};

	if (index) {
		if (place_phase(places_state(&cgroup->state)) != PLACE_OPEN)
			return 0;
		snprintf(raw, sizeof(raw), "%.*s", (int)sizeof(raw) - 1, cgroup->path);
		labels[0].value = utf8_name(raw, buffer);
	}
	return add_counters(source, snapshot, pai_metric_cgroups, look->own[index], labels, 1);
}

/* Adds a point for each counter that any cgroup has, also if it is 0. */
static int add_departed(struct source *source, struct snapshot *snapshot,
			const struct pai_samples *samples, const struct pai_look *look)
{
	int r = 0;

	for (uint32_t number = 1; number < PAI_COUNTERS && !r; number++) {
		struct label label = {"counter", pai_nnpa_counter(source, number)};
		uint64_t all = look->departed[number];

		for (uint32_t i = 0; i <= samples->max_cgroups && *label.value && !all; i++)
			all = look->own[i][number];
		if (all && *label.value)
			r = snapshot_add_integer(snapshot,
						 &pai_metric_departed[pai_kind(PAI_EXT, number)],
						 &label, 1, look->departed[number]);
	}
	return r;
}

static int add_task(struct source *source, struct snapshot *snapshot, const struct pai_task_id *id,
		    const struct pai_task *task)
{
	char pid[12], raw[sizeof(task->comm)], buffer[UTF8_NAME_LEN(sizeof(raw))];
	struct label labels[3] = {{"pid", pid}};

	snprintf(pid, sizeof(pid), id->tgid == PAI_OTHER_TGID ? "other" : "%u", id->tgid);
	snprintf(raw, sizeof(raw), "%.*s", (int)sizeof(raw) - 1, task->comm);
	labels[1] = (struct label){"comm", utf8_name(raw, buffer)};
	return add_counters(source, snapshot, pai_metric_tasks, (const uint64_t *)task->counters,
			    labels, 2);
}

/* Processes that run, or have just ended. If two have the same pid, only the one that started
 * later is shown. */
struct tasks {
	struct pai_task_id ids[PAI_MAX_TASKS + 1];
	struct pai_task tasks[PAI_MAX_TASKS + 1];
	uint32_t nr;
};

static int read_tasks(const struct pai_samples *samples, struct tasks *tasks)
{
	int fd = bpf_map__fd(samples->bpf->maps.pai_tasks);
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t batch, count;
	int r = 0;

	for (tasks->nr = 0; !r && tasks->nr < PAI_MAX_TASKS + 1; tasks->nr += count) {
		count = PAI_MAX_TASKS + 1 - tasks->nr;
		r = bpf_map_lookup_batch(fd, tasks->nr ? &batch : NULL, &batch,
					 &tasks->ids[tasks->nr], &tasks->tasks[tasks->nr], &count,
					 &options);
	}
	return r == -ENOENT ? 0 : r; /* no further key */
}

static bool is_latest(const struct tasks *tasks, uint32_t index)
{
	for (uint32_t i = 0; i < tasks->nr; i++)
		if (tasks->ids[i].tgid == tasks->ids[index].tgid &&
		    tasks->ids[i].start_ns > tasks->ids[index].start_ns)
			return false;
	return true;
}

static int add_tasks(struct source *source, struct snapshot *snapshot,
		     const struct pai_samples *samples)
{
	_cleanup_free_ struct tasks *tasks = malloc(sizeof(*tasks));
	int r = tasks ? read_tasks(samples, tasks) : -ENOMEM;

	for (uint32_t i = 0; !r && i < tasks->nr; i++)
		if (is_latest(tasks, i))
			r = add_task(source, snapshot, &tasks->ids[i], &tasks->tasks[i]);
	return r;
}

static int add_samples(struct snapshot *snapshot, const struct pai_samples *samples)
{
	uint64_t taken = 0, malformed = 0, without_data = 0;
	struct label label = {"result", "taken"};
	int r;

	for (uint32_t cpu = 0; cpu < samples->nr_cpus; cpu++) {
		const volatile struct pai_cpu *c = &samples->cpus[cpu];

		taken += c->samples;
		malformed += c->malformed;
		without_data += c->without_data;
	}
	r = snapshot_add_integer(snapshot, &metric_samples, &label, 1, taken);
	label.value = "malformed";
	r = r ?: snapshot_add_integer(snapshot, &metric_samples, &label, 1, malformed);
	label.value = "without_data";
	r = r ?: snapshot_add_integer(snapshot, &metric_samples, &label, 1, without_data);
	label.value = "undispatched";
	if (!r)
		r = snapshot_add_integer(snapshot, &metric_samples, &label, 1,
					 samples->state->undispatched);
	return r;
}

int pai_samples_read(struct source *source, const struct pai_look *look, struct snapshot *snapshot)
{
	const struct pai *pai = source->data;
	const struct pai_samples *samples = pai->samples;
	int r = add_samples(snapshot, samples);

	if (!look)
		return r;
	for (uint32_t i = 0; i <= samples->max_cgroups && !r; i++)
		r = add_cgroup(source, snapshot, samples, look, i);
	r = r ?: add_departed(source, snapshot, samples, look);
	for (uint32_t i = 0; i < PAI_NR_DROPPED && !r; i++) {
		struct label label = {"reason", dropped_names[i]};

		r = snapshot_add_integer(snapshot, &metric_dropped, &label, 1,
					 samples->state->dropped[i]);
	}
	/* Whether they have ended is not known in another PID namespace. */
	return r || !namespaces_pid_is_initial() ? r : add_tasks(source, snapshot, samples);
}

/* Has the cgroup with this path been removed? */
static bool is_gone(const struct pai_samples *samples, const char *path)
{
	struct stat st;

	return strnlen(path, PAI_CGROUP_PATH) < PAI_CGROUP_PATH && path[0] && path[1] &&
	       fstatat(samples->cgroup_root, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

void pai_samples_recycle(struct pai_samples *samples)
{
	int paths = bpf_map__fd(samples->bpf->maps.pai_cgroup_paths), r = 0;
	uint32_t nr_free = 0, nr_closing = 0;

	if (samples->wake)
		ring_buffer__consume(samples->wake);
	if (samples->cgroup_root < 0)
		return;
	for (uint32_t i = 1; i <= samples->max_cgroups; i++)
		nr_free += place_phase(places_state(&samples->cgroups[i].state)) == PLACE_FREE;
	for (uint32_t i = 1; i <= samples->max_cgroups; i++) {
		struct pai_cgroup *cgroup = &samples->cgroups[i];
		uint32_t state = places_state(&cgroup->state);

		if (place_phase(state) == PLACE_OPEN && is_gone(samples, cgroup->path)) {
			if (2 * nr_free < samples->max_cgroups || samples->absent[i] == state)
				places_close(&cgroup->state);
			samples->absent[i] = state;
		} else {
			samples->absent[i] = 0;
		}
		if (place_phase(places_state(&cgroup->state)) != PLACE_CLOSING)
			continue;
		r = places_forget(paths, cgroup->path, place_ticket(state, i)) ?: r;
		nr_closing++;
	}
	r = nr_closing ? r ?: places_settle() : -ENOENT;
	if (r < 0 && nr_closing)
		log_warning("pai: cannot free the places of removed cgroups: %s", strerror(-r));
	for (uint32_t i = 1; i <= samples->max_cgroups && !r; i++) {
		struct pai_cgroup *cgroup = &samples->cgroups[i];

		if (place_phase(places_state(&cgroup->state)) != PLACE_CLOSING)
			continue;
		samples->departed[i] = cgroup->counts;
		places_free(&cgroup->state);
	}
	/* Programs that found no free place try again. */
	if (!r)
		places_free(&samples->cgroups[0].state);
}

void pai_samples_reap(struct pai_samples *samples)
{
	int fd = bpf_map__fd(samples->bpf->maps.pai_tasks);
	uint32_t gone[PAI_MAX_TASKS], nr_gone = 0;
	struct pai_task_id id, next;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	for (uint32_t i = 0; !r && i <= PAI_MAX_TASKS; i++) {
		bool before = false;

		id = next;
		r = bpf_map_get_next_key(fd, &id, &next);
		/* Process 0 is the idle task. */
		if (!id.tgid || id.tgid == PAI_OTHER_TGID || !kill(id.tgid, 0) || errno != ESRCH)
			continue;
		for (uint32_t j = 0; j < samples->nr_gone; j++)
			before |= samples->gone[j] == id.tgid;
		if (before)
			bpf_map_delete_elem(fd, &id);
		else if (nr_gone < PAI_MAX_TASKS)
			gone[nr_gone++] = id.tgid;
	}
	memcpy(samples->gone, gone, nr_gone * sizeof(*gone));
	samples->nr_gone = nr_gone;
}

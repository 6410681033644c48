// SPDX-License-Identifier: GPL-2.0
#include "cost.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../util/clock.h"
#include "process.h"

static const struct metric metric_run_time = {
	.name = "paimon_bpf_program_run_time_seconds_total",
	.help = "Time spent in a BPF program, summed over CPUs; only while kernel.bpf_stats_enabled is 1.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_runs = {
	.name = "paimon_bpf_program_runs_total",
	.help = "Runs of a BPF program, summed over CPUs; only while kernel.bpf_stats_enabled is 1.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_misses = {
	.name = "paimon_bpf_program_recursion_misses_total",
	.help = "Runs of a BPF program that the kernel skipped, because it already ran on that CPU, summed over CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_map_bytes = {
	.name = "paimon_bpf_map_bytes",
	.help = "Memory of a BPF map, as the kernel accounts it.",
	.type = METRIC_GAUGE,
};

/* If it cannot be read, run times are treated as not measured. */
static bool has_run_times(void)
{
	static int fd = -1; /* stays open: opening takes longer than reading */
	char c = '0';

	if (fd < 0)
		fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && pread(fd, &c, 1, 0) == 1 && c == '1';
}

static uint64_t map_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (info)
		fclose(info);
	return bytes;
}

static void add_maps(struct cost *cost, const struct source_objects *objects)
{
	for (size_t i = 0; i < objects->nr_maps && cost->nr_maps < COST_MAX_MAPS; i++) {
		const struct source_object *map = &objects->maps[i];
		char *name = cost->maps[cost->nr_maps].name;

		snprintf(name, sizeof(cost->maps->name), "%s", map->name);
		cost->maps[cost->nr_maps++].bytes = map_bytes(map->fd);
	}
}

static uint64_t sources_up(const struct cost *cost)
{
	uint64_t up = 0;

	for (size_t i = 0; i < cost->nr_sources; i++)
		if (cost->sources[i].state == SOURCE_UP)
			up += cost->sources[i].attached_ns;
	return up;
}

static void look_for_changes(struct cost *cost)
{
	uint64_t up = sources_up(cost);

	if (up == cost->seen)
		return;
	cost->seen = up;
	cost->nr_maps = 0;
	for (size_t i = 0; i < cost->nr_sources; i++) {
		struct source_objects objects = {};

		if (cost->sources[i].state != SOURCE_UP)
			continue;
		cost->sources[i].ops->objects(&cost->sources[i], &objects);
		add_maps(cost, &objects);
	}
}

static struct cost_sample take_sample(const struct cost *cost)
{
	struct cost_sample sample = {
		.time_ns = clock_ns(CLOCK_MONOTONIC),
		.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
		.sources = sources_up(cost),
		.run_times = has_run_times(),
	};

	for (size_t i = 0; i < cost->nr_sources; i++) {
		struct source_objects objects = {};

		if (cost->sources[i].state != SOURCE_UP)
			continue;
		cost->sources[i].ops->objects(&cost->sources[i], &objects);
		sample.events += objects.events;
		for (size_t j = 0; j < objects.nr_programs; j++) {
			struct bpf_prog_info info = {};
			__u32 size = sizeof(info);

			if (bpf_obj_get_info_by_fd(objects.programs[j].fd, &info, &size))
				continue;
			sample.run_ns += info.run_time_ns;
			sample.runs += info.run_cnt;
			sample.misses += info.recursion_misses;
		}
	}
	return sample;
}

void cost_init(struct cost *cost, const struct source *sources, size_t nr_sources)
{
	*cost = (struct cost){.sources = sources, .nr_sources = nr_sources};
	cost_tick(cost);
	cost_tick(cost);
}

void cost_tick(struct cost *cost)
{
	look_for_changes(cost);
	cost->before = cost->latest;
	cost->latest = take_sample(cost);
}

static int add_program(struct snapshot *snapshot, const struct source_object *program,
		       bool run_times)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct label label = {"program", program->name};
	int r;

	/* A program without information from the kernel has no series. */
	if (bpf_obj_get_info_by_fd(program->fd, &info, &size))
		return 0;
	r = snapshot_add_integer(snapshot, &metric_misses, &label, 1, info.recursion_misses);
	if (r < 0 || !run_times)
		return r;
	r = snapshot_add_integer(snapshot, &metric_runs, &label, 1, info.run_cnt);
	if (!r)
		r = snapshot_add_real(snapshot, &metric_run_time, &label, 1,
				      info.run_time_ns / 1e9);
	return r;
}

int cost_read(struct cost *cost, struct snapshot *snapshot)
{
	bool run_times = has_run_times();
	int r = 0;

	look_for_changes(cost);
	for (size_t i = 0; i < cost->nr_sources; i++) {
		struct source_objects objects = {};

		if (cost->sources[i].state != SOURCE_UP)
			continue;
		cost->sources[i].ops->objects(&cost->sources[i], &objects);
		for (size_t j = 0; j < objects.nr_programs && !r; j++)
			r = add_program(snapshot, &objects.programs[j], run_times);
	}
	for (size_t i = 0; i < cost->nr_maps && !r; i++) {
		struct label label = {"map", cost->maps[i].name};

		r = snapshot_add_integer(snapshot, &metric_map_bytes, &label, 1,
					 cost->maps[i].bytes);
	}
	return r;
}

void cost_status(struct cost *cost, struct status_cost *ret_cost)
{
	const struct cost_sample *from = &cost->before;
	struct cost_sample now = take_sample(cost);
	double ns = now.time_ns - from->time_ns;
	/* Counters are comparable only if the same sources were up all the time. */
	bool same = now.sources == from->sources && now.events >= from->events && ns > 0;
	bool measured = same && now.run_times && from->run_times && now.run_ns >= from->run_ns;
	uint64_t events = now.events - from->events, run_ns = now.run_ns - from->run_ns;
	uint64_t runs = now.runs - from->runs;
	uint64_t bytes = 0;
	struct process process;

	look_for_changes(cost);
	for (size_t i = 0; i < cost->nr_maps; i++)
		bytes += cost->maps[i].bytes;
	*ret_cost = (struct status_cost){
		.events_per_second = same ? events * 1e9 / ns : NAN,
		.ns_per_event = measured && events ? (double)run_ns / events : NAN,
		.runs_per_second = measured ? runs * 1e9 / ns : NAN,
		.ns_per_run = measured && runs ? (double)run_ns / runs : NAN,
		.bpf_cpu_percent = measured ? run_ns * 100 / ns : NAN,
		.daemon_cpu_percent = ns > 0 ? (now.cpu_ns - from->cpu_ns) * 100 / ns : NAN,
		.run_times = now.run_times,
		.map_bytes = bytes,
		.recursion_misses = now.misses,
		.totals = {.time_ns = now.time_ns,
			   .events = now.events,
			   .runs = now.runs,
			   .run_ns = now.run_ns,
			   .cpu_ns = now.cpu_ns,
			   .sources = now.sources},
	};
	if (!process_measure(&process)) {
		ret_cost->resident_bytes = process.resident_bytes;
		ret_cost->descriptors = process.descriptors;
		ret_cost->descriptors_max = process.descriptors_max;
	}
}

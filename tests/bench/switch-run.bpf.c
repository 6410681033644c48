// SPDX-License-Identifier: GPL-2.0
/*
 * What the attribution of paimond is compared with, and no part of paimon:
 *
 *	nothing		at each context switch, an empty program
 *	read_one	at each context switch, a program that reads one perf event
 *	by_cgroup	at each switch between cgroups, 8 events by cgroup, in the manner of
 *			perf stat --bpf-counters --for-each-cgroup: at the software event
 *			cgroup-switches, with totals in an array of each CPU, and for each of a
 *			task's cgroups, from the root down, a look-up of whether it is watched
 */
#include "kernel.h"
#include "switch-run.h"

char LICENSE[] SEC("license") = "GPL";

/* Those of a CPU after those of the one before. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, SWITCH_EVENTS);
	__type(key, u32);
	__type(value, u32);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SWITCH_EVENTS);
	__type(key, u32);
	__type(value, struct bpf_perf_event_value);
} last SEC(".maps");

/* By cgroup, and then by event. switch-run sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SWITCH_EVENTS);
	__type(key, u32);
	__type(value, struct bpf_perf_event_value);
} totals SEC(".maps");

/* The number of a watched cgroup, by its id. switch-run sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u32);
} cgroups SEC(".maps");

const volatile __u32 nr_events;

SEC("raw_tp/sched_switch")
int nothing(void *ctx __attribute__((unused)))
{
	return 0;
}

SEC("raw_tp/sched_switch")
int read_one(void *ctx __attribute__((unused)))
{
	struct bpf_perf_event_value now;

	bpf_perf_event_read_value(&events, bpf_get_smp_processor_id() * nr_events, &now,
				  sizeof(now));
	return 0;
}

static __always_inline void add(u32 cgroup, u32 event, const struct bpf_perf_event_value *delta)
{
	u32 key = cgroup * nr_events + event;
	struct bpf_perf_event_value *total = bpf_map_lookup_elem(&totals, &key);

	if (!total)
		return;
	total->counter += delta->counter;
	total->enabled += delta->enabled;
	total->running += delta->running;
}

SEC("perf_event")
int by_cgroup(void *ctx __attribute__((unused)))
{
	u32 watched[SWITCH_DEPTH], nr = 0, cpu = bpf_get_smp_processor_id(), *number;
	struct bpf_perf_event_value now, delta, *then;
	u64 id;

	for_up_to(level, SWITCH_DEPTH, SWITCH_DEPTH)
	{
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id)
			break;
		number = bpf_map_lookup_elem(&cgroups, &id);
		if (number)
			watched[masked(nr++, SWITCH_DEPTH - 1)] = *number;
	}
	for_up_to(i, nr_events, SWITCH_EVENTS)
	{
		u32 key = i; /* in memory; the verifier has to see the value of i */

		then = bpf_map_lookup_elem(&last, &key);
		if (!then ||
		    bpf_perf_event_read_value(&events, cpu * nr_events + i, &now, sizeof(now)))
			break;
		delta.counter = now.counter - then->counter;
		delta.enabled = now.enabled - then->enabled;
		delta.running = now.running - then->running;
		*then = now;
		for_up_to(j, nr, SWITCH_DEPTH) add(watched[j], i, &delta);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Reads perf events on the CPU where they count. One run of the program on a CPU, with
 * BPF_PROG_TEST_RUN, reads all perf events of that CPU from events_array into
 * events_values.
 *
 * The daemon writes the slots to read into events_order, sorted by CPU, and passes the
 * range that belongs to the CPU. Only the daemon runs the program.
 */
#include "kernel.h"
#include "events.h"

char LICENSE[] SEC("license") = "GPL";

/* The daemon sets max_entries of all four to the number of slots. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(map_flags, BPF_F_PRESERVE_ELEMS);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} events_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct events_value);
} events_values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64); /* elements of a mmapped array have the size of a word */
} events_order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct events_slot);
} events_slots SEC(".maps");

/* The daemon sets max_entries to the number of events. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct events_event);
} events_list SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct events_state);
} events_state SEC(".maps");

static __always_inline bool read_slot(u32 index)
{
	u32 slot;
	u64 *order = bpf_map_lookup_elem(&events_order, &index);
	struct bpf_perf_event_value reading;
	struct events_value *value;
	long r;

	if (!order)
		return false;
	slot = *order;
	value = bpf_map_lookup_elem(&events_values, &slot);
	if (!value)
		return true;
	r = bpf_perf_event_read_value(&events_array, slot, &reading, sizeof(reading));
	if (!r) {
		value->reading.value = reading.counter;
		value->reading.enabled = reading.enabled;
		value->reading.running = reading.running;
	}
	value->error = r;
	return true;
}

#define EVENTS_STEP 64 /* square root of EVENTS_AT_ONCE */

__noinline int read_slots(u32 first, u32 nr)
{
	for_up_to(i, nr, EVENTS_STEP) if (!read_slot(first + i)) break;
	return 0;
}

/* Arguments: the first element of events_order, and the number of them, at most EVENTS_AT_ONCE. */
SEC("raw_tp")
int events_read(struct bpf_raw_tracepoint_args *ctx)
{
	u32 first = ctx->args[0], nr = ctx->args[1];

	in_variant();
	for_up_to(i, (nr + EVENTS_STEP - 1) / EVENTS_STEP, EVENTS_AT_ONCE / EVENTS_STEP)
		read_slots(first + i * EVENTS_STEP, nr - i * EVENTS_STEP);
	return 0;
}

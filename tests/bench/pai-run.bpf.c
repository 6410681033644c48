// SPDX-License-Identifier: GPL-2.0
/*
 * pai.bpf.c itself with samples made up in kernel memory, and beside it what hands a
 * sample to userspace.
 */
#include "../bpf/pai-made-up.bpf.c"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} rings SEC(".maps");

static long (*perf_event_output)(void *ctx, void *map, u64 flags, const void *data,
				 u64 size) = (void *)25;
#define THIS_CPU 0xffffffffull

SEC("raw_tp")
int output(struct bpf_raw_tracepoint_args *ctx)
{
	u64 nr = ctx->args[0];

	return nr < PAI_COUNTERS ? perf_event_output(ctx, &rings, THIS_CPU, raw,
						     nr * sizeof(struct paimon_pai_record))
				 : -7; /* E2BIG */
}

SEC("raw_tp")
int empty(void *ctx __attribute__((unused)))
{
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * pai.bpf.c itself, and kernel memory to make samples up in: make_up lays out what
 * the running kernel would hand to a program of a perf event.
 */
#include "pai.bpf.c"

/* In pages of its own, with an unmapped one behind. */
unsigned char raw[4096] SEC(".data.raw");

unsigned char event_data[64] __attribute__((aligned(8)));
unsigned char sample_data[1024] __attribute__((aligned(8)));
unsigned char raw_record[128] __attribute__((aligned(8)));

/* What is to be made up. */
__u64 flags, size, data;
bool has_raw;

/* Where it is. */
__u64 raw_address, event_address;
bool has_flags;

SEC("syscall")
int make_up(void *ctx __attribute__((unused)))
{
	struct bpf_perf_event_data_kern *event = (void *)event_data;
	struct perf_sample_data *sample = (void *)sample_data;
	struct perf_raw_record *record = (void *)raw_record;

	event->data = sample;
	has_flags = bpf_core_field_exists(sample->sample_flags);
	if (bpf_core_field_exists(sample->sample_flags))
		sample->sample_flags = flags;
	sample->raw = has_raw ? record : NULL;
	record->frag.data = (void *)data;
	record->frag.size = size;
	raw_address = (u64)raw;
	event_address = (u64)event;
	return 0;
}

/* pai_overflow, as perf_event programs cannot be test-run. */
SEC("raw_tp")
int drive_overflow(struct bpf_raw_tracepoint_args *ctx)
{
	take_overflow((const void *)ctx->args[0]);
	return 0;
}

/* What a daemon that takes over puts in place of pai_sample. */
SEC("raw_tp")
int newer_sample(struct bpf_raw_tracepoint_args *ctx)
{
	take(ctx->args[0], (const void *)ctx->args[1], NULL);
	return 0;
}

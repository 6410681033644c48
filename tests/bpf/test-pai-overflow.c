// SPDX-License-Identifier: GPL-2.0
/*
 * Samples of perf events, as pai.bpf.c takes them from their raw data.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "pai-fixture.h"

/* A sample of an event, with so much raw data. */
static void overflow(struct fixture *f, uint32_t size)
{
	struct pai_made_up_bpf__bss *bss = f->bpf->bss;

	bss->flags = PERF_SAMPLE_RAW;
	bss->has_raw = true;
	bss->data = f->address;
	bss->size = size;
	make_up(f);
	assert_int_equal(run_on(f->bpf->progs.drive_overflow, 0, bss->event_address, 0), 0);
}

static void test_overflow(void **data)
{
	struct fixture *f = *data;

	record(f, 0, 1, 0x1122334455667788);
	record(f, 1, 2, 1);
	overflow(f, 20);
	assert_int_equal(f->cpus[0].counters[1], 0x1122334455667788);
	assert_int_equal(f->cpus[0].counters[2], 1);
	assert_int_equal(f->cpus[0].samples, 1);
	assert_int_equal(f->cpus[0].malformed + f->cpus[0].without_data, 0);
}

/* Up to 7 bytes behind the last record are there to fill it up. */
static void test_overflow_padding(void **data)
{
	struct fixture *f = *data;
	struct pai_cpu *cpu = &f->cpus[0];

	f->state->max_number = PAI_COUNTERS - 1;
	for (unsigned int i = 0; i < PAI_COUNTERS; i++)
		record(f, i, i + 1, 1);
	for (unsigned int size = 0; size < 1300; size++) {
		bool good = size >= 10 && size < PAI_COUNTERS * 10 && size % 10 < 8;
		struct pai_cpu before = *cpu;

		overflow(f, size);
		assert_int_equal(cpu->samples - before.samples, good);
		assert_int_equal(cpu->malformed - before.malformed, !good);
		assert_int_equal(cpu->events - before.events, good ? size / 10 : 0);
	}
	overflow(f, UINT32_MAX);
	overflow(f, UINT32_MAX / 10 * 10);
	overflow(f, 1U << 31);
	assert_int_equal(cpu->without_data, 0);
	assert_int_equal(cpu->samples + cpu->malformed, 1303);
}

static void test_overflow_malformed(void **data)
{
	struct fixture *f = *data;

	record(f, 0, 2, 1);
	record(f, 1, 1, 1);
	overflow(f, 20);
	f->bpf->bss->data = 0;
	make_up(f);
	run_on(f->bpf->progs.drive_overflow, 0, f->bpf->bss->event_address, 0);
	f->bpf->bss->data = 1ULL << 63;
	make_up(f);
	run_on(f->bpf->progs.drive_overflow, 0, f->bpf->bss->event_address, 0);
	assert_malformed(f, 3);
	assert_int_equal(f->cpus[0].without_data, 0);
}

static void test_overflow_without_data(void **data)
{
	struct fixture *f = *data;
	uint64_t without_data = 1;

	record(f, 0, 1, 1);
	f->bpf->bss->flags = PERF_SAMPLE_RAW;
	f->bpf->bss->has_raw = false;
	f->bpf->bss->data = f->address;
	f->bpf->bss->size = 10;
	make_up(f);
	run_on(f->bpf->progs.drive_overflow, 0, f->bpf->bss->event_address, 0);
	if (f->bpf->bss->has_flags) { /* then the pointer may be that of another sample */
		f->bpf->bss->flags = ~(uint64_t)PERF_SAMPLE_RAW;
		f->bpf->bss->has_raw = true;
		make_up(f);
		run_on(f->bpf->progs.drive_overflow, 0, f->bpf->bss->event_address, 0);
		without_data++;
	}
	assert_malformed(f, 0);
	assert_int_equal(f->cpus[0].without_data, without_data);
}

/* The dispatcher on an event, whose samples have no raw data. */
static void test_overflow_of_event(void **data)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 10000000, /* an emulator is slow */
	};
	struct fixture *f = *data;
	struct bpf_link *link;
	int fd, zero = 0;

	fd = perf_event_open(&attr, 0, -1, -1);
	assert_return_code(fd, errno);
	link = bpf_program__attach_perf_event(f->bpf->progs.paimon_pai_overflow, fd);
	assert_non_null(link);
	for (int i = 0; i < 10000000 && TOTAL(f, without_data) < 3; i++)
		getppid(); /* its clock runs while this does */
	assert_in_range(TOTAL(f, without_data), 3, UINT32_MAX);
	assert_int_equal(f->state->undispatched, 0);
	bpf_map_delete_elem(bpf_map__fd(f->bpf->maps.pai_overflow_programs), &zero);
	for (int i = 0; i < 10000000 && f->state->undispatched < 3; i++)
		getppid();
	bpf_link__destroy(link); /* closes the event too */
	assert_in_range(f->state->undispatched, 3, UINT32_MAX);
	assert_malformed(f, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_overflow),	       TEST(test_overflow_padding),
		TEST(test_overflow_malformed), TEST(test_overflow_without_data),
		TEST(test_overflow_of_event),
	};

	return find_what_is_needed() ?: cmocka_run_group_tests(tests, NULL, NULL);
}

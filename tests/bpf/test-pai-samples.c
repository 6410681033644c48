// SPDX-License-Identifier: GPL-2.0
/*
 * Samples at the tracepoint, as pai.bpf.c takes them: what each CPU has counted, what is
 * malformed, and a program that is replaced meanwhile.
 */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "pai-fixture.h"

static void test_cpus(void **data)
{
	struct fixture *f = *data;

	record(f, 0, 1, 10);
	record(f, 1, 27, 1000);
	record(f, 2, MAX_NUMBER, 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sample_on(f, 0, 3), 0);
	assert_int_equal(sample_on(f, 1, 2), 0);
	assert_int_equal(f->cpus[0].counters[1], 30);
	assert_int_equal(f->cpus[0].counters[27], 3000);
	assert_int_equal(f->cpus[0].counters[MAX_NUMBER], 15);
	assert_int_equal(f->cpus[0].events, 0); /* it was no perf event */
	assert_int_equal(f->cpus[0].samples, 3);
	assert_int_equal(f->cpus[1].counters[1], 10);
	assert_int_equal(f->cpus[1].counters[27], 1000);
	assert_int_equal(f->cpus[1].counters[MAX_NUMBER], 0);
	assert_int_equal(f->cpus[1].samples, 1);
}

/* All of them at once, which is as many as a sample can have. */
static void test_records(void **data)
{
	struct fixture *f = *data;
	uint64_t events = 0;

	f->state->max_number = PAI_COUNTERS - 1;
	for (unsigned int nr = 1; nr < PAI_COUNTERS; nr++) {
		record(f, nr - 1, nr, nr * 1000);
		assert_int_equal(sample_on(f, 0, nr), 0);
	}
	for (unsigned int i = 1; i < PAI_COUNTERS; i++) {
		uint64_t value = i * 1000 * (PAI_COUNTERS - i);

		assert_int_equal(f->cpus[0].counters[i], value);
		events += value;
	}
	assert_int_equal(f->cpus[0].counters[0], 0);
	assert_int_equal(sum(f->cpus[0].counters), events);
	assert_int_equal(f->cpus[0].samples, PAI_COUNTERS - 1);
	assert_int_equal(all_cgroups(f), events);
}

static void test_large_values(void **data)
{
	struct fixture *f = *data;

	record(f, 0, 1, 0x123456789abcdef0);
	record(f, 1, 2, 1ULL << 63);
	record(f, 2, 3, UINT64_MAX);
	assert_int_equal(sample_on(f, 0, 3), 0);
	assert_int_equal(f->cpus[0].counters[1], 0x123456789abcdef0);
	assert_int_equal(f->cpus[0].counters[2], 1ULL << 63);
	assert_int_equal(f->cpus[0].counters[3], UINT64_MAX);
	assert_int_equal(sum(f->cpus[0].counters), 0x123456789abcdef0 + (1ULL << 63) - 1);
	/* The sum of its values is 0: it is a sample all the same. */
	record(f, 0, 1, 1);
	record(f, 1, 2, UINT64_MAX);
	assert_int_equal(sample_on(f, 1, 2), 0);
	assert_int_equal(f->cpus[1].samples, 1);
	assert_int_equal(f->cpus[1].counters[2], UINT64_MAX);
}

static void test_malformed_sizes(void **data)
{
	static const uint64_t sizes[] = {0,	     PAI_COUNTERS, PAI_COUNTERS + 1, 1U << 31,
					 UINT32_MAX, 1ULL << 32,   (1ULL << 32) + 1, UINT64_MAX};
	struct fixture *f = *data;
	unsigned int i;

	f->state->max_number = PAI_COUNTERS - 1;
	for (i = 0; i < PAI_COUNTERS + 1; i++)
		record(f, i, i + 1, 1);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_int_equal(run_on(f->bpf->progs.paimon_pai_sample, -1, sizes[i], f->address),
				 0);
	assert_malformed(f, i);
}

static void test_malformed_addresses(void **data)
{
	static struct paimon_pai_record mine[2] = {{1, 1}, {2, 1}};
	struct fixture *f = *data;
	uint64_t end = f->address + sizeof(f->bpf->data_raw->raw);
	const uint64_t addresses[] = {
		0,
		1,
		4096,
		UINT64_MAX,
		UINT64_MAX - 19,
		0xdead000000000000,
		1ULL << 63,
#ifndef __aarch64__ /* without PAN, its kernel reads there */
		(uintptr_t)mine,
#endif
		end - 10,
		end - 19,
		end,
	};
	unsigned int i;

	memcpy((char *)f->records + sizeof(f->bpf->data_raw->raw) - 10, mine, 10);
	for (i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		assert_int_equal(run_on(f->bpf->progs.paimon_pai_sample, -1, 2, addresses[i]), 0);
	assert_malformed(f, i);
	/* And with one record less the last address but one is good. */
	assert_int_equal(run_on(f->bpf->progs.paimon_pai_sample, 0, 1, end - 10), 0);
	assert_int_equal(f->cpus[0].counters[1], 1);
}

/* Each in an otherwise good sample, as its first, middle and last record. */
static void test_malformed_records(void **data)
{
	static const struct paimon_pai_record bad[] = {
		{0, 1},
		{10, 0},
		{MAX_NUMBER + 1, 1},
		{PAI_COUNTERS, 1},
		{PAI_COUNTERS + 10, 1},
		{256, 1},
		{0x8001, 1},
		{UINT16_MAX, UINT64_MAX},
		{0, 0},
	};
	struct fixture *f = *data;
	uint64_t malformed = 0;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (unsigned int at = 0; at < 5; at += 2) {
			for (unsigned int j = 0; j < 5; j++)
				record(f, j, 8 + j, 1);
			f->records[at] = bad[i];
			assert_int_equal(sample_on(f, -1, 5), 0);
			malformed++;
		}
	}
	assert_malformed(f, malformed);
}

static void test_malformed_order(void **data)
{
	static const uint16_t orders[][4] = {
		{2, 1, 3, 4}, {1, 1, 2, 3}, {1, 2, 3, 3}, {4, 3, 2, 1},
		{1, 3, 2, 4}, {1, 2, 4, 3}, {7, 7, 7, 7},
	};
	struct fixture *f = *data;
	unsigned int i;

	for (i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		for (unsigned int j = 0; j < 4; j++)
			record(f, j, orders[i][j], 1);
		assert_int_equal(sample_on(f, -1, 4), 0);
	}
	assert_malformed(f, i);
}

/* What is no sample must not be taken for one, nor the other way round. */
static void test_garbage(void **data)
{
	struct fixture *f = *data;
	unsigned int valid = 0;
	uint64_t events = 0;

	srandom(1);
	for (int i = 0; i < 3000; i++) {
		unsigned int nr = random() % 4 + 1;
		uint64_t values = 0;
		bool good = true;

		for (size_t j = 0; j < nr * sizeof(*f->records); j++)
			((uint8_t *)f->records)[j] = random() % 3;
		if (i % 2) /* with small numbers some are good */
			for (unsigned int j = 0; j < nr; j++)
				f->records[j].number = random() % 8 + (i % 16 == 1) * 95;
		for (unsigned int j = 0; j < nr; j++) {
			good &= f->records[j].number > (j ? f->records[j - 1].number : 0) &&
				f->records[j].number <= MAX_NUMBER && f->records[j].value;
			values += f->records[j].value;
		}
		assert_int_equal(sample_on(f, 0, nr), 0);
		valid += good;
		events += good ? values : 0;
	}
	assert_in_range(valid, 100, 2900);
	assert_int_equal(f->cpus[0].samples, valid);
	assert_int_equal(f->cpus[0].malformed, 3000 - valid);
	assert_int_equal(sum(f->cpus[0].counters), events);
	assert_int_equal(sum(f->cpus[0].counters), events);
	assert_int_equal(all_cgroups(f), events);
}

static void test_max_number(void **data)
{
	struct fixture *f = *data;

	f->state->max_number = 0; /* the daemon has not written it yet */
	record(f, 0, 1, 1);
	sample_on(f, 0, 1);
	assert_malformed(f, 1);
	f->state->max_number = 36;
	record(f, 0, 36, 1);
	sample_on(f, 0, 1);
	record(f, 0, 37, 1);
	sample_on(f, 0, 1);
	f->state->max_number = UINT32_MAX; /* numbers have an end all the same */
	record(f, 0, 127, 1);
	sample_on(f, 0, 1);
	record(f, 0, 128, 1);
	sample_on(f, 0, 1);
	record(f, 0, 128 + 36, 1);
	sample_on(f, 0, 1);
	assert_int_equal(f->cpus[0].samples, 2);
	assert_int_equal(f->cpus[0].malformed, 4);
	assert_int_equal(f->cpus[0].counters[36], 1);
	assert_int_equal(f->cpus[0].counters[127], 1);
	assert_int_equal(sum(f->cpus[0].counters), 2);
}

/* Counting events beside the samples say what a CPU did. */
static void test_does_not_count(void **data)
{
	struct fixture *f = *data;
	unsigned int nr;

	f->cpus[0].counts = 0;
	record(f, 0, 5, 50);
	record(f, 1, 6, 60);
	assert_int_equal(sample_on(f, 0, 2), 0);
	assert_int_equal(sum(f->cpus[0].counters), 0);
	assert_int_equal(f->cpus[0].samples, 1);
	assert_int_equal(all_cgroups(f), 110);
	assert_int_equal(all_tasks(f, &nr), 110);
	f->cpus[0].counts = 1;
	assert_int_equal(sample_on(f, 0, 2), 0);
	assert_int_equal(sum(f->cpus[0].counters), 110);
}

static void test_undispatched(void **data)
{
	struct fixture *f = *data;
	int zero = 0;

	record(f, 0, 1, 1);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(f->bpf->maps.pai_programs), &zero), 0);
	assert_int_equal(sample_on(f, 0, 1), 0);
	assert_int_equal(sample_on(f, 1, 1), 0);
	assert_int_equal(f->state->undispatched, 2);
	assert_malformed(f, 0);
	set_program(f->bpf->maps.pai_programs, PAI_SAMPLE, f->bpf->progs.pai_sample);
	assert_int_equal(sample_on(f, 0, 1), 0);
	assert_int_equal(f->state->undispatched, 2);
	assert_int_equal(f->cpus[0].samples, 1);
}

/* A daemon that takes over replaces the program while samples come. */
static int replace_or_sample(struct fixture *f)
{
	if (sched_getcpu() == 0)
		return take_hundred(f);
	set_program(f->bpf->maps.pai_programs, PAI_SAMPLE, f->bpf->progs.newer_sample);
	set_program(f->bpf->maps.pai_programs, PAI_SAMPLE, f->bpf->progs.pai_sample);
	return 0;
}

static void test_replaced(void **data)
{
	struct fixture *f = *data;
	int samples = repeated(1000) * 100;
	unsigned int nr;

	record(f, 0, 1, 3);
	record(f, 1, 2, 4);
	assert_int_equal(run_race(f, repeated(1000), replace_or_sample, NULL), 0);
	assert_int_equal(f->state->undispatched, 0);
	assert_int_equal(f->cpus[0].samples, samples);
	assert_int_equal(f->cpus[0].counters[1], 3 * samples);
	assert_int_equal(all_cgroups(f), 3 * samples);
	assert_int_equal(all_tasks(f, &nr), 3 * samples);
}

/* Both CPUs on one cgroup and one process. */
static void test_two_cpus(void **data)
{
	struct fixture *f = *data;
	int samples = repeated(1000) * 100;
	struct pai_task task;

	record(f, 0, 1, 3);
	assert_int_equal(run_race(f, repeated(1000), take_hundred, NULL), 0);
	assert_int_equal(f->cpus[0].counters[1], 3 * samples);
	assert_int_equal(f->cpus[1].counters[1], 3 * samples);
	assert_int_equal(all_cgroups(f), 6 * samples);
	assert_true(read_task(f, getpid(), &task));
	assert_int_equal(task.counters[1], 6 * samples);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_cpus),
		TEST(test_records),
		TEST(test_large_values),
		TEST(test_malformed_sizes),
		TEST(test_malformed_addresses),
		TEST(test_malformed_records),
		TEST(test_malformed_order),
		TEST(test_garbage),
		TEST(test_max_number),
		TEST(test_does_not_count),
		TEST(test_undispatched),
		TEST(test_replaced),
		TEST(test_two_cpus),
	};

	return find_what_is_needed() ?: cmocka_run_group_tests(tests, NULL, NULL);
}

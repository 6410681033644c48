// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of pai.bpf.c on the live kernel: samples are made up in kernel memory
 * (pai-made-up.bpf.c), run through test_run, and the maps must say what was in them.
 * Needs root: cgroups are made and entered.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pai.h"
#include "pai-made-up.skel.h"

#define MAX_NUMBER 100
#define NR_CPUS 64
#define RACES (PAI_MAX_TASKS - 110) /* and 100 that find no room for their cgroup */

struct fixture {
	struct pai_made_up_bpf *bpf;
	struct pai_cpu *cpus;
	struct pai_cgroup *cgroups;
	struct pai_state *state;
	struct pai_made_up *made_up;
	struct paimon_pai_record *records; /* of samples that are made up */
	uint64_t address;		   /* the same to the kernel */
	unsigned int nr_cgroups;
};

static char tree[256]; /* the folder of all cgroups that are made here */
static size_t mount_len;

static void *map_memory(struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static int run_on(struct bpf_program *program, int cpu, uint64_t a, uint64_t b)
{
	uint64_t args[2] = {a, b};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (cpu >= 0) {
		options.flags = BPF_F_TEST_RUN_ON_CPU;
		options.cpu = cpu;
	}
	return bpf_prog_test_run_opts(bpf_program__fd(program), &options) ?: (int)options.retval;
}

static void make_up(struct fixture *f)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	assert_return_code(bpf_prog_test_run_opts(bpf_program__fd(f->bpf->progs.make_up), &options),
			   errno);
}

static void set_program(struct fixture *f, struct bpf_map *array, struct bpf_program *program)
{
	int index = PAI_SAMPLE, fd = bpf_program__fd(program);

	assert_return_code(bpf_map_update_elem(bpf_map__fd(array), &index, &fd, 0), errno);
}

static struct fixture *load(unsigned int max_cgroups)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->bpf = pai_made_up_bpf__open_opts(&options);
	assert_non_null(f->bpf);
	bpf_program__set_autoload(f->bpf->progs.pai_play, true);
	f->nr_cgroups = max_cgroups + 1;
	bpf_map__set_max_entries(f->bpf->maps.pai_cgroups, f->nr_cgroups);
	bpf_map__set_max_entries(f->bpf->maps.pai_departed, f->nr_cgroups);
	bpf_map__set_max_entries(f->bpf->maps.pai_cgroup_paths, max_cgroups);
	assert_return_code(pai_made_up_bpf__load(f->bpf), errno);
	f->cpus = map_memory(f->bpf->maps.pai_cpus, NR_CPUS * sizeof(*f->cpus));
	f->cgroups = map_memory(f->bpf->maps.pai_cgroups, f->nr_cgroups * sizeof(*f->cgroups));
	f->state = map_memory(f->bpf->maps.pai_state, sizeof(*f->state));
	f->made_up = map_memory(f->bpf->maps.pai_made_up, sizeof(*f->made_up));
	f->state->max_number = MAX_NUMBER;
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		f->cpus[cpu].counts = 1;
	set_program(f, f->bpf->maps.pai_programs, f->bpf->progs.pai_sample);
	set_program(f, f->bpf->maps.pai_overflow_programs, f->bpf->progs.pai_overflow);
	make_up(f);
	f->records = (void *)f->bpf->data_raw->raw;
	f->address = f->bpf->bss->raw_address;
	assert_true(f->address != 0);
	return f;
}

static int setup(void **data)
{
	*data = load(64);
	return 0;
}

static int setup_small(void **data)
{
	*data = load(3);
	return 0;
}

static int setup_large(void **data)
{
	*data = load(RACES);
	return 0;
}

static int remove_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return type == FTW_DP ? rmdir(path) : 0;
}

static int teardown(void **data)
{
	struct fixture *f = *data;

	if (!access(tree, F_OK))
		assert_return_code(nftw(tree, remove_cgroup, 16, FTW_DEPTH | FTW_PHYS), errno);
	munmap(f->cpus, NR_CPUS * sizeof(*f->cpus));
	munmap(f->cgroups, f->nr_cgroups * sizeof(*f->cgroups));
	munmap(f->state, sizeof(*f->state));
	munmap(f->made_up, sizeof(*f->made_up));
	pai_made_up_bpf__destroy(f->bpf);
	free(f);
	return 0;
}

static int sample_on(struct fixture *f, int cpu, uint32_t nr)
{
	return run_on(f->bpf->progs.paimon_pai_sample, cpu, nr, f->address);
}

static void record(struct fixture *f, unsigned int i, uint16_t number, uint64_t value)
{
	f->records[i] = (struct paimon_pai_record){number, value};
}

static uint64_t total(const struct fixture *f, size_t offset)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_CPUS; i++)
		sum += *(const uint64_t *)((const char *)&f->cpus[i] + offset);
	return sum;
}

#define TOTAL(f, field) total(f, offsetof(struct pai_cpu, field))

static uint64_t sum(const __u64 *counters)
{
	uint64_t events = 0;

	for (int i = 0; i < PAI_COUNTERS; i++)
		events += counters[i];
	return events;
}

static uint64_t all_cgroups(const struct fixture *f)
{
	uint64_t events = 0;

	for (unsigned int i = 0; i < f->nr_cgroups; i++)
		events += sum(f->cgroups[i].counts.counters) + sum(f->cgroups[i].counts.beside);
	return events;
}

/* Places that are taken. */
static unsigned int nr_places(const struct fixture *f)
{
	unsigned int nr = 0;

	for (unsigned int i = 1; i < f->nr_cgroups; i++)
		nr += place_phase(f->cgroups[i].state) != PLACE_FREE;
	return nr;
}

static struct pai_cgroup *find_cgroup(const struct fixture *f, const char *path)
{
	for (unsigned int i = 1; i < f->nr_cgroups; i++)
		if (place_phase(f->cgroups[i].state) == PLACE_OPEN &&
		    !strcmp(f->cgroups[i].path, path))
			return &f->cgroups[i];
	fail_msg("%s has no place", path);
	return NULL;
}

static bool read_task(const struct fixture *f, uint32_t tgid, struct pai_task *ret_task)
{
	struct pai_task_id id = {}, *last = NULL;

	while (!bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id)) {
		if (id.tgid == tgid &&
		    !bpf_map_lookup_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id, ret_task))
			return true;
		last = &id;
	}
	return false;
}

static uint64_t all_tasks(const struct fixture *f, unsigned int *ret_nr)
{
	struct pai_task_id id = {}, *last = NULL;
	struct pai_task task;
	uint64_t events = 0;

	*ret_nr = 0;
	while (!bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id)) {
		assert_int_equal(
			bpf_map_lookup_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id, &task), 0);
		events += sum(task.counters);
		++*ret_nr;
		last = &id;
	}
	return events;
}

/* So many samples were malformed, and nothing else has happened. */
static void assert_malformed(struct fixture *f, uint64_t malformed)
{
	unsigned int nr;

	assert_int_equal(TOTAL(f, malformed), malformed);
	assert_int_equal(TOTAL(f, samples), 0);
	assert_int_equal(TOTAL(f, events), 0);
	for (int i = 0; i < NR_CPUS; i++)
		assert_int_equal(sum(f->cpus[i].counters), 0);
	assert_int_equal(all_cgroups(f), 0);
	assert_int_equal(nr_places(f), 0);
	assert_int_equal(all_tasks(f, &nr), 0);
	assert_int_equal(nr, 0);
}

static int enter_cgroup(const char *cgroup)
{
	char procs[PATH_MAX];
	int fd, r;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	r = write(fd, "0", 1) != 1;
	close(fd);
	return r;
}

/* What a child does returns 0, or else the parent's test fails. */
static void in_child(struct fixture *f, const char *cgroup, int (*does)(struct fixture *f))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid)
		_exit(cgroup && enter_cgroup(cgroup) ? 100 : does(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A cgroup below the tree of this test, which is made with it. */
static const char *make_cgroup(const char *name)
{
	static char path[PATH_MAX];

	if (mkdir(tree, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof(path), "%s/%s", tree, name);
	assert_return_code(mkdir(path, 0700), errno);
	return path;
}

/* The path of a cgroup as the programs have it. */
static const char *below_root(const char *folder)
{
	return folder + mount_len;
}

static int take_one(struct fixture *f)
{
	return sample_on(f, -1, 1);
}

static int take_hundred(struct fixture *f)
{
	for (int i = 0; i < 100; i++)
		if (sample_on(f, -1, 1))
			return 1;
	return 0;
}

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
		(uintptr_t)mine,
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
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 100000,
	};
	struct fixture *f = *data;
	struct bpf_link *link;
	int fd, zero = 0;

	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
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
	set_program(f, f->bpf->maps.pai_programs, f->bpf->progs.pai_sample);
	assert_int_equal(sample_on(f, 0, 1), 0);
	assert_int_equal(f->state->undispatched, 2);
	assert_int_equal(f->cpus[0].samples, 1);
}

/* Threads, one a CPU, that begin each round at once. */
struct racer {
	struct fixture *f;
	int cpu;
	int rounds;
	int (*does)(struct fixture *f);
	void (*prepares)(struct fixture *f, int round); /* by the first one */
	int *arrived;
	int failed;
};

static void meet(struct racer *r, int times)
{
	__atomic_fetch_add(r->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(r->arrived, __ATOMIC_SEQ_CST) < 2 * times)
		;
}

static void *race(void *data)
{
	struct racer *r = data;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(r->cpu, &set);
	r->failed |= sched_setaffinity(0, sizeof(set), &set);
	for (int i = 0; i < r->rounds; i++) {
		if (r->prepares && r->cpu == 0)
			r->prepares(r->f, i);
		meet(r, 2 * i + 1);
		r->failed |= r->does(r->f);
		meet(r, 2 * i + 2);
	}
	return NULL;
}

static int run_race(struct fixture *f, int rounds, int (*does)(struct fixture *f),
		    void (*prepares)(struct fixture *f, int round))
{
	struct racer racers[2];
	pthread_t threads[2];
	int arrived = 0;

	for (int i = 0; i < 2; i++) {
		racers[i] = (struct racer){f, i, rounds, does, prepares, &arrived, 0};
		if (pthread_create(&threads[i], NULL, race, &racers[i]))
			return 1;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return racers[0].failed | racers[1].failed;
}

/* A daemon that takes over replaces the program while samples come. */
static int replace_or_sample(struct fixture *f)
{
	if (sched_getcpu() == 0)
		return take_hundred(f);
	set_program(f, f->bpf->maps.pai_programs, f->bpf->progs.newer_sample);
	set_program(f, f->bpf->maps.pai_programs, f->bpf->progs.pai_sample);
	return 0;
}

static void test_replaced(void **data)
{
	struct fixture *f = *data;
	unsigned int nr;

	record(f, 0, 1, 3);
	record(f, 1, 2, 4);
	assert_int_equal(run_race(f, 1000, replace_or_sample, NULL), 0);
	assert_int_equal(f->state->undispatched, 0);
	assert_int_equal(f->cpus[0].samples, 100000);
	assert_int_equal(f->cpus[0].counters[1], 300000);
	assert_int_equal(all_cgroups(f), 300000);
	assert_int_equal(all_tasks(f, &nr), 300000);
}

/* Both CPUs on one cgroup and one process. */
static void test_two_cpus(void **data)
{
	struct fixture *f = *data;
	struct pai_task task;

	record(f, 0, 1, 3);
	assert_int_equal(run_race(f, 1000, take_hundred, NULL), 0);
	assert_int_equal(f->cpus[0].counters[1], 300000);
	assert_int_equal(f->cpus[1].counters[1], 300000);
	assert_int_equal(all_cgroups(f), 600000);
	assert_true(read_task(f, getpid(), &task));
	assert_int_equal(task.counters[1], 600000);
}

static void test_cgroups(void **data)
{
	struct fixture *f = *data;
	char first[PATH_MAX], second[PATH_MAX];

	strcpy(first, make_cgroup("first"));
	strcpy(second, make_cgroup("first/second"));
	record(f, 0, 1, 1);
	in_child(f, first, take_one);
	record(f, 0, 2, 10);
	in_child(f, second, take_hundred);
	in_child(f, first, take_one);
	assert_int_equal(nr_places(f), 2);
	assert_string_equal(f->cgroups[1].path, below_root(first));
	assert_string_equal(f->cgroups[2].path, below_root(second));
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
	assert_int_equal(f->cgroups[1].counts.counters[2], 10);
	assert_int_equal(f->cgroups[2].counts.counters[2], 1000);
	assert_int_equal(all_cgroups(f), 1011);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 0);
}

static void test_root_cgroup(void **data)
{
	struct fixture *f = *data;
	char root[sizeof(tree)];

	snprintf(root, sizeof(root), "%.*s", (int)mount_len, tree);
	record(f, 0, 1, 1);
	in_child(f, root, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, "/");
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
}

/* A service that is started again: another id, but the same path. */
static void test_cgroup_comes_back(void **data)
{
	struct fixture *f = *data;
	char path[PATH_MAX];

	record(f, 0, 7, 2);
	for (int i = 0; i < 5; i++) {
		strcpy(path, make_cgroup("service"));
		in_child(f, path, take_hundred);
		assert_return_code(rmdir(path), errno);
	}
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	assert_int_equal(f->cgroups[1].counts.counters[7], 1000);
}

/* What an LRU_HASH may do at any time. */
static void evict(struct fixture *f)
{
	int fd = bpf_map__fd(f->bpf->maps.pai_cgroup_index);
	unsigned int evicted = 0;
	uint64_t id;

	for (; !bpf_map_get_next_key(fd, NULL, &id); evicted++)
		assert_int_equal(bpf_map_delete_elem(fd, &id), 0);
	assert_true(evicted);
}

/* The scratch has the longer one still. */
static void test_short_after_long(void **data)
{
	struct fixture *f = *data;
	char first[PATH_MAX], second[PATH_MAX], third[PATH_MAX];
	cpu_set_t all, one;

	strcpy(first, make_cgroup("a"));
	strcpy(second, make_cgroup("a/long"));
	strcpy(third, make_cgroup("a/longer-still"));
	assert_return_code(sched_getaffinity(0, sizeof(all), &all), errno);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_return_code(sched_setaffinity(0, sizeof(one), &one), errno);
	record(f, 0, 1, 1);
	in_child(f, first, take_one);
	in_child(f, second, take_one);
	evict(f);
	in_child(f, first, take_one);
	in_child(f, third, take_one);
	evict(f);
	in_child(f, first, take_one);
	assert_return_code(sched_setaffinity(0, sizeof(all), &all), errno);
	assert_int_equal(nr_places(f), 3);
	assert_string_equal(f->cgroups[1].path, below_root(first));
	assert_string_equal(f->cgroups[2].path, below_root(second));
	assert_string_equal(f->cgroups[3].path, below_root(third));
	assert_int_equal(f->cgroups[1].counts.counters[1], 3);
}

static void test_cgroups_full(void **data)
{
	struct fixture *f = *data;
	char paths[5][PATH_MAX];

	for (int i = 0; i < 5; i++) {
		char name[] = {'0' + i, 0};

		strcpy(paths[i], make_cgroup(name));
	}
	record(f, 0, 1, 1);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 5; i++)
			in_child(f, paths[i], take_hundred);
		assert_int_equal(nr_places(f), 3);
		for (int i = 0; i < 3; i++) {
			assert_string_equal(f->cgroups[i + 1].path, below_root(paths[i]));
			assert_int_equal(f->cgroups[i + 1].counts.counters[1], 100 * round);
		}
		assert_int_equal(f->cgroups[0].counts.counters[1], 200 * round);
		assert_string_equal(f->cgroups[0].path, "");
		assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 200 * round);
		if (round == 2)
			evict(f);
	}
}

/* A path that is one byte too long, and one that just fits. */
static void test_long_paths(void **data)
{
	struct fixture *f = *data;
	char path[PATH_MAX], name[PATH_MAX] = "", *end = name;
	size_t len;

	make_cgroup("x");
	len = strlen(below_root(tree));
	assert_in_range(len, 1, 200);
	while (len < PAI_CGROUP_PATH - 1) {
		size_t part = PAI_CGROUP_PATH - 1 - len - 1;

		if (part > 255)
			part = part < 258 ? 200 : 255; /* each is a name, none is empty */
		if (end != name)
			*end++ = '/';
		memset(end, 'a' + (end - name) % 26, part);
		end += part;
		len += part + 1;
		strcpy(path, make_cgroup(name));
	}
	assert_int_equal(strlen(below_root(path)), PAI_CGROUP_PATH - 1);
	record(f, 0, 1, 1);
	in_child(f, path, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);

	*end++ = 'z'; /* its last name, one longer */
	strcpy(path, make_cgroup(name));
	in_child(f, path, take_one);
	strcpy(end, "/deeper");
	strcpy(path, make_cgroup(name));
	in_child(f, path, take_hundred);
	assert_int_equal(nr_places(f), 1);
	assert_int_equal(f->cgroups[0].counts.counters[1], 101);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 101);
}

static void test_deep_paths(void **data)
{
	struct fixture *f = *data;
	char name[PATH_MAX] = "a", path[PATH_MAX];
	unsigned int depth = 1;

	for (const char *c = below_root(tree); *c; c++)
		depth += *c == '/';
	assert_in_range(depth, 2, PAI_CGROUP_DEPTH - 1);
	record(f, 0, 1, 1);
	for (strcpy(path, make_cgroup(name)); depth < PAI_CGROUP_DEPTH; depth++) {
		strcat(name, "/b");
		strcpy(path, make_cgroup(name));
	}
	in_child(f, path, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	for (int i = 1; i <= 5; i++) {
		strcat(name, "/b");
		strcpy(path, make_cgroup(name));
		in_child(f, path, take_one);
		assert_int_equal(f->cgroups[0].counts.counters[1], i);
		assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], i);
	}
	assert_int_equal(nr_places(f), 1);
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
}

static char first_cgroup[PATH_MAX], second_cgroup[PATH_MAX];

static int take_and_move(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		if (enter_cgroup(first_cgroup) || take_one(f) || enter_cgroup(second_cgroup) ||
		    take_hundred(f))
			return 1;
	return 0;
}

static void test_cgroup_is_changed(void **data)
{
	struct fixture *f = *data;

	strcpy(first_cgroup, make_cgroup("first"));
	strcpy(second_cgroup, make_cgroup("second"));
	record(f, 0, 1, 1);
	in_child(f, NULL, take_and_move);
	assert_int_equal(nr_places(f), 2);
	assert_string_equal(f->cgroups[1].path, below_root(first_cgroup));
	assert_string_equal(f->cgroups[2].path, below_root(second_cgroup));
	assert_int_equal(f->cgroups[1].counts.counters[1], 10);
	assert_int_equal(f->cgroups[2].counts.counters[1], 1000);
}

static int race_hundred(struct fixture *f)
{
	return run_race(f, 10, take_one, NULL);
}

/* Threads of a new process in a new cgroup take their first samples at once. */
static void test_new_at_once(void **data)
{
	struct fixture *f = *data;
	char name[16], path[PATH_MAX];
	unsigned int nr;

	record(f, 0, 1, 1);
	record(f, 1, 2, 2);
	for (int i = 0; i < 63; i++) { /* of 64: there is no race for the last place */
		snprintf(name, sizeof(name), "%d", i);
		strcpy(path, make_cgroup(name));
		in_child(f, path, race_hundred);
		assert_int_equal(nr_places(f), i + 1);
		assert_int_equal(find_cgroup(f, below_root(path))->counts.counters[1], 20);
	}
	assert_int_equal(all_tasks(f, &nr), 63 * 20);
	assert_int_equal(nr, 63 + 1);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 0);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 0);
}

static int take_as_other_name(struct fixture *f)
{
	struct pai_task task;

	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "test-pai") != 0 || task.counters[1] != 5)
		return 1;
	prctl(PR_SET_NAME, "renamed");
	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "renamed") != 0 || task.counters[1] != 10)
		return 2;
	prctl(PR_SET_NAME, "fifteen-letters");
	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "fifteen-letters") != 0)
		return 3;
	return 0;
}

static void test_tasks(void **data)
{
	struct fixture *f = *data;
	struct pai_task task;
	unsigned int nr;

	record(f, 0, 1, 5);
	for (int i = 0; i < 10; i++)
		in_child(f, NULL, take_as_other_name);
	assert_int_equal(sample_on(f, -1, 1), 0);
	assert_true(read_task(f, getpid(), &task));
	assert_int_equal(task.counters[1], 5);
	assert_int_equal(all_tasks(f, &nr), 10 * 15 + 5);
	assert_int_equal(nr, 10 + 1 + 1);
	assert_true(read_task(f, PAI_OTHER_TGID, &task));
	assert_int_equal(sum(task.counters), 0);
}

static void *named_thread(void *data)
{
	prctl(PR_SET_NAME, "worker");
	return (void *)(intptr_t)take_hundred(data);
}

static int take_in_thread(struct fixture *f)
{
	struct pai_task task;
	pthread_t thread;
	void *failed;

	if (pthread_create(&thread, NULL, named_thread, f) || pthread_join(thread, &failed) ||
	    failed || !read_task(f, getpid(), &task))
		return 1;
	return strcmp(task.comm, "test-pai") != 0 || task.counters[3] != 700;
}

/* A process is one thing, and has the name of its first thread. */
static void test_threads_of_task(void **data)
{
	struct fixture *f = *data;
	unsigned int nr;

	record(f, 0, 3, 7);
	in_child(f, NULL, take_in_thread);
	assert_int_equal(all_tasks(f, &nr), 700);
	assert_int_equal(nr, 1 + 1);
}

static int play(struct fixture *f)
{
	return run_on(f->bpf->progs.pai_play, -1, 0, 0);
}

static void test_play(void **data)
{
	struct fixture *f = *data;
	struct pai_made_up *m = f->made_up;
	struct pai_task task;

	*m = (struct pai_made_up){
		.nr = 2,
		.tgid = 4242,
		.start_ns = 1,
		.path = "/a/b",
		.comm = "made-up",
		.records = {{1, 100}, {2, 200}},
	};
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->records[0].value = 1;
	strcpy(m->comm, "other-name");
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	assert_int_equal(f->cpus[1].samples, 2);
	assert_int_equal(f->cpus[1].events, 501);
	assert_int_equal(f->cpus[1].counters[1], 101);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, "/a/b");
	assert_int_equal(f->cgroups[1].counts.counters[2], 400);
	assert_true(read_task(f, 4242, &task));
	assert_string_equal(task.comm, "other-name");
	assert_int_equal(task.counters[2], 400);
	assert_false(read_task(f, getpid(), &task));

	/* A number that is used again is another process. */
	m->start_ns = 2;
	assert_int_equal(play(f), 0);
	assert_true(all_tasks(f, &(unsigned int){0}) == 501 + 201);
	m->nr = 0;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->nr = PAI_COUNTERS;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->nr = 2;
	m->records[1].number = 1;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	assert_int_equal(f->cpus[1].malformed, 3);
	assert_int_equal(TOTAL(f, events), 501 + 201);
}

/* By its key the daemon knows whether a process is gone. */
static void test_key_of_task(void **data)
{
	struct fixture *f = *data;
	struct pai_task_id id = {}, *last = NULL;
	unsigned long long ticks = 0;
	char stat[1024] = "";
	FILE *file;

	record(f, 0, 1, 1);
	assert_int_equal(sample_on(f, -1, 1), 0);
	do {
		assert_int_equal(
			bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id), 0);
		last = &id;
	} while (id.tgid != (uint32_t)getpid());
	assert_int_equal(id.unused, 0);
	file = fopen("/proc/self/stat", "re");
	assert_non_null(file);
	assert_non_null(fgets(stat, sizeof(stat), file));
	fclose(file);
	assert_int_equal(sscanf(strrchr(stat, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
				"%*d %*d %*d %*d %llu",
				&ticks),
			 1);
	assert_int_equal(id.start_ns / (1000000000 / sysconf(_SC_CLK_TCK)), ticks);
}

static void test_tasks_full(void **data)
{
	struct fixture *f = *data;
	struct pai_task_id id = {.start_ns = 1, .tgid = 1};
	struct pai_task task;
	unsigned int nr;

	*f->made_up = (struct pai_made_up){.nr = 1, .path = "/", .records = {{9, 3}}};
	f->made_up->start_ns = 1;
	for (uint32_t i = 1; i <= PAI_MAX_TASKS + 10; i++) {
		f->made_up->tgid = i;
		assert_int_equal(play(f), 0);
	}
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 10);
	assert_true(read_task(f, PAI_OTHER_TGID, &task));
	assert_int_equal(task.counters[9], 30);
	assert_string_equal(task.comm, "");
	assert_int_equal(all_tasks(f, &nr), (PAI_MAX_TASKS + 10) * 3);
	assert_int_equal(nr, PAI_MAX_TASKS + 1);
	/* The daemon has removed one that is gone: there is room for another. */
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 10);
	assert_true(read_task(f, PAI_MAX_TASKS + 10, &task));
	assert_int_equal(task.counters[9], 6);
}

static void next_of_race(struct fixture *f, int round)
{
	snprintf(f->made_up->path, sizeof(f->made_up->path), "/race/%d", round);
	f->made_up->tgid = round + 1;
}

/* More paths and processes than fit, each new to two CPUs at once. */
static void test_race(void **data)
{
	struct fixture *f = *data;
	char path[32];
	unsigned int nr;
	uint64_t last = 0;

	*f->made_up = (struct pai_made_up){.nr = 2, .records = {{1, 1}, {2, 1}}};
	assert_int_equal(run_race(f, RACES + 100, play, next_of_race), 0);
	assert_int_equal(nr_places(f), RACES);
	for (int i = 0; i < RACES; i++) {
		const struct pai_cgroup *cgroup;

		snprintf(path, sizeof(path), "/race/%d", i);
		cgroup = find_cgroup(f, path);
		assert_int_equal(cgroup->counts.counters[1], cgroup->counts.counters[2]);
		last = cgroup->counts.counters[1];
		/* While one CPU takes the last place, the other may find none. */
		assert_in_range(last, i < RACES - 1 ? 2 : 1, 2);
	}
	assert_int_equal(f->cgroups[0].counts.counters[1], 202 - last);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 202 - last);
	assert_int_equal(all_tasks(f, &nr), (RACES + 100) * 4);
	assert_int_equal(nr, RACES + 100 + 1);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 0);
	assert_int_equal(TOTAL(f, samples), (RACES + 100) * 2);
}

/* An element of the hash that has become another path's while it is read. */
static void test_others_ticket(void **data)
{
	struct fixture *f = *data;
	char path[PAI_CGROUP_PATH] = "/new";
	uint32_t ticket;
	int fd = bpf_map__fd(f->bpf->maps.pai_cgroup_paths);

	*f->made_up = (struct pai_made_up){.nr = 1, .path = "/old", .records = {{9, 3}}};
	assert_int_equal(play(f), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, f->made_up->path, &ticket), 0);
	assert_int_equal(bpf_map_update_elem(fd, path, &ticket, BPF_NOEXIST), 0);
	strcpy(f->made_up->path, "/new");
	assert_int_equal(play(f), 0);
	assert_int_equal(f->cgroups[0].counts.counters[9], 3);
	assert_int_equal(f->cgroups[1].counts.counters[9], 3);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 1);
	assert_int_equal(bpf_map_delete_elem(fd, path), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(find_cgroup(f, "/new")->counts.counters[9], 3);
	assert_int_equal(f->cgroups[1].counts.counters[9], 3);
}

/* The folder of cgroup v2, or one of our own that nobody else sees. */
static int find_cgroups(void)
{
	char line[1024], root[256], folder[128], *rest;
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	while (mounts && fgets(line, sizeof(line), mounts)) {
		rest = strstr(line, " - cgroup2 ");
		if (rest && sscanf(line, "%*s %*s %*s %255s %127s", root, folder) == 2 &&
		    strcmp(root, "/") == 0)
			break;
		rest = NULL;
	}
	if (mounts)
		fclose(mounts);
	if (!mounts || !rest) {
		strcpy(folder, "/tmp");
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", folder, "cgroup2", 0, NULL) < 0)
			return -1;
	}
	mount_len = strlen(folder);
	snprintf(tree, sizeof(tree), "%s/paimon-test-%d", folder, getpid());
	return 0;
}

int main(void)
{
#define TEST_WITH(f, setup) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST(f) TEST_WITH(f, setup)
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
		TEST(test_overflow),
		TEST(test_overflow_padding),
		TEST(test_overflow_malformed),
		TEST(test_overflow_without_data),
		TEST(test_overflow_of_event),
		TEST(test_undispatched),
		TEST(test_replaced),
		TEST(test_two_cpus),
		TEST(test_cgroups),
		TEST(test_root_cgroup),
		TEST(test_cgroup_comes_back),
		TEST(test_short_after_long),
		TEST(test_key_of_task),
		TEST_WITH(test_cgroups_full, setup_small),
		TEST(test_long_paths),
		TEST(test_deep_paths),
		TEST(test_cgroup_is_changed),
		TEST(test_new_at_once),
		TEST(test_tasks),
		TEST(test_threads_of_task),
		TEST(test_play),
		TEST(test_tasks_full),
		TEST_WITH(test_race, setup_large),
		TEST(test_others_ticket),
	};

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs and to make cgroups");
		return 77;
	}
	if (find_cgroups() < 0) {
		perror("no cgroup2 is mounted, nor can be");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of pai.bpf.c on the live kernel: samples are made up in kernel memory
 * (pai-made-up.bpf.c), run through test_run, and the maps must say what was in them.
 * Needs root: cgroups are made and entered.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "pai.h"
#include "pai-made-up.skel.h"

#define MAX_NUMBER 100
#define PERF_SAMPLE_RAW (1 << 10)

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
	bpf_map__set_max_entries(f->bpf->maps.pai_cgroup_paths, max_cgroups);
	assert_return_code(pai_made_up_bpf__load(f->bpf), errno);
	f->cpus = map_memory(f->bpf->maps.pai_cpus, 64 * sizeof(*f->cpus));
	f->cgroups = map_memory(f->bpf->maps.pai_cgroups, f->nr_cgroups * sizeof(*f->cgroups));
	f->state = map_memory(f->bpf->maps.pai_state, sizeof(*f->state));
	f->made_up = map_memory(f->bpf->maps.pai_made_up, sizeof(*f->made_up));
	f->state->max_number = MAX_NUMBER;
	f->state->counts = 1;
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

static int teardown(void **data)
{
	struct fixture *f = *data;

	munmap(f->cpus, 64 * sizeof(*f->cpus));
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
	assert_int_equal(f->cpus[0].events, 3045);
	assert_int_equal(f->cpus[0].samples, 3);
	assert_int_equal(f->cpus[1].counters[1], 10);
	assert_int_equal(f->cpus[1].counters[27], 1000);
	assert_int_equal(f->cpus[1].counters[MAX_NUMBER], 0);
	assert_int_equal(f->cpus[1].events, 1010);
	assert_int_equal(f->cpus[1].samples, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_cpus),
	};

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs and to make cgroups");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <stdint.h>
#include <sys/mman.h>

#include "lib/bpf.h"
#include "lib/helpers.h"

static size_t map_size(const struct bpf_map *map)
{
	return (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
}

void *map_memory(const struct bpf_map *map)
{
	void *memory = mmap(NULL, map_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		die(bpf_map__name(map));
	return memory;
}

void unmap_memory(const struct bpf_map *map, void *memory)
{
	munmap(memory, map_size(map));
}

void set_program(const struct bpf_map *array, int index, const struct bpf_program *program)
{
	int fd = bpf_program__fd(program);

	if (bpf_map_update_elem(bpf_map__fd(array), &index, &fd, 0))
		die(bpf_program__name(program));
}

int run_program(const struct bpf_program *program, int cpu, const void *args, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = size);

	if (cpu >= 0) {
		options.flags = BPF_F_TEST_RUN_ON_CPU;
		options.cpu = cpu;
	}
	return bpf_prog_test_run_opts(bpf_program__fd(program), &options) ?: (int)options.retval;
}

// SPDX-License-Identifier: GPL-2.0
#include "map_memory.h"

#include <bpf/libbpf.h>
#include <sys/mman.h>

static size_t memory_size(const struct bpf_map *map)
{
	return (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
}

void *map_memory(const struct bpf_map *map)
{
	void *memory = mmap(NULL, memory_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void unmap_memory(const struct bpf_map *map, const void *memory)
{
	if (memory)
		munmap((void *)memory, memory_size(map));
}

/* SPDX-License-Identifier: GPL-2.0 */
/* What tests and benchmarks of BPF programs share; for errors see helpers.h. */
#ifndef PAIMON_TESTS_BPF_H
#define PAIMON_TESTS_BPF_H

#include <bpf/libbpf.h>
#include <stddef.h>

/* The memory of an mmapable array, all of it. */
void *map_memory(const struct bpf_map *map);
void unmap_memory(const struct bpf_map *map, void *memory);

/* Puts a program into an element of a PROG_ARRAY. */
void set_program(const struct bpf_map *array, int index, const struct bpf_program *program);

/*
 * BPF_PROG_TEST_RUN of a raw tracepoint program with these arguments, on a CPU or, if that is -1,
 * on any. Returns what the program returns, or a negative errno.
 */
int run_program(const struct bpf_program *program, int cpu, const void *args, size_t size);

#endif

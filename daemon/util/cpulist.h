/* SPDX-License-Identifier: GPL-2.0 */
/* CPU lists in the kernel's format: 0-3,8. Any thread. */
#ifndef PAIMON_CPULIST_H
#define PAIMON_CPULIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses a list: the CPUs in ascending order, without duplicates; an empty list is valid.
 * max: highest valid CPU. 0, -EINVAL or -ENOMEM; the caller frees *ret_cpus.
 */
int cpulist_parse(const char *text, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr);
/* The same for the first line of a file; also returns errors from opening it. */
int cpulist_read(const char *path, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr);
/* The number of the highest CPU that this kernel can ever have, plus 1. 0 or a negative errno. */
int cpulist_count_possible(uint32_t *ret_nr);
/* The text of a list, to be freed; cpus is in ascending order. NULL: out of memory. */
char *cpulist_format(const unsigned int *cpus, size_t nr);
/* Is a CPU in a list? */
bool cpulist_has(const unsigned int *cpus, size_t nr, unsigned int cpu);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of CPUs as the kernel writes them: 0-3,8. Any thread. */
#ifndef PAIMON_CPULIST_H
#define PAIMON_CPULIST_H

#include <stddef.h>

/*
 * The CPUs of a list, rising, each once; none in an empty one. max is the highest
 * that may be in it. 0, -EINVAL or -ENOMEM; the caller frees *ret_cpus.
 */
int cpulist_parse(const char *text, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr);
/* The same of a file that has a list in its first line; also the errors of opening it. */
int cpulist_read(const char *path, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr);
/* Back to text, to be freed, of CPUs that rise; NULL: out of memory. */
char *cpulist_format(const unsigned int *cpus, size_t nr);

#endif

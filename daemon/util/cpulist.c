// SPDX-License-Identifier: GPL-2.0
#include "cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cleanup.h"

/* Digits only: strtoul() alone would take spaces and signs. */
static int take_cpu(const char **text, unsigned int max, unsigned int *ret_cpu)
{
	unsigned long cpu;
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	cpu = strtoul(*text, &end, 10); /* ULONG_MAX on overflow */
	if (cpu > max)
		return -EINVAL;
	*text = end;
	*ret_cpu = cpu;
	return 0;
}

/* Marks the CPUs of a range in seen, which has max + 1 elements. */
static int take_range(const char **text, unsigned int max, bool *seen)
{
	unsigned int first, last;

	if (take_cpu(text, max, &first) < 0)
		return -EINVAL;
	last = first;
	if (**text == '-') {
		++*text;
		if (take_cpu(text, max, &last) < 0 || last < first)
			return -EINVAL;
	}
	memset(seen + first, true, last - first + 1);
	return 0;
}

int cpulist_parse(const char *text, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr)
{
	_cleanup_free_ bool *seen = calloc((size_t)max + 1, sizeof(*seen));
	unsigned int *cpus;
	size_t nr = 0;

	if (!seen)
		return -ENOMEM;
	while (*text) {
		if (take_range(&text, max, seen) < 0)
			return -EINVAL;
		/* A comma must be followed by a range. */
		if (*text && (*text++ != ',' || !*text))
			return -EINVAL;
	}
	for (size_t cpu = 0; cpu <= max; cpu++)
		nr += seen[cpu];
	cpus = malloc((nr ?: 1) * sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	*ret_nr = nr;
	*ret_cpus = cpus;
	for (size_t cpu = 0; cpu <= max; cpu++)
		if (seen[cpu])
			*cpus++ = cpu;
	return 0;
}

int cpulist_count_possible(uint32_t *ret_nr)
{
	unsigned int *cpus;
	size_t nr;
	int r = cpulist_read("/sys/devices/system/cpu/possible", 8191, &cpus, &nr);

	if (r < 0)
		return r;
	*ret_nr = nr ? cpus[nr - 1] + 1 : 0;
	free(cpus);
	return nr ? 0 : -ENODEV;
}

char *cpulist_format(const unsigned int *cpus, size_t nr)
{
	struct buffer buffer = {};

	for (size_t i = 0, last; i < nr; i = last + 1) {
		for (last = i; last + 1 < nr && cpus[last + 1] == cpus[last] + 1;)
			last++;
		if (i)
			buffer_add_string(&buffer, ",");
		buffer_add_integer(&buffer, cpus[i]);
		if (last == i)
			continue;
		buffer_add_string(&buffer, "-");
		buffer_add_integer(&buffer, cpus[last]);
	}
	return buffer_take_string(&buffer);
}

int cpulist_read(const char *path, unsigned int max, unsigned int **ret_cpus, size_t *ret_nr)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "re");
	int r = 0;

	if (!file)
		return -errno;
	if (getline(&line, &size, file) < 0)
		r = ferror(file) ? -EIO : -EINVAL;
	fclose(file);
	if (r < 0)
		return r;
	line[strcspn(line, "\n")] = '\0';
	return cpulist_parse(line, max, ret_cpus, ret_nr);
}

bool cpulist_has(const unsigned int *cpus, size_t nr, unsigned int cpu)
{
	for (size_t i = 0; i < nr; i++)
		if (cpus[i] == cpu)
			return true;
	return false;
}

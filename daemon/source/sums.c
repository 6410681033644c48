// SPDX-License-Identifier: GPL-2.0
#include "sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sums_add(struct account_sums *sums, const struct account_sum *sum)
{
	struct account_sum copy = *sum;

	if (sums->nr == sums->allocated) {
		size_t more = sums->allocated ? 2 * sums->allocated : 64;
		struct account_sum *longer = realloc(sums->sums, more * sizeof(*longer));

		if (!longer)
			return -ENOMEM;
		sums->sums = longer;
		sums->allocated = more;
	}
	if (sum->path) {
		copy.path = strdup(sum->path);
		if (!copy.path)
			return -ENOMEM;
	}
	sums->sums[sums->nr++] = copy;
	return 0;
}

int sums_add_all(struct account_sums *sums, const struct account_sums *more)
{
	int r = 0;

	for (size_t i = 0; i < more->nr && !r; i++)
		r = sums_add(sums, &more->sums[i]);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct account_sum *x = a, *y = b;

	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind != ACCOUNT_NAMED)
		return 0;
	if (x->path && y->path)
		return strcmp(x->path, y->path);
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

/* Adds a sum of the same owner. A process has a name for each cgroup that it was in. */
static void add(struct account_sum *to, const struct account_sum *sum)
{
	to->sum = reader_sum(to->sum, &sum->sum);
	if (sum->order < to->order)
		return;
	to->order = sum->order;
	memcpy(to->comm, sum->comm, sizeof(to->comm));
}

void sums_merge(struct account_sums *sums)
{
	size_t nr = 0;

	if (sums->nr)
		qsort(sums->sums, sums->nr, sizeof(*sums->sums), compare);
	for (size_t i = 0; i < sums->nr; i++) {
		struct account_sum *sum = &sums->sums[i];

		if (nr && !compare(&sums->sums[nr - 1], sum)) {
			add(&sums->sums[nr - 1], sum);
			free(sum->path);
		} else {
			sums->sums[nr++] = *sum;
		}
	}
	sums->nr = nr;
}

void sums_subtract(struct account_sums *sums, const struct account_sums *earlier)
{
	size_t j = 0;

	for (size_t i = 0; i < sums->nr; i++) {
		struct account_sum *sum = &sums->sums[i];
		int order = 1;

		while (j < earlier->nr && (order = compare(&earlier->sums[j], sum)) < 0)
			j++;
		if (order || j == earlier->nr)
			continue;
		sum->sum.value -= earlier->sums[j].sum.value;
		sum->sum.enabled -= earlier->sums[j].sum.enabled;
		sum->sum.running -= earlier->sums[j].sum.running;
	}
}

void sums_clear(struct account_sums *sums)
{
	for (size_t i = 0; i < sums->nr; i++)
		free(sums->sums[i].path);
	free(sums->sums);
	*sums = (struct account_sums){};
}

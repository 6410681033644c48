// SPDX-License-Identifier: GPL-2.0
#include "groups.h"

#include <errno.h>
#include <string.h>

static const struct family *find_public(const struct snapshot *snapshot, const char *metric)
{
	for (size_t i = 0; i < snapshot->nr_families; i++)
		if (!strcmp(snapshot->families[i].metric->name, metric))
			return snapshot->families[i].metric->scope == SCOPE_PUBLIC
				       ? &snapshot->families[i]
				       : NULL;
	return NULL;
}

static const char *find_label(const struct point *point, const char *name)
{
	for (size_t i = 0; i < point->nr_labels; i++)
		if (!strcmp(point->labels[i].name, name))
			return point->labels[i].value;
	return "";
}

static int compare(const void *a, const void *b)
{
	const struct group *left = a, *right = b;
	int r = 0;

	for (size_t i = 0; i < GROUP_LABELS && !r; i++)
		r = strcmp(left->labels[i], right->labels[i]);
	return r;
}

/* Merges neighbours with the same labels. */
static void merge(struct groups *groups, size_t nr_cells)
{
	size_t nr = 0;

	for (size_t i = 0; i < groups->nr; i++) {
		struct group *last = nr ? &groups->all[nr - 1] : NULL;

		if (!last || compare(last, &groups->all[i])) {
			groups->all[nr++] = groups->all[i];
			continue;
		}
		last->total += groups->all[i].total;
		for (size_t c = 0; c < nr_cells; c++)
			last->cells[c] += groups->all[i].cells[c];
	}
	groups->nr = nr;
}

int groups_make(const struct snapshot *snapshot, const char *metric, const char *const *by,
		struct groups *ret_groups)
{
	const struct family *family = find_public(snapshot, metric);
	struct groups groups = {};
	size_t nr_cells = 0;

	if (!family || !family->nr_points) {
		*ret_groups = groups;
		return 0;
	}
	groups.metric = family->metric;
	groups.nr = family->nr_points;
	if (groups.metric->type == METRIC_HISTOGRAM)
		nr_cells = groups.metric->scheme->nr_bounds + 1;
	groups.all = calloc(groups.nr, sizeof(*groups.all));
	groups.cells = nr_cells ? calloc(groups.nr * nr_cells, sizeof(*groups.cells)) : NULL;
	if (!groups.all || (nr_cells && !groups.cells)) {
		groups_clear(&groups);
		return -ENOMEM;
	}
	for (size_t i = 0; i < groups.nr; i++) {
		const struct point *point = &family->points[i];
		struct group *group = &groups.all[i];
		bool more = true;

		for (size_t l = 0; l < GROUP_LABELS; l++) {
			more = more && by[l];
			group->labels[l] = more ? find_label(point, by[l]) : "";
		}
		if (!nr_cells) {
			group->total = point->is_integer ? (double)point->integer : point->real;
			continue;
		}
		group->cells = groups.cells + i * nr_cells;
		memcpy(group->cells, point->cells, nr_cells * sizeof(*group->cells));
		for (size_t c = 0; c < nr_cells; c++)
			group->total += point->cells[c];
	}
	qsort(groups.all, groups.nr, sizeof(*groups.all), compare);
	merge(&groups, nr_cells);
	*ret_groups = groups;
	return 0;
}

void groups_clear(struct groups *groups)
{
	free(groups->all);
	free(groups->cells);
	*groups = (struct groups){};
}

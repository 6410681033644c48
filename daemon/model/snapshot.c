// SPDX-License-Identifier: GPL-2.0
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct snapshot *snapshot_new(const char *input)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->arena = arena_new();
	if (!snapshot->arena)
		return snapshot_free(snapshot);
	snapshot->input = input;
	snapshot->realtime_ns = now_ns(CLOCK_REALTIME);
	snapshot->monotonic_ns = now_ns(CLOCK_MONOTONIC);
	return snapshot;
}

struct snapshot *snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return NULL;
	for (size_t i = 0; i < snapshot->nr_families; i++)
		free(snapshot->families[i].points);
	free(snapshot->families);
	arena_free(snapshot->arena);
	free(snapshot);
	return NULL;
}

/* Room for one more element of an array that doubles. */
static int grow(void *array, size_t *allocated, size_t nr, size_t size)
{
	size_t grown = *allocated ? *allocated * 2 : 8;
	void *moved;

	if (nr < *allocated)
		return 0;
	moved = realloc(*(void **)array, grown * size);
	if (!moved)
		return -ENOMEM;
	*(void **)array = moved;
	*allocated = grown;
	return 0;
}

/* From the end: a source adds the points of one metric, or of a few in turn. */
static struct family *find_family(struct snapshot *snapshot, const struct metric *metric)
{
	for (size_t i = snapshot->nr_families; i-- > 0;)
		if (snapshot->families[i].metric == metric)
			return &snapshot->families[i];
	if (grow(&snapshot->families, &snapshot->allocated, snapshot->nr_families,
		 sizeof(*snapshot->families)))
		return NULL;
	snapshot->families[snapshot->nr_families] = (struct family){ .metric = metric };
	return &snapshot->families[snapshot->nr_families++];
}

static int add(struct snapshot *snapshot, const struct metric *metric, const struct label *labels,
	       size_t nr_labels, struct point point)
{
	struct label *copies = NULL;
	struct family *family;

	if (nr_labels) {
		copies = arena_alloc(snapshot->arena, nr_labels * sizeof(*copies));
		if (!copies)
			return -ENOMEM;
	}
	for (size_t i = 0; i < nr_labels; i++) {
		copies[i].name = labels[i].name;
		copies[i].value = arena_strdup(snapshot->arena, labels[i].value);
		if (!copies[i].value)
			return -ENOMEM;
	}
	/* Only now, so that a failure leaves no family without a point. */
	family = find_family(snapshot, metric);
	if (!family ||
	    grow(&family->points, &family->allocated, family->nr_points, sizeof(*family->points)))
		return -ENOMEM;
	point.labels = copies;
	point.nr_labels = nr_labels;
	family->points[family->nr_points++] = point;
	return 0;
}

int snapshot_add_integer(struct snapshot *snapshot, const struct metric *metric,
			 const struct label *labels, size_t nr_labels, uint64_t value)
{
	return add(snapshot, metric, labels, nr_labels,
		   (struct point){ .is_integer = true, .integer = value });
}

int snapshot_add_real(struct snapshot *snapshot, const struct metric *metric,
		      const struct label *labels, size_t nr_labels, double value)
{
	return add(snapshot, metric, labels, nr_labels, (struct point){ .real = value });
}

int snapshot_add_histogram(struct snapshot *snapshot, const struct metric *metric,
			   const struct label *labels, size_t nr_labels, const uint64_t *cells,
			   uint64_t sum)
{
	size_t size = (metric->scheme->nr_bounds + 1) * sizeof(*cells);
	uint64_t *copy = arena_alloc(snapshot->arena, size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, cells, size);
	return add(snapshot, metric, labels, nr_labels,
		   (struct point){ .cells = copy, .sum = sum });
}

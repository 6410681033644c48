// SPDX-License-Identifier: GPL-2.0
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../util/clock.h"

const char *const metric_type_names[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
	[METRIC_INFO] = "gauge",
};

const char *metric_unit(const struct metric *metric)
{
	static const char *const units[] = {"seconds", "bytes"};
	size_t length = strlen(metric->name);

	if (metric->type == METRIC_COUNTER)
		length -= strlen("_total");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t unit = strlen(units[i]);

		if (length > unit && metric->name[length - unit - 1] == '_' &&
		    !strncmp(metric->name + length - unit, units[i], unit))
			return units[i];
	}
	return "";
}

/* Copies are allocated in chunks that are freed together. */
struct arena {
	struct arena *next;
	size_t used;
	size_t size;
	_Alignas(uint64_t) char data[];
};

static void *arena_alloc(struct snapshot *snapshot, size_t size)
{
	struct arena *chunk = snapshot->arena;
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (!chunk || size > chunk->size - chunk->used) {
		size_t room = size > 32768 ? size : 32768;

		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		*chunk = (struct arena){.next = snapshot->arena, .size = room};
		snapshot->arena = chunk;
		snapshot->memory += sizeof(*chunk) + room;
	}
	p = chunk->data + chunk->used;
	chunk->used += size;
	return p;
}

struct snapshot *snapshot_new(const char *input)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->input = input;
	snapshot->realtime_ns = clock_ns(CLOCK_REALTIME);
	snapshot->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	return snapshot;
}

struct snapshot *snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return NULL;
	for (struct arena *chunk = snapshot->arena, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	for (size_t i = 0; i < snapshot->nr_families; i++)
		free(snapshot->families[i].points);
	free(snapshot->families);
	free(snapshot);
	return NULL;
}

/* The search starts with the latest families, because a source adds the points of one device
 * together. */
static struct family *find_family(struct snapshot *snapshot, const struct metric *metric)
{
	for (size_t i = snapshot->nr_families; i-- > 0;)
		if (snapshot->families[i].metric == metric)
			return &snapshot->families[i];
	if (snapshot->nr_families == snapshot->allocated) {
		size_t allocated = snapshot->allocated * 2 + 16;
		struct family *grown = realloc(snapshot->families, allocated * sizeof(*grown));

		if (!grown)
			return NULL;
		snapshot->families = grown;
		snapshot->allocated = allocated;
	}
	snapshot->families[snapshot->nr_families] = (struct family){.metric = metric};
	return &snapshot->families[snapshot->nr_families++];
}

static const struct label *copy_labels(struct snapshot *snapshot, const struct label *labels,
				       size_t nr_labels)
{
	struct label *copy = arena_alloc(snapshot, nr_labels * sizeof(*copy));

	for (size_t i = 0; copy && i < nr_labels; i++) {
		size_t size = strlen(labels[i].value) + 1;
		char *value = arena_alloc(snapshot, size);

		if (!value)
			return NULL;
		copy[i] = (struct label){labels[i].name, memcpy(value, labels[i].value, size)};
	}
	return copy;
}

static int add_point(struct snapshot *snapshot, const struct metric *metric,
		     const struct label *labels, size_t nr_labels, struct point point)
{
	struct family *family = find_family(snapshot, metric);

	if (!family)
		return -ENOMEM;
	if (family->nr_points == family->allocated) {
		size_t allocated = family->allocated * 2 + 4;
		struct point *grown = realloc(family->points, allocated * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		snapshot->memory += (allocated - family->allocated) * sizeof(*grown);
		family->points = grown;
		family->allocated = allocated;
	}
	point.labels = copy_labels(snapshot, labels, nr_labels);
	if (!point.labels)
		return -ENOMEM;
	point.nr_labels = nr_labels;
	point.since_ns = snapshot->since_ns;
	family->points[family->nr_points++] = point;
	return 0;
}

int snapshot_add_integer(struct snapshot *snapshot, const struct metric *metric,
			 const struct label *labels, size_t nr_labels, uint64_t value)
{
	return add_point(snapshot, metric, labels, nr_labels,
			 (struct point){.is_integer = true, .integer = value});
}

int snapshot_add_real(struct snapshot *snapshot, const struct metric *metric,
		      const struct label *labels, size_t nr_labels, double value)
{
	return add_point(snapshot, metric, labels, nr_labels, (struct point){.real = value});
}

int snapshot_add_histogram(struct snapshot *snapshot, const struct metric *metric,
			   const struct label *labels, size_t nr_labels, const uint64_t *cells,
			   uint64_t sum)
{
	size_t size = (metric->scheme->nr_bounds + 1) * sizeof(*cells);
	uint64_t *copy = arena_alloc(snapshot, size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, cells, size);
	return add_point(snapshot, metric, labels, nr_labels,
			 (struct point){.cells = copy, .sum = sum});
}

// SPDX-License-Identifier: GPL-2.0
/* The table of bounds, the search in it, and what is served of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <cmocka.h>

#include "iopf.h"
#include "iopf.skel.h"
#include "model/histogram.h"

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

/* The table, computed again. */
static void test_bounds(void **state)
{
	unsigned long long bounds[512];
	unsigned int nr = 0, unique = 0;

	for (int i = PAIMON_HIST_NATIVE_FIRST; i <= PAIMON_HIST_NATIVE_LAST; i++)
		bounds[nr++] = floorl(1e9L * exp2l(i / 8.0L));
	for (unsigned long long decade = 1000; decade < 100000000000; decade *= 10)
		for (int m = 1; m <= 5; m += m == 1 ? 1 : 3)
			bounds[nr++] = m * decade;
	bounds[nr++] = 100000000000;
	qsort(bounds, nr, sizeof(*bounds), compare);
	for (unsigned int i = 0; i < nr; i++)
		if (!i || bounds[i] != bounds[i - 1])
			assert_int_equal(paimon_hist_bounds[unique++], bounds[i]);
	assert_int_equal(unique, PAIMON_HIST_BOUNDS);
	assert_true(PAIMON_HIST_BOUNDS < PAIMON_HIST_CELLS);
}

static unsigned int linear(unsigned long long ns)
{
	unsigned int cell = 0;

	while (cell < PAIMON_HIST_BOUNDS && paimon_hist_bounds[cell] < ns)
		cell++;
	return cell;
}

static void test_search(void **state)
{
	static const unsigned long long ends[] = {0,
						  1,
						  PAIMON_HIST_MAX - 1,
						  PAIMON_HIST_MAX,
						  PAIMON_HIST_MAX + 1,
						  PAIMON_HIST_PAD,
						  1ULL << 63,
						  UINT64_MAX};

	for (unsigned int i = 0; i < PAIMON_HIST_BOUNDS; i++)
		for (int d = -1; d <= 1; d++)
			assert_int_equal(paimon_hist_cell(paimon_hist_bounds[i] + d),
					 linear(paimon_hist_bounds[i] + d));
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		assert_int_equal(paimon_hist_cell(ends[i]), linear(ends[i]));
}

static void test_buckets(void **state)
{
	static const char *const les[] = {
		"1e-06", "2e-06", "5e-06", "1e-05", "2e-05", "5e-05", "0.0001", "0.0002", "0.0005",
		"0.001", "0.002", "0.005", "0.01",  "0.02",  "0.05",  "0.1",	"0.2",	  "0.5",
		"1",	 "2",	  "5",	   "10",    "20",    "50",    "100",
	};
	const struct histogram_scheme *s = &histogram_latency;

	assert_int_equal(s->nr_buckets, sizeof(les) / sizeof(*les));
	for (unsigned int i = 0; i < s->nr_buckets; i++) {
		assert_string_equal(s->buckets[i].le, les[i]);
		assert_int_equal(s->bounds[s->buckets[i].cell], llround(atof(les[i]) * 1e9));
	}
	assert_int_equal(histogram_size.nr_buckets, 10);
	assert_int_equal(histogram_size.nr_bounds + 1, IOPF_SIZE_CELLS);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(atoi(histogram_size.buckets[i].le), 1 << i);
}

/* An upper bound of what a map takes on a machine with that many CPUs. */
static size_t map_size(const struct bpf_map *map, size_t cpus)
{
	size_t value = bpf_map__value_size(map);

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
		break;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		value *= cpus;
		break;
	case BPF_MAP_TYPE_HASH:
		value += bpf_map__key_size(map) + 64; /* the kernel's own, and the bucket */
		break;
	default:
		fail_msg("say here what %s takes", bpf_map__name(map));
	}
	return value * bpf_map__max_entries(map);
}

/* At most 16 MiB at 256 CPUs and 64 devices, and 8 at 2 CPUs: cells are shared. */
static void test_memory(void **state)
{
	struct iopf_bpf *bpf = iopf_bpf__open();
	size_t large = 0, small = 0;
	struct bpf_map *map;

	assert_non_null(bpf);
	assert_int_equal(bpf_map__max_entries(bpf->maps.iopf_devices), 64);
	bpf_object__for_each_map(map, bpf->obj) {
		large += map_size(map, 256);
		small += map_size(map, 2);
	}
	assert_true(small > 64 * sizeof(struct iopf_device));
	assert_true(large <= 16 << 20);
	assert_true(small <= 8 << 20);
	iopf_bpf__destroy(bpf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

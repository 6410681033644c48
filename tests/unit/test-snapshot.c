// SPDX-License-Identifier: GPL-2.0
/* A snapshot: families and points in order, and copies that outlive their origin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/histogram.h"
#include "model/snapshot.h"
#include "util/clock.h"

static const struct metric first = {.name = "x_total", .type = METRIC_COUNTER};
static const struct metric second = {.name = "x_level", .type = METRIC_GAUGE};
static const struct metric sizes = {
	.name = "x_size",
	.type = METRIC_HISTOGRAM,
	.scheme = &histogram_size,
};

static void test_order(void **state)
{
	uint64_t before = clock_ns(CLOCK_REALTIME);
	struct snapshot *s = snapshot_new("replay");

	assert_non_null(s);
	assert_string_equal(s->input, "replay");
	assert_true(s->realtime_ns >= before && s->realtime_ns <= clock_ns(CLOCK_REALTIME));
	assert_int_equal(snapshot_add_integer(s, &first, NULL, 0, 1), 0);
	assert_int_equal(snapshot_add_real(s, &second, NULL, 0, 0.5), 0);
	assert_int_equal(snapshot_add_integer(s, &first, NULL, 0, UINT64_MAX), 0);
	assert_int_equal(s->nr_families, 2);
	assert_ptr_equal(s->families[0].metric, &first);
	assert_int_equal(s->families[0].nr_points, 2);
	assert_true(s->families[0].points[0].is_integer);
	assert_int_equal(s->families[0].points[0].integer, 1);
	assert_true(s->families[0].points[1].integer == UINT64_MAX);
	assert_int_equal(s->families[1].nr_points, 1);
	assert_false(s->families[1].points[0].is_integer);
	assert_true(s->families[1].points[0].real == 0.5);
	assert_null(snapshot_free(s));
	assert_null(snapshot_free(NULL));
}

/* More than one chunk, and a value larger than a chunk. */
static void test_copies(void **state)
{
	struct snapshot *s = snapshot_new(NULL);
	char name[16], *large = malloc(100001);
	uint64_t cells[HISTOGRAM_SIZE_BOUNDS + 1];
	const int nr = 5000;

	assert_non_null(large);
	memset(large, 'x', 100000);
	large[100000] = '\0';
	for (int i = 0; i < nr; i++) {
		struct label labels[] = {{"device", name}, {"size", i == 77 ? large : "small"}};

		snprintf(name, sizeof(name), "d%d", i);
		for (size_t j = 0; j <= HISTOGRAM_SIZE_BOUNDS; j++)
			cells[j] = i + j;
		assert_int_equal(snapshot_add_histogram(s, &sizes, labels, 2, cells, i), 0);
	}
	memset(large, 'y', 100000);
	memset(name, 'z', sizeof(name) - 1);
	memset(cells, 0, sizeof(cells));
	for (int i = 0; i < nr; i++) {
		const struct point *point = &s->families[0].points[i];
		char expected[16];

		snprintf(expected, sizeof(expected), "d%d", i);
		assert_int_equal(point->nr_labels, 2);
		assert_string_equal(point->labels[0].name, "device");
		assert_string_equal(point->labels[0].value, expected);
		assert_int_equal(point->sum, i);
		assert_int_equal(point->cells[HISTOGRAM_SIZE_BOUNDS], i + HISTOGRAM_SIZE_BOUNDS);
		assert_int_equal((uintptr_t)point->cells % sizeof(uint64_t), 0);
	}
	assert_int_equal(strlen(s->families[0].points[77].labels[1].value), 100000);
	assert_int_equal(s->families[0].points[77].labels[1].value[99999], 'x');
	free(large);
	snapshot_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

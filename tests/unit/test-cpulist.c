// SPDX-License-Identifier: GPL-2.0
/* Lists of CPUs, from text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/cpulist.h"

static void test_valid(void **state)
{
	static const struct {
		const char *text, *back;
		size_t nr;
	} cases[] = {
		{"", "", 0},
		{"0", "0", 1},
		{"0-3,8", "0-3,8", 5},
		{"8,0-3", "0-3,8", 5},
		{"1,0", "0-1", 2},
		{"3-3", "3", 1},
		{"0-4,2-6,6,6", "0-6", 7},
		{"1,3,5", "1,3,5", 3},
		{"007", "7", 1},
		{"0-100", "0-100", 101},
		{"100", "100", 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned int *cpus;
		size_t nr;
		char *back;

		assert_int_equal(cpulist_parse(cases[i].text, 100, &cpus, &nr), 0);
		assert_int_equal(nr, cases[i].nr);
		for (size_t j = 1; j < nr; j++)
			assert_true(cpus[j - 1] < cpus[j]);
		back = cpulist_format(cpus, nr);
		assert_string_equal(back, cases[i].back);
		free(back);
		free(cpus);
	}
}

static void test_invalid(void **state)
{
	static const char *const cases[] = {
		" ",
		",",
		"1,",
		",1",
		"1,,2",
		"-1",
		"1-",
		"-",
		"3-1",
		"1-2-",
		"1-2-3",
		"+1",
		" 1",
		"1 ",
		"1, 2",
		"a",
		"1a",
		"0x1",
		"101",
		"0-101",
		"1;2",
		"1\n",
		"0-10:2/4",
		"4294967296",
		"4294967297-4294967298",
		"99999999999999999999",
		"18446744073709551616",
	};
	unsigned int *cpus = NULL;
	size_t nr = 7;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(cpulist_parse(cases[i], 100, &cpus, &nr), -EINVAL);
	assert_null(cpus);
	assert_int_equal(nr, 7);
}

/* Longer than a line of most things: every second CPU of 2,000. */
static void test_read(void **state)
{
	char path[] = "/tmp/paimon-cpulist-XXXXXX";
	unsigned int *cpus;
	size_t nr;
	FILE *file = fdopen(mkstemp(path), "w");

	assert_non_null(file);
	for (int cpu = 0; cpu < 2000; cpu += 2)
		fprintf(file, "%s%d", cpu ? "," : "", cpu);
	fprintf(file, "\nnot of the list\n");
	fclose(file);
	assert_int_equal(cpulist_read(path, 8191, &cpus, &nr), 0);
	assert_int_equal(nr, 1000);
	assert_int_equal(cpus[999], 1998);
	free(cpus);
	assert_int_equal(cpulist_read(path, 1997, &cpus, &nr), -EINVAL);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(cpulist_read(path, 1, &cpus, &nr), -EINVAL);
	unlink(path);
	assert_int_equal(cpulist_read(path, 1, &cpus, &nr), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests_name("cpulist", tests, NULL, NULL);
}

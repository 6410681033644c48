// SPDX-License-Identifier: GPL-2.0
/* What the process says of itself, against other ways to know it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "self/process.h"
#include "util/clock.h"

static unsigned int count_by_hand(void)
{
	unsigned int nr = 0;

	for (int fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static void test_measure(void **state)
{
	const size_t size = 16 << 20;
	struct process before, after;
	struct rlimit limit;
	char *memory;
	int fds[10];

	assert_int_equal(process_measure(&before), 0);
	for (int i = 0; i < 10; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
	}
	memory = malloc(size);
	assert_non_null(memory);
	memset(memory, 1, size);
	assert_int_equal(process_measure(&after), 0);
	assert_int_equal(after.descriptors, before.descriptors + 10);
	assert_int_equal(after.descriptors, count_by_hand());
	assert_true(after.resident_bytes > before.resident_bytes + size / 2);
	assert_true(after.virtual_bytes >= after.resident_bytes);
	getrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(after.descriptors_max, limit.rlim_cur);
	assert_true(memory[size - 1] == 1);
	free(memory);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
}

static double value_of(const char *metric)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	double value = -1;

	assert_int_equal(process_read(snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct point *point = &snapshot->families[i].points[0];

		if (!strcmp(snapshot->families[i].metric->name, metric))
			value = point->is_integer ? point->integer : point->real;
	}
	snapshot_free(snapshot);
	return value;
}

static void test_read(void **state)
{
	double now = clock_ns(CLOCK_REALTIME) * 1e-9, start, cpu;

	/* /proc counts the start in hundredths of a second. */
	start = value_of("process_start_time_seconds");
	assert_true(start > now - 60 && start < now + 0.02);
	assert_true(value_of("process_start_time_seconds") == start);
	cpu = value_of("process_cpu_seconds_total");
	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < (cpu + 0.01) * 1e9)
		;
	assert_true(value_of("process_cpu_seconds_total") >= cpu + 0.01);
	assert_true(value_of("process_open_fds") >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

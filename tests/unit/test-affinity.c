// SPDX-License-Identifier: GPL-2.0
/* Where a thread that opens perf events runs, and where it may run afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "util/affinity.h"

static unsigned int cpus[2]; /* on which this process may run */
static bool slow;	     /* each call of it takes long */
static int refused;	     /* this call of sched_setaffinity(), counted down; 0: none */
static struct affinity affinity;

int __real_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask);
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask);
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
{
	if (slow)
		usleep(1000);
	if (!refused || --refused)
		return __real_sched_setaffinity(pid, size, mask);
	errno = EPERM;
	return -1;
}

/* Where this thread may run, CPUs that are offline included. */
static void read_allowed(char ret_line[4096])
{
	FILE *file = fopen("/proc/thread-self/status", "re");

	assert_non_null(file);
	do
		assert_non_null(fgets(ret_line, 4096, file));
	while (strncmp(ret_line, "Cpus_allowed:", 13));
	fclose(file);
}

static bool is_pinned_to(unsigned int cpu)
{
	cpu_set_t mask;

	assert_int_equal(sched_getaffinity(0, sizeof(mask), &mask), 0);
	return CPU_COUNT(&mask) == 1 && CPU_ISSET(cpu, &mask) &&
	       (unsigned int)sched_getcpu() == cpu;
}

static void follow(unsigned int cpu, int times)
{
	while (times-- > 0)
		affinity_follow(&affinity, cpu);
}

static void assert_allowed(const char *before)
{
	char now[4096];

	read_allowed(now);
	assert_string_equal(now, before);
}

/* The open after the first ones moves the thread; the next CPU, and the end, give the mask back. */
static void test_series(void **state)
{
	char before[4096];

	read_allowed(before);
	for (size_t i = 0; i < 2; i++) {
		follow(cpus[i], AFFINITY_OPENS);
		assert_allowed(before);
		follow(cpus[i], 1);
		assert_true(is_pinned_to(cpus[i]));
		follow(cpus[i], 3 * AFFINITY_OPENS);
		assert_true(is_pinned_to(cpus[i]));
	}
	affinity_restore(&affinity);
	assert_allowed(before);
	/* No CPU twice in a row; and what there was before the end does not count. */
	for (int i = 0; i < 8 * AFFINITY_OPENS; i++)
		follow(cpus[i % 2], 1);
	affinity_restore(&affinity);
	follow(cpus[1], AFFINITY_OPENS);
	assert_allowed(before);
	affinity_restore(&affinity);
	assert_allowed(before);
}

/* As of taskset(1), or CPUAffinity= of a unit. */
static void test_restricted(void **state)
{
	char before[4096];

	pin_to(cpus[0]);
	read_allowed(before);
	follow(cpus[1], 3 * AFFINITY_OPENS);
	assert_true(is_pinned_to(cpus[0]));
	follow(cpus[0], 3 * AFFINITY_OPENS);
	assert_true(is_pinned_to(cpus[0]));
	affinity_restore(&affinity);
	assert_allowed(before);
	unpin();
}

/* Of a CPU that is not there, or is offline. */
static void test_stays(void **state)
{
	static const unsigned int absent[] = {AFFINITY_MAX_CPU, AFFINITY_MAX_CPU + 1, UINT_MAX};
	char before[4096];

	read_allowed(before);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		follow(absent[i], 3 * AFFINITY_OPENS);
		assert_allowed(before);
	}
	affinity_restore(&affinity);
	/* Refused as by seccomp; and where the CPU went offline a moment before. */
	for (int i = 1; i <= 2; i++) {
		refused = i;
		follow(cpus[1], AFFINITY_OPENS + 1);
		assert_int_equal(refused, 0);
		assert_allowed(before);
		affinity_restore(&affinity);
		assert_allowed(before);
	}
	/* The cpuset has changed meanwhile, and has none of the CPUs there were before. */
	follow(cpus[1], AFFINITY_OPENS + 1);
	assert_true(is_pinned_to(cpus[1]));
	refused = 1;
	affinity_restore(&affinity);
	assert_allowed(before);
}

/* The first CPU is busy: the thread does not move to the next one, but a second later. */
static void test_busy(void **state)
{
	char before[4096];

	read_allowed(before);
	affinity_patience_ns = 1000000;
	slow = true;
	follow(cpus[0], AFFINITY_OPENS + 1);
	assert_true(is_pinned_to(cpus[0]));
	slow = false;
	affinity_patience_ns = UINT64_MAX;
	follow(cpus[1], 3 * AFFINITY_OPENS);
	assert_allowed(before);
	affinity_restore(&affinity);
	usleep(1000000);
	follow(cpus[1], AFFINITY_OPENS + 1);
	assert_true(is_pinned_to(cpus[1]));
	affinity_restore(&affinity);
	assert_allowed(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_restricted),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_busy),
	};

	cpu_set_t mask;
	size_t nr = 0;

	if (sched_getaffinity(0, sizeof(mask), &mask) < 0)
		return 1;
	for (unsigned int i = 0; i < CPU_SETSIZE && nr < 2; i++)
		if (CPU_ISSET(i, &mask))
			cpus[nr++] = i;
	if (nr < 2)
		return 77;		   /* skipped */
	affinity_patience_ns = UINT64_MAX; /* the machine may be busy */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

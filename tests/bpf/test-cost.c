// SPDX-License-Identifier: GPL-2.0
/*
 * What paimon says that it costs, against the kernel's own numbers, for the IOPF
 * source fed with made-up arguments. Needs root, and sets kernel.bpf_stats_enabled.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "self/cost.h"
#include "serve/encode/status.h"
#include "source/iopf/iopf_source.h"

#define STATS "/proc/sys/kernel/bpf_stats_enabled"
#define NR_GROUPS 1000

static struct config config = {.iopf_max_devices = 4};
static struct source source;
static struct cost cost;
static char stats_before;

static char get_stats(void)
{
	FILE *file = fopen(STATS, "r");
	int c = fgetc(file);

	fclose(file);
	return c;
}

static void set_stats(char c)
{
	FILE *file = fopen(STATS, "w");

	assert_non_null(file);
	fputc(c, file);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **data)
{
	source = (struct source){.ops = &iopf_source, .config = &config, .replay = true};
	stats_before = get_stats();
	if (iopf_source.attach(&source))
		return -1;
	source.state = SOURCE_UP;
	source.attached_ns = 1;
	return 0;
}

static int teardown(void **data)
{
	iopf_source.detach(&source, false);
	set_stats(stats_before);
	return 0;
}

/* Groups of one request: three events each. */
static void run_groups(void)
{
	for (uint64_t i = 0; i < NR_GROUPS; i++) {
		uint64_t request[8] = {9, 1, i, 0, 1, PAIMON_IOPF_LAST};
		uint64_t handle[8] = {9, 1, i, 1}, response[8] = {9, 1, i, 0};

		assert_int_equal(iopf_source_run(&source, IOPF_REQUEST, request), 0);
		assert_int_equal(iopf_source_run(&source, IOPF_HANDLE, handle), 0);
		assert_int_equal(iopf_source_run(&source, IOPF_RESPONSE, response), 0);
	}
}

/* The sum over the points of a metric whose label has the value, or -1. */
static double value_of(const char *metric, const char *value)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	double result = -1;

	assert_int_equal(cost_read(&cost, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++)
		for (size_t j = 0; j < snapshot->families[i].nr_points; j++) {
			const struct point *point = &snapshot->families[i].points[j];

			if (!strcmp(snapshot->families[i].metric->name, metric) &&
			    !strcmp(point->labels[0].value, value)) {
				assert_true(result == -1);
				result = point->is_integer ? point->integer : point->real;
			}
		}
	snapshot_free(snapshot);
	return result;
}

static double status_of(const char *key)
{
	struct buffer buffer = {};
	struct json json = {.buffer = &buffer};
	struct status values = {};
	struct json_object *status, *value;
	double result;
	char *text;

	cost_status(&cost, &values.cost);
	encode_status(&values, &json);
	text = buffer_take_string(&buffer);
	status = json_tokener_parse(text);
	free(text);
	assert_true(json_object_object_get_ex(json_object_object_get(status, "cost"), key, &value));
	result = value ? json_object_get_double(value) : -1;
	json_object_put(status);
	return result;
}

/* Linked in place of bpf_obj_get_info_by_fd(): misses are made up. */
static uint32_t misses;
int __real_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size)
{
	int r = __real_bpf_obj_get_info_by_fd(fd, info, size);

	if (!r && *size == sizeof(struct bpf_prog_info))
		((struct bpf_prog_info *)info)->recursion_misses += misses;
	return r;
}

/* Of each of the five programs: four dispatchers and iopf_expire. */
static void test_misses(void **data)
{
	cost_init(&cost, &source, 1);
	assert_true(status_of("recursion_misses") == 0);
	misses = 3;
	assert_true(status_of("recursion_misses") == 15);
	assert_true(value_of("paimon_bpf_program_recursion_misses_total", "paimon_response") == 3);
	misses = 0;
}

static void test_measured(void **data)
{
	double run_time;

	set_stats('1');
	cost_init(&cost, &source, 1);
	assert_true(status_of("ns_per_event") == -1); /* of nothing */
	run_groups();
	assert_true(value_of("paimon_bpf_program_runs_total", "paimon_request") == NR_GROUPS);
	assert_true(value_of("paimon_bpf_program_runs_total", "paimon_response") == NR_GROUPS);
	assert_true(value_of("paimon_bpf_program_runs_total", "iopf_expire") == 0);
	assert_true(value_of("paimon_bpf_program_recursion_misses_total", "paimon_request") == 0);
	/* What a dispatcher calls is part of it: more than a call, less than a millisecond. */
	run_time = value_of("paimon_bpf_program_run_time_seconds_total", "paimon_request");
	assert_true(run_time > NR_GROUPS * 20e-9 && run_time < NR_GROUPS * 1e-3);
	assert_true(status_of("ns_per_event") > 20 && status_of("ns_per_event") < 1e6);
	assert_true(status_of("events_per_second") > 3 * NR_GROUPS);
	assert_true(status_of("bpf_cpu_percent") > 0 && status_of("bpf_cpu_percent") < 100);
	assert_true(status_of("daemon_cpu_percent") > status_of("bpf_cpu_percent"));
	assert_true(status_of("runs_per_second") > 3 * NR_GROUPS);
	assert_true(status_of("ns_per_run") > 20 && status_of("ns_per_run") < 1e6);
	assert_true(status_of("run_times") == 1);
	/* Two ticks later all of it is long ago. */
	cost_tick(&cost);
	cost_tick(&cost);
	assert_true(status_of("events_per_second") == 0);
}

static void test_not_measured(void **data)
{
	set_stats('0');
	cost_init(&cost, &source, 1);
	run_groups();
	assert_true(value_of("paimon_bpf_program_runs_total", "paimon_request") == -1);
	assert_true(value_of("paimon_bpf_program_run_time_seconds_total", "paimon_request") == -1);
	assert_true(value_of("paimon_bpf_program_recursion_misses_total", "paimon_request") == 0);
	assert_true(status_of("ns_per_event") == -1);
	assert_true(status_of("bpf_cpu_percent") == -1);
	assert_true(status_of("runs_per_second") == -1);
	assert_true(status_of("ns_per_run") == -1);
	assert_true(status_of("events_per_second") > 3 * NR_GROUPS);
	assert_true(status_of("run_times") == 0);
}

/* Somebody holds a descriptor, which the sysctl does not tell: the totals have it. */
static void test_measured_by_other(void **data)
{
	struct status_cost before, now = {};
	int fd;

	set_stats('0');
	cost_init(&cost, &source, 1);
	/* Another `paimonctl status` of this machine may hold one, too, for half a second. */
	for (int tries = 0; tries < 100; tries++) {
		cost_status(&cost, &before);
		run_groups();
		cost_status(&cost, &now);
		if (now.totals.runs == before.totals.runs)
			break;
		usleep(100000);
	}
	assert_int_equal(now.totals.runs, before.totals.runs);
	fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	assert_return_code(fd, errno);
	before = now;
	run_groups();
	cost_status(&cost, &now);
	close(fd);
	assert_int_equal(now.totals.events - before.totals.events, 3 * NR_GROUPS);
	assert_int_equal(now.totals.runs - before.totals.runs, 3 * NR_GROUPS);
	assert_true(now.totals.run_ns - before.totals.run_ns > NR_GROUPS * 20);
	assert_true(now.totals.cpu_ns > before.totals.cpu_ns);
	assert_int_equal(now.totals.sources, before.totals.sources);
}

/* The kernel takes more than the bare values, and not twice as much. */
static void test_maps(void **data)
{
	size_t slots = 4 * IOPF_SLOTS * sizeof(struct iopf_slot);
	double bytes;

	cost_init(&cost, &source, 1);
	bytes = value_of("paimon_bpf_map_bytes", "iopf_slots");
	assert_true(bytes >= slots && bytes < 2 * slots);
	assert_true(value_of("paimon_bpf_map_bytes", "iopf_state") >= sizeof(struct iopf_state));
	assert_true(status_of("map_bytes") > bytes);
	assert_true(status_of("descriptors") > 10);
	assert_true(status_of("descriptors_max") >= status_of("descriptors"));
	assert_true(status_of("resident_bytes") > 1 << 20);
	/* Gone with its source, and no rates across that. */
	source.state = SOURCE_FAILED;
	assert_true(value_of("paimon_bpf_map_bytes", "iopf_slots") == -1);
	assert_true(status_of("map_bytes") == 0);
	assert_true(status_of("events_per_second") == -1);
	source.state = SOURCE_UP;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_measured), TEST(test_not_measured), TEST(test_measured_by_other),
		TEST(test_maps),     TEST(test_misses),
	};

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs and measure them");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

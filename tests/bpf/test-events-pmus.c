// SPDX-License-Identifier: GPL-2.0
/*
 * Kept perf events of PMUs in a made-up sysfs: masks of CPUs, several PMUs of one name, hybrid
 * machines, levels, and names that are made.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "events-fixture.h"
#include "lib/helpers.h"
#include "source/attribution.h"
#include "source/events/probe.h"
#include "source/perf_open.h"
#include "source/reader.h"

#define UNC "/sys/bus/event_source/devices/unc"

static void expect_cpus(uint64_t id, const char *cpus)
{
	struct json_object *object = show_json(&source, id);

	assert_string_equal(json_object_to_json_string(json_object_object_get(object, "cpus")),
			    cpus);
	json_object_put(object);
}

/* The mask changes while there is no daemon. */
static void set_mask(const char *mask)
{
	detach();
	write_text(UNC "/cpumask", "%s", mask);
	attach();
}

/* A system PMU counts on the CPUs of its mask, and an event stays with its package. The
 * events here are of the software clock, which no kernel takes along to another CPU. */
static void test_uncore(void **data)
{
	static const char sysfs[] = "/sys/bus/event_source/devices";
	uint64_t id, other, value;
	char *error;

	assert_int_equal(mount("tmpfs", sysfs, "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(UNC, 0755), 0);
	assert_int_equal(mkdir(UNC "/format", 0755), 0);
	write_text(UNC "/type", "1\n");
	write_text(UNC "/format/event", "config:0-7\n");
	write_text(UNC "/cpumask", "0\n");
	open_fails("unc/event=0/", NULL, "1", -EINVAL, "on CPUs 0, not on 1");
	id = open_event("unc/event=0/", NULL, NULL);
	set_mask("1\n"); /* it is not there */
	value = number_of(id, "value");
	expect_state(id, "stopped");
	assert_int_equal(number_of(id, "value"), value);
	assert_int_equal(number_of(id, "reopened"), 0);
	set_mask("0\n");
	assert_true((uint64_t)number_of(id, "value") > value);
	expect_state(id, "read");
	/* One that was opened for a CPU is not opened on others, a package that is new is. */
	other = open_event("unc/event=0/", NULL, "0");
	set_mask("0-1\n");
	expect_cpus(id, "[ 0, 1 ]");
	expect_cpus(other, "[ 0 ]");
	/* With a descriptor the kernel says where it is. */
	assert_int_equal(events_close(&source, id, &error), 0);
	id = open_event("unc/event=0/", NULL, "0");
	write_text(UNC "/cpumask", "1\n");
	events_source.reload(&source);
	value = number_of(id, "value");
	assert_true((uint64_t)number_of(id, "value") > value);
	expect_state(id, "counting");
	expect_cpus(id, "[ 0 ]");
	assert_int_equal(umount(sysfs), 0);
}

/* What could not be opened on a CPU that came new is opened by a reload. */
static void test_completed(void **data)
{
	uint64_t id = open_event(SPEC, NULL, NULL), one = open_event(SPEC, NULL, "0");
	struct events_slot *slots = pinned_slots();

	detach();
	slots[1].event = 0;
	attach();
	expect_cpus(id, "[ 0 ]");
	events_source.reload(&source);
	expect_cpus(id, "[ 0, 1 ]");
	expect_cpus(one, "[ 0 ]");
	load(1);
	assert_int_equal(number_of(id, "value"), 2);
	munmap(slots, sizeof(*slots) * 8 * get_nprocs_conf());
}

#define SYSFS "/sys/bus/event_source/devices"
#define BOXES 1000 /* from this number types are of made-up PMUs */

int __wrap_perf_open(const void *attr, int cpu);
int __real_perf_open(const void *attr, int cpu);
int __wrap_strcmp(const char *a, const char *b);
int __real_strcmp(const char *a, const char *b);

/* PMUs that are not there count SPEC. Generic events are as on a hybrid machine: with the PMU
 * of the CPU or not at all. */
int __wrap_perf_open(const void *attr, int cpu)
{
	struct perf_event_attr copy;
	uint32_t type;

	memcpy(&copy, attr, PERF_ATTR_SIZE_VER7);
	type = copy.type == PERF_TYPE_HARDWARE ? copy.config >> 32 : copy.type;
	if (copy.type == PERF_TYPE_HARDWARE && type != BOXES + (uint32_t)cpu)
		return -ENOENT;
	if (type < BOXES)
		return __real_perf_open(attr, cpu);
	copy.type = PERF_TYPE_TRACEPOINT;
	copy.config = tracepoint_id("sys_enter_ioprio_get");
	copy.exclude_user = copy.exclude_kernel = copy.exclude_hv = 0;
	return __real_perf_open(&copy, cpu);
}

static uint64_t nr_compared;

int __wrap_strcmp(const char *a, const char *b)
{
	nr_compared++;
	return __real_strcmp(a, b);
}

/* A PMU in sysfs, of CPUs in a file of this name. */
static void make_pmu(const char *name, int number, const char *file, const char *cpus)
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS "/%s", name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), SYSFS "/%s/format", name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), SYSFS "/%s/events", name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), SYSFS "/%s/format/event", name);
	write_text(path, "config:0-7\n");
	snprintf(path, sizeof(path), SYSFS "/%s/type", name);
	write_text(path, "%d\n", BOXES + number);
	snprintf(path, sizeof(path), SYSFS "/%s/%s", name, file);
	write_text(path, "%s", cpus);
}

static void hide_sysfs(void)
{
	assert_int_equal(mount("tmpfs", SYSFS, "tmpfs", 0, NULL), 0);
}

/* Takes what a made-up PMU has on a CPU out of the pinned maps, while there is no daemon. */
static void lose_slots(uint32_t type, uint32_t cpu)
{
	struct events_slot *slots = pinned_slots();

	detach();
	for (int i = 0; i < 8 * get_nprocs(); i++)
		if (slots[i].event && slots[i].type == type && slots[i].cpu == cpu)
			slots[i].event = 0;
	munmap(slots, sizeof(*slots) * 8 * get_nprocs_conf());
	attach();
}

/* What the slots of an event have: type and CPU, as 1000@0. */
static void expect_slots(uint64_t id, const char *wanted)
{
	size_t size = sizeof(struct events_event) * config.events_max;
	struct events_event *list = pinned("events_list", size);
	struct events_slot *slots = pinned_slots();
	char found[256] = "";

	for (uint32_t i = 0; i < config.events_max * get_nprocs(); i++)
		if (slots[i].event && list[slots[i].event - 1].id == id)
			sprintf(found + strlen(found), "%s%u@%u", *found ? " " : "", slots[i].type,
				slots[i].cpu);
	assert_string_equal(found, wanted);
	munmap(slots, sizeof(*slots) * config.events_max * get_nprocs_conf());
	munmap(list, size);
}

/* Of several boxes on a CPU: one event, which is their sum, whoever reads it. */
static void test_boxes(void **data)
{
	uint64_t id, one;
	char *error;
	int fd, nr;

	hide_sysfs();
	make_pmu("uncore_box_0", 10, "cpumask", "0\n");
	make_pmu("uncore_box_1", 11, "cpumask", "0-1\n");
	make_pmu("uncore_box_2", 12, "cpumask", "1\n");
	nr = count_descriptors(getpid());
	open_fails("box/event=2/", NULL, "0,7", -EINVAL, "CPU 7 is not online");
	open_fails("uncore_box_2/event=2/", NULL, "0", -EINVAL, "on CPUs 1, not on 0");
	assert_int_equal(count_descriptors(getpid()), nr);
	one = open_event("box/event=2/", "one", "0");
	nr = count_descriptors(getpid()); /* with those of the look at a first one */
	id = open_event("box/event=2/", "all", NULL);
	assert_int_equal(count_descriptors(getpid()), nr + 4);
	expect_slots(one, "1010@0 1011@0");
	expect_slots(id, "1010@0 1011@0 1011@1 1012@1");
	expect_cpus(id, "[ 0, 1 ]");
	load(5);
	assert_int_equal(number_of(one, "value"), 10);
	assert_int_equal(number_of(id, "value"), 20);
	config.events_per_cpu = true;
	assert_int_equal(point_of("paimon_event_value_total", "all", "1"), 10);
	config.events_per_cpu = false;
	assert_int_equal(events_descriptor(&source, id, 0, 0, &fd, &error), -EINVAL);
	assert_non_null(strstr(error, "counts on 2 PMUs on CPU 0"));
	free(error);
	assert_int_equal(events_set(&source, id, "event=3", &error), 0);
	load(1);
	assert_int_equal(number_of(id, "value"), 24);
	/* Each box is followed by itself; what one has lost is opened anew there. */
	lose_slots(BOXES + 11, 1);
	load(1);
	assert_int_equal(number_of(id, "value"), 24 - 6 + 4);
	assert_int_equal(number_of(one, "value"), 14);
	assert_int_equal(number_of(one, "reopened"), 0);
	assert_int_equal(umount(SYSFS), 0);
}

/* On a hybrid machine generic events are opened with the PMU of each CPU. */
static void test_hybrid(void **data)
{
	uint64_t cycles, raw, one;

	hide_sysfs();
	open_fails("cycles", NULL, NULL, -ENOENT, "the CPUs of this machine have no PMU");
	make_pmu("cpu_core", 0, "cpus", "0\n");
	make_pmu("cpu_atom", 1, "cpus", "1\n");
	cycles = open_event("cycles", NULL, NULL);
	raw = open_event("r1a2", NULL, NULL);
	one = open_event("instructions:u", NULL, "1");
	expect_slots(cycles, "1001@1 1000@0");
	expect_slots(raw, "1001@1 1000@0");
	expect_slots(one, "1001@1");
	open_event("cpu_atom/cycles/", NULL, NULL);
	open_fails("cpu_atom/cycles/", NULL, "0", -EINVAL, "for its CPUs on CPUs 1, not on 0");
	load(5);
	assert_int_equal(number_of(cycles, "value"), 10);
	assert_int_equal(number_of(raw, "value"), 10);
	assert_int_equal(number_of(one, "value"), 5);
	/* A CPU that came without it gets its own PMU's. */
	lose_slots(BOXES, 0);
	expect_slots(cycles, "1001@1");
	events_source.reload(&source);
	load(1);
	assert_int_equal(number_of(cycles, "value"), 5 + 2);
	expect_slots(one, "1001@1");
	assert_int_equal(umount(SYSFS), 0);
}

/* What falls without a reset is a level: of each CPU, and not to be summed. */
static void test_level(void **data)
{
	struct json_object *object, *levels;
	uint64_t id;
	char *error;

	hide_sysfs();
	make_pmu("therm", 20, "unused", "");
	write_text(SYSFS "/therm/events/margin", "event=2\n");
	write_text(SYSFS "/therm/events/margin.snapshot", "1\n");
	id = open_event("therm/margin/", "margin", NULL);
	load(10);
	assert_int_equal(point_of("paimon_event_level", "margin", "1"), 10);
	for_all_perf_events(PERF_EVENT_IOC_RESET);
	load(3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(point_of("paimon_event_level", "margin", "0"), 3);
		assert_int_equal(number_of(id, "resets"), 0);
		assert_int_equal(point_of("paimon_event_value_total", "margin", NULL), -1);
		detach(); /* the next daemon knows it too */
		attach();
	}
	object = show_json(&source, id);
	assert_true(json_object_is_type(json_object_object_get(object, "value"), json_type_null));
	levels = json_object_object_get(object, "levels");
	assert_string_equal(json_object_to_json_string_ext(levels, JSON_C_TO_STRING_PLAIN),
			    "[{\"cpu\":0,\"value\":3},{\"cpu\":1,\"value\":3}]");
	json_object_put(object);
	/* Nor is a level made of a count while it counts. */
	id = open_event("therm//", NULL, NULL);
	assert_int_equal(events_set(&source, id, "margin", &error), -EINVAL);
	assert_non_null(strstr(error, "not the same kind of event"));
	free(error);
	assert_int_equal(umount(SYSFS), 0);
}

static const char late[] = "counted while it is being attributed (context-switches can)";

/* What cannot be attributed is refused with the reason, to a client and in the configuration, and
 * leaves nothing behind. */
static void test_not_attributed(void **data)
{
	const struct {
		const char *spec, *why;
	} refused[] = {
		{"unc//", "PMU unc counts for the system, and does not know for whom"},
		{"therm/margin/", "it is a level, and not a count"},
		{"sched:sched_switch", late},
	};
	const struct events *events = source.data;
	int descriptors = count_descriptors(getpid());
	char *error;
	uint64_t id;

	hide_sysfs();
	make_pmu("unc", 20, "cpumask", "0\n");
	make_pmu("therm", 21, "unused", "");
	write_text(SYSFS "/therm/events/margin", "event=2\n");
	write_text(SYSFS "/therm/events/margin.snapshot", "1\n");
	for (unsigned int i = 0; i < 2 * sizeof(refused) / sizeof(*refused); i++) {
		struct config_event event = {(char *)"x", (char *)refused[i / 2].spec, NULL,
					     KEPT_BY_CGROUP + i % 2};

		assert_int_equal(
			events_open(&source, event.spec, NULL, NULL, event.by, &owner, &id, &error),
			-EOPNOTSUPP);
		assert_non_null(strstr(error, refused[i / 2].why));
		free(error);
		assert_int_equal(events_try(&event, false, &error), -EOPNOTSUPP);
		assert_non_null(strstr(error, refused[i / 2].why));
		free(error);
		reload(&event, 1);
		assert_non_null(strstr(source.reason, refused[i / 2].why));
		reload(NULL, 0);
		assert_string_equal(source.reason, "");
		assert_null(events->attribution);
		assert_int_equal(count_descriptors(getpid()), descriptors);
		assert_int_equal(number_of(events->reader->state->last_id, "id"), -1);
	}
	assert_int_equal(umount(SYSFS), 0);
}

/* The same of what is attributed already, and what cannot be opened. */
static void test_not_attributed_later(void **data)
{
	const struct events *events = source.data;
	char *error, spec[64], terms[32];
	uint64_t id, switches;
	int descriptors;

	snprintf(spec, sizeof(spec), "tracepoint/config=%d/",
		 tracepoint_id("sys_enter_ioprio_get"));
	assert_int_equal(
		events_open(&source, spec, NULL, NULL, KEPT_BY_CGROUP, &owner, &id, &error), 0);
	assert_int_equal(perf_open_tracepoint(NULL, "sched:sched_switch", &switches), 0);
	snprintf(terms, sizeof(terms), "config=%llu", (unsigned long long)switches);
	assert_int_equal(events_set(&source, id, terms, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error, late));
	free(error);
	load(3);
	assert_int_equal(number_of(id, "value"), 2 * 3);
	assert_int_equal(events_close(&source, id, &error), 0);
	assert_false(events->attribution->running);
	descriptors = count_descriptors(getpid());
	/* As on a machine without it: __wrap_perf_open(). */
	assert_int_equal(
		events_open(&source, "cycles", NULL, NULL, KEPT_BY_CGROUP, &owner, &id, &error),
		-ENOENT);
	free(error);
	assert_false(events->attribution->running);
	assert_int_equal(count_descriptors(getpid()), descriptors);
}

#define LONG "dispatch_of_processors_and_what_else_takes_many_letters_in_sysfs"

static void take_name(uint64_t id, char ret_name[EVENTS_NAME_LEN])
{
	struct json_object *object = show_json(&source, id);

	strcpy(ret_name, json_object_get_string(json_object_object_get(object, "name")));
	json_object_put(object);
}

static void expect_name(uint64_t id, const char *name)
{
	char found[EVENTS_NAME_LEN];

	take_name(id, found);
	assert_string_equal(found, name);
}

/* Names that are made of specs depend on nothing else, and differ where these do. */
static void test_made_names(void **data)
{
	static const char *const specs[] = {"l0ng/" LONG ",event=1/", "l0ng/" LONG ",event=2/",
					    "l0ng/" LONG ",event=1/k"};
	char names[3][EVENTS_NAME_LEN], *error;
	uint64_t ids[3];

	hide_sysfs();
	make_pmu("l0ng", 30, "unused", "");
	write_text(SYSFS "/l0ng/events/" LONG, "event=0\n");
	for (int order = 0; order < 2; order++) {
		for (int i = 0; i < 3; i++) {
			int k = order ? 2 - i : i;

			ids[k] = open_event(specs[k], NULL, NULL);
			if (order)
				expect_name(ids[k], names[k]);
			else
				take_name(ids[k], names[k]);
		}
		for (int i = 0; i < 3; i++) {
			assert_string_not_equal(names[i], names[(i + 1) % 3]);
			assert_true(config_event_name_valid(names[i]));
			assert_int_equal(events_close(&source, ids[i], &error), 0);
		}
	}
	assert_ptr_equal(strstr(names[0], "l0ng/dispatch_of_proc"), names[0]);
	assert_non_null(strstr(names[1], ",event=2/"));
	/* Of what is there already: a number, the lowest that is free. */
	open_event(SPEC, NULL, NULL);
	ids[0] = open_event(SPEC, NULL, NULL);
	ids[1] = open_event(SPEC, NULL, NULL);
	expect_name(ids[0], SPEC ".2");
	expect_name(ids[1], SPEC ".3");
	/* Those that come to nothing use up none. */
	for (int i = 0; i < 5; i++)
		open_fails(SPEC, NULL, "8000", -EINVAL, "is not online");
	ids[2] = open_event(SPEC, NULL, NULL);
	expect_name(ids[2], SPEC ".4");
	assert_int_equal(events_close(&source, ids[2], &error), 0);
	assert_int_equal(events_close(&source, ids[0], &error), 0);
	expect_name(open_event(SPEC, NULL, NULL), SPEC ".2");
	expect_name(open_event(SPEC, NULL, NULL), SPEC ".4");
	assert_int_equal(umount(SYSFS), 0);
}

/* To open one more event takes as long whatever there is already: it is compared with few. */
static void test_linear(void **data)
{
	uint64_t before, compared[2];

	detach();
	umount(folder);
	assert_int_equal(mount("bpf", folder, "bpf", 0, NULL), 0);
	config.events_max = 512;
	attach();
	for (int i = 0; i < 2; i++) {
		before = nr_compared;
		for (int j = 0; j < 50; j++)
			open_event(SPEC, NULL, "0");
		compared[i] = nr_compared - before;
		for (int j = 0; !i && j < 400; j++)
			open_event(SPEC, NULL, "0");
	}
	assert_in_range(compared[1], compared[0] / 2, compared[0] * 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_uncore), TEST(test_completed),      TEST(test_boxes),
		TEST(test_hybrid), TEST(test_level),	      TEST(test_made_names),
		TEST(test_linear), TEST(test_not_attributed), TEST(test_not_attributed_later),
	};
	int r = find_what_is_needed();

	if (r)
		return r;
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	return cmocka_run_group_tests(tests, NULL, NULL) | rmdir(folder);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The source of kept perf events: what is opened, set, reset and closed, what the configuration
 * asks for, and what a later daemon adopts.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events-fixture.h"
#include "lib/helpers.h"
#include "process/fdstore.h"
#include "source/reader.h"

/* A descriptor, the caller's, of an event on a CPU. */
static int descriptor_of(uint64_t id, int cpu)
{
	char *error;
	int fd;

	assert_int_equal(events_descriptor(&source, id, cpu, 0, &fd, &error), 0);
	return dup(fd);
}

/* Ids are above 0, and never given twice; one is over all CPUs, or on those asked for. */
static void test_d5_d13_open(void **data)
{
	uint64_t all = open_event(SPEC, "all", NULL), one = open_event(SPEC, "one", "0"), next;
	char *error;

	assert_true(all > 0 && one > all);
	load(5);
	assert_int_equal(number_of(all, "value"), 5 * get_nprocs());
	assert_int_equal(number_of(one, "value"), 5);
	load(2);
	assert_int_equal(number_of(all, "value"), 7 * get_nprocs());
	expect_state(all, "counting");
	assert_int_equal(number_of(all, "uid"), 1000);
	assert_int_equal(events_close(&source, one, &error), 0);
	next = open_event(SPEC, "one", "0");
	assert_true(next > one);
	assert_int_equal(number_of(next, "value"), 0);
}

/* It counts on without the process that opened it, and any later one reads it. */
static void test_d6_outlives(void **data)
{
	uint64_t id = 0;
	int pipes[2];
	pid_t child;

	detach();
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		attach();
		id = open_event(SPEC, NULL, NULL);
		if (write(pipes[1], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		raise(SIGKILL);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &id, sizeof(id)), sizeof(id));
	assert_true(WIFSIGNALED(wait_for(child)));
	load(10);
	for (int i = 1; i <= 3; i++) {
		attach();
		assert_true(source.adopted);
		assert_int_equal(number_of(id, "value"), 10 * i * get_nprocs());
		expect_state(id, "read");
		detach();
		load(10);
	}
	close(pipes[0]);
}

static void test_d2_bad_cpu(void **data)
{
	open_fails(SPEC, NULL, "0-9999", -EINVAL, "0-9999");
	open_fails(SPEC, NULL, "4095", -EINVAL, "CPU 4095 is not online");
}

/* A failure on the way leaves nothing. */
static void test_d8_fails(void **data)
{
	int before = count_descriptors(getpid()), lowest = dup(0), r = -1;
	struct events_slot *slots;
	struct rlimit limit, low;
	uint64_t id = 0;
	char *error;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	/* Room for one descriptor more each time, until it is enough. */
	for (low.rlim_cur = lowest; r; low.rlim_cur++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = events_open(&source, SPEC, "x", NULL, KEPT_BY_NOTHING, &owner, &id, &error);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(count_descriptors(getpid()), before + (r ? 0 : get_nprocs()));
		free(error);
	}
	assert_int_equal(id, 1);
	assert_int_equal(events_close(&source, id, &error), 0);
	open_fails("nope/x/", NULL, NULL, -ENOENT, "nope");
	open_fails(SPEC, "a b", NULL, -EINVAL, "a b");
	if (!access("/sys/bus/event_source/devices/breakpoint", F_OK)) /* not on s390x */
		open_fails("breakpoint/config=0/", NULL, NULL, -EINVAL, "breakpoint");
	assert_int_equal(count_descriptors(getpid()), before);
	open_event(SPEC, "x", NULL);
	open_fails(SPEC, "x", NULL, -EEXIST, "x");
	for (int i = 1; i < 8; i++)
		open_event(SPEC, NULL, NULL);
	open_fails(SPEC, NULL, NULL, -ENOSPC, "max");
	assert_int_equal(count_descriptors(getpid()), before + 8 * get_nprocs());
	slots = pinned_slots();
	for (int i = 0; i < 8 * get_nprocs(); i++)
		assert_int_not_equal(slots[i].event, 0);
	munmap(slots, sizeof(*slots) * 8 * get_nprocs_conf());
}

/* After a close nothing of it is left. */
static void test_close(void **data)
{
	int before = count_descriptors(getpid());
	struct events_slot *slots;
	char *error;

	for (int i = 0; i < 20; i++)
		assert_int_equal(events_close(&source, open_event(SPEC, "x", NULL), &error), 0);
	assert_int_equal(count_descriptors(getpid()), before);
	assert_int_equal(events_close(&source, 20, &error), -ENOENT);
	free(error);
	assert_int_equal(number_of(20, "value"), -1);
	slots = pinned_slots();
	for (int i = 0; i < 8 * get_nprocs_conf(); i++)
		assert_int_equal(slots[i].event, 0);
	munmap(slots, sizeof(*slots) * 8 * get_nprocs_conf());
}

/* A reset is noticed, and the total goes on. */
static void test_d15_reset(void **data)
{
	uint64_t id = open_event(SPEC, NULL, NULL);

	load(10);
	assert_int_equal(number_of(id, "value"), 10 * get_nprocs());
	for_all_perf_events(PERF_EVENT_IOC_RESET);
	load(3);
	assert_int_equal(number_of(id, "value"), 13 * get_nprocs());
	assert_int_equal(number_of(id, "resets"), get_nprocs());
	detach();
	attach();
	load(1);
	assert_int_equal(number_of(id, "value"), 14 * get_nprocs());
	assert_int_equal(number_of(id, "resets"), get_nprocs());
}

static int set_to(uint64_t id, const char *tracepoint)
{
	char *error = NULL, terms[32];
	int r;

	snprintf(terms, sizeof(terms), "config=%d",
		 tracepoint ? tracepoint_id(tracepoint) : 0xffffff);
	r = events_set(&source, id, terms, &error);
	free(error);
	return r;
}

/* Someone disables it, and enables it again. */
static void test_d15_disabled(void **data)
{
	uint64_t id = open_event(SPEC, NULL, NULL);

	load(10);
	expect_state(id, "counting");
	for_all_perf_events(PERF_EVENT_IOC_DISABLE);
	load(10);
	number_of(id, "value"); /* the time of what was before */
	expect_state(id, "disabled");
	assert_int_equal(number_of(id, "value"), 10 * get_nprocs());
	assert_int_equal(number_of(id, "reopened"), 0);
	/* A reset meanwhile is one, however often it is looked at. */
	for_all_perf_events(PERF_EVENT_IOC_RESET);
	for (int i = 0; i < 3; i++)
		assert_int_equal(number_of(id, "value"), 10 * get_nprocs());
	assert_int_equal(number_of(id, "resets"), get_nprocs());
	for_all_perf_events(PERF_EVENT_IOC_ENABLE);
	load(10);
	assert_int_equal(number_of(id, "value"), 20 * get_nprocs());
	assert_int_equal(number_of(id, "resets"), get_nprocs());
	expect_state(id, "counting");
}

/* The terms change while it counts; the total goes on. What is refused changes nothing. */
static void test_set(void **data)
{
	char spec[64], *error;
	uint64_t id;

	id = open_event(SPEC, NULL, NULL);
	assert_int_equal(set_to(id, "sys_enter_ioprio_get"), -EINVAL);
	assert_int_equal(events_close(&source, id, &error), 0);
	snprintf(spec, sizeof(spec), "tracepoint/config=%d/",
		 tracepoint_id("sys_enter_ioprio_get"));
	id = open_event(spec, NULL, NULL);
	load(4);
	assert_int_equal(set_to(id, NULL), -EINVAL);
	assert_int_equal(number_of(id, "changes"), 0);
	load(1);
	assert_int_equal(number_of(id, "value"), 5 * get_nprocs());
	assert_int_equal(set_to(id, "sys_enter_getresgid"), 0);
	load(100); /* is not counted any more */
	assert_int_equal(number_of(id, "value"), 5 * get_nprocs());
	detach();
	attach();
	assert_int_equal(set_to(id, "sys_enter_ioprio_get"), 0);
	load(2);
	assert_int_equal(number_of(id, "value"), 7 * get_nprocs());
	assert_int_equal(number_of(id, "changes"), 2);
	expect_state(id, "counting"); /* those it was set to have descriptors */
	assert_int_equal(set_to(9999, "sys_enter_ioprio_get"), -ENOENT);
}

/* A daemon that dies while it changes an event: the new terms are in force on no CPU, or
 * on all of them. */
static void test_set_killed(void **data)
{
	size_t size = sizeof(struct events_event) * config.events_max;
	struct events_event *list;
	char spec[64];
	uint64_t id;

	snprintf(spec, sizeof(spec), "tracepoint/config=%d/",
		 tracepoint_id("sys_enter_ioprio_get"));
	id = open_event(spec, NULL, NULL);
	load(3); /* which nobody reads before */
	detach();
	list = pinned("events_list", size);
	list->terms[1] = list->terms[0];
	list->terms[1].config[0] = tracepoint_id("sys_enter_getresgid");
	attach();
	load(1);
	assert_int_equal(number_of(id, "value"), 4 * get_nprocs());
	load(1);
	detach();
	list->current = 1;
	attach();
	load(100); /* is not counted any more */
	assert_int_equal(number_of(id, "value"), 5 * get_nprocs());
	expect_state(id, "counting");
	assert_int_equal(set_to(id, "sys_enter_ioprio_get"), 0);
	load(1);
	assert_int_equal(number_of(id, "value"), 6 * get_nprocs());
	munmap(list, size);
}

/* Whatever store an earlier daemon died after. */
static void test_recovers(void **data)
{
	uint64_t id = open_event(SPEC, "x", "0");
	struct events_slot *slots;
	int before;

	load(5);
	assert_int_equal(number_of(id, "value"), 5);
	slots = pinned_slots();
	detach();
	before = count_descriptors(getpid());
	/* While another one was put in its place: not yet in force, then in force. */
	slots[1] = slots[0];
	slots[1].event = 0;
	attach();
	assert_int_equal(number_of(id, "value"), 5);
	detach();
	slots[1] = slots[0];
	slots[1].seq++;
	slots[1].counts[slots[1].current & 1].base.value = 100;
	slots[1].counts[slots[1].current & 1].seen.value = 0;
	attach();
	assert_int_equal(number_of(id, "value"), 100);
	/* Nothing was in its element: it is opened anew, where there was the one it replaced. */
	load(2);
	assert_int_equal(number_of(id, "value"), 102);
	assert_int_equal(slots[0].event, 1);
	assert_int_equal(slots[1].event, 0);
	/* While an event was opened: its id was not given yet. */
	slots[3] = slots[0];
	slots[3].event = 5;
	slots[3].cpu = 0;
	/* What a daemon never writes. */
	slots[4].event = 4000000000;
	slots[5] = slots[0];
	slots[5].cpu = 0x7fffffff;
	detach();
	attach();
	assert_int_equal(slots[3].event, 0);
	assert_int_equal(slots[4].event, 0);
	assert_int_equal(slots[5].event, 0);
	detach();
	assert_int_equal(count_descriptors(getpid()), before);
	munmap(slots, sizeof(*slots) * 8 * get_nprocs_conf());
}

static struct json_object *find_name(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *event = json_object_array_get_idx(list, i);

		if (!strcmp(json_object_get_string(json_object_object_get(event, "name")), name))
			return event;
	}
	return NULL;
}

static int64_t id_of(const char *name)
{
	struct json_object *list = list_json(&source), *event = find_name(list, name);
	int64_t id = event ? json_object_get_int64(json_object_object_get(event, "id")) : -1;

	json_object_put(list);
	return id;
}

static void test_config(void **data)
{
	struct config_event events[] = {
		{.name = (char *)"a", .spec = (char *)SPEC},
		{.name = (char *)"b", .spec = (char *)SPEC, .cpus = (char *)"0"},
		{.name = (char *)"bad", .spec = (char *)"nope/x/"},
	};
	int64_t a, b, kept = open_event(SPEC, "kept", NULL);
	char *error;

	reload(events, 3);
	a = id_of("a");
	b = id_of("b");
	assert_true(a > 0 && b > 0 && id_of("bad") < 0);
	reload(events, 3);
	assert_int_equal(id_of("a"), a);
	detach();
	attach();
	assert_int_equal(id_of("a"), a);
	events[1].cpus = NULL;
	reload(events, 2);
	assert_int_equal(id_of("a"), a);
	assert_true(id_of("b") > b);
	/* An event that is attributed in another way is another event. */
	events[0].by = KEPT_BY_CGROUP;
	reload(events, 2);
	b = id_of("a");
	assert_true(b > a);
	events[0].by = KEPT_BY_NOTHING;
	reload(events, 2);
	assert_true(id_of("a") > b);
	reload(events, 1);
	assert_int_equal(id_of("b"), -1);
	reload(NULL, 0);
	assert_int_equal(id_of("a"), -1);
	/* What could not be opened is tried again. */
	events[0].name = (char *)"kept";
	reload(events, 1);
	assert_non_null(strstr(source.reason, "kept"));
	assert_int_equal(id_of("kept"), kept);
	events_source.retry(&source, false);
	assert_int_equal(id_of("kept"), kept);
	assert_int_equal(events_close(&source, kept, &error), 0);
	events_source.retry(&source, false);
	assert_true(id_of("kept") > kept);
	assert_string_equal(source.reason, "");
	kept = id_of("kept");
	assert_int_equal(id_of("kept"), kept);
}

/* What paimon_event_up has of a name, -1 where it is not there; it is there once. */
static int up_of(const char *name)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int up = -1;

	assert_int_equal(source.data ? events_source.read(&source, snapshot)
				     : events_source.read_failed(&source, snapshot),
			 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];

		for (size_t j = 0; j < family->nr_points; j++)
			if (!strcmp(family->metric->name, "paimon_event_up") &&
			    !strcmp(family->points[j].labels[0].value, name)) {
				assert_int_equal(up, -1);
				up = family->points[j].integer;
			}
	}
	snapshot_free(snapshot);
	return up;
}

/* The number of bytes that the source says while it tries again. */
static off_t retry_says(void)
{
	int log = memfd_create("log", 0), before = dup(STDERR_FILENO);
	off_t length;

	fflush(stderr);
	dup2(log, STDERR_FILENO);
	events_source.retry(&source, false);
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	length = lseek(log, 0, SEEK_END);
	close(log);
	close(before);
	return length;
}

static void add_line(void *user, const char *text)
{
	strcat(strcat(user, text), "\n");
}

/* An event that does not count is served as such, whatever the reason, and said once. */
static void test_up(void **data)
{
	struct config_event events[] = {
		{.name = (char *)"good", .spec = (char *)SPEC},
		{.name = (char *)"bad", .spec = (char *)"nope/x/"},
		{.name = (char *)"worse", .spec = (char *)"msr/nope/"},
		{.name = (char *)"taken", .spec = (char *)SPEC},
	};
	char problems[1024] = "", *error;
	uint64_t id = open_event(SPEC, "taken", NULL), disabled;

	config.events = events;
	config.nr_events = 4;
	/* At the start as after a reload. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(up_of("good"), i ? 1 : -1);
		detach();
		assert_int_equal(up_of("good"), 0);
		assert_int_equal(up_of("bad"), 0);
		attach();
		assert_int_equal(up_of("good"), 1);
		assert_int_equal(up_of("bad"), 0);
		assert_int_equal(up_of("worse"), 0);
		assert_int_equal(up_of("taken"), 0);
	}
	assert_non_null(strstr(source.reason, "[event bad]: "));
	assert_non_null(strstr(source.reason, "2 more"));
	events_source.tell(&source, add_line, problems);
	assert_non_null(strstr(problems, "[event bad]: nope"));
	assert_non_null(strstr(problems, "\n[event worse]: msr/nope/"));
	assert_non_null(strstr(problems, "\n[event taken]: "));
	assert_int_equal(retry_says(), 0);
	assert_int_equal(retry_says(), 0);
	/* It fails for another reason. */
	events[2].spec = (char *)"neither/x/";
	assert_true(retry_says() > 0);
	assert_int_equal(retry_says(), 0);
	assert_int_equal(events_close(&source, id, &error), 0);
	assert_true(retry_says() > 0);
	assert_int_equal(up_of("taken"), 1);
	reload(events, 2);
	assert_int_equal(up_of("good"), 1);
	assert_int_equal(up_of("bad"), 0);
	assert_int_equal(up_of("worse"), -1);
	/* One that was closed is not opened again beside another one that is tried again. */
	assert_int_equal(events_close(&source, id_of("good"), &error), 0);
	assert_int_equal(up_of("good"), 0);
	assert_non_null(strstr(source.reason, "[event good]: was closed"));
	retry_says();
	assert_int_equal(id_of("good"), -1);
	memset(problems, 0, sizeof(problems));
	events_source.tell(&source, add_line, problems);
	assert_non_null(strstr(problems, "[event good]: was closed"));
	id = open_event(SPEC, "good", NULL);
	assert_int_equal(up_of("good"), 0);
	assert_int_equal(events_close(&source, id, &error), 0);
	assert_int_equal(up_of("good"), 0);
	reload(events, 1);
	assert_int_equal(up_of("good"), 1);
	assert_int_equal(up_of("bad"), -1);
	assert_string_equal(source.reason, "");

	disabled = open_event(SPEC, "disabled", "0");
	assert_int_equal(up_of("disabled"), 1);
	assert_int_equal(ioctl(descriptor_of(disabled, 0), PERF_EVENT_IOC_DISABLE), 0);
	up_of("disabled"); /* the time of what was before */
	assert_int_equal(up_of("disabled"), 0);
	assert_int_equal(up_of("good"), 1);
}

/* Id 0 is none, and no id is given twice: at the end of them nothing is opened. */
static void test_d5_last_id(void **data)
{
	uint64_t id = open_event(SPEC, "first", "0"), last;
	struct events *events = source.data;

	assert_int_equal(id, 1);
	events->reader->state->last_id = UINT64_MAX - 1;
	last = open_event(SPEC, "last", "0");
	assert_true(last == UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		int before = count_descriptors(getpid());

		open_fails(SPEC, "none", "0", -ENOSPC, "all ids are used up");
		assert_int_equal(count_descriptors(getpid()), before);
		assert_true(events->reader->state->last_id == UINT64_MAX);
		assert_int_equal(id_of("none"), -1);
		detach();
		attach();
		events = source.data;
	}
	load(1);
	assert_int_equal(number_of(id, "value"), 1);
	assert_int_equal(number_of(last, "value"), 1);
}

/* Whichever map is missing: it is named, and nothing is counted beside what is there. */
static void test_missing_pin(void **data)
{
	static const char *const maps[] = {"events_array", "events_values", "events_order",
					   "events_slots", "events_list",   "events_state"};
	uint64_t id = open_event(SPEC, "x", NULL);
	char path[128], missing[64];

	load(3);
	for (size_t i = 0; i < 6; i++) {
		int fd;

		detach();
		snprintf(path, sizeof(path), "%s/events-%d/%s", folder, EVENTS_LAYOUT, maps[i]);
		fd = bpf_obj_get(path);
		assert_true(fd >= 0);
		assert_int_equal(unlink(path), 0);
		source = (struct source){.ops = &events_source, .config = &config};
		if (i == 5) {
			/* The set has no end: a new one, from 0, and not the events of before. */
			attach();
			assert_false(source.adopted);
			assert_int_equal(id_of("x"), -1);
			close(fd);
			break;
		}
		snprintf(missing, sizeof(missing), "%s is missing", maps[i]);
		assert_int_equal(events_source.attach(&source), -ENOENT);
		assert_non_null(strstr(source.reason, missing));
		assert_non_null(strstr(source.reason, "paimonctl purge events-"));
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(bpf_obj_pin(fd, path), 0);
		close(fd);
		attach();
		assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	}
	id = open_event(SPEC, "x", NULL);
	assert_int_equal(id, 1);
	load(2);
	assert_int_equal(number_of(id, "value"), 2 * get_nprocs());
}

/* However many events: one program run on each CPU. */
static void test_one_run(void **data)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct bpf_prog_info info = {};
	struct source_objects objects = {};
	struct snapshot *snapshot = snapshot_new(NULL);
	uint32_t size = sizeof(info);
	uint64_t before;
	char *error;

	assert_true(stats >= 0);
	assert_null(events_source.restart(&source));
	config.events_max = 512;
	assert_string_equal(events_source.restart(&source), "[events] max");
	detach();
	umount(folder);
	assert_int_equal(mount("bpf", folder, "bpf", 0, NULL), 0);
	attach();
	for (int i = 0; i < 512; i++)
		open_event(SPEC, NULL, NULL);
	events_source.objects(&source, &objects);
	assert_int_equal(bpf_obj_get_info_by_fd(objects.programs[0].fd, &info, &size), 0);
	before = info.run_cnt;
	load(3);
	assert_int_equal(events_source.read(&source, snapshot), 0);
	info = (struct bpf_prog_info){};
	assert_int_equal(bpf_obj_get_info_by_fd(objects.programs[0].fd, &info, &size), 0);
	assert_int_equal(info.run_cnt - before, get_nprocs());
	for (int id = 1; id <= 512; id++)
		assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	for (int id = 1; id <= 512; id++)
		assert_int_equal(events_close(&source, id, &error), 0);
	snapshot_free(snapshot);
	close(stats);
}

/* An event that stands still is opened anew, where nothing can be found out about it: beside
 * one that is closed, whose readings are not its own; and also where no more events fit in. */
static void test_opened_anew(void **data)
{
	int descriptors[2];
	uint64_t id, other;
	char *error;

	for (int full = 0; full < 2; full++) {
		id = open_event(SPEC, "x", "0-1");
		descriptors[0] = descriptor_of(id, 0);
		descriptors[1] = descriptor_of(id, 1);
		other = open_event("cpu-clock", NULL, NULL);
		for (int i = 2; full && i < 8; i++)
			open_event(SPEC, NULL, NULL);
		load(10);
		assert_int_equal(number_of(id, "value"), 20);
		detach();
		attach();
		if (!full)
			assert_int_equal(events_close(&source, other, &error), 0);
		for (int i = 0; i < 2; i++)
			assert_return_code(ioctl(descriptors[i], PERF_EVENT_IOC_DISABLE, 0), errno);
		number_of(id, "value"); /* the time of what was before */
		number_of(id, "value");
		load(10);
		for (int i = 0; i < 3; i++)
			assert_int_equal(number_of(id, "value"), 40);
		assert_int_equal(number_of(id, "resets"), 0);
		assert_int_equal(number_of(id, "reopened"), 2);
		expect_state(id, "counting");
		for (int i = 0; i < 2; i++)
			close(descriptors[i]);
		assert_int_equal(events_close(&source, id, &error), 0);
	}
}

/* What lies in systemd's store is there for a source that is stopped and started again,
 * goes when its event is closed, and when it belongs to none. */
static void test_store(void **data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int store = socket(AF_UNIX, SOCK_DGRAM, 0), before, stray;
	char path[32], message[256];
	bool removed[2] = {};
	uint64_t id;
	char *error;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/paimon-store-%d", getpid());
	assert_int_equal(bind(store, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(path, sizeof(path), "%s", address.sun_path);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("INVOCATION_ID", "0", 1);
	assert_int_equal(fdstore_init(), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	before = count_descriptors(getpid());
	id = open_event(SPEC, "x", "0-1");
	load(1);
	for (int i = 0; i < 2; i++) {
		events_source.detach(&source, false);
		stray = dup(store);
		fdstore_give_back("event-4095", stray);
		attach();
		assert_int_equal(number_of(id, "value"), 2);
		expect_state(id, "counting");
		assert_int_equal(count_descriptors(getpid()), before + 2);
	}
	/* Those of an earlier paimond, of which this one has no descriptors. */
	assert_true(fdstore_take("event-0") < 0);
	assert_int_equal(events_close(&source, id, &error), 0);
	assert_int_equal(count_descriptors(getpid()), before);
	while (recv(store, message, sizeof(message), MSG_DONTWAIT) > 0)
		for (int i = 0; i < 2; i++) {
			char text[64];

			snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=event-%d", i);
			removed[i] |= !strncmp(message, text, strlen(text));
		}
	assert_true(removed[0] && removed[1]);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("INVOCATION_ID");
	fdstore_init();
	close(store);
	unlink(path);
}

/* A CPU that goes away and comes back: its perf event is another one then, and the total goes on.
 */
static void test_cpu_comes_back(void **data)
{
	static const char online[] = "/sys/devices/system/cpu/online";
	char path[64];
	uint64_t id;

	if (get_nprocs() < 2)
		skip();
	snprintf(path, sizeof(path), "%s-online", folder);
	write_text(path, "0-1\n");
	assert_int_equal(mount(path, online, NULL, MS_BIND, NULL), 0);
	id = open_event(SPEC, NULL, NULL);
	load(3);
	assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	write_text(path, "0\n");
	assert_int_equal(number_of(id, "reopened"), 0);
	write_text(path, "0-1\n");
	assert_int_equal(number_of(id, "reopened"), 1);
	expect_state(id, "counting");
	load(2);
	assert_int_equal(number_of(id, "value"), 5 * get_nprocs());
	/* One that comes while there is an event on CPU 0 only is not counted for it. */
	write_text(path, "0\n");
	open_event(SPEC, "first", "0");
	assert_int_equal(point_of("paimon_event_value_total", "first", NULL), 0);
	write_text(path, "0-1\n");
	load(4);
	assert_int_equal(point_of("paimon_event_value_total", "first", NULL), 4);
	assert_int_equal(number_of(id, "value"), 9 * get_nprocs());
	assert_int_equal(umount(online), 0);
	unlink(path);
}

/* There is no room for it in the registry. */
static void test_too_long(void **data)
{
	char cpus[2 * EVENTS_SPEC_LEN] = "0";

	while (strlen(cpus) < sizeof(cpus) - 3)
		strcat(cpus, ",0");
	open_fails(SPEC, NULL, cpus, -EINVAL, "the list of CPUs is too long");
	assert_int_equal(number_of(1, "id"), -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_d2_bad_cpu),	TEST(test_d5_d13_open),	 TEST(test_d6_outlives),
		TEST(test_d8_fails),	TEST(test_close),	 TEST(test_d15_reset),
		TEST(test_set),		TEST(test_d15_disabled), TEST(test_recovers),
		TEST(test_config),	TEST(test_one_run),	 TEST(test_set_killed),
		TEST(test_opened_anew), TEST(test_store),	 TEST(test_up),
		TEST(test_d5_last_id),	TEST(test_missing_pin),	 TEST(test_cpu_comes_back),
		TEST(test_too_long),
	};
	int r = find_what_is_needed();

	if (r)
		return r;
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	return cmocka_run_group_tests(tests, NULL, NULL) | rmdir(folder);
}

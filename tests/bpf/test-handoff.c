// SPDX-License-Identifier: GPL-2.0
/*
 * Perf events that other processes hand over: what is kept, and what is refused, by
 * the numbers of the invariants (list d). First the source itself, then its socket.
 * Needs root, and bpffs of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "lib/helpers.h"
#include "events_json.h"
#include "source/events/events_source.h"
#include "source/source.h"

#define OWNER 4242 /* a user who is not root */

static char folder[] = "/tmp/paimon-handoff-XXXXXX";
static struct config config;
static struct source source;
static const struct events_owner owner = {EVENTS_FROM_HANDOFF, OWNER, 1, "test"};
static char *error;

static int detach(void **data)
{
	events_source.detach(&source, false);
	free(error);
	error = NULL;
	return umount(folder);
}

static int open_event(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd = perf_event_open(attr, pid, cpu, -1);

	assert_return_code(fd, errno);
	return fd;
}

static struct perf_event_attr clock_attr(void)
{
	return (struct perf_event_attr){.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK};
}

static int open_clock(int cpu)
{
	struct perf_event_attr attr = clock_attr();

	return open_event(&attr, -1, cpu);
}

static int keep(const int *fds, size_t nr, const char *name, uint64_t *ret_id)
{
	free(error);
	return events_keep(&source, fds, nr, name, &owner, ret_id, &error);
}

/* Keeps what is there to be kept; closes it here. */
static uint64_t keep_clock(int cpu)
{
	int fd = open_clock(cpu);
	uint64_t id = 0;

	assert_int_equal(keep(&fd, 1, NULL, &id), 0);
	close(fd);
	return id;
}

static int descriptor(uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd)
{
	free(error);
	return events_descriptor(&source, id, cpu, uid, ret_fd, &error);
}

static int claim(uint64_t id, uint32_t uid)
{
	free(error);
	return events_claim(&source, id, uid, &error);
}

static uint64_t number(uint64_t id, const char *key)
{
	struct json_object *object = show_json(&source, id), *value;
	uint64_t result;

	assert_non_null(object);
	assert_true(json_object_object_get_ex(object, key, &value));
	result = json_object_get_uint64(value);
	json_object_put(object);
	return result;
}

static size_t nr_listed(void)
{
	struct json_object *list = list_json(&source);
	size_t nr = json_object_array_length(list);

	json_object_put(list);
	return nr;
}

static int attach(void **data)
{
	config = (struct config){.state_dir = folder, .events_max = 64};
	source = (struct source){.ops = &events_source, .config = &config};
	assert_int_equal(mount("bpf", folder, "bpf", 0, NULL), 0);
	assert_int_equal(events_source.attach(&source), 0);
	/* What is loaded for the first one stays, and its descriptors. */
	return claim(keep_clock(0), 0);
}

/* A descriptor is refused, nothing is kept, and no descriptor is left. */
static void refused(int fd, int expected, const char *text)
{
	int before = count_descriptors(getpid());
	uint64_t id = 0;

	assert_int_equal(keep(&fd, 1, NULL, &id), expected);
	assert_non_null(error);
	if (!strstr(error, text))
		fail_msg("%s: is not about: %s", error, text);
	assert_int_equal(id, 0);
	assert_int_equal(nr_listed(), 0);
	assert_int_equal(count_descriptors(getpid()), before);
}

static void test_d1_dying(void **data)
{
	struct perf_event_attr attr = clock_attr();
	pid_t child = fork();
	int fd;

	if (!child)
		for (;;)
			pause();
	fd = open_event(&attr, child, -1);
	kill(child, SIGKILL);
	wait_for(child);
	refused(fd, -ENOENT, "dead");
	close(fd);
}

static void test_d2_task(void **data)
{
	struct perf_event_attr attr = clock_attr();
	int fd = open_event(&attr, 0, -1);

	refused(fd, -EINVAL, "task");
	close(fd);
	fd = open_event(&attr, 0, 0); /* while on a CPU */
	refused(fd, -EINVAL, "task");
	close(fd);
}

static void test_d2_bad_cpu(void **data)
{
	static const char online[] = "/sys/devices/system/cpu/online";
	char path[] = "/tmp/paimon-handoff-online-XXXXXX";
	int fd = open_clock(1), file = mkstemp(path), r;
	uint64_t id = 0;

	/* As if the CPU had gone off since. */
	assert_int_equal(write(file, "0\n", 2), 2);
	assert_int_equal(mount(path, online, NULL, MS_BIND, NULL), 0);
	r = keep(&fd, 1, NULL, &id);
	assert_int_equal(umount(online), 0);
	unlink(path);
	assert_int_equal(r, -EINVAL);
	assert_non_null(strstr(error, "CPU 1 is not online"));
	assert_int_equal(id, 0);
	assert_int_equal(nr_listed(), 0);
	close(file);
	close(fd);
}

static void test_d3_twice(void **data)
{
	int fd = open_clock(0), copy = dup(fd);
	uint64_t id, other;

	assert_int_equal(keep(&fd, 1, NULL, &id), 0);
	assert_int_equal(keep(&fd, 1, NULL, &other), -EEXIST);
	assert_int_equal(keep(&copy, 1, NULL, &other), -EEXIST);
	assert_int_equal(nr_listed(), 1);
	close(fd);
	assert_int_equal(descriptor(id, 0, 0, &fd), 0);
	assert_int_equal(keep(&fd, 1, NULL, &other), -EEXIST);
	/* A later daemon knows too. */
	events_source.detach(&source, true);
	assert_int_equal(events_source.attach(&source), 0);
	assert_int_equal(keep(&copy, 1, NULL, &other), -EEXIST);
	close(copy);
}

static void test_d4_mapped(void **data)
{
	struct perf_event_attr attr = clock_attr();
	size_t size = 2 * sysconf(_SC_PAGESIZE);
	int fds[2], status;
	uint64_t id;
	pid_t child;

	attr.sample_period = 1000000000;
	for (int i = 0; i < 2; i++)
		fds[i] = open_event(&attr, -1, i);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0) != MAP_FAILED)
			raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	refused(fds[1], -EBUSY, "mapped");
	assert_int_equal(keep(fds, 2, NULL, &id), -EBUSY);
	assert_int_equal(nr_listed(), 0);
	kill(child, SIGKILL);
	wait_for(child);
	assert_int_equal(keep(fds, 2, NULL, &id), 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_d5_ids(void **data)
{
	uint64_t last = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t id = keep_clock(0);

		assert_true(id > last);
		last = id;
		if (i & 1)
			assert_int_equal(claim(id, 0), 0);
	}
	assert_int_equal(nr_listed(), 4);
	events_source.detach(&source, true);
	assert_int_equal(events_source.attach(&source), 0);
	assert_true(keep_clock(0) > last);
}

static void test_d6_goes_on(void **data)
{
	uint64_t id = keep_clock(0), count = number(id, "value");

	usleep(10000);
	assert_true(number(id, "value") >= count + 5000000);
	/* And without a daemon. */
	events_source.detach(&source, true);
	usleep(10000);
	assert_int_equal(events_source.attach(&source), 0);
	assert_true(number(id, "value") >= count + 15000000);
}

static void test_d7_open(void **data)
{
	uint64_t id = keep_clock(0);
	int fd = -1;

	assert_int_equal(descriptor(id, 0, OWNER, &fd), 0);
	assert_true(read_count(fd));
	assert_int_equal(descriptor(id, 0, 0, &fd), 0);
	fd = -1;
	assert_int_equal(descriptor(id, 1, OWNER, &fd), -ENOENT);
	assert_int_equal(descriptor(id, 100000, OWNER, &fd), -EINVAL);
	assert_int_equal(descriptor(id, UINT32_MAX, OWNER, &fd), -EINVAL);
	assert_int_equal(descriptor(id, 0, OWNER + 1, &fd), -EACCES);
	assert_int_equal(descriptor(id + 1, 0, OWNER, &fd), -ENOENT);
	assert_int_equal(descriptor(0, 0, OWNER, &fd), -ENOENT);
	assert_int_equal(fd, -1);
	/* Outside systemd a new daemon has no descriptors: the count is all that is left. */
	events_source.detach(&source, true);
	assert_int_equal(events_source.attach(&source), 0);
	assert_int_equal(descriptor(id, 0, OWNER, &fd), -ESTALE);
	assert_non_null(strstr(error, "can only be read"));
}

/* A breakpoint of a CPU, which has few of them, or a negative errno. */
static int open_breakpoint(int cpu)
{
	static long word;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (unsigned long)&word,
		.bp_len = sizeof(word),
		.exclude_kernel = 1,
	};
	int fd = perf_event_open(&attr, -1, cpu, -1);

	return fd < 0 ? -errno : fd;
}

/* How many more breakpoints CPU 0 has room for. */
static int room_for_breakpoints(void)
{
	int fds[16], nr = 0;

	while (nr < 16 && (fds[nr] = open_breakpoint(0)) >= 0)
		nr++;
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	return nr;
}

static void test_d8_unwound(void **data)
{
	int room = room_for_breakpoints(), fds[2], before, lowest;
	struct rlimit limit, low;
	uint64_t id = 0;

	/* What is left of a breakpoint takes room, and is seen. */
	for (int i = 0; i < 2; i++)
		fds[i] = room ? open_breakpoint(i) : open_clock(i);
	before = count_descriptors(getpid());
	lowest = dup(0);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	for (int i = 0; i < 2; i++) { /* none fits, or the first of them */
		low.rlim_cur = lowest + i;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		assert_int_equal(keep(fds, 2, NULL, &id), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(nr_listed(), 0);
		assert_int_equal(count_descriptors(getpid()), before);
	}
	assert_int_equal(keep(fds, 2, "a", &id), 0);
	assert_int_equal(claim(id, 0), 0);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		fds[i] = open_clock(i);
	}
	for (int i = 0; i < 200 && room_for_breakpoints() < room; i++)
		usleep(10000); /* a grace period */
	assert_int_equal(room_for_breakpoints(), room);
	/* The name is taken, or is none. */
	assert_int_equal(keep(&fds[0], 1, "a", &id), 0);
	assert_int_equal(keep(&fds[1], 1, "a", &id), -EEXIST);
	assert_int_equal(keep(&fds[1], 1, "a b", &id), -EINVAL);
	assert_int_equal(keep(&fds[1], 1, "b", &id), 0);
	/* No room. */
	for (int i = 2; i < 64; i++)
		keep_clock(0);
	close(fds[0]);
	fds[0] = open_clock(0);
	before = count_descriptors(getpid());
	assert_int_equal(keep(&fds[0], 1, NULL, &id), -ENOSPC);
	assert_int_equal(count_descriptors(getpid()), before);
	close(fds[0]);
	close(fds[1]);
}

static void test_d9_claim_nothing(void **data)
{
	uint64_t id = keep_clock(0);

	assert_int_equal(claim(0, 0), -EINVAL);
	assert_int_equal(claim(id + 1, 0), -EINVAL);
	assert_int_equal(claim(id, OWNER + 1), -EACCES);
	assert_int_equal(claim(id, OWNER), 0);
	assert_int_equal(claim(id, OWNER), -EINVAL);
}

static void test_d10_dies(void **data)
{
	uint64_t id, ids[16], count;
	int fd, user, nr = 0;

	id = keep_clock(0);
	assert_int_equal(descriptor(id, 0, OWNER, &fd), 0);
	fd = dup(fd);
	count = read_count(fd);
	assert_int_equal(claim(id, OWNER), 0);
	assert_int_equal(nr_listed(), 0);
	usleep(10000);
	assert_true(read_count(fd) >= count + 5000000);
	close(fd);

	/* All breakpoints of the CPU are kept; one of two has another user than its keeper. */
	while (nr < 16 && (fd = open_breakpoint(0)) >= 0) {
		assert_int_equal(keep(&fd, 1, NULL, &ids[nr++]), 0);
		close(fd);
	}
	if (nr) {
		struct json_object *event = show_json(&source, ids[0]);

		/* Where it is, is nobody's business. */
		assert_string_equal(json_object_get_string(json_object_object_get(event, "spec")),
				    "breakpoint/config=0x0/uh");
		json_object_put(event);
	}
	if (nr < 2 || nr == 16) {
		print_message("no breakpoints here: %s\n", strerror(-fd));
		return;
	}
	assert_int_equal(open_breakpoint(0), -ENOSPC);
	assert_int_equal(descriptor(ids[0], 0, OWNER, &fd), 0);
	user = dup(fd);
	assert_int_equal(claim(ids[0], OWNER), 0);
	assert_int_equal(claim(ids[1], OWNER), 0);
	for (int i = 0; i < 200 && (fd = open_breakpoint(0)) < 0; i++)
		usleep(10000); /* a grace period */
	assert_true(fd >= 0);
	assert_int_equal(open_breakpoint(0), -ENOSPC);
	close(user);
	assert_int_equal(room_for_breakpoints(), 1);
	close(fd);
}

static void test_d12_again(void **data)
{
	uint64_t first, second, count;
	int fd = open_clock(0);

	assert_int_equal(keep(&fd, 1, NULL, &first), 0);
	count = number(first, "value");
	assert_int_equal(claim(first, OWNER), 0);
	assert_int_equal(keep(&fd, 1, NULL, &second), 0);
	/* Another id, and it never stopped counting. */
	assert_true(second > first);
	assert_true(number(second, "value") > count);
	assert_int_equal(descriptor(first, 0, 0, &fd), -ENOENT);
}

static void on_cpus(uint64_t id, const char *wanted)
{
	struct json_object *object = show_json(&source, id);
	struct json_object *cpus = json_object_object_get(object, "cpus");

	assert_string_equal(json_object_to_json_string_ext(cpus, JSON_C_TO_STRING_PLAIN), wanted);
	json_object_put(object);
}

static void test_d13_system_wide(void **data)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_PAGE_FAULTS};
	int fds[] = {open_clock(0), open_clock(1)}, same[] = {open_clock(0), open_clock(0)};
	uint64_t id;

	assert_int_equal(keep(fds, 2, "wide", &id), 0);
	on_cpus(id, "[0,1]");
	assert_int_equal(descriptor(id, 0, OWNER, &(int){0}), 0);
	assert_int_equal(descriptor(id, 1, OWNER, &(int){0}), 0);
	assert_int_equal(nr_listed(), 1);
	assert_int_equal(claim(id, OWNER), 0);
	assert_int_equal(keep(&fds[1], 1, NULL, &id), 0);
	on_cpus(id, "[1]");
	assert_int_equal(claim(id, OWNER), 0);

	assert_int_equal(keep(same, 2, NULL, &id), -EINVAL);
	close(fds[1]);
	fds[1] = open_event(&attr, -1, 1);
	assert_int_equal(keep(fds, 2, NULL, &id), -EINVAL);
	assert_non_null(strstr(error, "different"));
	assert_int_equal(nr_listed(), 0);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(same[i]);
	}
}

static void test_d14_list(void **data)
{
	uint64_t id = keep_clock(1);
	static const char *const keys[] = {"id", "name", "pmu", "config", "cpus", "descriptors"};
	struct json_object *list = list_json(&source), *event = json_object_array_get_idx(list, 0);

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_true(json_object_object_get_ex(event, keys[i], NULL));
	assert_string_equal(json_object_get_string(json_object_object_get(event, "origin")),
			    "hand-off");
	assert_int_equal(json_object_get_int64(json_object_object_get(event, "uid")), OWNER);
	assert_true(strlen(json_object_get_string(json_object_object_get(event, "pmu"))) > 0);
	json_object_put(list);
	assert_int_equal(number(id, "descriptors"), 0);
	assert_int_equal(descriptor(id, 1, OWNER, &(int){0}), 0);
	assert_int_equal(descriptor(id, 1, 0, &(int){0}), 0);
	assert_int_equal(descriptor(id, 1, 1, &(int){0}), -EACCES);
	assert_int_equal(number(id, "descriptors"), 2);
	assert_int_equal(claim(id, 0), 0);
	assert_int_equal(number(keep_clock(1), "descriptors"), 0);
}

static void expect_state(uint64_t id, const char *state)
{
	struct json_object *event = show_json(&source, id);

	assert_string_equal(json_object_get_string(json_object_object_get(event, "state")), state);
	json_object_put(event);
}

/* One that was never enabled is not said to count. */
static void test_d15_never_enabled(void **data)
{
	struct perf_event_attr attr = clock_attr();
	uint64_t id;
	int fd;

	attr.disabled = 1;
	fd = open_event(&attr, -1, 0);
	assert_int_equal(keep(&fd, 1, NULL, &id), 0);
	expect_state(id, "disabled");
	assert_return_code(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0), errno);
	expect_state(id, "counting");
	close(fd);
}

static void test_d15_reset(void **data)
{
	uint64_t id = keep_clock(0), count;
	int fd;

	usleep(10000);
	count = number(id, "value");
	assert_int_equal(descriptor(id, 0, OWNER, &fd), 0);
	assert_return_code(ioctl(fd, PERF_EVENT_IOC_RESET, 0), errno);
	assert_true(number(id, "value") > count);
	assert_int_equal(number(id, "resets"), 1);
	/* Nobody else gets that far. */
	assert_int_equal(descriptor(id, 0, OWNER + 1, &fd), -EACCES);
	assert_int_equal(descriptor(id, 0, 0, &fd), 0);
	/* Its terms are its opener's. */
	free(error);
	assert_int_equal(events_set(&source, id, "config=1", &error), -EINVAL);
}

static int open_other(int i)
{
	static struct epoll_event none;
	char path[] = "/tmp/paimon-handoff-file-XXXXXX";
	int fds[2], fd;

	switch (i) {
	case 0:
		fd = mkstemp(path);
		unlink(path);
		return fd;
	case 1:
		return socket(AF_UNIX, SOCK_STREAM, 0);
	case 2:
		return bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);
	case 3:
		fd = epoll_create1(0);
		epoll_ctl(fd, EPOLL_CTL_ADD, 0, &none);
		return fd;
	case 4:
		return memfd_create("anon_inode:[perf_event]", 0);
	case 5:
		return syscall(SYS_pidfd_open, getpid(), 0);
	case 6:
		fd = pipe(fds) ? -1 : fds[0];
		close(fds[1]);
		return fd;
	case 7:
		return open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	default:
		return open("/dev/null", O_PATH);
	}
}
#define NR_OTHERS 9

/* A clock of the outermost cgroup, or -1. */
static int open_in_cgroup(void)
{
	char root[] = "/tmp/paimon-cgroup-XXXXXX";
	struct perf_event_attr attr = clock_attr();
	int group, fd = -1;

	attr.size = sizeof(attr);
	assert_non_null(mkdtemp(root));
	if (!mount("none", root, "cgroup2", 0, NULL)) {
		group = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = syscall(SYS_perf_event_open, &attr, group, 0, -1,
			     PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC);
		close(group);
		umount(root);
	}
	rmdir(root);
	return fd;
}

/* What an event leaves out is part of what it counts. */
static void test_excluded(void **data)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_PAGE_FAULTS};
	int fds[2] = {open_event(&attr, -1, 0), -1};
	struct json_object *event;
	uint64_t id;

	attr.exclude_kernel = attr.exclude_hv = 1;
	fds[1] = open_event(&attr, -1, 1);
	assert_int_equal(keep(fds, 2, NULL, &id), -EINVAL);
	assert_int_equal(keep(&fds[1], 1, NULL, &id), 0);
	event = show_json(&source, id);
	assert_string_equal(json_object_get_string(json_object_object_get(event, "spec")),
			    "software/config=0x2/u");
	json_object_put(event);
	close(fds[1]);
	for (int i = 0; i < 3; i++) {
		static const char *const specs[] = {
			"software/config=0x0/H", "software/config=0x0/G", "software/config=0x0/I"};

		attr = clock_attr();
		attr.exclude_guest = i == 0;
		attr.exclude_host = i == 1;
		attr.exclude_idle = i == 2;
		close(fds[0]);
		fds[0] = open_clock(0);
		fds[1] = open_event(&attr, -1, 1);
		assert_int_equal(keep(fds, 2, NULL, &id), -EINVAL);
		assert_int_equal(keep(&fds[1], 1, NULL, &id), 0);
		event = show_json(&source, id);
		assert_string_equal(json_object_get_string(json_object_object_get(event, "spec")),
				    specs[i]);
		json_object_put(event);
		close(fds[1]);
	}
	close(fds[0]);
}

static void test_other_descriptors(void **data)
{
	struct perf_event_attr attr = clock_attr();
	int fds[64], clock = open_clock(0);
	uint64_t id;

	for (int i = 0; i < NR_OTHERS; i++) {
		int fd = open_other(i);

		assert_return_code(fd, errno);
		refused(fd, -EBADF, "is not a perf event");
		/* Nor beside a right one. */
		fds[0] = clock;
		fds[1] = fd;
		assert_int_equal(keep(fds, 2, NULL, &id), -EBADF);
		close(fd);
	}
	refused(-1, -EBADF, "is not a perf event");
	close(clock);

	attr.inherit = 1;
	clock = open_event(&attr, -1, 0);
	refused(clock, -EOPNOTSUPP, "inherit");
	close(clock);
	clock = open_in_cgroup();
	if (clock >= 0) {
		refused(clock, -EOPNOTSUPP, "cgroup");
		close(clock);
	} else {
		print_message("no perf events of cgroups here: %s\n", strerror(errno));
	}
	assert_int_equal(keep(fds, 0, NULL, &id), -EINVAL);
	assert_int_equal(keep(fds, 65, NULL, &id), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, attach, detach)
	const struct CMUnitTest tests[] = {
		TEST(test_d1_dying),	      TEST(test_d2_task),   TEST(test_d2_bad_cpu),
		TEST(test_d3_twice),	      TEST(test_d4_mapped), TEST(test_d5_ids),
		TEST(test_d6_goes_on),	      TEST(test_d7_open),   TEST(test_d8_unwound),
		TEST(test_d9_claim_nothing),  TEST(test_d10_dies),  TEST(test_d12_again),
		TEST(test_d13_system_wide),   TEST(test_d14_list),  TEST(test_d15_reset),
		TEST(test_d15_never_enabled), TEST(test_excluded),  TEST(test_other_descriptors),
	};
	int r;

	if (geteuid() != 0 || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		puts("needs root, to load BPF programs and mount bpffs, and two CPUs");
		return 77;
	}
	/* The mounts are nobody else's, and end with this process. */
	if (own_mounts() < 0 || !mkdtemp(folder)) {
		perror("cannot set up a private folder");
		return 1;
	}
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of live configuration, the rules e1 to e10 by number, through libpaimon(3) and /dev/paimon,
 * with the software system PMUs soft0 and soft1, on the two backends of paimon_config_test.ko.
 * 29-live-config loads them, and has what paimond does.
 *
 *	live-config-test [--short] [NAME...]
 *					all tests, or these: prints "ok NAME" or "not ok NAME -
 *					why". --short: what is repeated is done less often
 *	live-config-test occur DEVICE EVENT COUNT PORTS
 *					an event occurs at the ports of a bitmap; 0: at none
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <paimon.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/soft_cspmu.h"

#define WATCH "/sys/module/paimon_config_test/parameters/"
#define CPU1 "/sys/devices/system/cpu/cpu1/online"

static bool is_short;
static int live; /* /dev/paimon */
static struct device watched, plain;

/* What paimon_config_test saw. */
static long watch(const char *parameter)
{
	char line[64];

	read_line(line, sizeof(line), WATCH, "", parameter);
	if (!*line)
		die(parameter);
	return strtol(line, NULL, 0);
}

/* It changes when a CPU goes off. */
static int cpu_of(const struct device *device)
{
	return number_of(PMUS, device->pmu, "cpumask");
}

/* What the device has counted of an event while this was in its filter register. */
static uint64_t recorded(const struct device *device, uint32_t event, uint32_t filter)
{
	uint32_t nr = __atomic_load_n(&device->record->nr, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < nr; i++) {
		const struct paimon_soft_cspmu_entry *entry = &device->record->entries[i];

		if (entry->event == event && entry->filter == filter)
			return __atomic_load_n(&entry->count, __ATOMIC_RELAXED);
	}
	return 0;
}

/* The filter of the enabled counter that counts this, or -1: there is none. */
static int64_t filter_of(const struct device *device, uint32_t event)
{
	uint32_t enabled = reg(device, PMCNTENSET);

	for (unsigned int i = 0; i < 31; i++)
		if (enabled >> i & 1 && reg(device, PMEVTYPER + 4 * i) == event)
			return reg(device, PMEVFILTR + 4 * i);
	return -1;
}

static struct perf_event_attr attr_of(const struct device *device, uint64_t config, uint64_t filter)
{
	return (struct perf_event_attr){
		.type = device->type,
		.config = config,
		.config1 = filter,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
}

static int count_event(const struct device *device, uint64_t config, uint64_t filter)
{
	int fd = open_attr(attr_of(device, config, filter), -1, cpu_of(device), -1);

	if (fd < 0) {
		errno = -fd;
		die("perf_event_open");
	}
	return fd;
}

struct reading {
	uint64_t value, enabled, running;
};

static struct reading reading_of(int fd)
{
	struct reading reading;

	if (read(fd, &reading, sizeof(reading)) != sizeof(reading))
		die("read of an event");
	return reading;
}

static uint64_t value_of(int fd)
{
	return reading_of(fd).value;
}

static int set(int fd, uint64_t config1, uint64_t config2, uint64_t config3)
{
	return paimon_configure(fd, (uint64_t[]){config1, config2, config3});
}

static bool is_in_force(int fd, uint64_t config1, uint64_t config2, uint64_t config3)
{
	uint64_t config[3];

	return !paimon_configuration(fd, config) && config[0] == config1 && config[1] == config2 &&
	       config[2] == config3;
}

/* e1 */

static int ask(unsigned long op, struct paimon_drv_config request)
{
	return ioctl(live, op, &request) ? -errno : 0;
}

static void expect_malformed(const char *name, int fd)
{
	static const unsigned long ops[] = {PAIMON_SET_DRV_CONFIG, PAIMON_GET_DRV_CONFIG};
	const struct paimon_drv_config good = {.size = sizeof(good), .fd = fd, .config1 = 4};
	long page = sysconf(_SC_PAGESIZE);
	struct paimon_drv_config *constant, bad;

	for (int i = 0; i < 2; i++) {
		for (uint32_t size = 0; size < 64; size++) {
			bad = good;
			bad.size = size;
			expect(name, size == sizeof(good) || ask(ops[i], bad) == -EINVAL);
		}
		bad = good;
		bad.flags = 1;
		expect(name, ask(ops[i], bad) == -EINVAL);
		bad = good;
		bad.reserved = 1;
		expect(name, ask(ops[i], bad) == -EINVAL);
	}
	/* Nobody's memory, and memory that cannot be written to. */
	for (int i = 0; i < 2; i++)
		expect(name, ioctl(live, ops[i], NULL) < 0 && errno == EFAULT);
	constant = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (constant == MAP_FAILED)
		die("mmap");
	*constant = good;
	if (mprotect(constant, page, PROT_READ))
		die("mprotect");
	expect(name, ioctl(live, PAIMON_GET_DRV_CONFIG, constant) < 0 && errno == EFAULT);
	munmap(constant, page);
	expect(name, ask(_IOW(PAIMON_IOC, 2, struct paimon_drv_config), good) == -ENOTTY);
	expect(name, ask(_IOW(PAIMON_IOC + 1, 0, struct paimon_drv_config), good) == -ENOTTY);
}

/* Of the files of a process only events of such PMUs are taken, by whichever descriptor; others
 * are not looked at. */
static void test_e1(const char *name)
{
	struct perf_event_attr clock = {.type = PERF_TYPE_SOFTWARE};
	int fd = count_event(&watched, 1, 2), pipes[2], copy, status;
	int foreign[16], nr = 0;
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe2");
	foreign[nr++] = pipes[0];
	foreign[nr++] = pipes[1];
	foreign[nr++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	foreign[nr++] = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	foreign[nr++] = open("/proc", O_RDONLY | O_CLOEXEC);
	foreign[nr++] = open(PAIMON_DEVICE, O_RDWR | O_CLOEXEC);
	foreign[nr++] = memfd_create("x", MFD_CLOEXEC);
	foreign[nr++] = epoll_create1(EPOLL_CLOEXEC);
	foreign[nr++] = eventfd(0, EFD_CLOEXEC);
	foreign[nr++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	foreign[nr++] = open_attr(clock, -1, 0, -1);
	foreign[nr++] = open_attr(clock, 0, -1, -1);
	for (int i = 0; i < nr; i++) {
		const struct paimon_drv_config request = {
			.size = sizeof(request),
			.fd = foreign[i],
			.config1 = 4,
		};

		expect(name, foreign[i] >= 0);
		expect(name, set(foreign[i], 4, 0, 0) == -EOPNOTSUPP);
		expect(name, ask(PAIMON_GET_DRV_CONFIG, request) == -EOPNOTSUPP);
		close(foreign[i]);
		expect(name, set(foreign[i], 4, 0, 0) == -EBADF);
		expect(name, ask(PAIMON_SET_DRV_CONFIG, request) == -EBADF);
	}
	expect(name, set(-1, 4, 0, 0) == -EBADF);
	copy = open("/dev/null", O_PATH | O_CLOEXEC);
	expect(name, copy >= 0 && set(copy, 4, 0, 0) == -EBADF);
	close(copy);
	expect_malformed(name, fd);
	expect(name, is_in_force(fd, 2, 0, 0));
	copy = dup(fd);
	expect(name, !set(copy, 4, 0, 0) && is_in_force(fd, 4, 0, 0));
	close(copy);
	child = fork();
	if (!child)
		_exit(set(fd, 8, 0, 0) != 0);
	status = wait_for(child);
	expect(name, !status && is_in_force(fd, 8, 0, 0) && filter_of(&watched, 1) == 8);
	close(fd);
	expect(name, set(fd, 4, 0, 0) == -EBADF);
}

/* What is refused leaves the old one in force: what GET says, the registers, and what is counted.
 */
static void test_e2(const char *name)
{
	int fd = count_event(&watched, 1, 1), other = count_event(&watched, 2, 1);
	long objects = watch("objects");

	occur_at(&watched, 1, 10, 1);
	expect(name, set(fd, 1ull << 32, 0, 0) == -EINVAL);
	expect(name, set(fd, 2, 4, 0) == -EINVAL);
	expect(name, set(fd, 2, 0, 1 << 16) == -EINVAL);
	expect(name, strstr(paimon_error(), "nothing was changed"));
	expect(name, set(fd, 2, 1, 0) == -EBUSY);
	write_text(WATCH "fail", "1");
	expect(name, set(fd, 2, 0, 0) == -ENOMEM);
	expect(name, is_in_force(fd, 1, 0, 0) && filter_of(&watched, 1) == 1);
	expect(name, watch("objects") == objects);
	occur_at(&watched, 1, 100, 2);
	occur_at(&watched, 1, 5, 1);
	expect(name, value_of(fd) == 15);
	/* What all counters share is free when no other event uses it. */
	close(other);
	expect(name, !set(fd, 2, 1, 0) && is_in_force(fd, 2, 1, 0));
	other = open_attr(attr_of(&watched, 2, 1), -1, cpu_of(&watched), -1);
	expect(name, other == -EBUSY);
	expect(name, !set(fd, 2, 0, 0));
	other = count_event(&watched, 2, 1);
	close(other);
	close(fd);
}

/* The configuration of an event that runs changes at once, on its CPU, and its count goes on;
 * one that does not run takes it up when it starts. */
static void e3_running_or_not(const char *name)
{
	struct perf_event_attr attr = attr_of(&watched, 4, 1);
	int fd;

	for (int cpu = 0; cpu < 2; cpu++) {
		fd = count_event(&watched, 3, 1);
		pin_to(cpu);
		occur_at(&watched, 3, 100, 1);
		expect(name, !set(fd, 2, 0, 0) && filter_of(&watched, 3) == 2);
		occur_at(&watched, 3, 70, 1); /* not counted any more */
		occur_at(&watched, 3, 50, 2);
		expect(name, value_of(fd) == 150);
		ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		expect(name, !set(fd, 4, 0, 0) && filter_of(&watched, 3) == -1);
		occur_at(&watched, 3, 9, 4);
		expect(name, value_of(fd) == 150);
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
		expect(name, filter_of(&watched, 3) == 4);
		occur_at(&watched, 3, 9, 4);
		occur_at(&watched, 3, 9, 2);
		expect(name, value_of(fd) == 159);
		close(fd);
	}
	unpin();
	/* Opened disabled, as many do. */
	attr.disabled = 1;
	fd = open_attr(attr, -1, cpu_of(&watched), -1);
	expect(name, fd >= 0 && !set(fd, 2, 0, 0) && !set(fd, 4, 0, 0));
	expect(name, filter_of(&watched, 4) == -1 && !reading_of(fd).enabled);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	expect(name, filter_of(&watched, 4) == 4);
	close(fd);
}

struct setter {
	pthread_t thread;
	int fd;
	atomic_bool *ends;
	atomic_ulong nr; /* changes made */
	uint32_t seed;
};

/* Changes the filter of an event until it is told to end. */
static void *keep_setting(void *data)
{
	struct setter *setter = data;
	uint64_t state = setter->seed;

	while (!*setter->ends) {
		if (set(setter->fd, 1 << draw(&state, 4), 0, draw(&state, 100)))
			die("paimon_configure");
		setter->nr++;
	}
	return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), void *data)
{
	errno = pthread_create(thread, NULL, function, data);
	if (errno)
		die("pthread_create");
}

static void start_setter(struct setter *setter, int fd, uint32_t seed, atomic_bool *ends)
{
	*setter = (struct setter){.fd = fd, .seed = seed, .ends = ends};
	start(&setter->thread, keep_setting, setter);
}

/* What a user has disabled stays disabled, whatever is set meanwhile: its time stands still. */
static void e3_user_disables(const char *name)
{
	unsigned int rounds = is_short ? 300 : 2000, undone = 0;
	int fd = count_event(&watched, 3, 1);
	struct reading first, second;
	struct setter setter;
	atomic_bool ends = false;
	unsigned long before;

	start_setter(&setter, fd, 1, &ends);
	for (unsigned int i = 0; i < rounds; i++) {
		ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		first = reading_of(fd);
		before = setter.nr;
		while (setter.nr < before + 2)
			sched_yield();
		second = reading_of(fd);
		undone += second.enabled != first.enabled || second.value != first.value;
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
		occur_at(&watched, 3, 1, 0);
	}
	ends = true;
	pthread_join(setter.thread, NULL);
	if (undone)
		fprintf(stderr, "enabled behind its user's back: %u of %u times\n", undone, rounds);
	expect(name, !undone);
	close(fd);
}

/* A sibling of a leader that is changed runs all the time, and counts all that occurs. */
static void e3_siblings(const char *name)
{
	int leader = count_event(&watched, 3, 1), sibling;
	unsigned int rounds = is_short ? 2000 : 10000;
	struct setter setter;
	atomic_bool ends = false;
	struct reading reading;

	sibling = open_attr(attr_of(&watched, 5, 0xf), -1, cpu_of(&watched), leader);
	expect(name, sibling >= 0);
	start_setter(&setter, leader, 2, &ends);
	for (unsigned int i = 0; i < rounds; i++)
		occur_at(&watched, 5, 3, 1 << i % 4);
	while (setter.nr < 100)
		sched_yield();
	ends = true;
	pthread_join(setter.thread, NULL);
	reading = reading_of(sibling);
	expect(name, reading.value == 3ull * rounds && reading.running == reading.enabled);
	reading = reading_of(leader);
	expect(name, reading.running == reading.enabled);
	close(sibling);
	close(leader);
}

/* Where the CPU of an event is off, it cannot run: its configuration is swapped all the same. */
static void e3_cpu_off(const char *name)
{
	struct device still = find_device("still");
	int fd;

	expect(name, cpu_of(&still) == 1);
	fd = count_event(&still, 1, 1);
	write_text(CPU1, "0");
	expect(name, !set(fd, 9, 0, 5) && is_in_force(fd, 9, 0, 5));
	write_text(CPU1, "1");
	expect(name, !set(fd, 3, 0, 0) && is_in_force(fd, 3, 0, 0));
	close(fd);
}

static void test_e3(const char *name)
{
	e3_running_or_not(name);
	e3_user_disables(name);
	e3_siblings(name);
	e3_cpu_off(name);
	expect(name, !watch("bad"));
}

/* Replaced, not merged; the old one is freed once, and with no lock held. */
static void test_e4(const char *name)
{
	struct perf_event_attr attr = attr_of(&watched, 1, 1);
	long objects = watch("objects"), freed, locked = watch("locked");
	int fd;

	attr.config2 = 1;
	fd = open_attr(attr, -1, cpu_of(&watched), -1);
	expect(name, fd >= 0 && is_in_force(fd, 1, 1, 0));
	expect(name, !set(fd, 2, 0, 7) && is_in_force(fd, 2, 0, 7));
	expect(name, !set(fd, 0, 2, 0) && is_in_force(fd, 0, 2, 0));
	freed = watch("freed");
	for (int i = 0; i < 100; i++)
		expect(name, !set(fd, i, i % 4, i));
	expect(name, watch("freed") == freed + 100);
	expect(name, watch("objects") == objects + 1);
	expect(name, watch("locked") == locked);
	expect(name, !watch("bad"));
	close(fd);
}

/* Inherited events use their parent's; these PMUs take no events of tasks, so there are none. */
static void test_e5(const char *name)
{
	struct perf_event_attr attr = attr_of(&watched, 1, 1);

	attr.inherit = 1;
	expect(name, open_attr(attr, 0, -1, -1) == -EINVAL);
	expect(name, open_attr(attr, 0, cpu_of(&watched), -1) == -EINVAL);
	expect(name, open_attr(attr, getpid(), cpu_of(&watched), -1) == -EINVAL);
	attr.inherit = 0;
	expect(name, open_attr(attr, 0, -1, -1) == -EINVAL);
	expect(name, !watch("objects"));
}

/* Freed with the event: also one that was changed, is disabled, ends with its process, or could
 * not be opened. 29-live-config has the kernel look for what is left. */
static void test_e6(const char *name)
{
	struct perf_event_attr attr = attr_of(&watched, 1, 1);
	int fds[3];
	pid_t child;

	for (int i = 0; i < 3; i++) {
		fds[i] = count_event(&watched, 10 + i, 1);
		expect(name, i == 1 || !set(fds[i], 2, 0, 1000));
	}
	ioctl(fds[2], PERF_EVENT_IOC_DISABLE, 0);
	expect(name, watch("objects") == 3);
	child = fork();
	if (!child) {
		fds[0] = count_event(&watched, 20, 1);
		_exit(set(fds[0], 2, 0, 500) != 0);
	}
	expect(name, !wait_for(child));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	attr.config2 = 9;
	expect(name, open_attr(attr, -1, cpu_of(&watched), -1) == -EINVAL);
	attr.config2 = 0;
	write_text(WATCH "fail", "1");
	expect(name, open_attr(attr, -1, cpu_of(&watched), -1) == -ENOMEM);
	attr.sample_period = 1;
	expect(name, open_attr(attr, -1, cpu_of(&watched), -1) == -EOPNOTSUPP);
	expect(name, !watch("objects"));
	expect(name, !watch("bad"));
}

/* e7 */

static atomic_bool stops;

/* A sibling is opened under the mutex of the perf context. */
static void *open_and_close(void *data)
{
	atomic_ulong *nr = data;
	uint64_t state = 3;
	int fd, sibling;

	while (!stops) {
		fd = open_attr(attr_of(&watched, 30, 1), -1, cpu_of(&watched), -1);
		if (fd < 0)
			continue; /* the CPU has just changed */
		sibling = open_attr(attr_of(&watched, 31, 1), -1, cpu_of(&watched), fd);
		if (sibling >= 0)
			close(sibling);
		for (uint32_t i = draw(&state, 3); i-- > 0;)
			if (set(fd, 1 << draw(&state, 4), 0, draw(&state, 100)))
				die("paimon_configure");
		close(fd);
		++*nr;
	}
	return NULL;
}

/* Takes the second device out and puts it in; whether it is there when an event is opened is left
 * to chance. */
static void *plug_out_and_in(void *data)
{
	atomic_ulong *nr = data;
	int r;

	while (!stops) {
		r = plug(plain.number, false);
		if (r && r != -EBUSY) {
			errno = -r;
			die("plug out");
		}
		r = r ?: plug(plain.number, true);
		if (r && r != -EBUSY) {
			errno = -r;
			die("plug in");
		}
		++*nr;
	}
	return NULL;
}

static void *configure_what_goes(void *data)
{
	while (!stops) {
		int fd = open_attr(attr_of(&plain, 1, 0), -1, 0, -1);

		if (fd < 0)
			fd = open_attr(attr_of(&plain, 1, 0), -1, 1, -1);
		if (fd >= 0) {
			set(fd, 1, 0, 0);
			close(fd);
		}
	}
	return data;
}

#define HANGS_AFTER 120 /* seconds without a round, on an emulated machine that is busy */

static atomic_uint nr_rounds;

/* Its own thread: where locks wait for each other for ever, a signal reaches no other. */
static void *watch_rounds(void *data)
{
	static const char text[] = "not ok e7 - it hangs: is the order of locks wrong?\n";
	unsigned int seen = 0, seconds = 0;

	while (!stops && seconds < HANGS_AFTER) {
		sleep(1);
		seconds = nr_rounds == seen ? seconds + 1 : 0;
		seen = nr_rounds;
	}
	if (stops)
		return data;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

/* CPUs go off and on, devices and events come and go, and events are configured, all at once: the
 * locks are taken in one order. Where the kernel checks the order, its log says so. */
static void test_e7(const char *name)
{
	unsigned int rounds = is_short ? 10 : 40;
	atomic_ulong opened = 0, plugged = 0;
	pthread_t threads[4];
	struct setter setter;
	int fd;

	/* So that its events are on the CPU that goes off, and migrate. */
	pin_to(1);
	expect(name, !plug(watched.number, false) && !plug(watched.number, true));
	unpin();
	watched = find_soft(watched.number);
	expect(name, cpu_of(&watched) == 1);
	fd = count_event(&watched, 3, 1);
	stops = false;
	start_setter(&setter, fd, 4, &stops);
	start(&threads[0], open_and_close, &opened);
	start(&threads[1], plug_out_and_in, &plugged);
	start(&threads[2], configure_what_goes, NULL);
	start(&threads[3], watch_rounds, NULL);
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned long before = setter.nr;

		nr_rounds++;
		write_text(CPU1, "0");
		while (setter.nr < before + 5)
			sched_yield();
		write_text(CPU1, "1");
		while (setter.nr < before + 10)
			sched_yield();
	}
	while (!opened || !plugged)
		sched_yield();
	stops = true;
	pthread_join(setter.thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	fprintf(stderr, "e7: %lu changes, %lu opens, %lu times out and in, %u CPU hot-plugs\n",
		setter.nr, opened, plugged, rounds);
	expect(name, !watch("objects"));
	expect(name, !watch("bad"));
}

/* A PMU whose backend has no such callbacks, and a PMU of another driver. */
static void test_e8(const char *name)
{
	struct perf_event_attr attr = {.config = 0x1801};
	int fd = count_event(&plain, 1, 0);

	expect(name, set(fd, 1, 0, 0) == -EOPNOTSUPP);
	expect(name, strstr(paimon_error(), "open the perf event anew"));
	expect(name, !is_in_force(fd, 0, 0, 0));
	occur_at(&plain, 1, 7, 0);
	expect(name, value_of(fd) == 7);
	close(fd);
	attr.type = number_of(PMUS, "pai_ext", "type");
	fd = open_attr(attr, -1, 0, -1);
	expect(name, fd >= 0 && set(fd, 1, 0, 0) == -EOPNOTSUPP);
	close(fd);
}

/* load */

#define CHANGES 10000 /* of the two events together */
#define PORTS 4	      /* and so many configurations: each counts at its own port */
#define DIGIT 16      /* bits of the count for each configuration */

struct loaded {
	uint32_t event;
	int fd;
	struct setter setters[2];
	uint64_t before[PORTS]; /* of the record */
};

static struct loaded loaded[2] = {{.event = 0x11}, {.event = 0x22}};
static atomic_ulong nr_injected;

static unsigned long nr_changes(void)
{
	unsigned long nr = 0;

	for (int i = 0; i < 2; i++)
		nr += loaded[i].setters[0].nr + loaded[i].setters[1].nr;
	return nr;
}

/* Events occur at one port after the other, and at each with another weight. The digits of
 * what was counted say how often it was counted at each. */
static void *inject(void *data)
{
	uint64_t state = (uintptr_t)data;

	while (!stops) {
		uint32_t port = draw(&state, PORTS);

		/* A digit has place for 65535. */
		if (nr_injected > 2000 + nr_changes() || nr_injected > 60000) {
			sched_yield();
			continue;
		}
		for (int i = 0; i < 2; i++)
			occur_at(&watched, loaded[i].event, 1ull << port * DIGIT, 1 << port);
		nr_injected++;
	}
	return NULL;
}

static void *keep_reading(void *data)
{
	uint64_t value, last = 0;

	while (!stops) {
		value = value_of(loaded[0].fd);
		if (value < last)
			*(bool *)data = true;
		last = value;
	}
	return NULL;
}

/* An event that is changed all the time counts, in each configuration, what the device has
 * counted in it. */
static void test_load(const char *name)
{
	unsigned long wanted = is_short ? CHANGES : 2 * CHANGES;
	uint64_t overflows;
	atomic_ulong opened = 0;
	pthread_t threads[4];
	bool went_back = false;

	stops = false;
	nr_injected = 0;
	overflows = watched.record->overflows;
	for (int i = 0; i < 2; i++) {
		loaded[i].fd = count_event(&watched, loaded[i].event, 1);
		for (int port = 0; port < PORTS; port++)
			loaded[i].before[port] = recorded(&watched, loaded[i].event, 1 << port);
		for (int j = 0; j < 2; j++)
			start_setter(&loaded[i].setters[j], loaded[i].fd, 10 + 2 * i + j, &stops);
	}
	start(&threads[0], inject, (void *)21);
	start(&threads[1], inject, (void *)22);
	start(&threads[2], open_and_close, &opened);
	start(&threads[3], keep_reading, &went_back);
	while (nr_changes() < wanted || nr_injected < wanted / 4)
		usleep(1000);
	stops = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			pthread_join(loaded[i].setters[j].thread, NULL);
	fprintf(stderr, "load: %lu changes, %lu times injected, %lu opens, %lu overflows\n",
		nr_changes(), nr_injected, opened, (uint64_t)watched.record->overflows - overflows);
	for (int i = 0; i < 2; i++) {
		uint64_t value = value_of(loaded[i].fd), sum = 0;

		for (int port = 0; port < PORTS; port++) {
			uint64_t truth = recorded(&watched, loaded[i].event, 1 << port) -
					 loaded[i].before[port];
			uint64_t digit = value >> port * DIGIT & 0xffff;

			fprintf(stderr, "load: event %#x, filter %#x: %lu counted, %lu recorded\n",
				loaded[i].event, 1 << port, digit, truth >> port * DIGIT);
			expect(name, truth && digit == truth >> port * DIGIT);
			sum += truth;
		}
		expect(name, value == sum);
		close(loaded[i].fd);
	}
	expect(name, !went_back);
	expect(name, !watch("objects"));
	expect(name, !watch("bad"));
}

/* e9 */

/* Adds the bits of a term such as config1:0-9. Those of config are not of interest. */
static void add_bits(const char *term, uint64_t bits[3])
{
	unsigned int config, first, last;
	int nr = sscanf(term, "config%1u:%u-%u", &config, &first, &last);

	if (nr < 2 || !config || config > 3)
		return;
	for (unsigned int bit = first; bit <= (nr == 3 ? last : first); bit++)
		bits[config - 1] |= 1ull << bit;
}

static void find_listed(const char *pmu, uint64_t ret_bits[3])
{
	char folder[192], line[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), PMUS "%.64s/format/", pmu);
	dir = opendir(folder);
	if (!dir)
		die(folder);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		read_line(line, sizeof(line), folder, "", entry->d_name);
		add_bits(line, ret_bits);
	}
	closedir(dir);
}

/* Which bits of config1 to config3 an event takes, each alone. */
static void find_taken(int fd, uint64_t ret_bits[3])
{
	for (int i = 0; i < 3; i++)
		for (int bit = 0; bit < 64; bit++) {
			uint64_t config[3] = {};

			config[i] = 1ull << bit;
			if (!paimon_configure(fd, config))
				ret_bits[i] |= config[i];
		}
}

/* What can be configured is in the format directory of the PMU, no more and no less, whichever
 * backend the device has. */
static void test_e9(const char *name)
{
	char device_name[16], path[64];

	for (unsigned int number = 0; number < 16; number++) {
		uint64_t listed[3] = {}, taken[3] = {};
		struct device device;
		int fd;

		snprintf(device_name, sizeof(device_name), "soft%u", number);
		snprintf(path, sizeof(path), CLASS "%s", device_name);
		if (number == plain.number || access(path, F_OK))
			continue;
		device = find_device(device_name);
		find_listed(device.pmu, listed);
		fd = count_event(&device, 1ull << 32, 0);
		find_taken(fd, taken);
		close(fd);
		if (memcmp(listed, taken, sizeof(listed)))
			fprintf(stderr, "e9: %s lists %#lx %#lx %#lx, and takes %#lx %#lx %#lx\n",
				device.pmu, listed[0], listed[1], listed[2], taken[0], taken[1],
				taken[2]);
		expect(name, !memcmp(listed, taken, sizeof(listed)));
	}
}

/* How often the trace has a request for an event of a device, with this outcome. */
static unsigned int nr_traced(const char *trace, const char *pmu, uint64_t id, int op, int result)
{
	char line[160];
	unsigned int nr = 0;

	snprintf(line, sizeof(line), ": paimon_drv_config: pmu=%s event_id=%lu op=%d ret=%d\n", pmu,
		 id, op, result);
	while ((trace = strstr(trace, line))) {
		trace += strlen(line);
		nr++;
	}
	return nr;
}

/* e10: each request for an event that can be configured has a trace event, whatever comes of it. */
static void test_e10(const char *name)
{
	int fd = count_event(&watched, 1, 1), other = count_event(&plain, 1, 0);
	unsigned int of_other = 0;
	uint64_t id, id_of_other;
	char *trace;

	if (ioctl(fd, PERF_EVENT_IOC_ID, &id) || ioctl(other, PERF_EVENT_IOC_ID, &id_of_other))
		die("PERF_EVENT_IOC_ID");
	start_trace();
	expect(name, !set(fd, 2, 0, 0) && !set(fd, 4, 0, 0));
	expect(name, set(fd, 1ull << 32, 0, 0) == -EINVAL);
	expect(name, is_in_force(fd, 4, 0, 0));
	expect(name, set(other, 1, 0, 0) == -EOPNOTSUPP);
	trace = end_trace();
	expect(name, nr_traced(trace, watched.pmu, id, 0, 0) == 2);
	expect(name, nr_traced(trace, watched.pmu, id, 0, -EINVAL) == 1);
	expect(name, nr_traced(trace, watched.pmu, id, 1, 0) == 1);
	for (int op = 0; op < 2; op++)
		of_other += nr_traced(trace, plain.pmu, id_of_other, op, -EOPNOTSUPP);
	expect(name, !of_other);
	free(trace);
	close(fd);
	close(other);
}

static const struct {
	const char *name;
	void (*run)(const char *name);
} tests[] = {
	{"e1", test_e1}, {"e2", test_e2},     {"e3", test_e3},	 {"e4", test_e4},
	{"e5", test_e5}, {"e6", test_e6},     {"e7", test_e7},	 {"e8", test_e8},
	{"e9", test_e9}, {"load", test_load}, {"e10", test_e10},
};

static bool is_wanted(const char *name, char **names)
{
	char **wanted = names;

	while (*wanted && strcmp(*wanted, name))
		wanted++;
	return !*names || *wanted;
}

int main(int argc, char **argv)
{
	int failures = 0;

	setlinebuf(stdout);
	soft_cspmu_open();
	if (argc == 6 && !strcmp(argv[1], "occur")) {
		watched.number = strtoul(argv[2], NULL, 0);
		occur_at(&watched, strtoul(argv[3], NULL, 0), strtoull(argv[4], NULL, 0),
			 strtoul(argv[5], NULL, 0));
		return 0;
	}
	live = open(PAIMON_DEVICE, O_RDWR | O_CLOEXEC);
	if (live < 0)
		die(PAIMON_DEVICE);
	argv++;
	if (*argv && !strcmp(*argv, "--short")) {
		is_short = true;
		argv++;
	}
	watched = find_soft(0);
	plain = find_soft(1);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!is_wanted(tests[i].name, argv))
			continue;
		failed = false;
		tests[i].run(tests[i].name);
		if (!failed)
			printf("ok %s\n", tests[i].name);
		failures += failed;
	}
	return failures > 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the system PMUs of paimon_cspmu.ko through perf_event_open(2), with the devices
 * soft0, soft1 ... of paimon_soft.ko: rules by their number where what is loaded does not
 * change (27-cspmu has the others), and what perf does to a PMU besides.
 *
 *	cspmu-test [NAME...]		all tests, or these: prints "ok NAME" or "not ok
 *					NAME - why"
 *	cspmu-test COMMAND ARGUMENT...	commands.c
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/soft_cspmu.h"
#include "cspmu-test.h"

#define MAX_COUNTERS 32

static unsigned int width, counters; /* of all devices */
static struct device soft0, soft1;

uint64_t recorded(const struct device *device, uint32_t event)
{
	uint32_t nr = __atomic_load_n(&device->record->nr, __ATOMIC_ACQUIRE);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < nr; i++)
		if (device->record->entries[i].event == event)
			sum += __atomic_load_n(&device->record->entries[i].count, __ATOMIC_RELAXED);
	return sum;
}

static uint64_t counter_value(const struct device *device, unsigned int index)
{
	if (width == 32)
		return reg(device, 4 * index);
	return reg(device, 8 * index) | (uint64_t)reg(device, 8 * index + 4) << 32;
}

/* The enabled counter of an event, or -1. */
static int counter_of(const struct device *device, uint32_t event)
{
	uint32_t enabled = reg(device, PMCNTENSET);

	if (event == CYCLES)
		return enabled >> 31 ? 31 : -1;
	for (unsigned int i = 0; i < counters - 1; i++)
		if (enabled >> i & 1 && reg(device, PMEVTYPER + 4 * i) == event)
			return i;
	return -1;
}

static unsigned int nr_enabled(const struct device *device)
{
	return __builtin_popcount(reg(device, PMCNTENSET));
}

static struct perf_event_attr attr_of(const struct device *device, uint64_t config)
{
	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.type = device->type,
		.config = config,
	};
}

int count_event(const struct device *device, uint64_t config)
{
	return open_attr(attr_of(device, config), -1, device->cpu, -1);
}

/* Closes what was opened, where it is not wanted: 0, or the negative errno. */
static int outcome(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

uint64_t value(int fd)
{
	uint64_t number = 0;

	if (read(fd, &number, sizeof(number)) != sizeof(number))
		return UINT64_MAX;
	return number;
}

static long read_errors(const struct device *device)
{
	char name[16];

	snprintf(name, sizeof(name), "soft%u", device->number);
	return number_of(CLASS, name, "read_errors");
}

/* Names, numbers and CPUs, as a user finds them. */
static void test_sysfs(void)
{
	const struct device *devices[] = {&soft0, &soft1};

	for (int i = 0; i < 2; i++) {
		char name[16], line[64], pmiidr[64], path[128];
		long socket;

		snprintf(name, sizeof(name), "soft%d", i);
		socket = number_of(CLASS, name, "socket");
		snprintf(path, sizeof(path), "nvidia_scf_pmu_%ld", socket);
		expect("sysfs", !strcmp(devices[i]->pmu, path));
		expect("sysfs", devices[i]->type > PERF_TYPE_MAX && devices[i]->cpu >= 0);
		expect("sysfs", number_of(CLASS, name, "counters") == (long)counters);
		expect("sysfs", number_of(CLASS, name, "counters_used") == 0);
		expect("sysfs", number_of(CLASS, name, "implementer") == 0x36b);
		read_line(line, sizeof(line), CLASS, name, "backend");
		expect("sysfs", !strcmp(line, "nvidia"));
		read_line(line, sizeof(line), CLASS, name, "waits_for");
		expect("sysfs", !*line);
		read_line(pmiidr, sizeof(pmiidr), CLASS, name, "pmiidr");
		read_line(line, sizeof(line), PMUS, devices[i]->pmu, "identifier");
		expect("sysfs", !strcmp(line, "0x2cf0036b") && !strcmp(pmiidr, line));
		read_line(line, sizeof(line), PMUS, devices[i]->pmu, "events/cmem_rd_data");
		expect("sysfs", strtoul(line + strlen("event="), NULL, 0) == 0x1a5);
		read_line(line, sizeof(line), PMUS, devices[i]->pmu, "format/event");
		expect("sysfs", !strcmp(line, "config:0-32"));
	}
}

/* What occurs is counted by who asks for it, in the record too; what occurs elsewhere is not. */
static void test_count(void)
{
	uint64_t before = recorded(&soft0, 0x1a5), cycles_before = recorded(&soft0, CYCLES);
	int data = count_event(&soft0, 0x1a5), bytes = count_event(&soft0, 0x1db),
	    cycles = count_event(&soft0, 1ull << 32), other = count_event(&soft1, 0x1a5);

	expect("count", data >= 0 && bytes >= 0 && cycles >= 0 && other >= 0);
	expect("count", number_of(CLASS, "soft0", "counters_used") == 3);
	expect("count", nr_enabled(&soft0) == 3 && nr_enabled(&soft1) == 1);
	occur(&soft0, 0x1a5, 1000);
	occur(&soft0, 0x1db, 30);
	occur(&soft0, CYCLES, 7);
	occur(&soft0, 0x1a6, 99);
	occur(&soft1, 0x1a5, 5);
	expect("count", value(data) == 1000 && value(bytes) == 30 && value(cycles) == 7);
	expect("count", value(other) == 5);
	/* Two counters of one event count it twice. */
	close(bytes);
	bytes = count_event(&soft0, 0x1a5);
	occur(&soft0, 0x1a5, 10);
	expect("count", value(data) == 1010 && value(bytes) == 10);
	expect("count", recorded(&soft0, 0x1a5) - before == 1020);
	expect("count", recorded(&soft0, CYCLES) - cycles_before == 7);
	close(data);
	close(bytes);
	close(cycles);
	close(other);
	expect("count", nr_enabled(&soft0) == 0 && nr_enabled(&soft1) == 0);
	expect("count", number_of(CLASS, "soft0", "counters_used") == 0);
}

/* What occurs while an event is disabled is not its, and its count stays. */
static void test_disable(void)
{
	int fd = count_event(&soft0, 0x1a5);

	occur(&soft0, 0x1a5, 3);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	occur(&soft0, 0x1a5, 1000);
	expect("disable", value(fd) == 3 && counter_of(&soft0, 0x1a5) < 0);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	occur(&soft0, 0x1a5, 4);
	expect("disable", value(fd) == 7);
	ioctl(fd, PERF_EVENT_IOC_RESET, 0);
	occur(&soft0, 0x1a5, 5);
	expect("disable", value(fd) == 5);
	close(fd);
}

/* Counters start in the middle of their range, so that an overflow is seen in time, and wrap. */
static void test_half_range(void)
{
	uint64_t half = 1ull << (width - 1), overflows = soft0.record->overflows;
	int fd = count_event(&soft0, 0x1a5), index = counter_of(&soft0, 0x1a5);

	expect("half-range", index >= 0 && counter_value(&soft0, index) == half);
	occur(&soft0, 0x1a5, half - 1);
	expect("half-range", soft0.record->overflows == overflows);
	expect("half-range", counter_value(&soft0, index) == 2 * half - 1);
	expect("half-range", value(fd) == half - 1);
	occur(&soft0, 0x1a5, 1);
	expect("half-range", soft0.record->overflows == overflows + 1);
	/* The interrupt was handled: it is back in the middle. */
	expect("half-range", counter_value(&soft0, index) == half);
	expect("half-range", value(fd) == half);
	occur(&soft0, 0x1a5, 3);
	expect("half-range", value(fd) == half + 3);
	close(fd);
}

/* Each half is read in its own time; giving up is an error that is seen, and not a zero. */
static void test_torn(void)
{
	uint64_t before = recorded(&soft0, 0x1a5), torn = soft0.record->torn, seen;
	int fd = count_event(&soft0, 0x1a5);
	long errors = read_errors(&soft0);

	if (width == 32) { /* they have no halves */
		go_wrong(&soft0, 1000, 0);
		occur(&soft0, 0x1a5, 5);
		expect("torn", value(fd) == 5 && soft0.record->torn == torn);
		go_wrong(&soft0, 0, 0);
		close(fd);
		return;
	}
	occur(&soft0, 0x1a5, 0xfffffffe);
	go_wrong(&soft0, 1, 0);
	seen = value(fd);
	expect("torn", soft0.record->torn == torn + 1 && read_errors(&soft0) == errors);
	expect("torn", seen == recorded(&soft0, 0x1a5) - before);
	for (int i = 0; i < 100; i++) {
		occur(&soft0, 0x1a5, 0x7fffffffull + i);
		go_wrong(&soft0, 1 + i % 2, 0);
		seen = value(fd);
		go_wrong(&soft0, 0, 0);
		expect("torn", value(fd) == recorded(&soft0, 0x1a5) - before);
		expect("torn", seen <= recorded(&soft0, 0x1a5) - before);
	}
	/* So often that no number of tries helps. */
	seen = value(fd);
	errors = read_errors(&soft0);
	go_wrong(&soft0, 1000000, 0);
	expect("torn", value(fd) == seen);
	expect("torn", read_errors(&soft0) > errors);
	go_wrong(&soft0, 0, 0);
	expect("torn", value(fd) == recorded(&soft0, 0x1a5) - before);
	close(fd);
}

/* b12: a read that fails leaves the count; the next good one brings all of it. */
static void test_b12(void)
{
	uint64_t before = recorded(&soft0, 0x1a5);
	int fd = count_event(&soft0, 0x1a5);
	long errors = read_errors(&soft0);

	occur(&soft0, 0x1a5, 10);
	expect("b12", value(fd) == 10);
	occur(&soft0, 0x1a5, 5);
	go_wrong(&soft0, 0, 1000000);
	expect("b12", value(fd) == 10 && read_errors(&soft0) > errors);
	go_wrong(&soft0, 0, 0);
	expect("b12", value(fd) == 15);

	/*
	 * At a stop: it takes what is in the counter before it writes to it at the next start. A
	 * timer that tries again would come first, were it not late after so many tries in vain.
	 */
	for (int round = 1; round <= 3; round++) {
		occur(&soft0, 0x1a5, 6);
		go_wrong(&soft0, 0, 1000000);
		ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		usleep(60 * 1000);
		expect("b12", value(fd) == 2 + 13 * (uint64_t)round);
		occur(&soft0, 0x1a5, 1000);
		go_wrong(&soft0, 0, 0);
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
		occur(&soft0, 0x1a5, 7);
		expect("b12", value(fd) == 15 + 13 * (uint64_t)round);
		expect("b12", recorded(&soft0, 0x1a5) - before == 15 + 13 * (uint64_t)round);
	}

	/* At an overflow, and as long as it takes until the counter can be read. */
	go_wrong(&soft0, 0, 20);
	occur(&soft0, 0x1a5, (1ull << (width - 1)) - 1);
	occur(&soft0, 0x1a5, 1);
	go_wrong(&soft0, 0, 0);
	occur(&soft0, 0x1a5, 1ull << (width - 2));
	expect("b12", value(fd) == recorded(&soft0, 0x1a5) - before);
	close(fd);
}

/* What cannot be counted is refused at once, with the right error. */
static void test_refused(void)
{
	struct perf_event_attr attr = attr_of(&soft0, 0x1a5),
			       software = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(software)};
	int cpu = soft0.cpu, leader, fds[MAX_COUNTERS];
	unsigned int i;

	attr.sample_period = 1000;
	expect("refused", open_attr(attr, -1, cpu, -1) == -EOPNOTSUPP);
	attr.sample_period = 1000;
	attr.freq = 1;
	expect("refused", open_attr(attr, -1, cpu, -1) == -EOPNOTSUPP);
	attr = attr_of(&soft0, 0x1a5);
	/* Tasks, also on the right CPU; inherited events are those of tasks (e5). */
	expect("refused", open_attr(attr, 0, -1, -1) == -EINVAL);
	expect("refused", open_attr(attr, 0, cpu, -1) == -EINVAL);
	attr.inherit = 1;
	expect("refused", open_attr(attr, 0, -1, -1) == -EINVAL);
	attr.inherit = 0;
	/* Another CPU than that of cpumask. */
	expect("refused", open_attr(attr, -1, !cpu, -1) == -EINVAL);
	/* Groups over two devices; with a software event they may be. */
	leader = count_event(&soft1, 0x1a5);
	expect("refused", open_attr(attr, -1, cpu, leader) == -EINVAL);
	close(leader);
	leader = open_attr(software, -1, cpu, -1);
	expect("refused", !outcome(open_attr(attr, -1, cpu, leader)));
	close(leader);
	/* A group of more events than there are counters; those of events are one less. */
	leader = count_event(&soft0, 0x100);
	fds[0] = leader;
	for (i = 1; i < counters - 1; i++) {
		fds[i] = open_attr(attr_of(&soft0, 0x100 + i), -1, cpu, leader);
		expect("refused", fds[i] >= 0);
	}
	expect("refused", open_attr(attr_of(&soft0, 0x100 + i), -1, cpu, leader) == -EINVAL);
	while (i--)
		close(fds[i]);
	/* Ports that the unit does not have. */
	attr.config1 = 1;
	expect("refused", open_attr(attr, -1, cpu, -1) == -EINVAL);
	/* After all that there is no event left. */
	expect("refused", number_of(CLASS, "soft0", "counters_used") == 0 && !nr_enabled(&soft0));
}

/* No counter is free: -EAGAIN inside; perf takes turns, and a pinned event is in error. */
static void test_no_counter(void)
{
	struct perf_event_attr pinned = attr_of(&soft0, 0x1ff);
	int fds[MAX_COUNTERS], extra;
	uint64_t number;

	for (unsigned int i = 0; i < counters - 1; i++) {
		struct perf_event_attr attr = attr_of(&soft0, 0x100 + i);

		attr.pinned = 1;
		fds[i] = open_attr(attr, -1, soft0.cpu, -1);
		expect("no-counter", fds[i] >= 0);
	}
	expect("no-counter", nr_enabled(&soft0) == counters - 1);
	pinned.pinned = 1;
	extra = open_attr(pinned, -1, soft0.cpu, -1);
	expect("no-counter", extra >= 0 && read(extra, &number, sizeof(number)) == 0);
	close(extra);
	for (unsigned int i = 0; i < counters - 1; i++) {
		occur(&soft0, 0x100 + i, i + 1);
		expect("no-counter", value(fds[i]) == i + 1);
	}
	/* The cycle counter is another one. */
	extra = count_event(&soft0, 1ull << 32);
	occur(&soft0, CYCLES, 5);
	expect("no-counter", value(extra) == 5);
	close(extra);
	for (unsigned int i = 0; i < counters - 1; i++)
		close(fds[i]);
}

/* A group counts the same time; its members are read in one go. */
static void test_group(void)
{
	struct perf_event_attr attr = attr_of(&soft0, 0x1a5);
	uint64_t values[3] = {};
	int leader, member;

	attr.read_format = PERF_FORMAT_GROUP;
	leader = open_attr(attr, -1, soft0.cpu, -1);
	attr.config = 0x1db;
	member = open_attr(attr, -1, soft0.cpu, leader);
	occur(&soft0, 0x1a5, 11);
	occur(&soft0, 0x1db, 12);
	expect("group", read(leader, values, sizeof(values)) == sizeof(values));
	expect("group", values[0] == 2 && values[1] == 11 && values[2] == 12);
	close(member);
	close(leader);
}

/* b2: a device whose event is open stays where it is, and the event counts on. */
static void test_b2(void)
{
	int fd = count_event(&soft0, 0x1a5);
	struct device again;

	expect("b2", fd >= 0 && plug(0, false) == -EBUSY);
	again = find_soft(0);
	expect("b2", again.type == soft0.type);
	occur(&soft0, 0x1a5, 5);
	expect("b2", value(fd) == 5);
	close(fd);
}

/* b3: closing the last event takes nothing down, neither then nor soon after. */
static void test_b3(void)
{
	int type = soft0.type;

	for (int i = 0; i < 200; i++) {
		int fd = count_event(&soft0, 0x1a5);

		expect("b3", fd >= 0);
		occur(&soft0, 0x1a5, i);
		expect("b3", value(fd) == (uint64_t)i);
		close(fd);
		expect("b3", find_soft(0).type == type);
	}
}

/* b4: an event of one device does not keep another one. */
static void test_b4(void)
{
	int fd = count_event(&soft0, 0x1a5);

	expect("b4", !plug(1, false));
	expect("b4", access(CLASS "soft1", F_OK) && count_event(&soft1, 0x1a5) < 0);
	expect("b4", plug(0, false) == -EBUSY);
	occur(&soft0, 0x1a5, 9);
	expect("b4", value(fd) == 9);
	expect("b4", !plug(1, true));
	close(fd);
	soft1 = find_soft(1);
	fd = count_event(&soft1, 0x1a5);
	occur(&soft1, 0x1a5, 2);
	expect("b4", value(fd) == 2);
	close(fd);
	/* And of the device that has no event any more: */
	expect("b4", !plug(0, false) && !plug(0, true) && plug(0, true) == -EALREADY);
	soft0 = find_soft(0);
}

static long users(const char *module)
{
	return number_of("/sys/module/", module, "refcnt");
}

/* b5: an event is a user of the backend, the core, and the module with the registers. */
static void test_b5(void)
{
	static const char *const modules[] = {"paimon_cspmu_nvidia", "paimon_soft"};
	int fd;

	for (int i = 0; i < 2; i++) {
		long before = users(modules[i]);

		fd = count_event(&soft0, 0x1a5);
		expect("b5", users(modules[i]) == before + 1);
		/* Whoever wants to is refused. paimon_soft has a file open, and this event. */
		expect("b5", syscall(SYS_delete_module, modules[i], O_NONBLOCK) < 0 &&
				     errno == EWOULDBLOCK);
		expect("b5", syscall(SYS_delete_module, "paimon_cspmu", O_NONBLOCK) < 0 &&
				     errno == EWOULDBLOCK);
		close(fd);
		expect("b5", users(modules[i]) == before);
		/* Nor one that could not be opened. */
		expect("b5", open_attr(attr_of(&soft0, 0x1a5), 0, -1, -1) < 0);
		expect("b5", users(modules[i]) == before);
	}
}

/* b7: a device without a backend: its event is a user of the core, which has the operations. */
static void test_b7(void)
{
	long core = users("paimon_cspmu"), owner = users("paimon_soft");
	int fd = count_event(&soft0, 1);

	expect("b7", !strcmp(soft0.pmu, "arm_cspmu_soft0") && fd >= 0);
	expect("b7", users("paimon_cspmu") == core + 1 && users("paimon_soft") == owner + 1);
	expect("b7", plug(0, false) == -EBUSY);
	occur(&soft0, 1, 5);
	expect("b7", value(fd) == 5);
	close(fd);
	expect("b7", users("paimon_cspmu") == core && users("paimon_soft") == owner);
	expect("b7", !plug(0, false) && !plug(0, true));
}

/* A filter is that of its counter alone; without ports in it all of them are counted. */
static void test_ports(void)
{
	static const uint64_t configs[] = {1, 2, 0};
	struct perf_event_attr attr = attr_of(&soft0, 0);
	int fds[3];

	for (int i = 0; i < 3; i++) {
		attr.config1 = configs[i];
		fds[i] = open_attr(attr, -1, soft0.cpu, -1);
		expect("ports", fds[i] >= 0);
	}
	expect("ports", reg(&soft0, PMEVFILTR) == 1 && reg(&soft0, PMEVFILTR + 4) == 2);
	expect("ports", reg(&soft0, PMEVFILTR + 8) == 0x3ff);
	occur_at(&soft0, 0, 10, 1);
	occur_at(&soft0, 0, 3, 0x200);
	expect("ports", value(fds[0]) == 10 && value(fds[1]) == 0 && value(fds[2]) == 13);
	attr.config1 = 0x400; /* there are ten */
	expect("ports", open_attr(attr, -1, soft0.cpu, -1) == -EINVAL);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void set_online(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	write_text(path, "%d", online);
}

/* The events follow their CPU, and lose nothing on the way; cpumask says where they are. */
static void test_hotplug(void)
{
	uint64_t before = recorded(&soft0, 0x1a5);
	int fd;

	/* On the CPU of whoever plugs it in. */
	pin_to(1);
	expect("hotplug", !plug(0, false) && !plug(0, true));
	unpin();
	soft0 = find_soft(0);
	expect("hotplug", soft0.cpu == 1);
	fd = count_event(&soft0, 0x1a5);
	occur(&soft0, 0x1a5, 5);
	set_online(1, false);
	expect("hotplug", number_of(PMUS, soft0.pmu, "cpumask") == 0);
	occur(&soft0, 0x1a5, 1ull << (width - 1));
	expect("hotplug", value(fd) == recorded(&soft0, 0x1a5) - before);
	set_online(1, true);
	expect("hotplug", number_of(PMUS, soft0.pmu, "cpumask") == 0);
	occur(&soft0, 0x1a5, 6);
	expect("hotplug", value(fd) == recorded(&soft0, 0x1a5) - before);
	close(fd);
	/* One that is disabled meanwhile, and one that cannot be read when its CPU goes. */
	pin_to(1);
	expect("hotplug", !plug(0, false) && !plug(0, true));
	unpin();
	soft0 = find_soft(0);
	fd = count_event(&soft0, 0x1a5);
	before = recorded(&soft0, 0x1a5);
	occur(&soft0, 0x1a5, 7);
	go_wrong(&soft0, 0, 2);
	set_online(1, false);
	go_wrong(&soft0, 0, 0);
	occur(&soft0, 0x1a5, 8);
	expect("hotplug", value(fd) == recorded(&soft0, 0x1a5) - before);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	set_online(1, true);
	occur(&soft0, 0x1a5, 100);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	occur(&soft0, 0x1a5, 9);
	expect("hotplug", value(fd) == recorded(&soft0, 0x1a5) - before);
	expect("hotplug", recorded(&soft0, 0x1a5) - before == 24);
	close(fd);
	soft0 = find_soft(0);
}

enum { START, STOP, READ, OVERFLOW, READ_ERROR, NR_OPS };

struct traced {
	unsigned int bound, released;
	unsigned int ops[NR_OPS];
	uint64_t delta;
	bool elsewhere; /* something was done on another CPU than that of the events */
};

/* What the trace says of an event of a device, and of the device's binding to its backend. */
static struct traced read_trace(char *trace, const struct device *device, uint64_t config)
{
	struct traced traced = {};
	char *rest = trace, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *fields = strstr(line, ": paimon_cspmu_"), *on = strchr(line, '[');
		unsigned long long of, delta;
		char pmu[64], impl[64];
		unsigned int op;

		if (!fields || !on)
			continue;
		if (sscanf(fields, ": paimon_cspmu_impl: pmu=%63s impl=%63s op=%u", pmu, impl,
			   &op) == 3 &&
		    !strcmp(pmu, device->pmu) && !strcmp(impl, "nvidia")) {
			traced.bound += op == 1;
			traced.released += op == 2;
		}
		if (sscanf(fields, ": paimon_cspmu_event: pmu=%63s config=%llx delta=%llu op=%u",
			   pmu, &of, &delta, &op) != 4 ||
		    strcmp(pmu, device->pmu) || of != config || op >= NR_OPS)
			continue;
		traced.ops[op]++;
		traced.delta += delta;
		traced.elsewhere |= atoi(on + 1) != device->cpu;
	}
	return traced;
}

/* b11: counters are looked after on the CPU of the events, wherever the device counts, and what is
 * done has a trace event: the sum of what these say is the count. */
static void test_b11(void)
{
	uint64_t half = 1ull << (width - 1), before, count;
	struct traced traced;
	char *trace;
	int fd;

	start_trace();
	pin_to(1);
	expect("b11", !plug(0, false) && !plug(0, true));
	pin_to(0);
	soft0 = find_soft(0);
	expect("b11", soft0.cpu == 1);
	before = recorded(&soft0, 0x1a5);
	fd = count_event(&soft0, 0x1a5);
	occur(&soft0, 0x1a5, 10);
	expect("b11", value(fd) == 10);
	occur(&soft0, 0x1a5, 5);
	go_wrong(&soft0, 0, 1);
	expect("b11", value(fd) == 10);
	go_wrong(&soft0, 0, 0);
	expect("b11", value(fd) == 15);
	occur(&soft0, 0x1a5, half);
	occur(&soft0, 0x1a5, 7);
	close(fd);
	unpin();
	count = recorded(&soft0, 0x1a5) - before;
	trace = end_trace();
	traced = read_trace(trace, &soft0, 0x1a5);
	free(trace);
	expect("b11", traced.released == 1 && traced.bound == 1);
	expect("b11", traced.ops[START] == 1 && traced.ops[STOP] == 1);
	expect("b11", traced.ops[READ] == 2 && traced.ops[READ_ERROR] == 1);
	expect("b11", traced.ops[OVERFLOW] == 1);
	expect("b11", count == half + 22 && traced.delta == count);
	expect("b11", !traced.elsewhere);
}

/*
 * Wrap-arounds under load, with torn and failing reads, stops and starts, and somebody who
 * opens and closes other events: what perf says is what the device has recorded.
 */
static volatile bool stop;

static void *open_and_close(void *unused)
{
	while (!stop) {
		int fd = count_event(&soft0, 0x1db);

		if (fd >= 0) {
			value(fd);
			close(fd);
		}
		usleep(1000);
	}
	return unused;
}

static void test_wraps(void)
{
	uint64_t before = recorded(&soft0, 0x1a5), cycles_before = recorded(&soft0, CYCLES);
	uint64_t overflows = soft0.record->overflows, half = 1ull << (width - 1), dice = 12;
	/* The debug kernel sees in the first ones what it can see. */
	uint64_t wanted = access("/sys/kernel/debug/kmemleak", F_OK) ? 1100 : 200;
	int data = count_event(&soft0, 0x1a5), cycles = count_event(&soft0, 1ull << 32);
	pthread_t other;

	stop = false;
	if (pthread_create(&other, NULL, open_and_close, NULL))
		die("thread");
	for (int i = 0; soft0.record->overflows - overflows < wanted; i++) {
		go_wrong(&soft0, draw(&dice, 3), draw(&dice, 4));
		occur(&soft0, 0x1a5, half / 4 + draw(&dice, 0x7fffffff));
		if (i % 3 == 0)
			value(data);
		if (i % 7 == 0)
			occur(&soft0, CYCLES, half / 2 + draw(&dice, 1000));
		if (i % 11 == 0) {
			ioctl(data, PERF_EVENT_IOC_DISABLE, 0);
			occur(&soft0, 0x1a5, 1000);
			ioctl(data, PERF_EVENT_IOC_ENABLE, 0);
		}
	}
	stop = true;
	pthread_join(other, NULL);
	go_wrong(&soft0, 0, 0);
	expect("wraps", value(data) == recorded(&soft0, 0x1a5) - before);
	expect("wraps", value(cycles) == recorded(&soft0, CYCLES) - cycles_before);
	expect("wraps", soft0.record->failed > 0 && (width == 32 || soft0.record->torn > 0));
	expect("wraps", soft0.record->overflows - overflows >= wanted && !soft0.record->lost);
	close(data);
	close(cycles);
}

static void test_ioctl(void)
{
	struct paimon_soft_cspmu_count call = {.size = sizeof(call), .device = 64};
	struct paimon_soft_cspmu_register bad = {.size = sizeof(bad), .offset = 0xf00};
	long page = sysconf(_SC_PAGESIZE);
	void *record = (void *)soft0.record;

	expect("ioctl", ioctl(soft, PAIMON_SOFT_CSPMU_COUNT, &call) < 0 && errno == EINVAL);
	call.device = 0;
	expect("ioctl", !ioctl(soft, PAIMON_SOFT_CSPMU_COUNT, &call) && call.done == 0);
	call.reserved = 1;
	expect("ioctl", ioctl(soft, PAIMON_SOFT_CSPMU_COUNT, &call) < 0 && errno == EINVAL);
	expect("ioctl", ioctl(soft, PAIMON_SOFT_CSPMU_REGISTER, &bad) < 0 && errno == EINVAL);
	bad.offset = 2;
	expect("ioctl", ioctl(soft, PAIMON_SOFT_CSPMU_REGISTER, &bad) < 0 && errno == EINVAL);
	expect("ioctl", plug(64, true) == -EINVAL && plug(0, true) == -EALREADY);
	/* The record is the device's alone. */
	expect("ioctl", mprotect(record, page, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	expect("ioctl",
	       mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, soft, 0) == MAP_FAILED);
	expect("ioctl", mmap(NULL, page, PROT_READ, MAP_SHARED, soft, 64 * page) == MAP_FAILED);
	expect("ioctl", mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, soft, 0) == MAP_FAILED);
}

static void on_signal(int number)
{
}

/* A process that counts for a minute or more; its exit status is 0 if a signal has ended that. */
static pid_t count_long(void)
{
	struct paimon_soft_cspmu_count call = {
		.size = sizeof(call),
		.event = 0x1ff,
		.count = 5000000ull << 30,
	};
	pid_t child = fork();
	int ret;

	if (child < 0)
		die("fork");
	if (child)
		return child;
	ret = ioctl(soft, PAIMON_SOFT_CSPMU_COUNT, &call);
	_exit(!(ret < 0 && errno == EINTR && call.done < call.count));
}

/* The signal may come before the call. */
static bool ended_by_signal(pid_t child)
{
	int status = -1;

	do {
		kill(child, SIGUSR1);
		usleep(1000);
	} while (!waitpid(child, &status, WNOHANG));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* A signal ends a count that no counter counts, and the wait for another process's. */
static void test_signal(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	pid_t first, second;

	if (width > 32)
		return; /* they have counted all in an instant */
	sigaction(SIGUSR1, &action, NULL);
	first = count_long();
	second = count_long();
	expect("signal", ended_by_signal(second));
	expect("signal", !waitpid(first, NULL, WNOHANG));
	expect("signal", ended_by_signal(first));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
		bool named; /* runs only if it is: the devices are others */
	} tests[] = {
		{"sysfs", test_sysfs, false},
		{"count", test_count, false},
		{"disable", test_disable, false},
		{"half-range", test_half_range, false},
		{"torn", test_torn, false},
		{"b12", test_b12, false},
		{"refused", test_refused, false},
		{"no-counter", test_no_counter, false},
		{"group", test_group, false},
		{"b2", test_b2, false},
		{"b3", test_b3, false},
		{"b4", test_b4, false},
		{"b5", test_b5, false},
		{"hotplug", test_hotplug, false},
		{"b11", test_b11, false},
		{"wraps", test_wraps, false},
		{"ioctl", test_ioctl, false},
		{"signal", test_signal, false},
		{"b7", test_b7, true},
		{"ports", test_ports, true},
	};
	bool any_failed = false;
	int ret;

	setvbuf(stdout, NULL, _IONBF, 0);
	soft_cspmu_open();
	ret = argc > 1 ? command(argc, argv) : -1;
	if (ret >= 0)
		return ret;
	width = number_of(PARAMETERS, "", "cspmu_width");
	counters = number_of(PARAMETERS, "", "cspmu_counters");
	soft0 = find_soft(0);
	if (number_of(PARAMETERS, "", "cspmu") > 1)
		soft1 = find_soft(1);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		bool wanted = argc == 1 && !tests[i].named;

		for (int j = 1; j < argc; j++)
			wanted |= !strcmp(argv[j], tests[i].name);
		if (!wanted)
			continue;
		failed = false;
		tests[i].run();
		if (!failed)
			printf("ok %s\n", tests[i].name);
		any_failed |= failed;
	}
	return any_failed;
}

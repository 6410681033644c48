// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the system PMUs of paimon_cspmu.ko through perf_event_open(2), with the devices
 * soft0, soft1 ... of paimon_soft.ko: rules by their number where what is loaded does not
 * change (27-cspmu has the others), and what perf does to a PMU besides.
 *
 *	cspmu-test [NAME...]		all tests, or these: prints "ok NAME" or "not ok
 *					NAME - why"
 *	cspmu-test count DEVICE EVENT COUNT [DEVICE EVENT COUNT]...
 *					events occur; EVENT may be cycles
 *	cspmu-test plug DEVICE 0|1	takes the device out, or puts it in
 *	cspmu-test record DEVICE EVENT	what the device has counted of an event
 *	cspmu-test hold PMU CONFIG	opens an event, says so, and counts until it is killed
 *	cspmu-test race MODULE FILE ROUNDS
 *					loads and unloads a module as events open and close
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <paimon/uapi.h>

#include "lib/helpers.h"

#define CLASS "/sys/class/paimon_cspmu/"
#define PMUS "/sys/bus/event_source/devices/"
#define PARAMETERS "/sys/module/paimon_soft/parameters/"
#define CYCLES PAIMON_SOFT_CSPMU_CYCLES
#define MAX_COUNTERS 32

/* Registers of a CoreSight PMU. */
enum {
	PMEVTYPER = 0x400,
	PMCNTENSET = 0xc00,
};

struct device {
	unsigned int number;
	char pmu[64];
	int type, cpu;
	const struct paimon_soft_cspmu_record *record;
};

static bool failed;
static int soft;
static unsigned int width, counters;
static struct device soft0, soft1;

#define expect(name, condition)                                                                    \
	do {                                                                                       \
		if (!(condition) && !failed) {                                                     \
			printf("not ok %s - line %d: %s (errno %d)\n", name, __LINE__, #condition, \
			       errno);                                                             \
			failed = true;                                                             \
		}                                                                                  \
	} while (0)

/* The first line of a file, or "" where there is none. */
static void read_line(char *ret_line, size_t size, const char *folder, const char *name,
		      const char *file)
{
	char path[256];
	FILE *stream;

	snprintf(path, sizeof(path), "%s%s%s%s", folder, name, *name ? "/" : "", file);
	*ret_line = '\0';
	stream = fopen(path, "r");
	if (!stream)
		return;
	if (!fgets(ret_line, size, stream))
		*ret_line = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	fclose(stream);
}

static long number_of(const char *folder, const char *name, const char *file)
{
	char line[64];

	read_line(line, sizeof(line), folder, name, file);
	return strtol(line, NULL, 0);
}

static struct device find_device(unsigned int number)
{
	long page = sysconf(_SC_PAGESIZE);
	struct device device = {.number = number};
	char name[16];

	snprintf(name, sizeof(name), "soft%u", number);
	read_line(device.pmu, sizeof(device.pmu), CLASS, name, "pmu");
	device.type = -1;
	if (*device.pmu) {
		device.type = number_of(PMUS, device.pmu, "type");
		device.cpu = number_of(PMUS, device.pmu, "cpumask");
	}
	device.record = mmap(NULL, page, PROT_READ, MAP_SHARED, soft, number * page);
	if (device.record == MAP_FAILED)
		die("mmap of a record");
	return device;
}

/* The sum over all filters. */
static uint64_t recorded(const struct device *device, uint32_t event)
{
	uint32_t nr = __atomic_load_n(&device->record->nr, __ATOMIC_ACQUIRE);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < nr; i++)
		if (device->record->entries[i].event == event)
			sum += __atomic_load_n(&device->record->entries[i].count, __ATOMIC_RELAXED);
	return sum;
}

static void occur_at(const struct device *device, uint32_t event, uint64_t count, uint32_t ports)
{
	struct paimon_soft_cspmu_count call = {
		.size = sizeof(call),
		.device = device->number,
		.event = event,
		.count = count,
		.ports = ports,
	};

	if (ioctl(soft, PAIMON_SOFT_CSPMU_COUNT, &call) || call.done != count)
		die("PAIMON_SOFT_CSPMU_COUNT");
}

static void occur(const struct device *device, uint32_t event, uint64_t count)
{
	occur_at(device, event, count, 0);
}

static uint32_t reg(const struct device *device, uint32_t offset)
{
	struct paimon_soft_cspmu_register call = {
		.size = sizeof(call),
		.device = device->number,
		.offset = offset,
	};

	if (ioctl(soft, PAIMON_SOFT_CSPMU_REGISTER, &call))
		die("PAIMON_SOFT_CSPMU_REGISTER");
	return call.value;
}

static void go_wrong(const struct device *device, uint32_t torn, uint32_t failing)
{
	struct paimon_soft_cspmu_fault call = {
		.size = sizeof(call),
		.device = device->number,
		.torn = torn,
		.failing = failing,
	};

	if (ioctl(soft, PAIMON_SOFT_CSPMU_FAULT, &call))
		die("PAIMON_SOFT_CSPMU_FAULT");
}

/* 0, or a negative errno. */
static int plug(unsigned int number, bool present)
{
	struct paimon_soft_cspmu_plug call = {
		.size = sizeof(call),
		.device = number,
		.present = present,
	};

	return ioctl(soft, PAIMON_SOFT_CSPMU_PLUG, &call) ? -errno : 0;
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

/* A descriptor, or a negative errno. */
static int open_attr(struct perf_event_attr attr, pid_t pid, int cpu, int leader)
{
	int fd = perf_event_open(&attr, pid, cpu, leader);

	return fd < 0 ? -errno : fd;
}

static int count_event(const struct device *device, uint64_t config)
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

static uint64_t value(int fd)
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

// SPDX-License-Identifier: GPL-2.0
#include "lib/soft_cspmu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/helpers.h"

int soft;
bool failed;

void soft_cspmu_open(void)
{
	soft = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);
	if (soft < 0)
		die("/dev/paimon-soft");
}

void read_line(char *ret_line, size_t size, const char *folder, const char *name, const char *file)
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

long number_of(const char *folder, const char *name, const char *file)
{
	char line[64];

	read_line(line, sizeof(line), folder, name, file);
	return strtol(line, NULL, 0);
}

struct device find_device(const char *name)
{
	struct device device = {.type = -1, .cpu = -1};

	snprintf(device.name, sizeof(device.name), "%s", name);
	read_line(device.pmu, sizeof(device.pmu), CLASS, name, "pmu");
	if (*device.pmu) {
		device.type = number_of(PMUS, device.pmu, "type");
		device.cpu = number_of(PMUS, device.pmu, "cpumask");
	}
	return device;
}

struct device find_soft(unsigned int number)
{
	long page = sysconf(_SC_PAGESIZE);
	struct device device;
	char name[16];

	snprintf(name, sizeof(name), "soft%u", number);
	device = find_device(name);
	device.number = number;
	device.record = mmap(NULL, page, PROT_READ, MAP_SHARED, soft, number * page);
	if (device.record == MAP_FAILED)
		die("mmap of a record");
	return device;
}

void occur_at(const struct device *device, uint32_t event, uint64_t count, uint32_t ports)
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

void occur(const struct device *device, uint32_t event, uint64_t count)
{
	occur_at(device, event, count, 0);
}

uint32_t reg(const struct device *device, uint32_t offset)
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

void go_wrong(const struct device *device, uint32_t torn, uint32_t failing)
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

int plug(unsigned int number, bool present)
{
	struct paimon_soft_cspmu_plug call = {
		.size = sizeof(call),
		.device = number,
		.present = present,
	};

	return ioctl(soft, PAIMON_SOFT_CSPMU_PLUG, &call) ? -errno : 0;
}

int open_attr(struct perf_event_attr attr, pid_t pid, int cpu, int leader)
{
	int fd = perf_event_open(&attr, pid, cpu, leader);

	return fd < 0 ? -errno : fd;
}

void expect_that(const char *name, bool condition, int line, const char *text)
{
	if (condition || failed)
		return;
	printf("not ok %s - line %d: %s (errno %d)\n", name, line, text, errno);
	failed = true;
}

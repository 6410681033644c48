/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The software system PMUs of paimon_soft.ko, soft0, soft1 and so on, as tests in guests use them:
 * events occur, registers and the record of a device are read, and reads go wrong. Where a function
 * says nothing of errors, it succeeds or calls die(). After soft_cspmu_open().
 */
#ifndef PAIMON_TESTS_SOFT_CSPMU_H
#define PAIMON_TESTS_SOFT_CSPMU_H

#include <linux/perf_event.h>
#include <paimon/uapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLASS "/sys/class/paimon_cspmu/"
#define PMUS "/sys/bus/event_source/devices/"

/* Registers of a CoreSight PMU. */
enum {
	PMEVTYPER = 0x400,
	PMEVFILTR = 0xa00,
	PMCNTENSET = 0xc00,
};

struct device {
	char name[16]; /* in CLASS */
	char pmu[64];  /* "": it has none */
	unsigned int number;
	int type, cpu; /* of the PMU, -1: it has none; the CPU changes when that goes off */
	const struct paimon_soft_cspmu_record *record; /* NULL: of another module */
};

/* /dev/paimon-soft, which pins the module as long as it is open. */
extern int soft;
void soft_cspmu_open(void);

/* The first line of a file of sysfs, folder/name/file, or "" where there is none; its number. */
void read_line(char *ret_line, size_t size, const char *folder, const char *name, const char *file);
long number_of(const char *folder, const char *name, const char *file);

struct device find_device(const char *name);
struct device find_soft(unsigned int number);

/* An event occurs, at these ports of the device; 0: at none in particular. */
void occur_at(const struct device *device, uint32_t event, uint64_t count, uint32_t ports);
void occur(const struct device *device, uint32_t event, uint64_t count);
uint32_t reg(const struct device *device, uint32_t offset);
/* So many reads of counters from now on tear, and fail. */
void go_wrong(const struct device *device, uint32_t torn, uint32_t failing);
/* Takes the device out or puts it in. 0, or a negative errno. */
int plug(unsigned int number, bool present);

/* A descriptor, or a negative errno. */
int open_attr(struct perf_event_attr attr, pid_t pid, int cpu, int leader);

/* Of a test that has a name; the first that fails is reported. */
extern bool failed;
void expect_that(const char *name, bool condition, int line, const char *text);
#define expect(name, condition) expect_that(name, condition, __LINE__, #condition)

#endif

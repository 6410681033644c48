/* SPDX-License-Identifier: GPL-2.0 */
/* cspmu-test, between its files: the tests, and the commands that cases use. */
#ifndef PAIMON_CSPMU_TEST_H
#define PAIMON_CSPMU_TEST_H

#include <stdint.h>

#include "lib/soft_cspmu.h"

#define PARAMETERS "/sys/module/paimon_soft/parameters/"
#define CYCLES PAIMON_SOFT_CSPMU_CYCLES

/* What the device has counted of an event, with any filter. */
uint64_t recorded(const struct device *device, uint32_t event);
/* A descriptor, or a negative errno. */
int count_event(const struct device *device, uint64_t config);
/* UINT64_MAX: it cannot be read. */
uint64_t value(int fd);

/* commands.c: the exit status, or -1: this is no command. */
int command(int argc, char **argv);

#endif

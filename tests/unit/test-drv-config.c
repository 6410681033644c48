// SPDX-License-Identifier: GPL-2.0
/* What daemon/source/events/drv_config.c asks /dev/paimon for, and what its errors mean. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>
#include <paimon/uapi.h>

#include "source/events/drv_config.h"

static int error; /* errno; 0: it works */
static struct paimon_drv_config asked;

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	assert_string_equal(path, PAIMON_DEVICE);
	errno = error;
	return error ? -1 : 7;
}

int __wrap_ioctl(int fd, unsigned long request, struct paimon_drv_config *config);
int __wrap_ioctl(int fd, unsigned long request, struct paimon_drv_config *config)
{
	assert_int_equal(fd, 7);
	asked = *config;
	errno = error;
	if (request == PAIMON_GET_DRV_CONFIG)
		*config = (struct paimon_drv_config){.config1 = 4, .config2 = 5, .config3 = 6};
	else
		assert_int_equal(request, PAIMON_SET_DRV_CONFIG);
	return error ? -1 : 0;
}

static void test_config(void **data)
{
	const __u64 config[3] = {1, 2, 3};
	__u64 now[3] = {};

	assert_int_equal(drv_config_open(), 7);
	assert_int_equal(drv_config_set(7, 11, config), 0);
	assert_int_equal(asked.size, sizeof(asked));
	assert_int_equal(asked.fd, 11);
	assert_int_equal(asked.config1, 1);
	assert_int_equal(asked.config2, 2);
	assert_int_equal(asked.config3, 3);
	assert_int_equal(drv_config_get(7, 12, now), 0);
	assert_int_equal(asked.fd, 12);
	assert_memory_equal(now, ((const __u64[]){4, 5, 6}), sizeof(now));
}

/* Nothing is read from a request that has failed. */
static void test_errors(void **data)
{
	const __u64 config[3] = {};
	__u64 now[3] = {7, 8, 9};

	error = ENOENT;
	assert_int_equal(drv_config_open(), -ENOENT);
	error = EBUSY;
	assert_int_equal(drv_config_set(7, 11, config), -EBUSY);
	error = EOPNOTSUPP;
	assert_int_equal(drv_config_get(7, 11, now), -EOPNOTSUPP);
	assert_memory_equal(now, ((const __u64[]){7, 8, 9}), sizeof(now));
	error = 0;
}

/* The PMU cannot be changed, or the module is too old: the event is reopened instead. */
static void test_missing(void **data)
{
	assert_true(drv_config_is_missing(-EOPNOTSUPP));
	assert_true(drv_config_is_missing(-ENOTTY));
	assert_false(drv_config_is_missing(-EBUSY));
	assert_false(drv_config_is_missing(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests_name("drv-config", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Devices by name: the name is built in a map by a helper program, whose kernel
 * address is passed on as paimon.ko passes that of a device's name. Needs root.
 */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/bpf.h"
#include "iopf.h"
#include "iopf.skel.h"
#include "name.skel.h"

struct fixture {
	struct iopf_bpf *iopf;
	struct name_bpf *name;
	struct iopf_device *devices;
};

static struct fixture fixture;

static int setup(void **data)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct fixture *f = &fixture;

	f->iopf = iopf_bpf__open_opts(&options);
	assert_non_null(f->iopf);
	assert_int_equal(iopf_bpf__load(f->iopf), 0);
	f->name = name_bpf__open_and_load();
	assert_non_null(f->name);
	assert_int_equal(run_program(f->name->progs.find_name, -1, NULL, 0), 0);
	assert_true(f->name->bss->address != 0);
	f->devices = map_memory(f->iopf->maps.iopf_devices);
	*data = f;
	return 0;
}

static int teardown(void **data)
{
	struct fixture *f = *data;

	unmap_memory(f->iopf->maps.iopf_devices, f->devices);
	name_bpf__destroy(f->name);
	iopf_bpf__destroy(f->iopf);
	return 0;
}

/* A group of one request, of the device of that name at that address, with its answer. */
static void group(struct fixture *f, uint64_t dev, const char *name)
{
	uint64_t args[7] = {dev, 1, 1, 0x1000, PAIMON_IOPF_PERM_READ, PAIMON_IOPF_LAST};

	if (name) {
		/* What is behind the NUL is not part of the name. */
		memset(f->name->bss->name, 'x', sizeof(f->name->bss->name));
		strcpy(f->name->bss->name, name);
		args[6] = f->name->bss->address;
	}
	assert_int_equal(run_program(f->iopf->progs.iopf_request, -1, args, sizeof(args)), 0);
	args[3] = PAIMON_IOPF_SUCCESS;
	assert_int_equal(run_program(f->iopf->progs.iopf_response, -1, args, sizeof(args)), 0);
}

static void assert_device(const struct fixture *f, int index, const char *name, uint64_t groups)
{
	const struct iopf_device *d = &f->devices[index];

	assert_string_equal(d->name, name);
	assert_int_equal(d->requests[PAIMON_IOPF_PERM_READ], groups);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][PAIMON_IOPF_SUCCESS], groups);
}

/* The device goes on where it was, wherever it is now. */
static void test_other_address(void **data)
{
	struct fixture *f = *data;

	group(f, 0x1000, "0000:00:01.0");
	group(f, 0x2000, "0000:00:02.0");
	group(f, 0x3000, "0000:00:01.0");
	group(f, 0x1000, "0000:00:01.0");
	assert_device(f, 0, "0000:00:01.0", 3);
	assert_device(f, 1, "0000:00:02.0", 1);
	assert_device(f, 2, "", 0);
}

static void test_other_name(void **data)
{
	struct fixture *f = *data;

	group(f, 0x1000, "first");
	group(f, 0x1000, "second"); /* the address is another device's by now */
	group(f, 0x1000, "second");
	assert_device(f, 0, "first", 1);
	assert_device(f, 1, "second", 2);
}

static void test_no_name(void **data)
{
	struct fixture *f = *data;

	group(f, 1000, NULL);
	group(f, 1000, NULL);
	group(f, 1001, "");
	assert_device(f, 0, "dev1", 2);
	assert_device(f, 1, "dev2", 1);
}

static void test_long_name(void **data)
{
	struct fixture *f = *data;
	char name[101] = "", cut[PAIMON_DEVICE_NAME_LEN] = "";

	memset(name, 'n', 100);
	memset(cut, 'n', sizeof(cut) - 1);
	group(f, 1, name);
	group(f, 1, name);
	assert_device(f, 0, cut, 2);
	assert_device(f, 1, "", 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_other_address),
		TEST(test_other_name),
		TEST(test_no_name),
		TEST(test_long_name),
	};

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* What is said of a device, from a folder like /sys/bus and the machine's hardware database. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-hwdb.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/failing.h"
#include "source/iopf/device.h"

static char buses[] = "/tmp/paimon-device-XXXXXX";

static void make(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", buses, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", buses, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **data)
{
	static const char *const folders[] = {
		"pci",
		"pci/devices",
		"pci/devices/0000:3d:00.0",
		"pci/devices/0000:3e:00.0",
		"platform",
		"platform/devices",
		"platform/devices/smmu.1",
		"platform/devices/empty",
	};
	char link[256];

	assert_non_null(mkdtemp(buses));
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		make(folders[i]);
	put("pci/devices/0000:3d:00.0/modalias",
	    "pci:v00008086d00000B25sv00008086sd00000000bc08sc80i00\n");
	/* No such vendor. */
	put("pci/devices/0000:3e:00.0/modalias",
	    "pci:v0000FFF0d00000001sv00000000sd00000000bc08sc80i00\n");
	put("platform/devices/smmu.1/modalias", "of:NacceleratorT(null)Cvendor,dma\n");
	snprintf(link, sizeof(link), "%s/pci/devices/0000:3d:00.0/driver", buses);
	assert_int_equal(symlink("../../../../bus/pci/drivers/idxd", link), 0);
	snprintf(link, sizeof(link), "%s/platform/devices/smmu.1/driver", buses);
	assert_int_equal(symlink("../drivers/hisi_sec2", link), 0);
	return 0;
}

static int teardown(void **data)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", buses);
	return system(command);
}

static void check(const char *name, const char *pci_address, const char *driver, const char *vendor,
		  const char *model)
{
	struct device_info info;

	assert_int_equal(device_look(buses, name, &info), 0);
	assert_string_equal(info.pci_address, pci_address);
	assert_string_equal(info.driver, driver);
	assert_string_equal(info.vendor, vendor);
	assert_string_equal(info.model, model);
	device_info_clear(&info);
}

static void test_pci(void **data)
{
	static const char modalias[] = "pci:v00008086d00000B25sv00008086sd00000000bc08sc80i00";
	const char *vendor = "0x8086", *model = "0x0b25";
	sd_hwdb *hwdb = NULL;

	if (sd_hwdb_new(&hwdb) >= 0) {
		assert_true(sd_hwdb_get(hwdb, modalias, "ID_VENDOR_FROM_DATABASE", &vendor) >= 0);
		assert_string_equal(vendor, "Intel Corporation");
		sd_hwdb_get(hwdb, modalias, "ID_MODEL_FROM_DATABASE", &model);
	}
	check("0000:3d:00.0", "0000:3d:00.0", "idxd", vendor, model);
	check("0000:3e:00.0", "0000:3e:00.0", "", "0xfff0", "0x0001");
	sd_hwdb_unref(hwdb);
}

static void test_others(void **data)
{
	bool is_pci = true;
	int fd = device_open(buses, "smmu.1", &is_pci);

	assert_true(fd >= 0);
	assert_false(is_pci);
	close(fd);
	check("smmu.1", "", "hisi_sec2", "", "");
	check("empty", "", "", "", "");
	check("soft0", "", "", "", "");
	/* A name is not a path. */
	check("../devices/smmu.1", "", "", "", "");
	check("", "", "", "", "");
	assert_int_equal(device_open(buses, "../devices/smmu.1", &is_pci), -ENOENT);
	assert_int_equal(device_open(buses, ".", &is_pci), -ENOENT);
	assert_int_equal(device_open(buses, "..", &is_pci), -ENOENT);
	assert_int_equal(device_open("/no/such/folder", "smmu.1", &is_pci), -EIO);
}

static const char *looked_at;
static struct device_info seen;
static int look_error;

static void look(void)
{
	look_error = device_look(buses, looked_at, &seen);
}

/* All of it is known, or nothing. */
static void check_looked(bool failed)
{
	if (look_error < 0) {
		assert_true(failed);
		assert_int_equal(look_error, -ENOMEM);
		return;
	}
	/* What cannot be opened is as if it were not there. */
	assert_int_equal(!*seen.vendor, !*seen.model);
	if (!failed) {
		assert_string_equal(seen.pci_address, strchr(looked_at, ':') ? looked_at : "");
		assert_int_equal(!*seen.vendor, !*seen.pci_address);
	}
	device_info_clear(&seen);
}

static void test_no_memory(void **data)
{
	static const struct failing failing = {"look", NULL, look, check_looked};
	static const char *const names[] = {"0000:3d:00.0", "0000:3e:00.0", "smmu.1", "soft0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		looked_at = names[i];
		assert_true(each_call_fails(&failing) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pci),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

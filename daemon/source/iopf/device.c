// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-hwdb.h>
#include <unistd.h>

#include "../../util/cleanup.h"
#include "../../util/sysfs.h"

int device_open(const char *buses, const char *name, bool *ret_is_pci)
{
	struct dirent *bus;
	int fd = -ENOENT;
	DIR *dir;

	/* A name, not a path. */
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -ENOENT;
	dir = opendir(buses);
	if (!dir)
		return -EIO;
	while (fd == -ENOENT && (bus = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (bus->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/devices/%s", bus->d_name, name) < 0) {
			path = NULL;
			fd = -ENOMEM;
			break;
		}
		fd = openat(dirfd(dir), path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		if (fd >= 0)
			*ret_is_pci = !strcmp(bus->d_name, "pci");
	}
	closedir(dir);
	return fd;
}

/* A property that the database has of a device, else its number. NULL: no memory. */
static char *property(sd_hwdb *hwdb, const char *modalias, const char *key, unsigned int number)
{
	const char *value;
	char *text;

	if (hwdb && sd_hwdb_get(hwdb, modalias, key, &value) >= 0)
		return strdup(value);
	return asprintf(&text, "0x%04x", number) < 0 ? NULL : text;
}

/* What is known from the IDs of a PCI device. 0 or -ENOMEM. */
static int look_up(const char *modalias, struct device_info *info)
{
	unsigned int vendor, model;
	sd_hwdb *hwdb = NULL;

	if (sscanf(modalias, "pci:v%8xd%8x", &vendor, &model) != 2)
		return 0;
	if (sd_hwdb_new(&hwdb) < 0)
		hwdb = NULL;
	info->vendor = property(hwdb, modalias, "ID_VENDOR_FROM_DATABASE", vendor);
	info->model = property(hwdb, modalias, "ID_MODEL_FROM_DATABASE", model);
	sd_hwdb_unref(hwdb);
	return info->vendor && info->model ? 0 : -ENOMEM;
}

static int fill(struct device_info *info)
{
	char **texts[] = {&info->pci_address, &info->driver, &info->vendor, &info->model};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!*texts[i])
			*texts[i] = strdup("");
		if (!*texts[i])
			return -ENOMEM;
	}
	return 0;
}

int device_look(const char *buses, const char *name, struct device_info *ret_info)
{
	struct device_info info = {};
	bool is_pci = false;
	_cleanup_close_ int fd = device_open(buses, name, &is_pci);
	_cleanup_free_ char *modalias = fd < 0 ? NULL : sysfs_line(fd, "modalias");
	int r = fd == -ENOMEM || (fd >= 0 && !modalias) ? -ENOMEM : 0;

	if (fd >= 0 && !r) {
		info.driver = sysfs_target(fd, "driver");
		if (is_pci)
			info.pci_address = strdup(name);
		if (!info.driver || (is_pci && !info.pci_address))
			r = -ENOMEM;
		r = r ?: look_up(modalias, &info);
	}
	r = r ?: fill(&info);
	if (r < 0)
		device_info_clear(&info);
	else
		*ret_info = info;
	return r;
}

void device_info_clear(struct device_info *info)
{
	free(info->pci_address);
	free(info->driver);
	free(info->vendor);
	free(info->model);
	*info = (struct device_info){};
}

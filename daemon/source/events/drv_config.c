// SPDX-License-Identifier: GPL-2.0
#include "drv_config.h"

#include <errno.h>
#include <fcntl.h>
#include <paimon/uapi.h>
#include <string.h>
#include <sys/ioctl.h>

int drv_config_open(void)
{
	int fd = open(PAIMON_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int drv_config_set(int device, int fd, const __u64 config[3])
{
	struct paimon_drv_config request = {
		.size = sizeof(request),
		.fd = fd,
		.config1 = config[0],
		.config2 = config[1],
		.config3 = config[2],
	};

	return ioctl(device, PAIMON_SET_DRV_CONFIG, &request) < 0 ? -errno : 0;
}

int drv_config_get(int device, int fd, __u64 ret_config[3])
{
	struct paimon_drv_config request = {.size = sizeof(request), .fd = fd};

	if (ioctl(device, PAIMON_GET_DRV_CONFIG, &request) < 0)
		return -errno;
	ret_config[0] = request.config1;
	ret_config[1] = request.config2;
	ret_config[2] = request.config3;
	return 0;
}

bool drv_config_is_missing(int error)
{
	return error == -EOPNOTSUPP || error == -ENOTTY;
}

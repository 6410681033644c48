/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver configuration of a perf event that counts, config1 to config3, through /dev/paimon of
 * paimon_drv_config.ko (<paimon/uapi.h>). Used by the source of events, on the daemon's one thread.
 */
#ifndef PAIMON_EVENTS_DRV_CONFIG_H
#define PAIMON_EVENTS_DRV_CONFIG_H

#include <linux/types.h>
#include <stdbool.h>

/* Opens the device. The caller closes it soon: while it is open, the module cannot be unloaded.
 * Returns a descriptor or a negative errno. */
int drv_config_open(void);

/* Replaces the configuration of the perf event fd. 0 or the negative errno of
 * PAIMON_SET_DRV_CONFIG; then the old one is in force. */
int drv_config_set(int device, int fd, const __u64 config[3]);

/* Reads the configuration in force. 0 or the negative errno of PAIMON_GET_DRV_CONFIG. */
int drv_config_get(int device, int fd, __u64 ret_config[3]);

/* Does this error mean that the perf event has to be reopened to be changed, because its PMU, or
 * the module that is loaded, cannot do better? */
bool drv_config_is_missing(int error);

#endif

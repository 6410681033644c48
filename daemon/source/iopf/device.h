/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What sysfs and the hardware database of systemd (hwdb.bin) say of a device, by its name. Both can
 * be read by everybody. Called by the IOPF source on the daemon's one thread.
 */
#ifndef PAIMON_IOPF_DEVICE_H
#define PAIMON_IOPF_DEVICE_H

#include <stdbool.h>

#define DEVICE_BUSES "/sys/bus"

/* Opens the directory of a device on whatever bus lists it; buses: DEVICE_BUSES. *ret_is_pci: is
 * that bus PCI? Returns a descriptor; -ENOENT: no bus lists it; or
 * another negative errno, -EIO if there are no buses. */
int device_open(const char *buses, const char *name, bool *ret_is_pci);

/* Texts to be freed with device_info_clear(); "" if it is not known. */
struct device_info {
	char *pci_address, *driver;
	/* Of PCI devices: as in the hardware database, else the ID in hexadecimal, 0x8086. */
	char *vendor, *model;
};

/* A device that no bus lists has only empty texts. 0 or -ENOMEM. */
int device_look(const char *buses, const char *name, struct device_info *ret_info);
void device_info_clear(struct device_info *info);

#endif

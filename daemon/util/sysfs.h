/* SPDX-License-Identifier: GPL-2.0 */
/* What files and links in sysfs say. folder: an open directory, as for openat(2). Any thread. */
#ifndef PAIMON_SYSFS_H
#define PAIMON_SYSFS_H

/* A file of one line, to be freed: "" if it is not there, or not text. NULL: no memory. */
char *sysfs_line(int folder, const char *name);

/* The name of what a link points to, to be freed; "": it is not there. NULL: no memory. */
char *sysfs_target(int folder, const char *link);

#endif

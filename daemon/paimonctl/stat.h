/* SPDX-License-Identifier: GPL-2.0 */
/* The one row that stat prints. Pure; tested in tests/unit/test-top.c. */
#ifndef PAIMONCTL_STAT_H
#define PAIMONCTL_STAT_H

#include "table.h"

extern const struct view view_stat;

/* device: NULL for all together. 0 or -ENOMEM. */
int stat_compute(struct json_object *before, struct json_object *now, const char *device,
		 struct table *ret_table);

#endif

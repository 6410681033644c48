/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The syntax of a configuration file, which is that of paimond.conf(5) and no more: reads one
 * file, and hands sections and keys to config.c, which knows what they mean. Any thread.
 */
#ifndef PAIMON_CONFIG_FILE_H
#define PAIMON_CONFIG_FILE_H

#include <stdbool.h>

#include "config_errors.h"

struct config_file {
	const char *path;
	unsigned int line; /* that is being read, from 1 on */
	struct config_errors *errors;
	/* A section begins. False: there is none of this name, and its keys are passed over. */
	bool (*section)(struct config_file *file, const char *name);
	/* Both are UTF-8 without control characters but tabs. value may be empty, and is NULL if
	 * it is wrong, which has been said. */
	void (*key)(struct config_file *file, const char *name, const char *value);
	void *data; /* of these two */
	bool begun; /* there was a section */
	bool passed_over;
};

/* All that is wrong goes into errors. A negative errno only if the file cannot be read. */
int config_file_read(struct config_file *file);

#endif

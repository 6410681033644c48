/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The syntax of a configuration file, as in paimond.conf(5). Reads one file, and passes sections
 * and keys to its caller, which interprets them. Any thread.
 */
#ifndef PAIMON_CONFIG_FILE_H
#define PAIMON_CONFIG_FILE_H

#include <stdbool.h>

#include "config_errors.h"

struct config_file {
	const char *path;
	unsigned int line; /* current line, from 1 */
	struct config_errors *errors;
	/* A section begins. Returns false if the name is unknown; its keys are then ignored. */
	bool (*section)(struct config_file *file, const char *name);
	/* Both are UTF-8 without control characters except tabs. value can be empty; it is NULL
	 * if it is invalid and the error has been reported. */
	void (*key)(struct config_file *file, const char *name, const char *value);
	void *data; /* for these two */
	bool begun; /* a section has begun */
	bool passed_over;
};

/* Adds errors in the file to errors. Returns a negative errno only if the file cannot be read. */
int config_file_read(struct config_file *file);

#endif

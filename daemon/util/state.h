/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folders of state_dir, SOURCE's FOLDER-LAYOUT: whose they are, and what goes with them.
 * For the sources that pin there, and for paimonctl purge, which removes them.
 */
#ifndef PAIMON_STATE_H
#define PAIMON_STATE_H

#include <stdbool.h>

struct state_folder {
	const char *folder; /* before the layout's number */
	const char *source; /* as in the configuration */
	const char *loses;  /* what is lost with it */
};

/* To one without a folder. */
extern const struct state_folder state_folders[];

/* What of a folder's name is the folder of, as "iopf-2", or NULL; *ret_layout may be NULL. */
const struct state_folder *state_find(const char *name, int *ret_layout);

/* What is lost with a folder, without its layout. */
const char *state_loses(const char *folder);

#endif

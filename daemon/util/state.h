/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The directories FOLDER-LAYOUT in state_dir: the source of each, and what is lost when it is
 * removed. Used by the sources, which pin there, and by paimonctl purge, which removes them.
 */
#ifndef PAIMON_STATE_H
#define PAIMON_STATE_H

#include <stdbool.h>

struct state_folder {
	const char *folder; /* the name before the layout number */
	const char *source; /* as in the configuration */
	const char *loses;  /* what is lost when it is removed */
};

/* Ends with an element without folder. */
extern const struct state_folder state_folders[];

/* The element for the name of a directory such as "iopf-2", or NULL; ret_layout may be NULL. */
const struct state_folder *state_find(const char *name, int *ret_layout);

/* What is lost when a directory is removed; folder: its name without the layout. */
const char *state_loses(const char *folder);

#endif

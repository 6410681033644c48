/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by top.c (options, batch mode) and screen.c (the terminal). One thread. */
#ifndef PAIMONCTL_TOP_H
#define PAIMONCTL_TOP_H

#include "command.h"
#include "view/table.h"

/* NULL-terminated, in the order of Tab. */
extern const struct view *const top_views[];

/* Has a view a row? */
bool top_has_data(const struct view *view, struct json_object *now);
/* The first view with data, or the first one if none has any. */
size_t top_first_view(struct json_object *now);

/*
 * Runs on the terminal until q, a hangup, or the given number of frames (0: no limit). view: the
 * one to start with; NULL: the first one that has data. Returns an exit code.
 */
int screen_run(struct context *context, const size_t *view, bool per_cpu, double seconds,
	       unsigned long frames);

#endif

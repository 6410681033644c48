/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by top.c (options, batch mode) and screen.c (the terminal). One thread. */
#ifndef PAIMONCTL_TOP_H
#define PAIMONCTL_TOP_H

#include "command.h"
#include "view/table.h"

/* NULL-terminated, in the order of Tab. */
extern const struct view *const top_views[];

/* Runs on the terminal, starting with a view, until q, a hangup, or the given number of frames
 * (0: no limit). Returns an exit code. */
int screen_run(struct context *context, size_t view, double seconds, unsigned long frames);

#endif

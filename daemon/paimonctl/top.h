/* SPDX-License-Identifier: GPL-2.0 */
/* Between top.c (options, batch mode) and screen.c (the terminal). One thread. */
#ifndef PAIMONCTL_TOP_H
#define PAIMONCTL_TOP_H

#include "command.h"
#include "table.h"

/* NULL-terminated: in the order in which Tab goes through them. */
extern const struct view *const top_views[];

/* Runs on the terminal from a view on, until q, its end, or frames frames (0: no limit). An
 * exit code. */
int screen_run(struct context *context, size_t view, double seconds, unsigned long frames);

#endif

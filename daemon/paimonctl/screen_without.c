// SPDX-License-Identifier: GPL-2.0
/* Instead of screen.c and draw.c, in a build without ncurses. */
#include "top.h"

int screen_run(struct context *context, const size_t *view, bool per_cpu, double seconds,
	       unsigned long frames)
{
	return complain("top: this paimonctl was built without ncurses (use -b for plain text, or "
			"meson setup -Dncurses=enabled)");
}

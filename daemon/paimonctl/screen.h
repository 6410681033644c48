/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of top on a terminal: screen.c changes it, draw.c shows it. One thread.
 */
#ifndef PAIMONCTL_SCREEN_H
#define PAIMONCTL_SCREEN_H

#include "top.h"
#include "view/heat.h"

enum mode {
	MODE_TABLE,
	MODE_SORT,     /* a menu of the columns */
	MODE_FILTER,   /* a text is typed */
	MODE_INTERVAL, /* a number is typed */
	MODE_HELP,
};

/* The keys of the menu of columns, from top to bottom. */
#define SORT_KEYS "0123456789abcdefgijklmnoptuvwxyz"

struct screen {
	struct context *context;
	size_t view;
	bool chosen; /* the view, by the user or because it has data */
	struct order order;
	size_t first_column, top_row, selected;
	char *selected_name;  /* of the row that was selected with a key, or NULL */
	char *counted;	      /* of a view with a member by: what it shows; NULL: not chosen yet */
	enum table_span span; /* of such a view */
	bool paused, asking, per_cpu;
	enum mode mode, covered; /* covered: the mode below the help */
	int menu;		 /* selected column in the menu */
	size_t help_top, help_lines;
	char filter[64], input[16]; /* input: the interval as it is typed */
	char note[128];		    /* shown until the next key; "": none */
	bool more_columns;	    /* the band shown is not the last one */
	double seconds;
	int64_t next_ns;
	struct json_object *before, *now; /* only now: the first answer */
	struct table table;		  /* computed from both, sorted and filtered */
	struct heat heat;
	char error[512]; /* "": connected */
};

/* Chooses colours, after the terminal is set up. */
void draw_colors(void);
void draw(struct screen *screen);
/* The next view for Tab, or the one before. */
size_t screen_view_behind(size_t view, bool forward);

#endif

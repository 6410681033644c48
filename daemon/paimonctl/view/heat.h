/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The history of top: one value per row for each of the last frames, shown as a
 * strip of marks, the newest on the right. Owned by screen.c; pure, tested in
 * tests/unit/test-top.c.
 */
#ifndef PAIMONCTL_HEAT_H
#define PAIMONCTL_HEAT_H

#include "table.h"

#define HEAT_FRAMES 512 /* no terminal is that wide */
#define HEAT_LEVELS 8

struct heat_row {
	char *name;
	float values[HEAT_FRAMES]; /* NAN: none */
};

struct heat {
	struct heat_row *rows;
	size_t nr_rows;
	size_t frames;		  /* number of frames so far; frame i is at i % HEAT_FRAMES */
	bool breaks[HEAT_FRAMES]; /* the daemon was away, or counters restarted */
};

/* Adds a frame with the column of each row. 0, or -ENOMEM: a row has no history then. */
int heat_add(struct heat *heat, const struct table *table, size_t column);
/* Adds a frame without values. */
void heat_add_break(struct heat *heat);
void heat_clear(struct heat *heat);

/* The value of row name, age frames ago (0: the latest); NAN if there is none. */
double heat_value(const struct heat *heat, const char *name, size_t age);
bool heat_is_break(const struct heat *heat, size_t age);

/*
 * Smallest and largest value above 0 in the last frames, of one row, or of all
 * (NULL). They are at least a factor of ten apart, so that noise is not emphasised.
 * False: there is no value.
 */
bool heat_range(const struct heat *heat, const char *name, size_t frames, double *ret_low,
		double *ret_high);

/* 0 to HEAT_LEVELS - 1 by the logarithm of value between low and high. */
int heat_level(double value, double low, double high);

#endif

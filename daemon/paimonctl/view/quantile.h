/* SPDX-License-Identifier: GPL-2.0 */
/* Quantiles of a histogram. Pure; any thread. */
#ifndef PAIMONCTL_QUANTILE_H
#define PAIMONCTL_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

/* A number of values, all at most upper; INFINITY for the last cell. */
struct histogram_cell {
	double upper;
	uint64_t count;
};

/*
 * The quantile (0 to 1) of cells in ascending order of upper; empty cells may be left
 * out. Returns the upper bound of the cell with the value of that rank, which is never
 * less than the true value. There is no interpolation: the true value can be anywhere in
 * its cell, and a bound can be compared with the served buckets. NAN if all cells are
 * empty. Quantile 1 is the maximum; INFINITY if it is above the last bound.
 */
double histogram_quantile(const struct histogram_cell *cells, size_t nr_cells, double quantile);

#endif

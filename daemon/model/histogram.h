/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two kinds of histograms, and their quantiles.
 *
 * A latency histogram has the bounds of paimon/histogram.h in nanoseconds, is served
 * in seconds and has classic buckets at 1, 2 and 5 times the powers of ten. A size
 * histogram has the powers of two from 1 to 512 as bounds and as buckets. Static data
 * and pure functions, for sources, encoders and paimonctl. Any thread.
 */
#ifndef PAIMON_MODEL_HISTOGRAM_H
#define PAIMON_MODEL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

#define HISTOGRAM_SIZE_BOUNDS 10

extern const struct histogram_scheme histogram_latency;
extern const struct histogram_scheme histogram_size;

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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two kinds of histograms that are served, and quantiles of them.
 *
 * A latency has the bounds of paimon/histogram.h in nanoseconds, is served in
 * seconds and has classic buckets at 1, 2 and 5 times the powers of ten. A size
 * has the powers of two from 1 to 512 as bounds and as buckets. Static data and
 * pure functions: for sources, encoders, paimonctl, on any thread.
 */
#ifndef PAIMON_MODEL_HISTOGRAM_H
#define PAIMON_MODEL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

#define HISTOGRAM_SIZE_BOUNDS 10

extern const struct histogram_scheme histogram_latency;
extern const struct histogram_scheme histogram_size;

/* Some values, all of them at most upper; INFINITY for the last cell. */
struct histogram_cell {
	double upper;
	uint64_t count;
};

/*
 * The quantile (0 to 1) of cells by rising upper, empty ones left out or not:
 * the upper bound of the cell that holds the value of that rank, never less
 * than the true value. No interpolation: the true value may be anywhere in its
 * cell, and a bound can be found again in the buckets that are served. NAN where
 * all is empty; quantile 1 is the maximum, INFINITY if it is above the last bound.
 */
double histogram_quantile(const struct histogram_cell *cells, size_t nr_cells, double quantile);

#endif

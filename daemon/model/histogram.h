/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two kinds of histograms.
 *
 * A latency histogram has the bounds of paimon/histogram.h in nanoseconds, is served
 * in seconds and has classic buckets at 1, 2 and 5 times the powers of ten. A size
 * histogram has the powers of two from 1 to 512 as bounds and as buckets. Static data,
 * for sources and encoders. Any thread.
 */
#ifndef PAIMON_MODEL_HISTOGRAM_H
#define PAIMON_MODEL_HISTOGRAM_H

#include "snapshot.h"

#define HISTOGRAM_SIZE_BOUNDS 10

extern const struct histogram_scheme histogram_latency;
extern const struct histogram_scheme histogram_size;

/* The quantile, 0 to 1, of what the cells count: the upper bound of the cell that it is in, in base
 * units; INFINITY above the last bound, NAN if nothing is counted. */
double histogram_at(const struct histogram_scheme *scheme, const uint64_t *cells, double quantile);

#endif

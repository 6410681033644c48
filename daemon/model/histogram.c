// SPDX-License-Identifier: GPL-2.0
#include "histogram.h"

#include <math.h>
#include <paimon/histogram.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* The cells are indexes in paimon_hist_bounds; the unit test recomputes them. */
static const struct histogram_bucket latency_buckets[] = {
	{19, "1e-06"},	{28, "2e-06"},	{40, "5e-06"},	{49, "1e-05"},	{58, "2e-05"},
	{69, "5e-05"},	{78, "0.0001"}, {87, "0.0002"}, {99, "0.0005"}, {108, "0.001"},
	{117, "0.002"}, {128, "0.005"}, {137, "0.01"},	{146, "0.02"},	{158, "0.05"},
	{167, "0.1"},	{176, "0.2"},	{187, "0.5"},	{195, "1"},	{203, "2"},
	{214, "5"},	{223, "10"},	{232, "20"},	{244, "50"},	{253, "100"},
};

const struct histogram_scheme histogram_latency = {
	.bounds = paimon_hist_bounds,
	.nr_bounds = PAIMON_HIST_BOUNDS,
	.per_unit = 1e9,
	.buckets = latency_buckets,
	.nr_buckets = NR(latency_buckets),
	.schema = PAIMON_HIST_NATIVE_SCHEMA,
	.zero_threshold = 0x1p-25, /* of PAIMON_HIST_NATIVE_FIRST */
};

static const unsigned long long size_bounds[HISTOGRAM_SIZE_BOUNDS] = {1,  2,  4,   8,	16,
								      32, 64, 128, 256, 512};

static const struct histogram_bucket size_buckets[HISTOGRAM_SIZE_BOUNDS] = {
	{0, "1"},  {1, "2"},  {2, "4"},	  {3, "8"},   {4, "16"},
	{5, "32"}, {6, "64"}, {7, "128"}, {8, "256"}, {9, "512"},
};

const struct histogram_scheme histogram_size = {
	.bounds = size_bounds,
	.nr_bounds = HISTOGRAM_SIZE_BOUNDS,
	.per_unit = 1,
	.buckets = size_buckets,
	.nr_buckets = HISTOGRAM_SIZE_BOUNDS,
	.schema = 0,
	.zero_threshold = 0x1p-128, /* no value is that small; more than 0: it is a native one */
};

double histogram_at(const struct histogram_scheme *scheme, const uint64_t *cells, double quantile)
{
	uint64_t total = 0, rank;

	for (uint32_t i = 0; i <= scheme->nr_bounds; i++)
		total += cells[i];
	/* The rank counts from 1: the median of three values is the second. */
	rank = (uint64_t)ceil(quantile * (double)total);
	rank = rank > total ? total : rank ?: 1;
	for (uint32_t i = 0; i < scheme->nr_bounds; i++) {
		if (total && rank <= cells[i])
			return (double)scheme->bounds[i] / scheme->per_unit;
		rank -= total ? cells[i] : 0;
	}
	return total ? INFINITY : NAN;
}

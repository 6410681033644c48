// SPDX-License-Identifier: GPL-2.0
#include "histogram.h"

#include <math.h>
#include <paimon/histogram.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* The cells are indexes in paimon_hist_bounds; the unit test recomputes them. */
static const struct histogram_bucket latency_buckets[] = {
	{17, "1e-06"},	{26, "2e-06"},	{38, "5e-06"},	{47, "1e-05"},	{56, "2e-05"},
	{67, "5e-05"},	{76, "0.0001"}, {85, "0.0002"}, {97, "0.0005"}, {106, "0.001"},
	{115, "0.002"}, {126, "0.005"}, {135, "0.01"},	{144, "0.02"},	{156, "0.05"},
	{165, "0.1"},	{174, "0.2"},	{185, "0.5"},	{193, "1"},	{201, "2"},
	{212, "5"},	{221, "10"},	{230, "20"},	{242, "50"},	{251, "100"},
};

const struct histogram_scheme histogram_latency = {
	.bounds = paimon_hist_bounds,
	.nr_bounds = PAIMON_HIST_BOUNDS,
	.per_unit = 1e9,
	.buckets = latency_buckets,
	.nr_buckets = NR(latency_buckets),
	.schema = PAIMON_HIST_NATIVE_SCHEMA,
	.zero_threshold = 0x1p-22, /* of PAIMON_HIST_NATIVE_FIRST */
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

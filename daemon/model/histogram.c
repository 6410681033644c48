// SPDX-License-Identifier: GPL-2.0
#include "histogram.h"

#include <math.h>
#include <paimon/histogram.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* The cells are indexes in paimon_hist_bounds; the unit test recomputes them. */
static const struct histogram_bucket latency_buckets[] = {
	{41, "1e-06"},	{50, "2e-06"},	 {62, "5e-06"},	  {71, "1e-05"},   {80, "2e-05"},
	{91, "5e-05"},	{100, "0.0001"}, {109, "0.0002"}, {121, "0.0005"}, {130, "0.001"},
	{139, "0.002"}, {150, "0.005"},	 {159, "0.01"},	  {168, "0.02"},   {180, "0.05"},
	{189, "0.1"},	{198, "0.2"},	 {209, "0.5"},	  {217, "1"},	   {225, "2"},
	{236, "5"},	{245, "10"},
};

const struct histogram_scheme histogram_latency = {
	.bounds = paimon_hist_bounds,
	.nr_bounds = PAIMON_HIST_BOUNDS,
	.per_unit = 1e9,
	.buckets = latency_buckets,
	.nr_buckets = NR(latency_buckets),
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

// SPDX-License-Identifier: GPL-2.0
#include "quantile.h"

#include <math.h>

double histogram_quantile(const struct histogram_cell *cells, size_t nr_cells, double quantile)
{
	uint64_t total = 0, below = 0, rank;

	for (size_t i = 0; i < nr_cells; i++)
		total += cells[i].count;
	if (!total)
		return NAN;
	/* The rank counts from 1: the median of three values is the second. */
	rank = (uint64_t)ceil(quantile * (double)total);
	if (rank < 1)
		rank = 1;
	if (rank > total)
		rank = total;
	for (size_t i = 0; i < nr_cells; i++) {
		below += cells[i].count;
		if (below >= rank)
			return cells[i].upper;
	}
	return NAN;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of sums (struct account_sums of accounts.h). */
#ifndef PAIMON_SUMS_H
#define PAIMON_SUMS_H

#include "accounts.h"

/* Adds a copy. 0 or -ENOMEM. */
int sums_add(struct account_sums *sums, const struct account_sum *sum);
/* Adds copies of all of another list. 0 or -ENOMEM. */
int sums_add_all(struct account_sums *sums, const struct account_sums *more);
/* Sorts the list, and adds up those of the same column and owner. */
void sums_merge(struct account_sums *sums);
/* Subtracts what a list had earlier; both are merged. Who is not in the earlier one had nothing. */
void sums_subtract(struct account_sums *sums, const struct account_sums *earlier);
void sums_clear(struct account_sums *sums);

#endif

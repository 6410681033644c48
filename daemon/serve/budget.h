/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPU budget of clients that are not operators: a quarter of a CPU, a token bucket with
 * a depth of one second. One request may overdraw it; the debt is paid back over time.
 * Called by routes.c, on the daemon's one thread.
 */
#ifndef PAIMON_BUDGET_H
#define PAIMON_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_PART 4
#define BUDGET_MAX_NS (1000000000LL / BUDGET_PART)

struct budget {
	int64_t left_ns;
	uint64_t updated_ns; /* CLOCK_MONOTONIC; 0: it is new, and full */
};

/* Is the budget not used up? */
bool budget_left(struct budget *budget, uint64_t now_ns);
/* Charges CPU time. */
void budget_charge(struct budget *budget, uint64_t cpu_ns);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What synthetic input is drawn from: the same numbers in every replay. On the daemon's one
 * thread.
 */
#ifndef PAIMON_DICE_H
#define PAIMON_DICE_H

#include <stdint.h>

struct dice {
	uint64_t state; /* not 0 */
};

/* 0 <= result < 1. */
double dice_uniform(struct dice *dice);

/* A number around median with a long tail, such as a latency: log-normal. */
uint64_t dice_latency(struct dice *dice, double median, double sigma);

#endif

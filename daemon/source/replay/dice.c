// SPDX-License-Identifier: GPL-2.0
#include "dice.h"

#include <math.h>

/* xorshift64* */
double dice_uniform(struct dice *dice)
{
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (dice->state * 0x2545f4914f6cdd1dULL >> 11) * 0x1p-53;
}

uint64_t dice_latency(struct dice *dice, double median, double sigma)
{
	double u = 1 - dice_uniform(dice), v = dice_uniform(dice);

	return median * exp(sigma * sqrt(-2 * log(u)) * cos(2 * M_PI * v));
}

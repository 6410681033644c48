/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_CLOCK_H
#define PAIMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* The time of a clock, in nanoseconds. */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_STANDARD_H
#define PAIMON_STANDARD_H

/*
 * Opens those of descriptors 0 to 2 that the process was started without, so that nothing
 * else gets their numbers and is taken for an output: reading and writing them fails or
 * goes nowhere. Call before anything is opened. 0 or a negative errno.
 */
int standard_open(void);

#endif

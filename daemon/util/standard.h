/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_STANDARD_H
#define PAIMON_STANDARD_H

/*
 * Opens those of the descriptors 0 to 2 that are closed at process start. Otherwise a file
 * opened later could get one of these numbers and receive output. Reading and writing the new
 * descriptors fails or has no effect. Call this before any other open. 0 or a negative errno.
 */
int standard_open(void);

#endif

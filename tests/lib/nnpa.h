/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_TESTS_NNPA_H
#define PAIMON_TESTS_NNPA_H

#include <stdint.h>
#include <sys/ioctl.h>

#include <paimon/uapi.h>

#include "lib/helpers.h"

/* Executes a function of the NNPA unit of /dev/paimon-soft; counted: how many of count were. */
static inline struct paimon_soft_nnpa execute_nnpa(int soft, uint32_t function, uint64_t count)
{
	struct paimon_soft_nnpa call = {.size = sizeof(call), .function = function, .count = count};

	if (ioctl(soft, PAIMON_SOFT_NNPA, &call))
		die("PAIMON_SOFT_NNPA");
	return call;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* How the PAI PMUs can be used on this machine; for paimonctl check too. */
#ifndef PAIMON_PAI_PROBE_H
#define PAIMON_PAI_PROBE_H

#include <stdint.h>

#include "../../config.h"

/*
 * The maximum size of the maps of pai_ext in bytes, without its events in the list; pai_crypto
 * needs less than half of that.
 */
uint64_t pai_map_bytes(const struct config *config);

#endif

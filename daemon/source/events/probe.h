/* SPDX-License-Identifier: GPL-2.0 */
/* What kept events need on this machine; for paimonctl check. */
#ifndef PAIMON_EVENTS_PROBE_H
#define PAIMON_EVENTS_PROBE_H

#include <stdint.h>

#include "../../config/config.h"

/* The number of perf events, if the maximum number of events is kept. */
uint64_t events_max_slots(const struct config *config);

/* The maximum size of the maps in bytes. */
uint64_t events_map_bytes(const struct config *config);

#endif

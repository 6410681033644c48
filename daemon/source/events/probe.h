/* SPDX-License-Identifier: GPL-2.0 */
/* What kept events need on this machine; for paimonctl check. */
#ifndef PAIMON_EVENTS_PROBE_H
#define PAIMON_EVENTS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../config/config.h"

/* The number of events that can be kept. */
uint32_t events_max_events(const struct config *config);
/* The number of perf events that can be kept, on a machine with so many CPUs. */
uint32_t events_max_slots(const struct config *config, uint32_t nr_cpus);
/* The number of slots: one more for each CPU, because a reopened perf event and the one it replaces
 * exist together for a moment. */
uint32_t events_nr_slots(const struct config *config, uint32_t nr_cpus);

struct attribution_options;
/* Sizes of the maps of attribution. */
struct attribution_options events_attribution_options(const struct config *config);

/* The maximum size of the maps in bytes, on a machine with so many CPUs; with those of attribution,
 * if an event of the configuration is attributed. */
uint64_t events_map_bytes(const struct config *config, uint32_t nr_cpus);

/* Can an event of the configuration be opened (events_open()), as far as this is known without an
 * attached source? opens: also opens it for a moment, on its first CPU. 0, or a negative errno with
 * *ret_error. In open.c. */
int events_try(const struct config_event *event, bool opens, char **ret_error);

/* Do the programs load that read perf events, that attribute them, and that look at perf events of
 * other processes? 0 or a negative errno. */
int events_try_load(void);
int events_try_load_switch(void);
int events_try_load_perf_file(void);

#endif

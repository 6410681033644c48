/* SPDX-License-Identifier: GPL-2.0 */
/* How the PAI PMUs can be used on this machine; for paimonctl check too. */
#ifndef PAIMON_PAI_PROBE_H
#define PAIMON_PAI_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../config/config.h"

struct attribution_options;

/*
 * Looks up a PMU by name in sysfs. own: is it the one of paimon_pai.ko, which has a tracepoint? 0
 * or -ENODEV: this machine does not have it.
 */
int pai_find_pmu(const char *name, uint32_t *ret_type, bool *ret_own);

/* Where samples come from. */
enum pai_samples_by {
	PAI_BY_NOTHING,
	PAI_BY_TRACEPOINT,
	PAI_BY_PERF_EVENT,
};

/* How to use a PMU. */
struct pai_plan {
	bool counts;
	bool prefers_counting; /* which one to use if counting and sampling exclude each other */
	enum pai_samples_by samples;
	bool attributes; /* at context switches, to cgroups and processes */
};

/* Why pai_ext is not used as the configuration asks for. */
enum pai_refusal {
	PAI_NOT_REFUSED,
	PAI_HAS_NO_TRACEPOINT,
	PAI_MAY_PANIC, /* the driver may panic if an event is throttled */
};

/* How to use pai_ext, own or not, with this configuration. */
enum pai_refusal pai_plan_ext(const struct config *config, bool own, struct pai_plan *ret_plan);

/* Sizes of the maps of attribution. */
struct attribution_options pai_attribution_options(const struct config *config);

/*
 * The maximum size of the maps of pai_ext in bytes, on a machine with so many CPUs, without its
 * events in the list; pai_crypto needs less than half of that.
 */
uint64_t pai_map_bytes(const struct config *config, uint32_t nr_cpus);

/* Do the programs load that take samples? 0 or a negative errno. */
int pai_try_load(void);

#endif

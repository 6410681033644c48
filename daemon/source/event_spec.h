/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What event is meant by a text, in the syntax of perf:
 *
 *	cycles, page-faults	a hardware or software event by its name
 *	r1a2			a raw event of the CPU, in hex
 *	sched:sched_switch	a tracepoint
 *	pmu/term=value,.../	terms of the PMU's format folder, and config to config3;
 *				a term alone is 1, or an event of its events folder
 *
 * Nothing is opened but files of the two folders given, and what those hold is not
 * trusted either. Keeps no state: any thread.
 */
#ifndef PAIMON_EVENT_SPEC_H
#define PAIMON_EVENT_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "../util/cleanup.h"

#define EVENT_SPEC_PMUS "/sys/bus/event_source/devices"
#define EVENT_SPEC_TRACEPOINTS "/sys/kernel/tracing/events"

struct event_spec {
	char *text;    /* canonical: numbers in one way, the named event first, each term once, one
			* name of those that an event has; the order of terms is kept */
	char *pmu;     /* its folder's name; without one: hardware, software, tracepoint or raw */
	uint32_t type; /* as the next ones: of struct perf_event_attr */
	uint64_t config, config1, config2, config3;
	char *unit;  /* of the named event, "" if none */
	char *scale; /* what a count is multiplied with: text of a finite number, "" if none */
	char *cpus;  /* cpumask of the PMU, or the CPUs that it is of; NULL: any CPU */
	bool uncore; /* cpus is a cpumask: counts for the system, on these CPUs only */
};

/*
 * pmus: event_source/devices of sysfs, tracefs_events: events of tracefs. On failure
 * returns a negative errno and *ret_error (to be freed by the caller; NULL: out of
 * memory) has one line that starts with the text and says what to do. -ENOENT: the
 * PMU or tracepoint is not there, and may come with a module.
 */
int event_spec_parse(const char *pmus, const char *tracefs_events, const char *text,
		     struct event_spec **ret_spec, char **ret_error);
void event_spec_free(struct event_spec *spec);
DEFINE_CLEANUP(struct event_spec *, event_spec_free);

/*
 * The text with terms, as a=1,b, in place of those of the same names, or behind the
 * others. Only looks at the syntax. -EINVAL: one of the two is malformed, or the text
 * is not of pmu/.../.
 */
int event_spec_set(const char *text, const char *terms, char **ret_text);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parses the specification of an event, in the syntax of perf:
 *
 *	cycles, page-faults	a hardware or software event by its name
 *	L1-dcache-load-misses	an operation in a cache, and whether only misses count
 *	r1a2			a raw event of the CPU, in hex
 *	sched:sched_switch	a tracepoint
 *	pmu/term=value,.../	terms of the PMU's format folder, config to config4, or r1a2;
 *				a term alone is 1, or an event of its events folder
 *	imc/term=value,.../	the same of all boxes: uncore_imc_0, uncore_imc_1, ...
 *
 * and after a : or the last / modifiers: user (u), kernel (k), hypervisor (h), guests (G) and
 * host (H).
 *
 * Only files in the two given directories are opened, and their contents are not trusted.
 * No state: any thread.
 */
#ifndef PAIMON_EVENT_SPEC_H
#define PAIMON_EVENT_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define EVENT_SPEC_PMUS "/sys/bus/event_source/devices"
#define EVENT_SPEC_TRACEPOINTS "/sys/kernel/tracing/events"

/* What is excluded, as in struct perf_event_attr. */
#define EVENT_EXCLUDE_USER 1
#define EVENT_EXCLUDE_KERNEL 2
#define EVENT_EXCLUDE_HV 4
#define EVENT_EXCLUDE_GUEST 8
#define EVENT_EXCLUDE_HOST 16
#define EVENT_GUESTS_CHOSEN 32 /* the text has G or H */
#define EVENT_EXCLUDE_MODES (EVENT_EXCLUDE_USER | EVENT_EXCLUDE_KERNEL | EVENT_EXCLUDE_HV)

struct event_pmu {
	char *name;
	uint32_t type;
	char *cpus;  /* cpumask, or the CPUs of a core PMU; NULL: any CPU */
	bool uncore; /* cpus is a cpumask: counts for the system, on these CPUs only */
};

struct event_spec {
	char *text;    /* canonical: numbers in one way, the named event first, each term once, one
			* name of those that an event has; the order of terms is kept */
	char *pmu;     /* as the text has it; without one: hardware, hw-cache, software, tracepoint
			* or raw */
	uint32_t type; /* as the next ones: of struct perf_event_attr */
	uint64_t config, config1, config2, config3, config4;
	uint32_t exclude; /* EVENT_EXCLUDE_... */
	char *unit;	  /* of the named event, "" if none */
	char *scale;	  /* factor for counts: text of a finite number, "" if none */
	char *cpus;	  /* union over its PMUs; NULL: any CPU */
	bool uncore;
	bool core;  /* of a CPU PMU; the CPUs may run guests */
	bool level; /* a current level: not a count, never summed */
	/*
	 * The PMU, or the boxes that are meant: it is opened on the CPUs of each. Of an event
	 * without a PMU: those of the CPUs where these are of several kinds, else none.
	 */
	struct event_pmu *pmus;
	size_t nr_pmus;
};

/*
 * pmus: event_source/devices of sysfs, tracefs_events: events of tracefs. On failure
 * returns a negative errno and *ret_error (to be freed by the caller; NULL: out of
 * memory) has one line that starts with the text and says what to do. -ENOENT: the
 * PMU or tracepoint does not exist; a module may add it later.
 */
int event_spec_parse(const char *pmus, const char *tracefs_events, const char *text,
		     struct event_spec **ret_spec, char **ret_error);

/* Finds the PMUs for a name, as in a specification; only pmus of *ret_spec is valid. 0, -ENOENT or
 * another negative errno. */
int event_spec_pmus(const char *pmus, const char *name, struct event_spec **ret_spec);

/* Checks only the syntax, without the machine: 0, or -EINVAL or -ENOMEM with *ret_error. */
int event_spec_check(const char *text, char **ret_error);

/* Finds the id of a tracepoint system:event if tracefs cannot be read: 0 or a negative errno. NULL:
 * no such function. */
extern int (*event_spec_ask_tracepoint)(const char *text, uint64_t *ret_id);

void event_spec_free(struct event_spec *spec);
DEFINE_CLEANUP(struct event_spec *, event_spec_free);

/*
 * Replaces terms of a text by name with terms such as a=1,b, or appends them. Checks only
 * the syntax. -EINVAL: one of the two is malformed, or the text does not have the form
 * pmu/.../.
 */
int event_spec_set(const char *text, const char *terms, char **ret_text);

#endif

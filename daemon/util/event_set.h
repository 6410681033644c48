/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event sets: what to count on a family of system PMUs, and what the counts mean. A family is a
 * file NAME.conf, in the syntax of the configuration; paimon-event-set(5) has the keys:
 *
 *	[family]
 *	help = text
 *	source = where the events and formulas are documented
 *	identifier = 0x2cf0036b/0xfff00fff	value/mask, value or text; a list
 *	implementer = 0x36b
 *	pmu = nvidia_scf_pmu_*			patterns of names; a list
 *	cpus = online				PMUs of CPUs, which have no cpumask
 *	events = cycles, cmem_rd_data		as in the PMU's events folder
 *	[formula read]
 *	help = text
 *	unit = B/s				B/s, s, ratio or 1/s
 *	value = cmem_rd_data * 32		formula.h
 *
 * No state, and the contents of files are not trusted. Any thread.
 */
#ifndef PAIMON_EVENT_SET_H
#define PAIMON_EVENT_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "formula.h"

#define EVENT_SETS_MAX 64	  /* families */
#define EVENT_SET_MAX_EVENTS 32	  /* of a family */
#define EVENT_SET_MAX_FORMULAS 32 /* of a family */
#define EVENT_SET_MAX_PATTERNS 16 /* pmu, and identifier */
#define EVENT_SET_MAX_HELP 200	  /* length of help and source */

/* The units of values, all in base units. */
enum event_set_unit {
	EVENT_SET_BYTES_PER_SECOND, /* B/s */
	EVENT_SET_SECONDS,	    /* s */
	EVENT_SET_RATIO,	    /* ratio */
	EVENT_SET_PER_SECOND,	    /* 1/s */
	EVENT_SET_NR_UNITS,
};

/* As in the files: "B/s" and so on, NULL-terminated. */
extern const char *const event_set_units[];

struct event_set_formula {
	char *name; /* lower-case letters, digits and _; begins with a letter; at most 40 */
	char *help;
	enum event_set_unit unit;
	char *text;		 /* of the formula, as in the file */
	struct formula *formula; /* over the events of the set */
};

struct event_set {
	char *name; /* of the file, without .conf: letters, digits, _ and -; at most 40 */
	char *path; /* of the file */
	char *help;
	char *source;
	char **identifiers; /* NULL-terminated, or NULL; the same of pmus */
	char *implementer;  /* or NULL */
	char **pmus;	    /* fnmatch(3) patterns; at least one */
	bool of_cpus;	    /* of PMUs of CPUs: without identifier, implementer and cpumask */
	char **events;	    /* names as the PMU lists them, each once; NULL-terminated */
	size_t nr_events;   /* at least 1 */
	struct event_set_formula *formulas; /* in the order of the file */
	size_t nr_formulas;
};

struct event_sets {
	struct event_set **sets; /* in the order of their names */
	size_t nr_sets;
};

/* What is known of a PMU. */
struct event_set_pmu {
	const char *name;
	const char *identifier;	 /* its file in sysfs, without the line feed; NULL: none */
	const char *implementer; /* JEP106 id such as 0x36b; NULL: not known */
};

/*
 * The folders of an installed paimon: /etc/paimon/event-sets and the shipped one, NULL-terminated.
 * A file hides those of the same name in later folders; one that is empty switches a family off.
 */
extern const char *const event_set_folders[];

/*
 * Reads all NAME.conf of folders (NULL-terminated). A folder that does not exist is empty.
 * Files with errors are left out, and do not hide a mistake: those that they hide are not used.
 * Returns 0, with *ret_errors (to be freed) NULL if all is right, else a line for each error:
 * file:line: what. Or a negative errno: out of memory, or a folder cannot be read, with
 * *ret_errors NULL (out of memory) or a line.
 */
int event_sets_load(const char *const *folders, struct event_sets **ret_sets, char **ret_errors);
void event_sets_free(struct event_sets *sets);
DEFINE_CLEANUP(struct event_sets *, event_sets_free);

/*
 * The set of a PMU's family, or NULL. A PMU whose identifier is known belongs to the family that
 * has this identifier. If no family has it, names decide, of the families without identifiers
 * only, or of all if the PMU has no identifier; an implementer must be the same where both are
 * known. Whether the PMU is one of CPUs, as the family may say, is left to the caller.
 */
const struct event_set *event_sets_find(const struct event_sets *sets,
					const struct event_set_pmu *pmu);

/* A set by its name, or NULL. */
const struct event_set *event_sets_named(const struct event_sets *sets, const char *name);

#endif

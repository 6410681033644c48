/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of the parser of event specifications (event_spec.h is for all others):
 * event_spec.c splits the text, names.c has events without a PMU, boxes.c finds the PMUs of a
 * name, terms.c applies terms to a PMU, text.c has basic syntax.
 *
 * Functions with the parser as argument return 0 or a negative errno, and then p->error has the
 * reason, or is NULL if there is no memory. Returned texts are to be freed.
 */
#ifndef PAIMON_EVENT_SPEC_PARSER_H
#define PAIMON_EVENT_SPEC_PARSER_H

#include "../cleanup.h"
#include "../event_spec.h"

#define MAX_TERMS 256
#define NAME_PUNCTUATION "_-.:" /* of terms and events */

#define NR(array) (sizeof(array) / sizeof(*(array)))

struct term {
	const char *name;
	const char *value; /* NULL: the name alone */
	bool raw;	   /* the value is in hex, without 0x */
};

struct terms {
	struct term list[MAX_TERMS];
	size_t nr;
};

struct parser {
	const char *text;
	struct event_spec *spec;
	const char *pmus;	 /* event_source/devices, or NULL: the syntax alone */
	const char *tracepoints; /* events of tracefs */
	int device;		 /* folder of the PMU, or -1 */
	const char *event; /* whose terms, out of sysfs, are looked at; NULL: those of the text */
	char *error;	   /* the last one */
};

/* text.c */

/* Records what is wrong, on one line whatever it quotes. Returns r. */
int spec_wrong(struct parser *p, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Is it a file's name, and one that needs no escapes? */
bool spec_is_name(const char *text, const char *punctuation);
/* Decimal, or 0x and hex: zeros in front change nothing. */
int spec_parse_number(const char *text, uint64_t max, uint64_t *ret_number);
/* A raw config, as r1a2; as a term also r0x1a2. */
bool spec_is_raw(const char *name, bool term);
/* Without the blanks around its parts; those inside of a name are left to be refused. */
char *spec_squeeze(const char *text);
/* The first line of a plain file of text. */
int spec_read_line(int folder, const char *path, char **ret_line);
/* For messages: the names in a folder, a comma before each. NULL: out of memory. */
char *spec_list_names(int folder, const char *path);

/* names.c */

struct named_event {
	const char *name, *other; /* other: NULL if it has but one name */
	uint32_t type;
	uint64_t config;
};

/* An event that is not written as a PMU's, by its name, or NULL. */
const struct named_event *spec_find_named(const char *name);
/* A cache, and in any order what is done there and whether it misses: as perf, a load that need
 * not miss if not said. ret_name: canonical. */
bool spec_find_cache(const char *text, uint64_t *ret_config, char ret_name[64]);
/* Is it the name of an event without a PMU? */
bool spec_is_generic(const char *name);
/* Makes p->spec of an event that is not written as a PMU's. */
int spec_set_event(struct parser *p, const char *pmu, uint32_t type, uint64_t config,
		   const char *text);
/* The same of one by its name. */
int spec_parse_named(struct parser *p, const char *name);

/* terms.c */

/* event=NAME, in whatever case: the other way to write an event of sysfs. */
bool spec_names_event(const struct term *term);
/* term,term=value,..., cut in place, behind what there is. What the values are is seen where
 * they are used: in sysfs they may be "?". */
int spec_split(struct parser *p, char *text, struct terms *terms);
/* A file of the PMU, in place of the *ret_line there was. */
int spec_read_device(struct parser *p, const char *folder, const char *name, const char *suffix,
		     char **ret_line);
/* The number that a term is to be, up to max. */
int spec_find_value(struct parser *p, const struct term *term, uint64_t max, uint64_t *ret_value);
/* Terms of the PMU whose folder is open. name: what the text calls it. */
int spec_parse_terms(struct parser *p, const char *name, char *text);

/* boxes.c */

/* An empty one, or NULL. */
struct event_spec *spec_new(void);
/* Forgets all PMUs of an event. */
void spec_free_pmus(struct event_spec *spec);
/* The PMU of that name, or else the boxes. */
int spec_find_boxes(struct parser *p, const char *name, const char *terms);
/* Where CPUs are of several kinds, the PMU of each. */
int spec_add_cores(struct parser *p);

#endif

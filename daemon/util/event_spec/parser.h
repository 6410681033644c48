/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of the parser of event specifications; event_spec.h is its interface.
 * event_spec.c splits the text, names.c has events without a PMU, boxes.c finds the PMUs of a
 * name, terms.c applies terms to a PMU, text.c has the basic syntax.
 *
 * Functions with the parser as argument return 0 or a negative errno, and then p->error has the
 * reason, or is NULL if there is no memory. The caller frees returned texts.
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
	const char *value; /* NULL: no value */
	bool raw;	   /* the value is in hex, without 0x */
};

struct terms {
	struct term list[MAX_TERMS];
	size_t nr;
};

struct parser {
	const char *text;
	struct event_spec *spec;
	const char *pmus;	 /* event_source/devices, or NULL: check the syntax only */
	const char *tracepoints; /* events of tracefs */
	int device;		 /* folder of the PMU, or -1 */
	const char *event; /* the sysfs event whose terms are parsed; NULL: those of the text */
	char *error;	   /* the last error */
};

/* text.c */

/* Records an error message as one line, whatever it quotes. Returns r. */
int spec_wrong(struct parser *p, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Can it be the name of a file, without escapes? */
bool spec_is_name(const char *text, const char *punctuation);
/* Parses decimal, or hex after 0x; leading zeros change nothing. */
int spec_parse_number(const char *text, uint64_t max, uint64_t *ret_number);
/* Is it a raw config such as r1a2? A term can also be r0x1a2. */
bool spec_is_raw(const char *name, bool term);
/* Copies the text without the blanks around its parts. Blanks inside a name stay, and are refused
 * later. */
char *spec_squeeze(const char *text);
/* Reads the first line of a regular text file. */
int spec_read_line(int folder, const char *path, char **ret_line);
/* Lists the names in a folder for a message, with a comma before each. NULL: out of memory. */
char *spec_list_names(int folder, const char *path);

/* names.c */

struct named_event {
	const char *name, *other; /* other: NULL if it has only one name */
	uint32_t type;
	uint64_t config;
};

/* Finds an event without a PMU by its name, or returns NULL. */
const struct named_event *spec_find_named(const char *name);
/* Parses a cache, and in any order the operation and the result. As in perf, the default is a
 * load, hit or miss. ret_name: canonical. */
bool spec_find_cache(const char *text, uint64_t *ret_config, char ret_name[64]);
/* Is it the name of an event without a PMU? */
bool spec_is_generic(const char *name);
/* Makes p->spec for an event without a PMU. */
int spec_set_event(struct parser *p, const char *pmu, uint32_t type, uint64_t config,
		   const char *text);
/* The same for an event given by its name. */
int spec_parse_named(struct parser *p, const char *name);

/* terms.c */

/* Is it event=NAME, in any case? This is the other way to write a sysfs event. */
bool spec_names_event(const struct term *term);
/* Cuts term,term=value,... in place, and appends the terms. Values are checked when they are
 * used: in sysfs they may be "?". */
int spec_split(struct parser *p, char *text, struct terms *terms);
/* Reads a file of the PMU. Frees the old *ret_line. */
int spec_read_device(struct parser *p, const char *folder, const char *name, const char *suffix,
		     char **ret_line);
/* Gets the value of a term, up to max. */
int spec_find_value(struct parser *p, const struct term *term, uint64_t max, uint64_t *ret_value);
/* Parses terms of the PMU whose folder is open. name: its name in the text. */
int spec_parse_terms(struct parser *p, const char *name, char *text);

/* boxes.c */

/* Returns an empty spec, or NULL. */
struct event_spec *spec_new(void);
/* Frees all PMUs of an event. */
void spec_free_pmus(struct event_spec *spec);
/* Finds the PMU with exactly this name, or else the boxes. */
int spec_find_boxes(struct parser *p, const char *name, const char *terms);
/* Adds the PMU of each kind of CPU if there are several kinds. */
int spec_add_cores(struct parser *p);

#endif

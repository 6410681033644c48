// SPDX-License-Identifier: GPL-2.0
/* Reads the file of one family. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FORMULA_SECTION "formula "
#define SEPARATORS " \t,"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define SET_CHARS LOWER UPPER DIGITS "_-"
#define FORMULA_CHARS LOWER DIGITS "_"
/* Besides brackets, which are not nested. */
#define PATTERN_CHARS LOWER UPPER DIGITS "_.-*?"
#define IDENTIFIER_CHARS LOWER UPPER DIGITS "_.:+-/"
#define MAX_WORD 63 /* length of an item of a list */

const char *const event_set_units[] = {
	[EVENT_SET_BYTES_PER_SECOND] = "B/s", [EVENT_SET_SECONDS] = "s",
	[EVENT_SET_RATIO] = "ratio",	      [EVENT_SET_PER_SECOND] = "1/s",
	[EVENT_SET_NR_UNITS] = NULL,
};

#define MAX_KEYS 7

/* A key of a section. */
struct key {
	const char *name;
	/* Stores the value, or reports what is wrong. */
	void (*take)(struct config_file *file, const struct key *key, void *target,
		     const char *value);
	size_t offset; /* of the target in struct event_set or struct event_set_formula */
	size_t max;    /* of items, or of the length of a text */
	const char *(*check)(const char *item); /* NULL, or what is wrong with an item */
	bool required;
};

/* Lines in the file; 0: not there. */
struct lines {
	unsigned int section;
	unsigned int keys[MAX_KEYS];
};

struct reader {
	struct config_errors *errors;
	struct event_set *set;
	bool begun;	 /* there is a section */
	bool in_formula; /* the section is that of the last formula */
	int error;	 /* 0 or -ENOMEM */
	struct lines family;
	struct lines formulas[EVENT_SET_MAX_FORMULAS];
};

#define WRONG(file, ...) config_error((file)->errors, (file)->path, (file)->line, __VA_ARGS__)

static char **free_list(char **list)
{
	for (char **item = list; item && *item; item++)
		free(*item);
	free(list);
	return NULL;
}

void event_set_free(struct event_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->nr_formulas; i++) {
		free(set->formulas[i].name);
		free(set->formulas[i].help);
		free(set->formulas[i].text);
		formula_free(set->formulas[i].formula);
	}
	free(set->formulas);
	free_list(set->identifiers);
	free_list(set->pmus);
	free_list(set->events);
	free(set->name);
	free(set->path);
	free(set->help);
	free(set->source);
	free(set->implementer);
	free(set);
}

static bool is_name(const char *name, const char *chars)
{
	size_t length = strlen(name);

	return length && length <= EVENT_SET_MAX_NAME && strspn(name, chars) == length;
}

bool event_set_name_valid(const char *name)
{
	return is_name(name, SET_CHARS);
}

/* Items of lists */

static const char *check_event(const char *item)
{
	return formula_name_valid(item) ? NULL : "is not a name of an event";
}

/* Skips the characters and ranges of a bracket. A range from high to low ends it. */
static const char *skip_bracket(const char *item)
{
	while (*item && strchr(LOWER UPPER DIGITS "_-", *item)) {
		bool is_range = item[1] == '-' && item[2] && item[2] != ']';

		if (is_range && item[2] < item[0])
			break;
		item += is_range ? 2 : 1;
	}
	return item;
}

static const char *check_pattern(const char *item)
{
	const char *inner;

	for (item += strspn(item, PATTERN_CHARS); *item; item += strspn(item, PATTERN_CHARS)) {
		if (*item != '[')
			return "is not a pattern of names: letters, digits, _ . - * ? and [...]";
		inner = item + 1 + (item[1] == '!');
		item = skip_bracket(inner);
		if (item == inner || *item != ']')
			return "is not a pattern of names: [ without letters, digits, _ or - and ]";
		item++;
	}
	return NULL;
}

static const char *check_identifier(const char *item)
{
	uint32_t value, mask;

	if (!strncmp(item, "0x", 2))
		return !event_set_parse_masked(item, &value, &mask)
			       ? "is neither 0xVALUE nor 0xVALUE/0xMASK of 32 bits"
		       : value & ~mask ? "has bits in the value that are not in the mask"
				       : NULL;
	return item[strspn(item, IDENTIFIER_CHARS)] ? "is not an identifier of a PMU" : NULL;
}

/* Values */

/* Stores a copy of the value. */
static void set_string(struct reader *reader, char **target, const char *value)
{
	*target = strdup(value);
	if (!*target)
		reader->error = -ENOMEM;
}

static void take_text(struct config_file *file, const struct key *key, void *target,
		      const char *value)
{
	if (!*value || strlen(value) > key->max)
		WRONG(file, "%s is not a text of 1 to %zu bytes", key->name, key->max);
	else
		set_string(file->data, target, value);
}

/* Adds an item to a list of nr; returns how many there are now. */
static size_t add_item(struct config_file *file, const struct key *key, char **list, size_t nr,
		       const char *item)
{
	struct reader *reader = file->data;
	const char *wrong = key->check(item);

	for (size_t i = 0; i < nr && !wrong; i++)
		wrong = strcmp(list[i], item) ? NULL : "is there twice";
	if (!wrong && nr == key->max)
		wrong = "is one too many";
	if (wrong) {
		WRONG(file, "%s: %s: %s", key->name, item, wrong);
		return nr;
	}
	set_string(reader, &list[nr], item);
	return nr + !reader->error;
}

/* A list of 1 to key->max different items. */
static void take_list(struct config_file *file, const struct key *key, void *target,
		      const char *value)
{
	struct reader *reader = file->data;
	char **list = calloc(key->max + 1, sizeof(*list)), item[MAX_WORD + 1];
	size_t nr = 0, length;

	if (!list) {
		reader->error = -ENOMEM;
		return;
	}
	value += strspn(value, SEPARATORS);
	if (!*value)
		WRONG(file, "%s has no item", key->name);
	for (; *value && !reader->error; value += length, value += strspn(value, SEPARATORS)) {
		length = strcspn(value, SEPARATORS);
		if (length > MAX_WORD) {
			WRONG(file, "%s: %.60s...: is longer than %d bytes", key->name, value,
			      MAX_WORD);
			continue;
		}
		snprintf(item, sizeof(item), "%.*s", (int)length, value);
		nr = add_item(file, key, list, nr, item);
	}
	*(char ***)target = list;
}

static void take_implementer(struct config_file *file, const struct key *key, void *target,
			     const char *value)
{
	uint32_t number;

	if (strncmp(value, "0x", 2) || !event_set_parse_hex(value, strlen(value), &number))
		WRONG(file, "%s = %.60s: is not a number such as 0x36b", key->name, value);
	else
		set_string(file->data, target, value);
}

static void take_unit(struct config_file *file, const struct key *key, void *target,
		      const char *value)
{
	size_t i = 0;

	while (i < EVENT_SET_NR_UNITS && strcmp(event_set_units[i], value))
		i++;
	if (i == EVENT_SET_NR_UNITS)
		WRONG(file, "%s = %.60s: is not B/s, s, ratio or 1/s", key->name, value);
	else
		*(enum event_set_unit *)target = i;
}

static void take_cpus(struct config_file *file, const struct key *key, void *target,
		      const char *value)
{
	if (strcmp(value, "online") != 0)
		WRONG(file,
		      "%s = %.60s: is not online, which is for PMUs of CPUs (a system PMU counts "
		      "on the CPUs of its cpumask)",
		      key->name, value);
	else
		*(bool *)target = true;
}

/* Keys */

#define FAMILY(member) .offset = offsetof(struct event_set, member)
static const struct key family_keys[] = {
	{"help", take_text, FAMILY(help), .max = EVENT_SET_MAX_HELP, .required = true},
	{"source", take_text, FAMILY(source), .max = EVENT_SET_MAX_HELP, .required = true},
	{"identifier", take_list, FAMILY(identifiers), EVENT_SET_MAX_PATTERNS, check_identifier},
	{"implementer", take_implementer, FAMILY(implementer)},
	{"pmu", take_list, FAMILY(pmus), EVENT_SET_MAX_PATTERNS, check_pattern, true},
	{"events", take_list, FAMILY(events), EVENT_SET_MAX_EVENTS, check_event, true},
	{"cpus", take_cpus, FAMILY(of_cpus)},
};
#define IDENTIFIER_KEY 2
#define IMPLEMENTER_KEY 3

#define FORMULA(member) .offset = offsetof(struct event_set_formula, member)
static const struct key formula_keys[] = {
	{"help", take_text, FORMULA(help), .max = EVENT_SET_MAX_HELP, .required = true},
	{"unit", take_unit, FORMULA(unit), .required = true},
	{"value", take_text, FORMULA(text), .max = FORMULA_MAX_TEXT, .required = true},
};
#define VALUE_KEY 2

#define NR(array) (sizeof(array) / sizeof(*(array)))
static_assert(NR(family_keys) <= MAX_KEYS && NR(formula_keys) <= MAX_KEYS, "lines has all keys");

static void take_key(struct config_file *file, const char *name, const char *value)
{
	struct reader *reader = file->data;
	struct event_set *set = reader->set;
	bool in_formula = reader->in_formula;
	const struct key *keys = in_formula ? formula_keys : family_keys;
	size_t nr = in_formula ? NR(formula_keys) : NR(family_keys), i = 0;
	size_t last = in_formula ? set->nr_formulas - 1 : 0;
	struct lines *lines = in_formula ? &reader->formulas[last] : &reader->family;
	char *target = in_formula ? (char *)&set->formulas[last] : (char *)set;

	if (reader->error)
		return;
	while (i < nr && strcmp(keys[i].name, name))
		i++;
	if (i == nr)
		WRONG(file, "section [%s] has no key %.60s (see paimon-event-set(5))",
		      in_formula ? FORMULA_SECTION "NAME" : "family", name);
	else if (lines->keys[i])
		WRONG(file, "%s is already set in line %u", name, lines->keys[i]);
	else
		lines->keys[i] = file->line;
	if (i < nr && value && lines->keys[i] == file->line)
		keys[i].take(file, &keys[i], target + keys[i].offset, value);
}

/* Sections */

static bool begin_formula(struct config_file *file, const char *name)
{
	struct reader *reader = file->data;
	struct event_set *set = reader->set;
	size_t i = 0;

	if (!is_name(name, FORMULA_CHARS) || !strchr(LOWER, *name)) {
		WRONG(file,
		      "[formula %.60s] is not a valid name: 1 to %d lower-case letters, digits "
		      "and _, a letter first",
		      name, EVENT_SET_MAX_NAME);
		return false;
	}
	while (i < set->nr_formulas && strcmp(set->formulas[i].name, name))
		i++;
	if (i < set->nr_formulas) {
		WRONG(file, "[formula %s] is already in line %u", name,
		      reader->formulas[i].section);
		return false;
	}
	if (i == EVENT_SET_MAX_FORMULAS) {
		WRONG(file, "[formula %s]: more than %d formulas", name, EVENT_SET_MAX_FORMULAS);
		return false;
	}
	set->formulas[i].name = strdup(name);
	if (!set->formulas[i].name) {
		reader->error = -ENOMEM;
		return false;
	}
	reader->formulas[i].section = file->line;
	set->nr_formulas++;
	return true;
}

static bool begin_section(struct config_file *file, const char *name)
{
	struct reader *reader = file->data;

	reader->begun = true;
	if (reader->error)
		return false;
	reader->in_formula = !strncmp(name, FORMULA_SECTION, strlen(FORMULA_SECTION));
	if (reader->in_formula)
		return begin_formula(file, name + strlen(FORMULA_SECTION));
	if (strcmp(name, "family")) {
		WRONG(file, "unknown section [%.80s] (sections: [family] and [formula NAME])",
		      name);
		return false;
	}
	reader->family.section = reader->family.section ?: file->line;
	return true;
}

/* Files */

/* Reports a key of the family that PMUs of CPUs do not have. */
static void refuse_key(struct reader *reader, int key)
{
	if (reader->family.keys[key])
		config_error(reader->errors, reader->set->path, reader->family.keys[key],
			     "%s: PMUs of CPUs (cpus = online) have none", family_keys[key].name);
}

/* Reports required keys that are missing. */
static void check_keys(struct reader *reader, const char *section, const struct key *keys,
		       size_t nr, const struct lines *lines)
{
	for (size_t i = 0; i < nr; i++)
		if (keys[i].required && !lines->keys[i])
			config_error(reader->errors, reader->set->path, lines->section,
				     "[%s] has no %s", section, keys[i].name);
}

static void parse_formula(struct reader *reader, const char *section,
			  struct event_set_formula *formula, unsigned int line)
{
	struct event_set *set = reader->set;
	_cleanup_free_ char *error = NULL;
	int r = formula_parse(formula->text, set->events, set->nr_events, &formula->formula,
			      &error);

	if (r < 0 && error)
		config_error(reader->errors, set->path, line, "[%s] value %s", section, error);
	else if (r < 0)
		reader->error = -ENOMEM;
}

/* Once the file is read: what is missing, and the formulas, which can be before the events. */
static void check_set(struct reader *reader)
{
	struct event_set *set = reader->set;
	char section[sizeof(FORMULA_SECTION) + EVENT_SET_MAX_NAME];

	if (reader->family.section)
		check_keys(reader, "family", family_keys, NR(family_keys), &reader->family);
	else
		config_error(reader->errors, set->path, 0, "has no section [family]");
	if (set->of_cpus) {
		refuse_key(reader, IDENTIFIER_KEY);
		refuse_key(reader, IMPLEMENTER_KEY);
	}
	while (set->events && set->events[set->nr_events])
		set->nr_events++;
	for (size_t i = 0; i < set->nr_formulas; i++) {
		const struct lines *lines = &reader->formulas[i];

		snprintf(section, sizeof(section), FORMULA_SECTION "%s", set->formulas[i].name);
		check_keys(reader, section, formula_keys, NR(formula_keys), lines);
		if (set->formulas[i].text && set->nr_events)
			parse_formula(reader, section, &set->formulas[i], lines->keys[VALUE_KEY]);
	}
}

int event_set_read(const char *name, const char *path, struct config_errors *errors,
		   struct event_set **ret_set)
{
	unsigned int nr_errors = errors->nr;
	struct reader reader = {.errors = errors, .set = calloc(1, sizeof(*reader.set))};
	struct config_file file = {
		.path = path,
		.errors = errors,
		.section = begin_section,
		.key = take_key,
		.data = &reader,
	};

	if (!reader.set)
		return -ENOMEM;
	set_string(&reader, &reader.set->name, name);
	set_string(&reader, &reader.set->path, path);
	reader.set->formulas = calloc(EVENT_SET_MAX_FORMULAS, sizeof(*reader.set->formulas));
	if (!reader.set->formulas)
		reader.error = -ENOMEM;
	if (!reader.error && config_file_read(&file) == -ENOMEM)
		reader.error = -ENOMEM;
	if (reader.begun && !reader.error)
		check_set(&reader);
	if (!reader.begun || reader.error || errors->nr != nr_errors)
		event_set_free(reader.set);
	else
		*ret_set = reader.set;
	return reader.error;
}

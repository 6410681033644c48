// SPDX-License-Identifier: GPL-2.0
/* Terms of a PMU whose directory in sysfs is open: its formats and its events. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../buffer.h"
#include "../cpulist.h"
#include "parser.h"

static const char *const configs[] = {"config", "config1", "config2", "config3", "config4"};

/* The index of a config term, or -1. */
static int find_config(const char *name)
{
	for (size_t i = 0; i < NR(configs); i++)
		if (!strcmp(configs[i], name))
			return i;
	return -1;
}

/* Is it event=NAME, in any case? This is the other way to write a sysfs event. */
bool spec_names_event(const struct term *term)
{
	return !strcasecmp(term->name, "event") && term->value &&
	       !isdigit((unsigned char)*term->value) && *term->value != '-' &&
	       spec_is_name(term->value, NAME_PUNCTUATION);
}

/* Cuts term,term=value,... in place, and appends the terms. Values are checked when they are
 * used: in sysfs they may be "?". */
int spec_split(struct parser *p, char *text, struct terms *terms)
{
	char *value;

	while ((value = strsep(&text, ","))) {
		const char *name = strsep(&value, "=");

		if (!spec_is_name(name, NAME_PUNCTUATION) ||
		    (value && (!*value || strchr(value, '/'))))
			return spec_wrong(p, -EINVAL,
					  "'%.80s' is not a term; write term or term=value", name);
		if (terms->nr == MAX_TERMS)
			return spec_wrong(p, -EINVAL, "more than %d terms; leave some out",
					  MAX_TERMS);
		terms->list[terms->nr++] = (struct term){name, value, false};
	}
	return 0;
}

/* Reads a file of the PMU. Frees the old *ret_line. */
int spec_read_device(struct parser *p, const char *folder, const char *name, const char *suffix,
		     char **ret_line)
{
	_cleanup_free_ char *path = NULL;
	char *line;
	int r;

	if (asprintf(&path, "%s%s%s", folder, name, suffix) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = spec_read_line(p->device, path, &line);
	if (r < 0)
		return spec_wrong(p, r, "cannot read %.300s of PMU %s: %s; use another event", path,
				  p->spec->pmu, strerror(-r));
	free(*ret_line);
	*ret_line = line;
	return 0;
}

/* Parses CONFIG:BITS,... with bits such as 3 or 0-7; the value fills them from low to high. */
static int parse_format(char *text, size_t *ret_config, uint64_t *ret_mask)
{
	const char *word = strsep(&text, ":"), *range;
	int config = find_config(word);
	uint64_t mask = 0;
	size_t nr = 0;

	if (config < 0)
		return !strncmp(word, "config", 6) && isdigit((unsigned char)word[6]) ? -ENOTSUP
										      : -EINVAL;
	if (!text)
		return -EINVAL;
	while ((range = strsep(&text, ","))) {
		_cleanup_free_ unsigned int *bits = NULL;
		int r = cpulist_parse(range, 63, &bits, &nr);

		if (r < 0 || !nr)
			return r ?: -EINVAL;
		for (size_t i = 0; i < nr; i++) {
			if (mask >> bits[i] & 1)
				return -EINVAL;
			mask |= 1ULL << bits[i];
		}
	}
	*ret_config = config;
	*ret_mask = mask;
	return 0;
}

/* Is it a term for recording, which perf accepts beside the terms of any PMU? */
static bool is_of_recording(const char *name)
{
	static const char *const names[] = {
		"name",	      "period",		 "freq",	 "time",
		"call-graph", "stack-size",	 "max-stack",	 "inherit",
		"no-inherit", "overwrite",	 "no-overwrite", "nr",
		"aux-output", "aux-sample-size", "metric-id",
	};

	for (size_t i = 0; i < NR(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static int no_recording(struct parser *p, const char *name)
{
	return spec_wrong(p, -EINVAL,
			  "term %s is for recording, which paimon does not do; leave it out", name);
}

/* Finds the bits that hold the value of a term. */
static int find_bits(struct parser *p, const char *name, size_t *ret_config, uint64_t *ret_mask)
{
	_cleanup_free_ char *format = NULL, *names = NULL;
	int r = spec_read_device(p, "format/", name, "", &format);

	if (r == -ENOENT && is_of_recording(name))
		return no_recording(p, name);
	if (r == -ENOENT) {
		names = spec_list_names(p->device, "format");
		return names ? spec_wrong(
				       p, -EINVAL,
				       "PMU %s has no term %s; use one of config, config1, config2, config3, config4%s, or an event that paimonctl list %s shows",
				       p->spec->pmu, name, names, p->spec->pmu)
			     : -ENOMEM;
	}
	r = r ?: parse_format(format, ret_config, ret_mask);
	if (r == -ENOTSUP)
		return spec_wrong(
			p, -EINVAL,
			"format/%s of PMU %s names a config word that this version does not know (the last is config4); use another term",
			name, p->spec->pmu);
	if (r == -EINVAL)
		return spec_wrong(
			p, r,
			"format/%s of PMU %s in sysfs does not say which bits term %s has; use config=, config1=, config2=, config3= or config4= instead",
			name, p->spec->pmu, name);
	return r;
}

int spec_find_value(struct parser *p, const struct term *term, uint64_t max, uint64_t *ret_value)
{
	if (term->raw) {
		*ret_value = strtoull(term->value, NULL, 16);
		return 0;
	}
	if (spec_parse_number(term->value ?: "1", max, ret_value) == 0)
		return 0;
	if (!p->spec->pmu && is_of_recording(term->name))
		return no_recording(p, term->name);
	return spec_wrong(p, -EINVAL,
			  "term %s%s%s cannot be %.80s; write a number from 0 to %" PRIu64
			  " (0x%" PRIx64 ")",
			  term->name, p->spec->pmu ? " of PMU " : "", p->spec->pmu ?: "",
			  term->value, max, max);
}

/* A config term sets a whole word, and the last one wins. Other terms add bits, as in perf. */
static int apply_term(struct parser *p, const struct term *term, uint64_t *value)
{
	struct event_spec *spec = p->spec;
	uint64_t *const words[] = {&spec->config, &spec->config1, &spec->config2, &spec->config3,
				   &spec->config4};
	uint64_t mask = 0, rest;
	size_t word = 0;
	int r = find_config(term->name);

	if (r >= 0)
		return spec_find_value(p, term, UINT64_MAX, words[r]) ?: (*value = *words[r], 0);
	r = find_bits(p, term->name, &word, &mask);
	r = r ?: spec_find_value(p, term, UINT64_MAX >> (64 - __builtin_popcountll(mask)), value);
	if (r < 0)
		return r;
	rest = *value;
	for (uint64_t left = mask; left; left &= left - 1, rest >>= 1)
		if (rest & 1)
			*words[word] |= left & -left;
	return 0;
}

/* Applies terms; the first nr_event are those of the event. Config terms are applied first,
 * whatever the order. */
static int apply_terms(struct parser *p, const struct terms *terms, size_t nr_event,
		       const char *event, uint64_t values[MAX_TERMS])
{
	int r = 0;

	for (int base = 1; base >= 0; base--)
		for (size_t i = 0; i < terms->nr && !r; i++) {
			p->event = i < nr_event ? event : NULL;
			if (base == (find_config(terms->list[i].name) >= 0))
				r = apply_term(p, &terms->list[i], &values[i]);
		}
	p->event = NULL;
	return r;
}

/* Is it a file that describes an event, and not the event itself? */
static bool is_attribute(const char *name)
{
	static const char *const suffixes[] = {".unit", ".scale", ".per-pkg", ".snapshot"};
	size_t length = strlen(name);

	for (size_t i = 0; i < NR(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length > suffix && !strcmp(name + length - suffix, suffixes[i]))
			return true;
	}
	return false;
}

/* Finds the file of an event by its name, in any case. 0, -ENOENT or -ENOMEM. */
static int find_event(struct parser *p, const char *name, char **ret_name)
{
	struct dirent **entries;
	int nr, r = -ENOENT;

	if (is_attribute(name))
		return r;
	nr = scandirat(p->device, "events", &entries, NULL, NULL);
	if (nr < 0)
		return errno == ENOMEM ? -ENOMEM : -ENOENT;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < nr && r == -ENOENT; i++)
			if (!(pass ? strcasecmp : strcmp)(entries[i]->d_name, name)) {
				*ret_name = strdup(entries[i]->d_name);
				r = *ret_name ? 0 : -ENOMEM;
			}
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
	return r;
}

static bool is_format(const struct parser *p, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "format/%s", name) < 0) {
		path = NULL;
		return false;
	}
	return !faccessat(p->device, path, F_OK, 0);
}

/*
 * Finds the sysfs event that a term means: a word that is not a term of the PMU, or the value of
 * event. A word such as r1a2 is an event, or else a raw config, even if the PMU has such a term.
 * 0, also if it means no event, or a negative errno.
 */
static int resolve_term(struct parser *p, struct term *term, char **ret_event)
{
	bool word = !term->value, named = spec_names_event(term);
	uint64_t value = 0;
	int r;

	if (find_config(term->name) >= 0)
		return 0;
	if (!word && !named && (spec_parse_number(term->value, 1, &value) < 0 || !value))
		return 0;
	if (!named && !(word && spec_is_raw(term->name, true)) && is_format(p, term->name))
		return 0;
	r = find_event(p, named ? term->value : term->name, ret_event);
	if (r == -ENOENT && word && spec_is_raw(term->name, true))
		*term = (struct term){"config", term->name + 1, true};
	return r == -ENOENT ? 0 : r;
}

/* Takes the event out of the terms, if there is one. */
static int take_event(struct parser *p, struct terms *terms, char **ret_event)
{
	_cleanup_free_ char *event = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < terms->nr; i++) {
		_cleanup_free_ char *found = NULL;
		int r = resolve_term(p, &terms->list[i], &found);

		if (r < 0)
			return r;
		if (!found)
			terms->list[nr++] = terms->list[i];
		else if (event)
			return spec_wrong(p, -EINVAL,
					  "%s is a second event; write two specifications", found);
		else
			event = found, found = NULL;
	}
	terms->nr = nr;
	*ret_event = event;
	event = NULL;
	return 0;
}

/* Reads the attributes of a sysfs event, and its terms as text. */
static int read_event(struct parser *p, char **ret_text)
{
	struct event_spec *spec = p->spec;
	_cleanup_free_ char *none = NULL;
	char *end;
	int r = spec_read_device(p, "events/", p->event, "", ret_text);

	r = r ?: spec_read_device(p, "events/", p->event, ".unit", &spec->unit);
	if (!r || r == -ENOENT) {
		r = spec_read_device(p, "events/", p->event, ".snapshot", &none);
		spec->level = !r;
	}
	if (!r || r == -ENOENT)
		r = spec_read_device(p, "events/", p->event, ".scale", &spec->scale);
	if (r)
		return r == -ENOENT ? 0 : r;
	/* No program of paimon sets LC_NUMERIC: it is C. */
	if (!isfinite(strtod(spec->scale, &end)) || end == spec->scale || *end)
		return spec_wrong(
			p, -EINVAL,
			"its scale in sysfs, '%.80s', is not a number; to count without one, write the terms of the event instead of its name",
			spec->scale);
	return 0;
}

/* Puts the terms of a sysfs event before the given ones, which supply the values of its open
 * terms. */
static int add_event(struct parser *p, char *text, struct terms *terms, size_t *ret_nr)
{
	_cleanup_free_ struct terms *all = calloc(1, sizeof(*all));
	size_t nr = 0;
	int r = all ? spec_split(p, text, all) : -ENOMEM;

	for (size_t i = 0; i < (r ? 0 : all->nr); i++) {
		struct term *term = &all->list[i];
		bool asked = term->value && !strcmp(term->value, "?"), given = false;

		if (!term->value && spec_is_raw(term->name, true) && !is_format(p, term->name))
			*term = (struct term){"config", term->name + 1, true};
		for (size_t j = 0; j < terms->nr; j++)
			given |= !strcmp(terms->list[j].name, term->name);
		if (asked && !given)
			return spec_wrong(p, -EINVAL,
					  "needs a value for term %s; write %s/%s,%s=...",
					  term->name, p->spec->pmu, p->event, term->name);
		if (!asked)
			all->list[nr++] = *term;
	}
	if (!r && nr + terms->nr > MAX_TERMS)
		return spec_wrong(p, -EINVAL, "more than %d terms; leave some out", MAX_TERMS);
	if (r < 0)
		return r;
	memmove(terms->list + nr, terms->list, terms->nr * sizeof(*terms->list));
	memcpy(terms->list, all->list, nr * sizeof(*terms->list));
	terms->nr += nr;
	*ret_nr = nr;
	return 0;
}

/* Makes NAME/EVENT,TERM=VALUE,.../ with each term once, and its final value. An event with the
 * name of a term is written event=NAME. */
static char *make_text(const struct parser *p, const char *name, const char *event,
		       const struct terms *terms, size_t nr, const uint64_t *values)
{
	struct buffer buffer = {};
	bool first = true;

	buffer_add_string(&buffer, name);
	buffer_add_string(&buffer, "/");
	if (event) {
		if (find_config(event) >= 0 || is_format(p, event))
			buffer_add_string(&buffer, "event=");
		buffer_add_string(&buffer, event);
		first = false;
	}
	for (size_t i = nr; i < terms->nr; i++) {
		const char *term = terms->list[i].name;
		bool is_config = find_config(term) >= 0, before = false;
		uint64_t value = values[i];
		char number[32];

		for (size_t j = nr; j < i; j++)
			before |= !strcmp(terms->list[j].name, term);
		if (before)
			continue;
		for (size_t j = i + 1; j < terms->nr; j++)
			if (!strcmp(terms->list[j].name, term))
				value = is_config ? values[j] : value | values[j];
		snprintf(number, sizeof(number), value < 10 ? "=%" PRIu64 : "=0x%" PRIx64, value);
		buffer_add_string(&buffer, first ? "" : ",");
		buffer_add_string(&buffer, term);
		buffer_add_string(&buffer, number);
		first = false;
	}
	buffer_add_string(&buffer, "/");
	return buffer_take_string(&buffer);
}

/* cpu_core/cycles/: a generic event of a CPU PMU that has no file for it in sysfs. */
static bool set_generic(struct parser *p, const char *name, const struct terms *terms)
{
	const struct named_event *named;
	struct event_spec *spec = p->spec;
	char canonical[64];
	const char *word;

	if (terms->nr != 1 || terms->list[0].value || !spec->core)
		return false;
	word = terms->list[0].name;
	named = spec_find_named(word);
	if (named && named->type == PERF_TYPE_HARDWARE) {
		spec->config = named->config;
		snprintf(canonical, sizeof(canonical), "%s", named->name);
	} else if (named || !spec_find_cache(word, &spec->config, canonical)) {
		return false;
	}
	/* On a hybrid machine, config says which PMU. */
	if (spec->cpus)
		spec->config |= (uint64_t)spec->type << 32;
	spec->type = named ? PERF_TYPE_HARDWARE : PERF_TYPE_HW_CACHE;
	return asprintf(&spec->text, "%s/%s/", name, canonical) >= 0 || (spec->text = NULL, false);
}

/* Parses terms of the PMU whose folder is open. name: its name in the text. */
int spec_parse_terms(struct parser *p, const char *name, char *text)
{
	_cleanup_free_ struct terms *terms = calloc(1, sizeof(*terms));
	_cleanup_free_ char *event = NULL, *found = NULL, *squeezed = NULL;
	uint64_t values[MAX_TERMS] = {};
	size_t nr = 0;
	int r = terms ? 0 : -ENOMEM;

	if (!r && *text)
		r = spec_split(p, text, terms);
	r = r ?: take_event(p, terms, &event);
	if (!r && !event && terms->nr == 1 && !is_format(p, terms->list[0].name) &&
	    set_generic(p, name, terms))
		return 0;
	if (!r && event) {
		p->event = event;
		r = read_event(p, &found);
		squeezed = r ? NULL : spec_squeeze(found);
		r = r ?: squeezed ? add_event(p, squeezed, terms, &nr) : -ENOMEM;
		p->event = NULL;
	}
	r = r ?: apply_terms(p, terms, nr, event, values);
	if (r < 0)
		return r;
	p->spec->text = make_text(p, name, event, terms, nr, values);
	return p->spec->text ? 0 : -ENOMEM;
}

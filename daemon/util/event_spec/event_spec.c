// SPDX-License-Identifier: GPL-2.0
/* Parses a whole event specification. */
#include "../event_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../buffer.h"
#include "parser.h"

/* Bit i of exclude in struct event_spec is for letter i. */
static const char modifiers[] = "ukhGH";

int (*event_spec_ask_tracepoint)(const char *text, uint64_t *ret_id);

/* The letters of perf. As in perf, u without G and H excludes guests. */
static int parse_modifiers(struct parser *p, const char *letters, uint32_t *ret_exclude)
{
	uint32_t exclude = 0;

	for (const char *c = letters; *c; c++) {
		const char *letter = strchr(modifiers, *c);
		uint32_t bit = letter ? 1 << (letter - modifiers) : 0;

		if (!letter)
			return spec_wrong(p, -EINVAL,
					  "'%.10s' is not a modifier; use the letters %s, or none",
					  letters, modifiers);
		if (strchr(c + 1, *c))
			return spec_wrong(p, -EINVAL, "modifier %c is given twice; write it once",
					  *c);
		if (bit & EVENT_EXCLUDE_MODES) {
			if (!(exclude & EVENT_EXCLUDE_MODES))
				exclude |= EVENT_EXCLUDE_MODES;
			if (bit == EVENT_EXCLUDE_USER && !(exclude & EVENT_GUESTS_CHOSEN))
				exclude |= EVENT_EXCLUDE_GUEST;
		} else if (!(exclude & EVENT_GUESTS_CHOSEN)) {
			exclude |= EVENT_GUESTS_CHOSEN | EVENT_EXCLUDE_GUEST | EVENT_EXCLUDE_HOST;
		}
		exclude &= ~bit;
	}
	*ret_exclude = exclude;
	return 0;
}

/* Appends the modifiers to the canonical text. */
static int add_modifiers(struct event_spec *spec, uint32_t exclude)
{
	bool slash = strchr(spec->text, '/'), guests = exclude & EVENT_GUESTS_CHOSEN;
	bool modes = exclude & EVENT_EXCLUDE_MODES || (exclude && !guests);
	char letters[sizeof(modifiers)] = "", *text;
	size_t nr = 0;

	for (size_t i = 0; i < sizeof(modifiers) - 1; i++)
		if (!(exclude & 1 << i) && (1 << i & EVENT_EXCLUDE_MODES ? modes : guests))
			letters[nr++] = modifiers[i];
	spec->exclude = exclude;
	if (!nr)
		return 0;
	if (asprintf(&text, "%s%s%s", spec->text, slash ? "" : ":", letters) < 0)
		return -ENOMEM;
	free(spec->text);
	spec->text = text;
	return 0;
}

/* Cuts NAME/TERMS/MODIFIERS in place. */
static int cut(struct parser *p, char *text, char **ret_terms, const char **ret_modifiers)
{
	char *terms = strchr(text, '/'), *end = terms ? strchr(terms + 1, '/') : NULL;

	if (!end)
		return spec_wrong(p, -EINVAL,
				  "the second / is missing; write pmu/term=value,term/");
	*terms++ = *end++ = 0;
	if (!spec_is_name(text, "_-."))
		return spec_wrong(p, -EINVAL,
				  "'%.80s' is not the name of a PMU; see paimonctl list", text);
	*ret_terms = terms;
	*ret_modifiers = end;
	return 0;
}

/* Checks what can be checked of terms without their PMU. */
static int check_terms(struct parser *p, char *text)
{
	_cleanup_free_ struct terms *terms = calloc(1, sizeof(*terms));
	struct event_spec none = {};
	uint64_t value;
	int r = terms ? 0 : -ENOMEM;

	p->spec = &none;
	if (!r && *text)
		r = spec_split(p, text, terms);
	for (size_t i = 0; i < (r ? 0 : terms->nr) && !r; i++)
		if (!spec_names_event(&terms->list[i]))
			r = spec_find_value(p, &terms->list[i], UINT64_MAX, &value);
	p->spec = NULL;
	return r;
}

static int read_tracepoint(const char *path, uint64_t *ret_id)
{
	_cleanup_free_ char *line = NULL;

	return spec_read_line(AT_FDCWD, path, &line) ?: spec_parse_number(line, INT_MAX, ret_id);
}

/* SYSTEM:EVENT, without modifiers. */
static int parse_tracepoint(struct parser *p, const char *text)
{
	_cleanup_free_ char *system = strdup(text), *path = NULL;
	char *event = system;
	uint64_t id = 0;
	int r = 0;

	if (!system)
		return -ENOMEM;
	strsep(&event, ":");
	if (!spec_is_name(system, "_-") || !event || !spec_is_name(event, "_-"))
		return spec_wrong(
			p, -EINVAL,
			"not the name of a tracepoint; write system:event, with letters, digits, _ and -");
	if (p->tracepoints && asprintf(&path, "%s/%s/%s/id", p->tracepoints, system, event) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (path)
		r = read_tracepoint(path, &id);
	if (r < 0 && event_spec_ask_tracepoint)
		r = event_spec_ask_tracepoint(text, &id);
	if (r == -EACCES || r == -EPERM)
		return spec_wrong(
			p, r,
			"this user cannot read %s, and paimon-opener does not look up the id; "
			"run systemctl start paimon-opener.socket, or make tracefs readable",
			path);
	if (r == -ETIMEDOUT)
		return spec_wrong(p, r,
				  "paimon-opener does not answer; see journalctl -u paimon-opener");
	if (r < 0 && p->tracepoints && access(p->tracepoints, F_OK) && errno == ENOENT)
		return spec_wrong(
			p, r,
			"tracefs is not mounted, and only it has the ids of tracepoints (as "
			"root: mount -t tracefs tracefs /sys/kernel/tracing)");
	if (r < 0)
		return spec_wrong(
			p, r,
			"no id of tracepoint %s in %s: %s; correct the name, or load its module",
			text, path, strerror(-r));
	return spec_set_event(p, "tracepoint", PERF_TYPE_TRACEPOINT, id, text);
}

static int parse_slashes(struct parser *p, char *text, uint32_t *ret_exclude)
{
	const char *letters;
	char *terms;
	int r = cut(p, text, &terms, &letters);

	r = r ?: parse_modifiers(p, letters, ret_exclude);
	if (r < 0)
		return r;
	if (!*terms && spec_is_generic(text)) /* cycles//u */
		return spec_parse_named(p, text);
	if (!p->pmus)
		return check_terms(p, terms);
	r = spec_find_boxes(p, text, terms);
	if (r < 0)
		return r;
	free(p->spec->pmu);
	p->spec->pmu = strdup(text);
	return p->spec->pmu ? 0 : -ENOMEM;
}

/* NAME:MODIFIERS or SYSTEM:EVENT:MODIFIERS */
static int parse_colons(struct parser *p, char *text, uint32_t *ret_exclude)
{
	char *rest = strchr(text, ':'), *last;
	bool named;
	int r;

	if (!rest)
		return spec_parse_named(p, text);
	*rest = 0;
	named = spec_is_generic(text) ||
		(spec_is_raw(text, false) && !rest[1 + strspn(rest + 1, modifiers)]);
	last = named ? rest : strchr(rest + 1, ':');
	if (!named)
		*rest = ':';
	if (last)
		*last++ = 0;
	r = last ? parse_modifiers(p, last, ret_exclude) : 0;
	return r ?: named ? spec_parse_named(p, text) : parse_tracepoint(p, text);
}

static int parse(struct parser *p, struct event_spec **ret_spec, char **ret_error)
{
	_cleanup_free_ char *text = spec_squeeze(p->text);
	uint32_t exclude = 0;
	int r = !text ? -ENOMEM
		: !strncmp(text, "mem:0x", 6)
			? spec_wrong(p, -EINVAL,
				     "breakpoints (mem:) are not supported; use perf stat")
		: strchr(text, '/') ? parse_slashes(p, text, &exclude)
				    : parse_colons(p, text, &exclude);

	if (!r && p->spec)
		r = add_modifiers(p->spec, exclude);
	/* A missing optional file leaves a message too. */
	if (!r || r == -ENOMEM) {
		free(p->error);
		p->error = NULL;
	}
	if (r < 0) {
		event_spec_free(p->spec);
		*ret_error = p->error;
		return r;
	}
	*ret_spec = p->spec;
	return 0;
}

int event_spec_parse(const char *pmus, const char *tracefs_events, const char *text,
		     struct event_spec **ret_spec, char **ret_error)
{
	struct parser p = {.text = text, .pmus = pmus, .tracepoints = tracefs_events, .device = -1};

	return parse(&p, ret_spec, ret_error);
}

int event_spec_pmus(const char *pmus, const char *name, struct event_spec **ret_spec)
{
	struct parser p = {.text = name, .pmus = pmus, .device = -1};
	bool generic = !strcmp(name, "hardware") || !strcmp(name, "hw-cache") ||
		       !strcmp(name, "raw");
	int r = 0;

	p.spec = generic ? spec_new() : NULL;
	if (generic)
		r = p.spec ? spec_add_cores(&p) : -ENOMEM;
	else
		r = spec_find_boxes(&p, name, NULL);
	free(p.error);
	if (r < 0) {
		event_spec_free(p.spec);
		return r;
	}
	*ret_spec = p.spec;
	return 0;
}

int event_spec_check(const char *text, char **ret_error)
{
	struct parser p = {.text = text, .device = -1};
	struct event_spec *spec = NULL;
	int r = parse(&p, &spec, ret_error);

	event_spec_free(spec);
	return r;
}

void event_spec_free(struct event_spec *spec)
{
	if (!spec)
		return;
	spec_free_pmus(spec);
	free(spec->text);
	free(spec->pmu);
	free(spec->unit);
	free(spec->scale);
	free(spec->cpus);
	free(spec);
}

/* Replaces the term with the same name, or appends the term. */
static bool set_term(struct terms *terms, const struct term *term)
{
	size_t i = 0;

	while (i < terms->nr && strcmp(terms->list[i].name, term->name) != 0)
		i++;
	if (i == MAX_TERMS)
		return false;
	terms->list[i] = *term;
	if (i == terms->nr)
		terms->nr++;
	return true;
}

int event_spec_set(const char *text, const char *terms, char **ret_text)
{
	_cleanup_free_ char *copy = spec_squeeze(text), *more = spec_squeeze(terms);
	_cleanup_free_ struct terms *all = calloc(1, sizeof(*all)), *add = calloc(1, sizeof(*add));
	struct parser p = {.text = text};
	const char *letters = NULL;
	struct buffer buffer = {};
	char *first = NULL, *result;
	int r = copy && more && all && add ? cut(&p, copy, &first, &letters) : -ENOMEM;

	if (!r && *first)
		r = spec_split(&p, first, all);
	r = r ?: spec_split(&p, more, add);
	free(p.error);
	for (size_t i = 0; i < (r ? 0 : add->nr) && !r; i++)
		r = set_term(all, &add->list[i]) ? 0 : -EINVAL;
	if (r < 0)
		return r;
	buffer_add_string(&buffer, copy);
	buffer_add_string(&buffer, "/");
	for (size_t i = 0; i < all->nr; i++) {
		buffer_add_string(&buffer, i ? "," : "");
		buffer_add_string(&buffer, all->list[i].name);
		buffer_add_string(&buffer, all->list[i].value ? "=" : "");
		buffer_add_string(&buffer, all->list[i].value ?: "");
	}
	buffer_add_string(&buffer, "/");
	buffer_add_string(&buffer, letters);
	result = buffer_take_string(&buffer);
	if (!result)
		return -ENOMEM;
	*ret_text = result;
	return 0;
}

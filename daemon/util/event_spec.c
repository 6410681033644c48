// SPDX-License-Identifier: GPL-2.0
#include "event_spec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "buffer.h"
#include "cpulist.h"

#define MAX_LINE 4096 /* sysfs gives a page at most */
#define MAX_TERMS 256
#define NAME_PUNCTUATION "_-.:" /* of terms and events */
#define MAX_CPU 65535		/* kernels are built for fewer */
#define MAX_LIST 1000		/* of names in a message */

static const struct named_event {
	const char *name, *other; /* other: NULL if it has but one name */
	uint32_t type;
	uint64_t config;
} named_events[] = {
	{"cycles", "cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branches", "branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
	{"bus-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
	{"ref-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
	{"stalled-cycles-frontend", NULL, PERF_TYPE_HARDWARE,
	 PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
	{"stalled-cycles-backend", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
	/* No bpf-output: it counts nothing by itself. */
	{"cpu-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"task-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	{"page-faults", "faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"context-switches", "cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", "migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"minor-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"alignment-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
	{"emulation-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
	{"dummy", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY},
	{"cgroup-switches", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CGROUP_SWITCHES},
};

/* PERF_TYPE_HW_CACHE: three parts, each with all its names, as perf has them. The first is the
 * canonical one, and of operations and results the second where nothing misses. */
static const char *const caches[][6] = {
	{"L1-dcache", "l1-d", "l1d", "L1-data"},
	{"L1-icache", "l1-i", "l1i", "L1-instruction"},
	{"LLC", "L2"},
	{"dTLB", "d-tlb", "Data-TLB"},
	{"iTLB", "i-tlb", "Instruction-TLB"},
	{"branch", "branches", "bpu", "btb", "bpc"},
	{"node"},
};
static const char *const operations[][6] = {
	{"load", "loads", "read"},
	{"store", "stores", "write"},
	{"prefetch", "prefetches", "speculative-read", "speculative-load"},
};
static const char *const results[][6] = {
	{"refs", "Reference", "ops", "access"},
	{"misses", "miss"},
};
/* Bits by operation: what a cache can be asked for. */
static const uint8_t cache_operations[] = {7, 5, 7, 7, 1, 1, 7};

static const char *const configs[] = {"config", "config1", "config2", "config3", "config4"};

/* Bit i of event_spec's exclude is for letter i. */
static const char modifiers[] = "ukhGH";

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

int (*event_spec_ask_tracepoint)(const char *text, uint64_t *ret_id);

/* Records what is wrong, on one line whatever it quotes. Returns r. */
__attribute__((format(printf, 3, 4))) static int spec_wrong(struct parser *p, int r,
							    const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;
	int length;

	free(p->error);
	p->error = NULL;
	va_start(args, format);
	length = vasprintf(&what, format, args);
	va_end(args);
	if (length < 0) {
		what = NULL;
		return -ENOMEM;
	}
	if (asprintf(&p->error, "%.80s: %s%.80s%s%s", p->text, p->event ? "event " : "",
		     p->event ?: "", p->event ? ": " : "", what) < 0) {
		p->error = NULL;
		return -ENOMEM;
	}
	for (char *c = p->error; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return r;
}

/* Is it a file's name, and one that needs no escapes? */
static bool spec_is_name(const char *text, const char *punctuation)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr(punctuation, text[length])))
		length++;
	return length && length < NAME_MAX - 10 && !text[length] && *text != '.';
}

/* Decimal, or 0x and hex: zeros in front change nothing. */
static int spec_parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, hex ? 16 : 10);
	/* strtoull() takes spaces and signs too. */
	if (!isdigit((unsigned char)*text) || errno || *end || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* Without the blanks around its parts; those inside of a name are left to be refused. */
static char *spec_squeeze(const char *text)
{
	static const char marks[] = "/,=:";
	char *copy = malloc(strlen(text) + 1), *to = copy;

	for (const char *c = text; copy && *c; c++) {
		size_t blanks = strspn(c, " \t\r\n\v\f");

		if (blanks &&
		    (to == copy || strchr(marks, to[-1]) || !c[blanks] || strchr(marks, c[blanks])))
			c += blanks - 1;
		else
			*to++ = *c;
	}
	if (copy)
		*to = 0;
	return copy;
}

/* The first line of a plain file of text. */
static int spec_read_line(int folder, const char *path, char **ret_line)
{
	/* A pipe would wait for ever. */
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char line[MAX_LINE + 1], *copy;
	struct stat stat;
	ssize_t length;

	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EBADMSG;
	length = read(fd, line, sizeof(line));
	if (length < 0)
		return -errno;
	if (length > MAX_LINE)
		return -EFBIG;
	line[length] = 0;
	for (char *c = line; c < line + length && *c != '\n'; c++)
		if (*c < ' ' || *c > '~')
			return -EBADMSG;
	line[strcspn(line, "\n")] = 0;
	copy = strdup(line);
	if (!copy)
		return -ENOMEM;
	*ret_line = copy;
	return 0;
}

/* A file of the PMU, in place of the *ret_line there was. */
static int spec_read_device(struct parser *p, const char *folder, const char *name,
			    const char *suffix, char **ret_line)
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

/* For messages: the names in a folder, a comma before each. NULL: out of memory. */
static char *spec_list_names(int folder, const char *path)
{
	struct buffer buffer = {};
	struct dirent **entries;
	int nr = scandirat(folder, path, &entries, NULL, versionsort);

	for (int i = 0; i < nr; i++) {
		if (entries[i]->d_name[0] != '.' && buffer.size < MAX_LIST) {
			buffer_add_string(&buffer, ", ");
			buffer_add_string(&buffer, entries[i]->d_name);
			if (buffer.size >= MAX_LIST)
				buffer_add_string(&buffer, ", ...");
		}
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	return buffer_take_string(&buffer);
}

/* A raw config, as r1a2. */
static bool spec_is_raw(const char *name)
{
	size_t digits = *name == 'r' ? strspn(name + 1, "0123456789abcdefABCDEF") : 0;

	return digits && digits - strspn(name + 1, "0") <= 16 && !name[1 + digits];
}

/* The number of a config term, or -1. */
static int find_config(const char *name)
{
	for (size_t i = 0; i < NR(configs); i++)
		if (!strcmp(configs[i], name))
			return i;
	return -1;
}

/* event=NAME: the other way to write an event of sysfs. */
static bool spec_names_event(const struct term *term)
{
	return !strcmp(term->name, "event") && term->value &&
	       !isdigit((unsigned char)*term->value) && *term->value != '-' &&
	       spec_is_name(term->value, NAME_PUNCTUATION);
}

/* term,term=value,..., cut in place, behind what there is. What the values are is seen where
 * they are used: in sysfs they may be "?". */
static int spec_split(struct parser *p, char *text, struct terms *terms)
{
	char *value;

	while ((value = strsep(&text, ","))) {
		const char *name = strsep(&value, "=");

		if (!spec_is_name(name, NAME_PUNCTUATION) ||
		    (value && (!*value || strchr(value, '/'))))
			return spec_wrong(p, -EINVAL,
					  "'%.80s' is no term; write term or term=value", name);
		if (terms->nr == MAX_TERMS)
			return spec_wrong(p, -EINVAL, "more than %d terms; leave some out",
					  MAX_TERMS);
		terms->list[terms->nr++] = (struct term){name, value, false};
	}
	return 0;
}

/* CONFIG:BITS,... where bits are as 3 or 0-7; the value fills them from low to high. */
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

/* Of what is about recording, which perf takes beside the terms of any PMU. */
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
	return spec_wrong(p, -EINVAL, "term %s is about recording, and not taken; leave it out",
			  name);
}

/* Where the value of a term of the PMU goes. */
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
				       "PMU %s has no term %s; use one of config, config1, config2, "
				       "config3, config4%s, or an event that paimonctl list %s shows",
				       p->spec->pmu, name, names, p->spec->pmu)
			     : -ENOMEM;
	}
	r = r ?: parse_format(format, ret_config, ret_mask);
	if (r == -ENOTSUP)
		return spec_wrong(
			p, -EINVAL,
			"format/%s of PMU %s is of a word that this version does not know: it "
			"ends at config4; use another term",
			name, p->spec->pmu);
	if (r == -EINVAL)
		return spec_wrong(
			p, r,
			"the kernel does not say in format/%s of PMU %s which bits term %s "
			"has; use config=, config1=, config2=, config3= or config4= instead",
			name, p->spec->pmu, name);
	return r;
}

static int spec_find_value(struct parser *p, const struct term *term, uint64_t max,
			   uint64_t *ret_value)
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

/* A config term is all of a word, the last one counts. The others are bits in addition, as in
 * perf. */
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

/* The terms of a text, of which the first ones are an event's: in whatever order they are,
 * config terms are the base. */
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

/* Files of an event beside its own. */
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

/* The file of an event, by its name in whatever case. 0, -ENOENT or -ENOMEM. */
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
 * What event of sysfs is meant by a term, if any: a word that is no term of the PMU, or the
 * value of event. A word as r1a2 is an event, or else a raw config, whatever terms there are.
 * 0, also without one, or a negative errno.
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
	if (!named && !(word && spec_is_raw(term->name)) && is_format(p, term->name))
		return 0;
	r = find_event(p, named ? term->value : term->name, ret_event);
	if (r == -ENOENT && word && spec_is_raw(term->name))
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
					  "%s is an event too; write two specifications", found);
		else
			event = found, found = NULL;
	}
	terms->nr = nr;
	*ret_event = event;
	event = NULL;
	return 0;
}

/* The attributes of an event of sysfs, and its terms, in text. */
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
			"its scale in sysfs, '%.80s', is not a number; to count without one, "
			"write the terms of the event instead of its name",
			spec->scale);
	return 0;
}

/* Puts the terms of an event of sysfs, in text, before those given, which have the values that
 * it asks for. */
static int add_event(struct parser *p, char *text, struct terms *terms, size_t *ret_nr)
{
	_cleanup_free_ struct terms *all = calloc(1, sizeof(*all));
	size_t nr = 0;
	int r = all ? spec_split(p, text, all) : -ENOMEM;

	for (size_t i = 0; i < (r ? 0 : all->nr); i++) {
		struct term *term = &all->list[i];
		bool asked = term->value && !strcmp(term->value, "?"), given = false;

		if (!term->value && spec_is_raw(term->name) && !is_format(p, term->name))
			*term = (struct term){"config", term->name + 1, true};
		for (size_t j = 0; j < terms->nr; j++)
			given |= !strcmp(terms->list[j].name, term->name);
		if (asked && !given)
			return spec_wrong(p, -EINVAL,
					  "asks for a value of term %s; write %s/%s,%s=...",
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

/* NAME/EVENT,TERM=VALUE,.../: each term once, with what it amounts to. */
static char *make_text(const char *name, const char *event, const struct terms *terms, size_t nr,
		       const uint64_t *values)
{
	struct buffer buffer = {};
	bool first = true;

	buffer_add_string(&buffer, name);
	buffer_add_string(&buffer, "/");
	if (event) {
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

/* An event that is not written as a PMU's: by its name. */
static const struct named_event *spec_find_named(const char *name)
{
	for (size_t i = 0; i < NR(named_events); i++)
		if (!strcmp(named_events[i].name, name) ||
		    (named_events[i].other && !strcmp(named_events[i].other, name)))
			return &named_events[i];
	return NULL;
}

/* Cuts one of the names, with the - before it, off a text: its number, or -1. */
static int cut_name(const char *const (*names)[6], size_t nr, bool separated, const char **text)
{
	size_t length = 0;
	int found = -1;

	if (separated && **text != '-')
		return -1;
	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < 6 && names[i][j]; j++) {
			const char *rest = *text + separated;
			size_t n = strlen(names[i][j]);

			/* The longest: L1-data is no l1-d. */
			if (n > length && !strncmp(rest, names[i][j], n) &&
			    (!rest[n] || rest[n] == '-')) {
				length = n;
				found = i;
			}
		}
	*text += found < 0 ? 0 : length + separated;
	return found;
}

/* A cache, and in any order what is done there and whether it misses: as perf, a load that need
 * not miss if not said. ret_name: canonical. */
static bool spec_find_cache(const char *text, uint64_t *ret_config, char ret_name[64])
{
	int cache = cut_name(caches, NR(caches), false, &text), operation = -1, result = -1;

	if (cache < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		int one = operation < 0 ? cut_name(operations, NR(operations), true, &text) : -1;

		if (one >= 0)
			operation = one;
		else if (result < 0)
			result = cut_name(results, NR(results), true, &text);
	}
	if (operation < 0)
		operation = 0;
	if (result < 0)
		result = 0;
	if (*text || !(cache_operations[cache] >> operation & 1))
		return false;
	*ret_config = cache | operation << 8 | result << 16;
	if (result)
		snprintf(ret_name, 64, "%s-%s-%s", caches[cache][0], operations[operation][0],
			 results[result][0]);
	else
		snprintf(ret_name, 64, "%s-%s", caches[cache][0], operations[operation][1]);
	return true;
}

/* cpu_core/cycles/: a generic event of one of the PMUs of CPUs, without a file in sysfs. */
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
	/* Of which of several, where there are. */
	if (spec->cpus)
		spec->config |= (uint64_t)spec->type << 32;
	spec->type = named ? PERF_TYPE_HARDWARE : PERF_TYPE_HW_CACHE;
	return asprintf(&spec->text, "%s/%s/", name, canonical) >= 0 || (spec->text = NULL, false);
}

/* Terms of the PMU whose folder is open. name: what the text calls it. */
static int spec_parse_terms(struct parser *p, const char *name, char *text)
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
	p->spec->text = make_text(name, event, terms, nr, values);
	return p->spec->text ? 0 : -ENOMEM;
}

static int read_type(struct parser *p)
{
	_cleanup_free_ char *line = NULL;
	uint64_t type;
	int r = spec_read_device(p, "", "type", "", &line);

	if (r < 0)
		return r;
	if (spec_parse_number(line, UINT32_MAX, &type) < 0)
		return spec_wrong(p, -EINVAL,
				  "type of PMU %s is '%.80s', not a number; use another PMU",
				  p->spec->pmu, line);
	p->spec->type = type;
	return 0;
}

static int read_cpus(struct parser *p)
{
	struct event_spec *spec = p->spec;
	_cleanup_free_ unsigned int *cpus = NULL;
	_cleanup_free_ char *line = NULL;
	size_t nr;
	int r = spec_read_device(p, "", "cpumask", "", &line);

	spec->uncore = !r;
	if (r == -ENOENT)
		r = spec_read_device(p, "", "cpus", "", &line);
	spec->core = !spec->uncore && (!r || !strcmp(spec->pmu, "cpu"));
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cpulist_parse(line, MAX_CPU, &cpus, &nr);
	if (r == -EINVAL)
		return spec_wrong(p, r, "CPUs of PMU %s are '%.80s', not a list; use another PMU",
				  spec->pmu, line);
	spec->cpus = r ? NULL : cpulist_format(cpus, nr);
	return spec->cpus ? 0 : -ENOMEM;
}

/* Groups of PMUs */

/* Is a PMU one of the boxes that a name stands for, as uncore_imc_3 and uncore_imc of imc? */
static bool is_box(const char *pmu, const char *name)
{
	size_t length = strlen(name), digits;

	if (!strncmp(pmu, "uncore_", 7) && strncmp(name, "uncore_", 7) != 0)
		pmu += 7;
	if (strncmp(pmu, name, length) != 0)
		return false;
	pmu += length;
	if (!*pmu)
		return true;
	if (*pmu != '_')
		return !pmu[strspn(pmu, "0123456789")];
	pmu++;
	digits = strspn(pmu, "0123456789abcdef");
	/* In hex it is an address, and as long as one: cpum_cf is no box of cpum. */
	return digits && !pmu[digits] && (digits > 2 || !pmu[strspn(pmu, "0123456789")]);
}

/* Without sysfs there are none. */
static struct dirent **list_pmus(const char *pmus, int *ret_nr)
{
	struct dirent **entries = NULL;
	int nr = scandir(pmus, &entries, NULL, versionsort);

	*ret_nr = nr < 0 ? 0 : nr;
	return entries;
}

static void free_list(struct dirent **entries, int nr)
{
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
}

/* Adds a PMU that has been looked at to those of an event. */
static int add_pmu(struct event_spec *spec, const struct event_spec *box)
{
	struct event_pmu *pmus = reallocarray(spec->pmus, spec->nr_pmus + 1, sizeof(*pmus));
	struct event_pmu pmu = {.type = box->type, .uncore = box->uncore};

	if (!pmus)
		return -ENOMEM;
	spec->pmus = pmus;
	pmu.name = strdup(box->pmu);
	pmu.cpus = box->cpus ? strdup(box->cpus) : NULL;
	pmus[spec->nr_pmus++] = pmu;
	return pmu.name && (pmu.cpus || !box->cpus) ? 0 : -ENOMEM;
}

static void spec_free_pmus(struct event_spec *spec)
{
	for (size_t i = 0; i < spec->nr_pmus; i++) {
		free(spec->pmus[i].name);
		free(spec->pmus[i].cpus);
	}
	free(spec->pmus);
	spec->pmus = NULL;
	spec->nr_pmus = 0;
}

static struct event_spec *spec_new(void)
{
	struct event_spec *spec = calloc(1, sizeof(*spec));

	if (!spec)
		return NULL;
	spec->unit = strdup("");
	spec->scale = strdup("");
	if (spec->unit && spec->scale)
		return spec;
	event_spec_free(spec);
	return NULL;
}

/* One PMU, by its folder's name, and what the terms mean there. NULL: only what it is. name: what
 * the text calls it. */
static int parse_box(struct parser *p, const char *folder, const char *name, const char *terms,
		     struct event_spec **ret_box)
{
	_cleanup_(event_spec_freep) struct event_spec *box = spec_new();
	_cleanup_free_ char *path = NULL, *copy = terms ? strdup(terms) : NULL;
	int r;

	if (!box || (terms && !copy))
		return -ENOMEM;
	if (asprintf(&path, "%s/%s", p->pmus, folder) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	box->pmu = strdup(folder);
	if (!box->pmu)
		return -ENOMEM;
	p->spec = box;
	p->device = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = p->device < 0 ? spec_wrong(p, -errno, "no PMU %s in %s: %s; use another one", folder,
				       p->pmus, strerror(errno))
			  : 0;
	r = r ?: read_type(p);
	r = r ?: read_cpus(p);
	r = r ?: add_pmu(box, box);
	if (!r && terms)
		r = spec_parse_terms(p, name, copy);
	cleanup_close_fd(&p->device);
	p->device = -1;
	p->spec = NULL;
	if (r < 0)
		return r;
	*ret_box = box;
	box = NULL;
	return 0;
}

/* Puts a box beside the ones before it. */
static int add_box(struct parser *p, struct event_spec **spec, struct event_spec *box)
{
	struct event_spec *all = *spec;
	int r;

	if (!all) {
		*spec = box;
		return 0;
	}
	r = add_pmu(all, box);
	all->level |= box->level;
	/* Of a generic event each PMU's type is said where it is opened. */
	if (box->type == PERF_TYPE_HARDWARE || box->type == PERF_TYPE_HW_CACHE) {
		all->config = (uint32_t)all->config;
		box->config = (uint32_t)box->config;
	}
	if (!r && (all->config != box->config || all->config1 != box->config1 ||
		   all->config2 != box->config2 || all->config3 != box->config3 ||
		   all->config4 != box->config4 || all->uncore != box->uncore ||
		   strcmp(all->unit, box->unit) || strcmp(all->scale, box->scale)))
		r = spec_wrong(p, -EINVAL,
			       "PMUs %s and %s take it for different things; write one of them",
			       all->pmu, box->pmu);
	event_spec_free(box);
	return r;
}

/* The CPUs of all boxes; any, where one says none. */
static int join_cpus(struct event_spec *spec)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	struct buffer buffer = {};
	_cleanup_free_ char *text = NULL;
	size_t nr;
	int r;

	for (size_t i = 0; i < spec->nr_pmus; i++) {
		if (!spec->pmus[i].cpus) {
			free(buffer.data);
			free(spec->cpus);
			spec->cpus = NULL;
			return 0;
		}
		buffer_add_string(&buffer, buffer.size && *spec->pmus[i].cpus ? "," : "");
		buffer_add_string(&buffer, spec->pmus[i].cpus);
	}
	text = buffer_take_string(&buffer);
	r = text ? cpulist_parse(text, MAX_CPU, &cpus, &nr) : -ENOMEM;
	if (r < 0)
		return r;
	free(spec->cpus);
	spec->cpus = cpulist_format(cpus, nr);
	return spec->cpus ? 0 : -ENOMEM;
}

static int no_pmu(struct parser *p, const char *name)
{
	_cleanup_close_ int folder = open(p->pmus, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *names = folder < 0 ? strdup("") : spec_list_names(folder, ".");

	return names ? spec_wrong(p, -ENOENT, "no PMU %s in %s: %s; %s%s", name, p->pmus,
				  strerror(ENOENT), *names ? "there are" : "is sysfs mounted?",
				  *names ? names + 1 : "")
		     : -ENOMEM;
}

/* All boxes that a name stands for. One that lacks the event is left out, as perf does it, unless
 * all do. */
static int parse_boxes(struct parser *p, const char *name, const char *terms,
		       struct event_spec **ret_spec)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	int nr, lacking = 0, r = 0;
	struct dirent **entries = list_pmus(p->pmus, &nr);

	for (int i = 0; i < nr && !r; i++) {
		struct event_spec *box = NULL;

		if (!is_box(entries[i]->d_name, name))
			continue;
		r = parse_box(p, entries[i]->d_name, name, terms, &box);
		if (r == -EINVAL) {
			lacking++;
			r = 0;
		} else if (!r) {
			r = add_box(p, &spec, box);
		}
	}
	free_list(entries, nr);
	if (!r && !spec)
		r = lacking ? -EINVAL : no_pmu(p, name);
	if (!r && spec->level && spec->nr_pmus > 1)
		r = spec_wrong(p, -EINVAL,
			       "is a level, and not to be summed; write one of PMUs %s and %s",
			       spec->pmu, spec->pmus[1].name);
	r = r ?: join_cpus(spec);
	if (r < 0)
		return r;
	*ret_spec = spec;
	spec = NULL;
	return 0;
}

/* The text */

/* What counts: letters as of perf. Without G and H guests are left out where user mode counts, as
 * perf has it. */
static int parse_modifiers(struct parser *p, const char *letters, uint32_t *ret_exclude)
{
	uint32_t exclude = 0;

	for (const char *c = letters; *c; c++) {
		const char *letter = strchr(modifiers, *c);
		uint32_t bit = letter ? 1 << (letter - modifiers) : 0;

		if (!letter)
			return spec_wrong(
				p, -EINVAL,
				"%.10s: is no modifier; write what counts with letters of "
				"%s, or nothing",
				letters, modifiers);
		if (strchr(c + 1, *c))
			return spec_wrong(p, -EINVAL, "modifier %c is there twice; write it once",
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

/* Puts them behind the canonical text. */
static int add_modifiers(struct event_spec *spec, uint32_t exclude)
{
	bool slash = strchr(spec->text, '/'), guests = exclude & EVENT_GUESTS_CHOSEN;
	bool modes = exclude & EVENT_EXCLUDE_MODES || (exclude && !guests);
	char letters[8] = "", *text;
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

/* NAME/TERMS/MODIFIERS, cut in place. */
static int cut(struct parser *p, char *text, char **ret_terms, const char **ret_modifiers)
{
	char *terms = strchr(text, '/'), *end = terms ? strchr(terms + 1, '/') : NULL;

	if (!end)
		return spec_wrong(p, -EINVAL, "there is no second /; write pmu/term=value,term/");
	*terms++ = *end++ = 0;
	if (!spec_is_name(text, "_-."))
		return spec_wrong(p, -EINVAL, "'%.80s' is no name of a PMU; see paimonctl list",
				  text);
	*ret_terms = terms;
	*ret_modifiers = end;
	return 0;
}

/* What can be said of terms without their PMU. */
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

/* An event that is not written as a PMU's. */
static int spec_set_event(struct parser *p, const char *pmu, uint32_t type, uint64_t config,
			  const char *text)
{
	struct event_spec *spec = spec_new();

	if (!spec)
		return -ENOMEM;
	p->spec = spec;
	spec->pmu = strdup(pmu);
	spec->text = strdup(text);
	spec->type = type;
	spec->config = config;
	return spec->pmu && spec->text ? 0 : -ENOMEM;
}

/* Where CPUs are of several kinds, the PMU of each. */
static int spec_add_cores(struct parser *p)
{
	struct event_spec *spec = p->spec;
	int nr = 0, r = 0;
	struct dirent **entries = p->pmus ? list_pmus(p->pmus, &nr) : NULL;

	for (int i = 0; i < nr && r != -ENOMEM; i++) {
		_cleanup_(event_spec_freep) struct event_spec *box = NULL;
		_cleanup_free_ char *path = NULL;
		const char *name = entries[i]->d_name;

		if (asprintf(&path, "%s/%s/cpus", p->pmus, name) < 0) {
			path = NULL;
			r = -ENOMEM;
			break;
		}
		/* There are many others; and one that cannot be read is not one. */
		if (!spec_is_name(name, "_-.") || faccessat(AT_FDCWD, path, F_OK, 0) < 0)
			continue;
		r = parse_box(p, name, name, NULL, &box);
		if (!r && box->core && box->cpus)
			r = add_pmu(spec, box);
	}
	free_list(entries, nr);
	p->spec = spec;
	if (r == -ENOMEM)
		return r;
	if (spec->nr_pmus > 1)
		return join_cpus(spec);
	spec_free_pmus(spec);
	return 0;
}

/* Is it the name of an event without a PMU? */
static bool spec_is_generic(const char *name)
{
	char canonical[64];
	uint64_t config;

	return spec_find_named(name) || spec_find_cache(name, &config, canonical);
}

static int spec_parse_named(struct parser *p, const char *name)
{
	const struct named_event *event = spec_find_named(name);
	_cleanup_free_ char *names = NULL;
	struct buffer buffer = {};
	char canonical[64];
	uint64_t config;
	int r;

	if (event && event->type == PERF_TYPE_SOFTWARE)
		return spec_set_event(p, "software", event->type, event->config, event->name);
	if (event) {
		r = spec_set_event(p, "hardware", event->type, event->config, event->name);
	} else if (spec_find_cache(name, &config, canonical)) {
		r = spec_set_event(p, "hw-cache", PERF_TYPE_HW_CACHE, config, canonical);
	} else if (spec_is_raw(name)) {
		config = strtoull(name + 1, NULL, 16);
		snprintf(canonical, sizeof(canonical), "r%" PRIx64, config);
		r = spec_set_event(p, "raw", PERF_TYPE_RAW, config, canonical);
	} else {
		for (size_t i = 0; i < NR(named_events); i++) {
			buffer_add_string(&buffer, named_events[i].name);
			buffer_add_string(&buffer, ", ");
		}
		names = buffer_take_string(&buffer);
		return names ? spec_wrong(p, -EINVAL,
					  "no such event; use %sthose of caches as "
					  "L1-dcache-load-misses, rNNN in hex, system:event, or "
					  "pmu/term=value/",
					  names)
			     : -ENOMEM;
	}
	if (r < 0)
		return r;
	p->spec->core = true;
	return spec_add_cores(p);
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
			"no name of a tracepoint; write system:event, of letters, digits, _ "
			"and -");
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
			"%s is not for this user, and nobody looks it up for it: systemctl "
			"start paimon-opener.socket, or make tracefs readable",
			path);
	if (r == -ETIMEDOUT)
		return spec_wrong(p, r,
				  "paimon-opener does not answer: see journalctl -u "
				  "paimon-opener");
	if (r < 0)
		return spec_wrong(
			p, r,
			"no id of tracepoint %s in %s: %s; correct the name, load its module, "
			"or mount tracefs",
			text, path, strerror(-r));
	return spec_set_event(p, "tracepoint", PERF_TYPE_TRACEPOINT, id, text);
}

/* The PMU of that name, or else the boxes. */
static int spec_find_boxes(struct parser *p, const char *name, const char *terms)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", p->pmus, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return faccessat(AT_FDCWD, path, F_OK, 0) < 0 ? parse_boxes(p, name, terms, &p->spec)
						      : parse_box(p, name, name, terms, &p->spec);
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
		(spec_is_raw(text) && !rest[1 + strspn(rest + 1, modifiers)]);
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
			? spec_wrong(p, -EINVAL, "breakpoints (mem:) are not taken; use perf stat")
		: strchr(text, '/') ? parse_slashes(p, text, &exclude)
				    : parse_colons(p, text, &exclude);

	if (!r && p->spec)
		r = add_modifiers(p->spec, exclude);
	/* A file that there need not be leaves a message too. */
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

/* Puts a term in the place of the one of its name, or behind the others. */
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

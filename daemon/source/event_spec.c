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

#include "../util/buffer.h"
#include "../util/cpulist.h"

#define MAX_LINE 4096 /* sysfs gives a page at most */
#define MAX_TERMS 64
#define MAX_CPU 65535 /* kernels are built for fewer */
#define MAX_LIST 1000 /* of names in a message */

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

static const char *const configs[] = {"config", "config1", "config2", "config3"};

#define NR(array) (sizeof(array) / sizeof(*(array)))

struct term {
	const char *name;
	const char *value; /* NULL: the name alone */
};

/* Each name once, in the place of its first. */
struct terms {
	struct term list[MAX_TERMS];
	size_t nr;
};

struct parser {
	const char *text;
	struct event_spec *spec;
	int device;	   /* folder of the PMU, or -1 */
	const char *event; /* whose terms, out of sysfs, are looked at; NULL: those of the text */
	char *error;	   /* the last one */
};

/* Records what is wrong, on one line whatever it quotes. Returns r. */
__attribute__((format(printf, 3, 4))) static int wrong(struct parser *p, int r, const char *format,
						       ...)
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
static bool is_name(const char *text, const char *punctuation)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr(punctuation, text[length])))
		length++;
	return length && length < NAME_MAX - 10 && !text[length] && *text != '.';
}

/* Decimal, 0x and hex, 0 and octal. */
static int parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	/* strtoull() takes spaces and signs too. */
	if (!isdigit((unsigned char)*text) || errno || *end || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* The first line of a plain file of text. */
static int read_line(int folder, const char *path, char **ret_line)
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
static int read_device(struct parser *p, const char *folder, const char *name, const char *suffix,
		       char **ret_line)
{
	_cleanup_free_ char *path = NULL;
	char *line;
	int r;

	if (asprintf(&path, "%s%s%s", folder, name, suffix) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = read_line(p->device, path, &line);
	if (r < 0)
		return wrong(p, r, "cannot read %.300s of PMU %s: %s; use another event", path,
			     p->spec->pmu, strerror(-r));
	free(*ret_line);
	*ret_line = line;
	return 0;
}

/* For messages: the names in a folder, a comma before each. NULL: out of memory. */
static char *list_names(int folder, const char *path)
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

static size_t find_term(const struct terms *terms, const char *name)
{
	size_t i = 0;

	while (i < terms->nr && strcmp(terms->list[i].name, name) != 0)
		i++;
	return i;
}

/* Adds terms, which stay in text, to those before. */
static int split(struct parser *p, char *text, struct terms *terms)
{
	while (text) {
		char *value = strsep(&text, ",");
		const char *name = strsep(&value, "=");
		size_t i = find_term(terms, name);

		if (!is_name(name, "_-.") || (value && (!*value || strchr(value, '/'))))
			return wrong(p, -EINVAL, "'%.80s' is no term; write term or term=value",
				     name);
		if (i == MAX_TERMS)
			return wrong(p, -EINVAL, "more than %d terms; leave some out", MAX_TERMS);
		terms->list[i] = (struct term){name, value};
		if (i == terms->nr)
			terms->nr++;
	}
	return 0;
}

/* CONFIG:BITS,... where bits are as 3 or 0-7; the value fills them from low to high. */
static int parse_format(char *text, size_t *ret_config, uint64_t *ret_mask)
{
	const char *word = strsep(&text, ":"), *range;
	size_t config = 0, nr = 0;
	uint64_t mask = 0;

	while (config < NR(configs) && strcmp(configs[config], word) != 0)
		config++;
	if (config == NR(configs) || !text)
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

/* Where the value of a term goes. */
static int find_bits(struct parser *p, const char *name, size_t *ret_config, uint64_t *ret_mask)
{
	_cleanup_free_ char *format = NULL, *names = NULL;
	int r;

	for (size_t i = 0; i < NR(configs); i++)
		if (!strcmp(configs[i], name)) {
			*ret_config = i;
			*ret_mask = UINT64_MAX;
			return 0;
		}
	r = read_device(p, "format/", name, "", &format);
	if (r == -ENOENT) {
		names = list_names(p->device, "format");
		return names ? wrong(p, -EINVAL,
				     "PMU %s has no term %s; use one of config, config1, config2, "
				     "config3%s, or an event that paimonctl list %s shows",
				     p->spec->pmu, name, names, p->spec->pmu)
			     : -ENOMEM;
	}
	r = r ?: parse_format(format, ret_config, ret_mask);
	if (r == -EINVAL)
		return wrong(p, r,
			     "the kernel does not say in format/%s of PMU %s which bits term %s "
			     "has; use config=, config1=, config2= or config3= instead",
			     name, p->spec->pmu, name);
	return r;
}

static int apply_term(struct parser *p, const struct term *term, uint64_t *ret_value)
{
	struct event_spec *spec = p->spec;
	uint64_t *const targets[] = {&spec->config, &spec->config1, &spec->config2, &spec->config3};
	uint64_t mask = 0, max, value, bits = 0;
	size_t config = 0;
	int r = find_bits(p, term->name, &config, &mask);

	if (r < 0)
		return r;
	max = UINT64_MAX >> (64 - __builtin_popcountll(mask));
	if (parse_number(term->value ?: "1", max, &value) < 0)
		return wrong(p, -EINVAL,
			     "term %s of PMU %s cannot be %.80s; write a number from 0 to %" PRIu64
			     " (0x%" PRIx64 ")",
			     term->name, spec->pmu, term->value, max, max);
	for (uint64_t left = mask, rest = value; left; left &= left - 1, rest >>= 1)
		if (rest & 1)
			bits |= left & -left;
	*targets[config] = (*targets[config] & ~mask) | bits;
	*ret_value = value;
	return 0;
}

/* An event of sysfs: its terms, but for those that are given, and its attributes. */
static int apply_event(struct parser *p, char *text, const struct terms *given)
{
	struct event_spec *spec = p->spec;
	struct terms terms = {};
	uint64_t value;
	char *end;
	int r = split(p, text, &terms);

	for (size_t i = 0; i < terms.nr && !r; i++)
		if (find_term(given, terms.list[i].name) == given->nr)
			r = apply_term(p, &terms.list[i], &value);
	r = r ?: read_device(p, "events/", p->event, ".unit", &spec->unit);
	if (r && r != -ENOENT)
		return r;
	r = read_device(p, "events/", p->event, ".scale", &spec->scale);
	if (r)
		return r == -ENOENT ? 0 : r;
	/* No program of paimon sets LC_NUMERIC: it is C. */
	if (!isfinite(strtod(spec->scale, &end)) || end == spec->scale || *end)
		return wrong(p, -EINVAL,
			     "its scale in sysfs, '%.80s', is not a number; to count without one, "
			     "write the terms of the event instead of its name",
			     spec->scale);
	return 0;
}

/* The term that is the name of an event is taken out, and goes first: what is given overrides. */
static int take_event(struct parser *p, struct terms *terms, const char **ret_event)
{
	_cleanup_free_ char *text = NULL;
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; i < terms->nr; i++) {
		struct term term = terms->list[i];

		/* With a dot: the unit or so of an event. */
		r = term.value || strchr(term.name, '.')
			    ? -ENOENT
			    : read_device(p, "events/", term.name, "", &text);
		if (!r && p->event)
			return wrong(p, -EINVAL, "%s is an event too; write two specifications",
				     term.name);
		if (!r)
			p->event = term.name;
		else if (r == -ENOENT)
			terms->list[nr++] = term;
		else
			return r;
	}
	terms->nr = nr;
	*ret_event = p->event;
	r = p->event ? apply_event(p, text, terms) : 0;
	p->event = NULL;
	return r;
}

static int apply_terms(struct parser *p, char *text)
{
	struct buffer buffer = {};
	struct terms terms = {};
	const char *event = NULL;
	int r = *text ? split(p, text, &terms) : 0;

	r = r ?: take_event(p, &terms, &event);
	buffer_add_string(&buffer, p->spec->pmu);
	buffer_add_string(&buffer, "/");
	buffer_add_string(&buffer, event ?: "");
	for (size_t i = 0; i < terms.nr && !r; i++) {
		uint64_t value = 0;
		char number[32];

		r = apply_term(p, &terms.list[i], &value);
		snprintf(number, sizeof(number), value < 10 ? "=%" PRIu64 : "=0x%" PRIx64, value);
		buffer_add_string(&buffer, event || i ? "," : "");
		buffer_add_string(&buffer, terms.list[i].name);
		buffer_add_string(&buffer, number);
	}
	buffer_add_string(&buffer, "/");
	p->spec->text = buffer_take_string(&buffer);
	return r ?: p->spec->text ? 0 : -ENOMEM;
}

static int read_type(struct parser *p)
{
	_cleanup_free_ char *line = NULL;
	uint64_t type;
	int r = read_device(p, "", "type", "", &line);

	if (r < 0)
		return r;
	if (parse_number(line, UINT32_MAX, &type) < 0)
		return wrong(p, -EINVAL, "type of PMU %s is '%.80s', not a number; use another PMU",
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
	int r = read_device(p, "", "cpumask", "", &line);

	spec->uncore = !r;
	if (r == -ENOENT)
		r = read_device(p, "", "cpus", "", &line);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cpulist_parse(line, MAX_CPU, &cpus, &nr);
	if (r == -EINVAL)
		return wrong(p, r, "CPUs of PMU %s are '%.80s', not a list; use another PMU",
			     spec->pmu, line);
	spec->cpus = r ? NULL : cpulist_format(cpus, nr);
	return spec->cpus ? 0 : -ENOMEM;
}

static int open_device(struct parser *p, const char *pmus)
{
	_cleanup_close_ int folder = open(pmus, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *names = NULL;
	int r;

	p->device = openat(folder, p->spec->pmu, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->device >= 0)
		return 0;
	r = folder < 0 ? -ENOENT : -errno;
	names = folder < 0 ? strdup("") : list_names(folder, ".");
	return names ? wrong(p, r, "no PMU %s in %s: %s; %s%s", p->spec->pmu, pmus, strerror(-r),
			     *names ? "there are" : "is sysfs mounted?", *names ? names + 1 : "")
		     : -ENOMEM;
}

/* PMU/TERMS/, cut in place. */
static int cut(struct parser *p, char *text, char **ret_terms)
{
	char *terms = strchr(text, '/'), *end = terms ? strchr(terms + 1, '/') : NULL;

	if (!end || end[1])
		return wrong(p, -EINVAL,
			     "%s; write pmu/term=value,term/, with nothing behind the last /",
			     end ? "modifiers are not known" : "there is no second /");
	*terms++ = *end = 0;
	if (!is_name(text, "_-."))
		return wrong(p, -EINVAL, "'%.80s' is no name of a PMU; see paimonctl list", text);
	*ret_terms = terms;
	return 0;
}

static int parse_pmu(struct parser *p, const char *pmus)
{
	char *terms;
	int r;

	p->spec->pmu = strdup(p->text);
	r = p->spec->pmu ? cut(p, p->spec->pmu, &terms) : -ENOMEM;
	r = r ?: open_device(p, pmus);
	r = r ?: read_type(p);
	r = r ?: read_cpus(p);
	return r ?: apply_terms(p, terms);
}

/* An event that is not written as a PMU's. */
static int set_event(struct parser *p, const char *pmu, uint32_t type, uint64_t config,
		     const char *text)
{
	p->spec->pmu = strdup(pmu);
	p->spec->text = strdup(text);
	p->spec->type = type;
	p->spec->config = config;
	return p->spec->pmu && p->spec->text ? 0 : -ENOMEM;
}

static const struct named_event *find_named(const char *name)
{
	for (size_t i = 0; i < NR(named_events); i++)
		if (!strcmp(named_events[i].name, name) ||
		    (named_events[i].other && !strcmp(named_events[i].other, name)))
			return &named_events[i];
	return NULL;
}

static int parse_tracepoint(struct parser *p, const char *events)
{
	_cleanup_free_ char *system = strdup(p->text), *path = NULL, *line = NULL;
	char *event = system;
	uint64_t id;
	int r;

	if (!system)
		return -ENOMEM;
	strsep(&event, ":");
	if (find_named(system))
		return wrong(p, -EINVAL, "modifiers are not known; write %s", system);
	if (!is_name(system, "_-") || !is_name(event, "_-"))
		return wrong(p, -EINVAL,
			     "no name of a tracepoint; write system:event, of letters, digits, _ "
			     "and -");
	if (asprintf(&path, "%s/%s/%s/id", events, system, event) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = read_line(AT_FDCWD, path, &line);
	r = r ?: parse_number(line, INT_MAX, &id);
	if (r == -EACCES)
		return wrong(p, r,
			     "%s is not for this user; as root: paimonctl event open %s, or write "
			     "tracepoint/config=ID/ with the id that is there",
			     path, p->text);
	if (r < 0)
		return wrong(p, r,
			     "no id of tracepoint %s in %s: %s; correct the name, load its module, "
			     "or mount tracefs",
			     p->text, path, strerror(-r));
	return set_event(p, "tracepoint", PERF_TYPE_TRACEPOINT, id, p->text);
}

static int parse_named(struct parser *p)
{
	const struct named_event *event = find_named(p->text);
	const char *hex = *p->text == 'r' ? p->text + 1 : "";
	size_t digits = strspn(hex, "0123456789abcdefABCDEF");
	_cleanup_free_ char *names = NULL;
	struct buffer buffer = {};
	uint64_t config;
	char raw[32];

	if (event)
		return set_event(p, event->type == PERF_TYPE_HARDWARE ? "hardware" : "software",
				 event->type, event->config, event->name);
	if (digits >= 1 && digits <= 16 && !hex[digits]) {
		config = strtoull(hex, NULL, 16);
		snprintf(raw, sizeof(raw), "r%" PRIx64, config);
		return set_event(p, "raw", PERF_TYPE_RAW, config, raw);
	}
	for (size_t i = 0; i < NR(named_events); i++) {
		buffer_add_string(&buffer, named_events[i].name);
		buffer_add_string(&buffer, ", ");
	}
	names = buffer_take_string(&buffer);
	return names ? wrong(p, -EINVAL,
			     "no such event; use %srNNN in hex, system:event, or pmu/term=value/",
			     names)
		     : -ENOMEM;
}

int event_spec_parse(const char *pmus, const char *tracefs_events, const char *text,
		     struct event_spec **ret_spec, char **ret_error)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = calloc(1, sizeof(*spec));
	struct parser p = {.text = text, .spec = spec, .device = -1};
	int r;

	if (spec) {
		spec->unit = strdup("");
		spec->scale = strdup("");
	}
	if (!spec || !spec->unit || !spec->scale)
		r = -ENOMEM;
	else if (strchr(text, '/'))
		r = parse_pmu(&p, pmus);
	else if (strchr(text, ':'))
		r = parse_tracepoint(&p, tracefs_events);
	else
		r = parse_named(&p);
	cleanup_close_fd(&p.device);
	/* A file that there need not be leaves a message too. */
	if (!r || r == -ENOMEM) {
		free(p.error);
		p.error = NULL;
	}
	if (r < 0) {
		*ret_error = p.error;
		return r;
	}
	*ret_spec = spec;
	spec = NULL;
	return 0;
}

void event_spec_free(struct event_spec *spec)
{
	if (!spec)
		return;
	free(spec->text);
	free(spec->pmu);
	free(spec->unit);
	free(spec->scale);
	free(spec->cpus);
	free(spec);
}

int event_spec_set(const char *text, const char *terms, char **ret_text)
{
	_cleanup_free_ char *copy = strdup(text), *add = strdup(terms);
	struct parser p = {.text = text};
	struct buffer buffer = {};
	struct terms all = {};
	char *first = NULL, *result;
	int r = copy && add ? cut(&p, copy, &first) : -ENOMEM;

	if (!r && *first)
		r = split(&p, first, &all);
	r = r ?: split(&p, add, &all);
	free(p.error);
	if (r < 0)
		return r;
	buffer_add_string(&buffer, copy);
	buffer_add_string(&buffer, "/");
	for (size_t i = 0; i < all.nr; i++) {
		buffer_add_string(&buffer, i ? "," : "");
		buffer_add_string(&buffer, all.list[i].name);
		buffer_add_string(&buffer, all.list[i].value ? "=" : "");
		buffer_add_string(&buffer, all.list[i].value ?: "");
	}
	buffer_add_string(&buffer, "/");
	result = buffer_take_string(&buffer);
	if (!result)
		return -ENOMEM;
	*ret_text = result;
	return 0;
}

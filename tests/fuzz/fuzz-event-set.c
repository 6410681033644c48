// SPDX-License-Identifier: GPL-2.0
/*
 * The file of an event set, of any content: either everything is in its bounds, formulas have
 * finite values or none, and the rules are well formed, or there are lines that name lines of the
 * file.
 */
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event-rules/rules.h"
#include "fuzz.h"
#include "util/event_set/internal.h"

#define FAMILY "[family]\nhelp = h\nsource = s\npmu = p*\n"

const struct seed fuzz_seeds[] = {
	SEED(FAMILY "events = a, b\n[formula x]\nhelp = h\nunit = B/s\nvalue = a * 32 + b\n"
		    "[formula y]\nhelp = h\nunit = ratio\nvalue = a / (a + b)\n"),
	SEED(FAMILY "events = a-b c.d _\nidentifier = 0x2cf0036b/0xfff00fff, i.MX8\nimplementer = "
		    "0x36b\n[formula z]\nhelp = h\nunit = s\nvalue = (a-b - c.d) / 1e-3 / _\n"),
	SEED("[family]\nhelp = \xe2\x80\xa8\nsource = s\npmu = u_[0-9] [!a-c_]?* x.y\nevents = e\n"
	     "[formula z]\nhelp = \xc3\xa4\nunit = 1/s\nvalue = ((2 - e) * (e - 1)) / (e / 2)\n"),
	SEED("[formula a]\nvalue = a / 0\n[formula a]\n[family]\nevents = a a 9 b\npmu = [ [z-a]\n"
	     "identifier = 0x1/0x0 0x 0x123456789\nimplementer = 1\nhelp =\nhelp = b\ncolour = 2\n"),
	SEED(FAMILY
	     "events = a\n[formula b]\nhelp = h\nunit = GB/s\nvalue = ((((((((((((((((((a\n"
	     "[formula c]\nvalue = a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a"
	     "+a+a+a+a\n[formula d]\nvalue = 1e999 * a\n[formula e]\nvalue = a * 0x2\n"),
	SEED(FAMILY "events = a\ncpus = online\n"),
	SEED(FAMILY "events = a\ncpus = 0-3\nidentifier = 0x1\n"),
	SEED("# nothing\n"),
	{},
};

static size_t check_list(char **list, size_t max)
{
	size_t nr = 0;

	for (; list && list[nr]; nr++) {
		must(*list[nr] && strlen(list[nr]) <= 63 && !strpbrk(list[nr], " ,\"'\\"));
		for (size_t i = 0; i < nr; i++)
			must(strcmp(list[i], list[nr]));
	}
	must(nr <= max);
	return nr;
}

static void check_formula(const struct event_set *set, const struct event_set_formula *formula)
{
	static const double samples[] = {0, 1, NAN, 1e-300, 3e9, 1.8e19, 7};
	double rates[EVENT_SET_MAX_EVENTS], value = 42, same;
	bool used = false, unknown = false, has_value;

	must(*formula->name && strlen(formula->name) <= 40 && *formula->help);
	must(formula->unit < EVENT_SET_NR_UNITS);
	for (size_t shift = 0; shift < sizeof(samples) / sizeof(*samples); shift++) {
		unknown = false;
		for (size_t i = 0; i < set->nr_events; i++) {
			rates[i] = samples[(i * 3 + shift) % (sizeof(samples) / sizeof(*samples))];
			if (!formula_uses(formula->formula, i))
				continue;
			used = true;
			unknown = unknown || isnan(rates[i]);
		}
		has_value = formula_value(formula->formula, rates, &value);
		must(isfinite(value) && (has_value || value == 42));
		must(!unknown || !has_value);
		must(has_value == formula_value(formula->formula, rates, &same));
		value = 42;
	}
	must(used);
}

static void check_set(struct event_set *set)
{
	must(check_list(set->events, EVENT_SET_MAX_EVENTS) == set->nr_events && set->nr_events);
	must(check_list(set->pmus, EVENT_SET_MAX_PATTERNS));
	check_list(set->identifiers, EVENT_SET_MAX_PATTERNS);
	must(!set->of_cpus || (!set->identifiers && !set->implementer));
	must(*set->help && *set->source && set->nr_formulas <= EVENT_SET_MAX_FORMULAS);
	for (size_t i = 0; i < set->nr_events; i++)
		must(formula_name_valid(set->events[i]));
	for (size_t i = 0; i < set->nr_formulas; i++)
		check_formula(set, &set->formulas[i]);
}

/* One line a rule, in ASCII; quotes and parentheses are balanced in each line but comments. */
static void check_rules(struct event_set *set)
{
	struct event_sets sets = {.sets = &set, .nr_sets = 1};
	struct buffer buffer = {};
	size_t nr_rules = 0;
	char *text, *rest, *line;

	event_rules(&buffer, &sets);
	rest = text = buffer_take_string(&buffer);
	must(text);
	while ((line = strsep(&rest, "\n"))) {
		int quotes = 0, double_quotes = 0, open = 0;

		for (char *c = line; *c; c++) {
			must(*c >= ' ' && *c < 0x7f);
			quotes += *c == '\'';
			double_quotes += *c == '"';
			open += (*c == '(') - (*c == ')');
			must(open >= 0 || line[2] == '#');
		}
		if (line[0] == '#' || !strncmp(line, "  # ", 4))
			continue;
		must(quotes == (strchr(line, '\'') ? 2 : 0) && !(double_quotes % 2) && !open);
		nr_rules += !strncmp(line, "  - record: pmu:paimon_cspmu_", 29);
	}
	must(nr_rules == set->nr_formulas);
	free(text);
}

/* Which PMUs it has takes any text, here that of the file. */
static void check_find(struct event_set *set, const uint8_t *data, size_t size)
{
	struct event_sets sets = {.sets = &set, .nr_sets = 1};
	char *text = strndup((const char *)data, size > 100 ? 100 : size);
	const struct event_set_pmu pmus[] = {
		{text, text, text},
		{"p", NULL, NULL},
		{set->pmus[0], set->identifiers ? set->identifiers[0] : NULL, set->implementer},
	};

	for (size_t i = 0; i < 3; i++)
		event_sets_find(&sets, &pmus[i]);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct config_errors errors = {};
	struct event_set *set = NULL;
	char *text;

	if (fd < 0) {
		fd = memfd_create("event-set", MFD_CLOEXEC);
		must(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	must(!event_set_read("fuzz", path, &errors, &set));
	must(!set || !errors.nr);
	if (errors.nr) {
		text = config_errors_take(&errors);
		must(text);
		must_be_errors(text, path, data, size, 1);
		free(text);
	}
	if (set) {
		check_set(set);
		check_rules(set);
		check_find(set, data, size);
	}
	event_set_free(set);
	return 0;
}

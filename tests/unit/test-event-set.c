// SPDX-License-Identifier: GPL-2.0
/*
 * Event sets: their formulas, which family a PMU belongs to, the order of folders, bad files named
 * by line; and each formula that is shipped, on made-up counts, against what a hand computed.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "util/event_set.h"

/* Linked in place of strdup and calloc (--wrap): the one of this many calls fails. */
static int fails_in;
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);

char *__wrap_strdup(const char *text)
{
	return fails_in && !--fails_in ? NULL : __real_strdup(text);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return fails_in && !--fails_in ? NULL : __real_calloc(nr, size);
}

/* Formulas */

static char *const events[] = {"a", "b", "a-b", "zero", "unknown", "_x.y"};
static const double rates[] = {6, 4, 100, 0, NAN, 0.5};
#define NR_EVENTS (sizeof(events) / sizeof(*events))

static void test_values(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{"a", 6},
		{" a ", 6},
		{"a*b", 24},
		{"a + b", 10},
		{"a - b", 2},
		{"a-b", 100},
		{"a -b", 2},
		{"b - a", -2},
		{"2+a*b", 26},
		{"(2+a)*b", 32},
		{"2 * a + b", 16},
		{"a - b - 1", 1},
		{"a - (b - 1)", 3},
		{"a / b / 2", 0.75},
		{"a / (b / 2)", 3},
		{"a / b * 2", 3},
		{"a\t*1.5e2", 900},
		{"a * 1e-3", 0.006},
		{"_x.y/0.25", 2},
		{"zero", 0},
		{"zero / a", 0},
		{"zero * a + 1e30", 1e30},
		{"((((((((((((((((a))))))))))))))))", 6},
	};
	struct formula *formula;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double value = -1;
		char *error;

		if (formula_parse(cases[i].text, events, NR_EVENTS, &formula, &error) < 0)
			fail_msg("%s %s", cases[i].text, error);
		assert_true(formula_value(formula, rates, &value));
		assert_float_equal(value, cases[i].value, 1e-12);
		formula_free(formula);
	}
}

/* These have no value; what is there stays. */
static void test_no_value(void **state)
{
	static const char *const cases[] = {
		"a / zero",
		"zero / zero",
		"(a / zero) * 0 + b",
		"a / (b - 4)",
		"b / (a - b - 2)",
		"unknown",
		"unknown * 0",
		"a / unknown",
		"0 / unknown",
		"a * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30 * 1e30",
	};
	struct formula *formula;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double value = 7;
		char *error;

		if (formula_parse(cases[i], events, NR_EVENTS, &formula, &error) < 0)
			fail_msg("%s %s", cases[i], error);
		assert_false(formula_value(formula, rates, &value));
		assert_float_equal(value, 7, 0);
		formula_free(formula);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "has no event, number or ( at its end"},
		{"a +", "has no event, number or ( at its end"},
		{"* a", "has no event, number or ( at: * a"},
		{"a - -b", "has no event, number or ( at: -b"},
		{"-a", "has no event, number or ( at: -a"},
		{"a * ()", "has no event, number or ( at: )"},
		{"(a", "has no operator or ) at its end"},
		{"(a b)", "has no operator or ) at: b)"},
		{"a)", "has no operator at: )"},
		{"a b", "has no operator at: b"},
		{"a % b", "has no operator at: % b"},
		{"a ^ 2", "has no operator at: ^ 2"},
		{"c", "names c, which is not in events (a difference has blanks: a - b)"},
		{"b-a", "names b-a, which is not in events (a difference has blanks: a - b)"},
		{"A", "names A, which is not in events (a difference has blanks: a - b)"},
		{"a / 0", "divides by 0"},
		{"a / (2 - 1 - 1)", "divides by 0"},
		{"a / (0 / 5)", "divides by 0"},
		{"a / 0e5", "divides by 0"},
		{"a + 1 / (1 / 0)", "divides by 0"},
		{"1 + 2", "names no event"},
		{"a * 0x20", "has no number such as 64, 0.5 or 1e9 at: 0x20"},
		{"a * 64.", "has no number such as 64, 0.5 or 1e9 at: 64."},
		{"a * .5", "has no event, number or ( at: .5"},
		{"a * 1e", "has no number such as 64, 0.5 or 1e9 at: 1e"},
		{"a * 1e+", "has no number such as 64, 0.5 or 1e9 at: 1e+"},
		{"a * 64b", "has no number such as 64, 0.5 or 1e9 at: 64b"},
		{"a * 1e999", "has a number above 1e30: 1e999"},
		{"a * 111111111111111111111111111111111",
		 "has no number such as 64, 0.5 or 1e9 at: 111111111111111111111111111111111"},
		{"a * inf", "names inf, which is not in events (a difference has blanks: a - b)"},
		{"(((((((((((((((((a)))))))))))))))))", "is nested too deeply"},
		{"a + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + "
		 "(1 + 1)",
		 "is nested too deeply"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct formula *formula = NULL;
		char *error;

		assert_int_equal(formula_parse(cases[i].text, events, NR_EVENTS, &formula, &error),
				 -EINVAL);
		assert_null(formula);
		assert_string_equal(error, cases[i].error);
		free(error);
	}
}

/* The most that a formula can have, and one more. */
static void test_bounds(void **state)
{
	char text[FORMULA_MAX_TEXT + 2], *error;
	struct formula *formula;
	double value;

	/* 32 events and 31 operators, as a sum. */
	strcpy(text, "a");
	for (int i = 1; i < 32; i++)
		strcat(text, "+a");
	assert_int_equal(formula_parse(text, events, NR_EVENTS, &formula, &error), 0);
	assert_true(formula_value(formula, rates, &value));
	assert_float_equal(value, 6 * 32, 0);
	assert_true(formula_uses(formula, 0));
	assert_false(formula_uses(formula, 1));
	formula_free(formula);
	strcat(text, "+a");
	assert_int_equal(formula_parse(text, events, NR_EVENTS, &formula, &error), -EINVAL);
	assert_string_equal(error, "has more than 64 numbers, events and operators");
	free(error);
	memset(text, ' ', sizeof(text));
	text[0] = 'a';
	text[FORMULA_MAX_TEXT] = '\0';
	assert_int_equal(formula_parse(text, events, NR_EVENTS, &formula, &error), 0);
	formula_free(formula);
	text[FORMULA_MAX_TEXT] = ' ';
	text[FORMULA_MAX_TEXT + 1] = '\0';
	assert_int_equal(formula_parse(text, events, NR_EVENTS, &formula, &error), -EINVAL);
	assert_string_equal(error, "is longer than 512 bytes");
	free(error);
}

/* What is shipped */

static const char *const shipped_folders[] = {EVENT_SETS, NULL};

/* What folders have, without errors. */
static struct event_sets *load(const char *const *folders)
{
	struct event_sets *sets = NULL;
	char *errors = NULL;

	if (event_sets_load(folders, &sets, &errors) < 0 || errors)
		fail_msg("%s", errors);
	return sets;
}

/* What events advanced within 2 s. */
struct count {
	const char *event;
	double count;
};

struct example {
	const char *family;
	struct count counts[14];
	struct {
		const char *formula;
		const char *unit;
		double value;
	} values[8];
};

static const struct example examples[] = {
	{
		"ibm-z-nnpa",
		{
			{"CPU_CYCLES", 80e9}, /* 8 of 16 CPUs at 5 GHz, for 2 s */
			{"NNPA_INVOCATIONS", 4000},
			{"NNPA_COMPLETIONS", 3900},
			{"NNPA_WAIT_LOCK", 3e9},
			{"NNPA_HOLD_LOCK", 9e9},
			{"NNPA_INST_ONCHIP", 2400},
			{"NNPA_INST_OFFCHIP", 1600},
			{"NNPA_INST_DIFF", 800},
			{"NNPA_4K_PREFETCH", 1e6},
			{"NNPA_COMPL_LOCK", 4000},
			{"NNPA_RETRY_LOCK", 10},
			{"NNPA_RETRY_LOCK_WITH_PLO", 1},
		},
		{
			{"utilisation", "ratio", 0.1125}, /* 9 of 80 */
			{"contention", "ratio", 0.25},	  /* 3 of 12 */
			{"invocations", "1/s", 2000},
			{"incomplete", "ratio", 0.025}, /* 100 of 4000 */
			{"on_chip", "ratio", 0.6},
		},
	},
	{
		"intel-imc",
		{{"cas_count_read", 30e6}, {"cas_count_write", 10e6}, {"clockticks", 3.2e9}},
		{
			{"read", "B/s", 960e6},	   /* 15e6 * 64 */
			{"written", "B/s", 320e6}, /* 5e6 * 64 */
			{"total", "B/s", 1280e6},
			{"read_ratio", "ratio", 0.75},
			{"clock", "1/s", 1.6e9},
		},
	},
	{
		"intel-vtd",
		{{"pg_req_posted", 30}},
		{{"page_requests", "1/s", 15}},
	},
	{
		"nvidia-scf",
		{
			{"cycles", 4e9},
			{"cmem_rd_data", 8e9},
			{"cmem_wr_total_bytes", 64e9},
			{"remote_socket_rd_data", 1e9},
			{"remote_socket_wr_total_bytes", 5e9},
			{"cmem_rd_outstanding", 800e9},
			{"cmem_rd_access", 4e9},
		},
		{
			{"read", "B/s", 128e9}, /* 4e9 * 32 */
			{"written", "B/s", 32e9},
			{"remote_read", "B/s", 16e9}, /* 0.5e9 * 32 */
			{"remote_written", "B/s", 2.5e9},
			{"read_latency", "s", 100e-9}, /* 200 cycles of 0.5 ns */
			{"read_ratio", "ratio", 0.8},  /* 128 of 160 */
			{"clock", "1/s", 2e9},
		},
	},
	{
		"nvidia-pcie",
		{
			{"cycles", 2e9},
			{"rd_bytes_loc", 40e9},
			{"rd_bytes_rem", 6e9},
			{"wr_bytes_loc", 20e9},
			{"wr_bytes_rem", 8e9},
			{"rd_req_loc", 1e9},
			{"rd_cum_outs_loc", 500e9},
		},
		{
			{"read", "B/s", 20e9},
			{"written", "B/s", 10e9},
			{"remote_read", "B/s", 3e9},
			{"remote_written", "B/s", 4e9},
			{"read_latency", "s", 500e-9}, /* 500 cycles of 1 ns */
			{"clock", "1/s", 1e9},
		},
	},
	{
		"nvidia-nvlink-c2c",
		{
			{"cycles", 4e9},
			{"rd_bytes_loc", 800e9},
			{"rd_bytes_rem", 2e9},
			{"wr_bytes_loc", 400e9},
			{"wr_bytes_rem", 4e9},
			{"rd_req_loc", 8e9},
			{"rd_cum_outs_loc", 6400e9},
		},
		{
			{"read", "B/s", 400e9},
			{"written", "B/s", 200e9},
			{"remote_read", "B/s", 1e9},
			{"remote_written", "B/s", 2e9},
			{"read_latency", "s", 400e-9}, /* 800 cycles of 0.5 ns */
			{"clock", "1/s", 2e9},
		},
	},
};

static const struct example *find_example(const char *family)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
		if (!strcmp(examples[i].family, family))
			return &examples[i];
	fail_msg("no example of %s", family);
	return NULL;
}

static double count_of(const struct example *example, const char *event)
{
	for (const struct count *count = example->counts; count->event; count++)
		if (!strcmp(count->event, event))
			return count->count;
	fail_msg("no count of %s in the example of %s", event, example->family);
	return 0;
}

static void test_shipped(void **state)
{
	struct event_sets *sets = load(shipped_folders);

	assert_int_equal(sets->nr_sets, sizeof(examples) / sizeof(*examples));
	for (size_t i = 0; i < sets->nr_sets; i++) {
		const struct event_set *set = sets->sets[i];
		const struct example *example = find_example(set->name);
		double counted[EVENT_SET_MAX_EVENTS], none[EVENT_SET_MAX_EVENTS] = {}, value;
		size_t nr_values = 0;

		for (size_t j = 0; j < set->nr_events; j++)
			counted[j] = count_of(example, set->events[j]) / 2;
		while (example->values[nr_values].formula)
			nr_values++;
		assert_int_equal(set->nr_formulas, nr_values);
		for (size_t j = 0; j < set->nr_formulas; j++) {
			const struct event_set_formula *formula = &set->formulas[j];
			bool divides = strchr(formula->text, '/');

			assert_string_equal(formula->name, example->values[j].formula);
			assert_string_equal(event_set_units[formula->unit],
					    example->values[j].unit);
			assert_true(formula_value(formula->formula, counted, &value));
			assert_float_equal(value / example->values[j].value, 1, 1e-12);
			/* Where nothing is counted: 0, or no value where 0 is divided by 0. */
			assert_int_equal(formula_value(formula->formula, none, &value), !divides);
			if (!divides)
				assert_float_equal(value, 0, 0);
		}
	}
	event_sets_free(sets);
}

/* z16 has the first five events, older machines only the first: what can be known is. */
static void test_older_machines(void **state)
{
	struct event_sets *sets = load(shipped_folders);
	const struct event_set *set = event_sets_named(sets, "ibm-z-nnpa");
	const struct example *example = find_example(set->name);

	for (size_t nr = 1; nr <= 5; nr += 4) {
		double counted[EVENT_SET_MAX_EVENTS], value;

		for (size_t j = 0; j < set->nr_events; j++)
			counted[j] = j < nr ? example->counts[j].count / 2 : NAN;
		for (size_t j = 0; j < set->nr_formulas; j++) {
			const struct event_set_formula *formula = &set->formulas[j];

			assert_int_equal(formula_value(formula->formula, counted, &value),
					 nr == 5 && strcmp(formula->name, "on_chip"));
		}
	}
	assert_true(set->of_cpus);
	event_sets_free(sets);
}

/* Which family a PMU belongs to. */

static void belongs(const struct event_sets *sets, const char *family, const char *name,
		    const char *identifier, const char *implementer)
{
	const struct event_set_pmu pmu = {name, identifier, implementer};
	const struct event_set *set = event_sets_find(sets, &pmu);

	if (!set != !family || (set && strcmp(set->name, family)))
		fail_msg("%s %s is of %s", name, identifier ?: "", set ? set->name : "no family");
}

static void test_belongs(void **state)
{
	struct event_sets *sets = load(shipped_folders);

	/* The identifier decides, whatever the name is, and how the kernel writes it. */
	belongs(sets, "nvidia-scf", "nvidia_scf_pmu_36", "0x2cf0036b", "0x36b");
	belongs(sets, "nvidia-scf", "arm_cspmu_7", "0x2cf0036b", NULL);
	belongs(sets, "nvidia-scf", "arm_cspmu_7", "2cf1236b", NULL);
	belongs(sets, "nvidia-scf", "nvidia_pcie_pmu_0", "0x2CF0036B", NULL);
	belongs(sets, "nvidia-pcie", "nvidia_pcie_pmu_0", "0x1030036b", NULL);
	belongs(sets, "nvidia-nvlink-c2c", "nvidia_nvlink_c2c0_pmu_0", "0x1050036b", NULL);
	belongs(sets, "nvidia-nvlink-c2c", "nvidia_nvlink_c2c1_pmu_0", "0x1040036b", NULL);
	belongs(sets, NULL, "nvidia_scf_pmu_0", "0x2d00036b", NULL);
	belongs(sets, NULL, "nvidia_scf_pmu_0", "0x2cf0043b", NULL);
	belongs(sets, NULL, "nvidia_scf_pmu_0", "other", NULL);
	/* Without one it is the name. */
	belongs(sets, "nvidia-scf", "nvidia_scf_pmu_2364", NULL, NULL);
	belongs(sets, "nvidia-scf", "nvidia_scf_pmu_0", "", NULL);
	belongs(sets, "nvidia-scf", "nvidia_scf_pmu_0", NULL, "0x36B");
	belongs(sets, NULL, "nvidia_scf_pmu_0", NULL, "0x43b");
	belongs(sets, "nvidia-nvlink-c2c", "nvidia_nvlink_c2c1_pmu_0", NULL, NULL);
	belongs(sets, NULL, "nvidia_nvlink_c2c2_pmu_0", NULL, NULL);
	belongs(sets, "intel-imc", "uncore_imc_0", NULL, NULL);
	belongs(sets, "intel-imc", "uncore_imc_11", NULL, NULL);
	belongs(sets, NULL, "uncore_imc_free_running_0", NULL, NULL);
	belongs(sets, NULL, "uncore_imc", NULL, NULL);
	belongs(sets, "intel-vtd", "dmar0", NULL, NULL);
	belongs(sets, "intel-vtd", "dmar12", NULL, NULL);
	belongs(sets, NULL, "dmar", NULL, NULL);
	belongs(sets, "ibm-z-nnpa", "cpum_cf", NULL, NULL);
	belongs(sets, NULL, "cpum_cf_diag", NULL, NULL);
	belongs(sets, NULL, "cpum_sf", NULL, NULL);
	belongs(sets, NULL, "cpu", NULL, NULL);
	belongs(sets, NULL, "", NULL, NULL);
	/* A family without identifiers can have PMUs that have one. */
	belongs(sets, "intel-imc", "uncore_imc_0", "0x12", NULL);
	assert_string_equal(event_sets_named(sets, "intel-imc")->events[0], "cas_count_read");
	assert_null(event_sets_named(sets, "intel"));
	event_sets_free(sets);
}

/* Folders and files */

static char top[] = "/tmp/paimon-event-set-XXXXXX";
static char etc[64], usr[64], nowhere[64];
static const char *const folders[] = {etc, nowhere, usr, NULL};

#define FAMILY(events)                                                                  \
	"[family]\nhelp = some\nsource = somewhere\npmu = pmu_*\nevents = " events "\n" \
	"[formula one]\nhelp = first\nunit = 1/s\nvalue = a\n"

static void put(const char *folder, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	write_file(path, text, strlen(text));
}

static int set_up(void **state)
{
	assert_non_null(mkdtemp(top));
	snprintf(etc, sizeof(etc), "%s/etc", top);
	snprintf(usr, sizeof(usr), "%s/usr", top);
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere", top);
	return 0;
}

static int tear_down(void **state)
{
	remove_tree(top);
	return 0;
}

static int new_folders(void **state)
{
	if (!access(etc, F_OK)) {
		remove_tree(etc);
		remove_tree(usr);
	}
	return mkdir(etc, 0755) || mkdir(usr, 0755);
}

/* What is wrong with the files, with PATH/ cut off each line. Those without errors are in
 * *ret_sets. */
static char *load_bad(struct event_sets **ret_sets)
{
	char *errors = NULL, *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(event_sets_load(folders, ret_sets, &errors), 0);
	assert_non_null(errors);
	for (char *rest = errors, *line; (line = strsep(&rest, "\n"));) {
		assert_int_equal(strncmp(line, top, strlen(top)), 0);
		fprintf(out, "%s\n", line + strlen(top) + 1);
	}
	fclose(out);
	free(errors);
	return text;
}

static void test_override(void **state)
{
	struct event_sets *sets;
	char *errors;

	put(usr, "one.conf", FAMILY("a"));
	put(usr, "two.conf", FAMILY("a, b"));
	put(usr, "off.conf", FAMILY("a"));
	put(usr, "three.conf", FAMILY("a"));
	put(usr, "README", "text");
	put(usr, ".hidden.conf", "text");
	put(usr, "a.conf~", "text");
	put(etc, "two.conf", FAMILY("a, b, c"));
	put(etc, "off.conf", "# nothing\n");
	put(etc, "zero.conf", "\xef\xbb\xbf" FAMILY("a") "[family]\ncpus = online\n");
	sets = load(folders);
	assert_int_equal(sets->nr_sets, 4);
	assert_string_equal(sets->sets[0]->name, "one");
	assert_string_equal(sets->sets[1]->name, "three");
	assert_string_equal(sets->sets[2]->name, "two");
	assert_string_equal(sets->sets[3]->name, "zero");
	assert_int_equal(sets->sets[2]->nr_events, 3);
	assert_false(sets->sets[2]->of_cpus);
	assert_true(sets->sets[3]->of_cpus);
	assert_true(!strncmp(sets->sets[2]->path, etc, strlen(etc)));
	event_sets_free(sets);

	/* A mistake in /etc does not bring back the shipped one; the others stay. */
	put(etc, "two.conf", FAMILY("a") "value = b\n");
	errors = load_bad(&sets);
	assert_string_equal(errors, "etc/two.conf:10: value is already set in line 9\n");
	assert_int_equal(sets->nr_sets, 3);
	assert_null(event_sets_named(sets, "two"));
	free(errors);
	event_sets_free(sets);
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{"[family]\n", "1: [family] has no help\n1: [family] has no source\n"
			       "1: [family] has no pmu\n1: [family] has no events\n"},
		{"[formula a]\n",
		 " has no section [family]\n1: [formula a] has no help\n1: [formula a] has no unit\n"
		 "1: [formula a] has no value\n"},
		{"[family]\nhelp = h\nsource = s\nevents = a\npmu = p[0-9a-c_-] [z-a] [!-a] [b-_]\n",
		 "5: pmu: [z-a]: is not a pattern of names: [ without letters, digits, _ or - and ]\n"
		 "5: pmu: [b-_]: is not a pattern of names: [ without letters, digits, _ or - and ]\n"},
		{FAMILY("a") "[formula one]\n", "10: [formula one] is already in line 6\n"},
		{FAMILY("a") "[formula One]\n",
		 "10: [formula One] is not a valid name: 1 to 40 lower-case letters, digits and _, a "
		 "letter first\n"},
		{FAMILY("a") "[formula ]\nunit = s\n",
		 "10: [formula ] is not a valid name: 1 to 40 lower-case letters, digits and _, a "
		 "letter first\n"},
		{FAMILY("a") "[events]\nx = 1\n",
		 "10: unknown section [events] (sections: [family] and [formula NAME])\n"},
		{FAMILY("a") "colour = 1\n",
		 "10: section [formula NAME] has no key colour (see paimon-event-set(5))\n"},
		{FAMILY("a") "[family]\ncolour = 1\nhelp = again\n",
		 "11: section [family] has no key colour (see paimon-event-set(5))\n"
		 "12: help is already set in line 2\n"},
		{FAMILY("a") "[formula two]\nhelp =\nunit = GB/s\nvalue = a / 0\n",
		 "11: help is not a text of 1 to 200 bytes\n"
		 "12: unit = GB/s: is not B/s, s, ratio or 1/s\n"
		 "13: [formula two] value divides by 0\n"},
		{FAMILY("a") "[formula two]\nhelp = h\nunit = s\nvalue = b * 2\n",
		 "13: [formula two] value names b, which is not in events (a difference has blanks: a - "
		 "b)\n"},
		{FAMILY("a, a"), "5: events: a: is there twice\n"},
		{FAMILY("a 9b c- d/e"), "5: events: 9b: is not a name of an event\n"
					"5: events: c-: is not a name of an event\n"
					"5: events: d/e: is not a name of an event\n"},
		{FAMILY("a, b0123456789012345678901234567890123456789012345678901234567890123456"),
		 "5: events: b01234567890123456789012345678901234567890123456789012345678...: is longer "
		 "than 63 bytes\n"},
		{FAMILY(""), "5: events has no item\n"},
		{FAMILY("a a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 "
			"c6 c7 c8 c9 d0 d1 d2"),
		 "5: events: d2: is one too many\n"},
		{FAMILY("a") "[family]\nimplementer = 36b\nidentifier = 0x, 0x1/0x, 0x123456789, "
			     "0x3/0x1, a(b, 0x1/2, x/y\n",
		 "11: implementer = 36b: is not a number such as 0x36b\n"
		 "12: identifier: 0x: is neither 0xVALUE nor 0xVALUE/0xMASK of 32 bits\n"
		 "12: identifier: 0x1/0x: is neither 0xVALUE nor 0xVALUE/0xMASK of 32 bits\n"
		 "12: identifier: 0x123456789: is neither 0xVALUE nor 0xVALUE/0xMASK of 32 bits\n"
		 "12: identifier: 0x3/0x1: has bits in the value that are not in the mask\n"
		 "12: identifier: a(b: is not an identifier of a PMU\n"
		 "12: identifier: 0x1/2: is neither 0xVALUE nor 0xVALUE/0xMASK of 32 bits\n"},
		{"[family]\nhelp = h\nsource = s\nevents = a\npmu = a|b [] [!] [a x\\* [[:alpha:]]\n",
		 "5: pmu: a|b: is not a pattern of names: letters, digits, _ . - * ? and [...]\n"
		 "5: pmu: []: is not a pattern of names: [ without letters, digits, _ or - and ]\n"
		 "5: pmu: [!]: is not a pattern of names: [ without letters, digits, _ or - and ]\n"
		 "5: pmu: [a: is not a pattern of names: [ without letters, digits, _ or - and ]\n"
		 "5: pmu: x\\*: is not a pattern of names: letters, digits, _ . - * ? and [...]\n"
		 "5: pmu: [[:alpha:]]: is not a pattern of names: [ without letters, digits, _ or - and "
		 "]\n"},
		{FAMILY("a") "[family]\ncpus = 0-3\n",
		 "11: cpus = 0-3: is not online, which is for PMUs of CPUs (a system PMU counts on the "
		 "CPUs of its cpumask)\n"},
		{FAMILY("a") "[family]\ncpus = online\nidentifier = 0x1\nimplementer = 0x1\n",
		 "12: identifier: PMUs of CPUs (cpus = online) have none\n"
		 "13: implementer: PMUs of CPUs (cpus = online) have none\n"},
		{FAMILY("\"a\""),
		 "5: events: a value must not have quotation marks, or a comment after "
		 "it\n"},
		{"a = b\n" FAMILY("a"), "1: a is before the first section\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct event_sets *sets = NULL;
		char *errors, *text = NULL;
		size_t size;
		FILE *out;

		put(etc, "bad.conf", cases[i].text);
		errors = load_bad(&sets);
		out = open_memstream(&text, &size);
		for (char *rest = errors, *line; *rest && (line = strsep(&rest, "\n"));)
			fprintf(out, "%s\n", line + strlen("etc/bad.conf:"));
		fclose(out);
		assert_string_equal(text, cases[i].errors);
		assert_int_equal(sets->nr_sets, 0);
		free(text);
		free(errors);
		event_sets_free(sets);
	}
}

static void test_bad_folders(void **state)
{
	const char *const bad[] = {usr, etc, NULL};
	struct event_sets *sets = NULL;
	char *errors, path[128];

	put(etc, "a b.conf", FAMILY("a"));
	put(etc, "a23456789012345678901234567890123456789012.conf", FAMILY("a"));
	snprintf(path, sizeof(path), "%s/pipe.conf", etc);
	assert_int_equal(mkfifo(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/gone.conf", etc);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	errors = load_bad(&sets);
	assert_string_equal(errors,
			    "etc/a b.conf: the name is not 1 to 40 letters, digits, _ and -, "
			    "and .conf\n"
			    "etc/a23456789012345678901234567890123456789012.conf: the name is "
			    "not 1 to 40 letters, digits, _ and -, and .conf\n"
			    "etc/gone.conf: No such file or directory\n"
			    "etc/pipe.conf: is not a regular file\n");
	assert_int_equal(sets->nr_sets, 0);
	free(errors);
	event_sets_free(sets);

	/* A folder that is none. */
	remove_tree(etc);
	write_file(etc, "", 0);
	sets = NULL;
	assert_int_equal(event_sets_load(bad, &sets, &errors), -ENOTDIR);
	assert_null(sets);
	assert_int_equal(strncmp(errors, etc, strlen(etc)), 0);
	assert_string_equal(errors + strlen(etc), ": Not a directory");
	free(errors);
	unlink(etc);
	assert_int_equal(mkdir(etc, 0755), 0);
}

static void test_too_many(void **state)
{
	char name[32], *errors;
	struct event_sets *sets;

	for (int i = 0; i < EVENT_SETS_MAX; i++) {
		snprintf(name, sizeof(name), "n%02d.conf", i);
		put(etc, name, FAMILY("a"));
	}
	put(usr, "n00.conf", "[not read]\n");
	sets = load(folders);
	assert_int_equal(sets->nr_sets, EVENT_SETS_MAX);
	event_sets_free(sets);
	put(usr, "x.conf", FAMILY("a"));
	put(usr, "y.conf", FAMILY("a"));
	errors = load_bad(&sets);
	assert_string_equal(errors,
			    "usr/x.conf: is left out, as all that follow: more than 64 families\n");
	assert_int_equal(sets->nr_sets, EVENT_SETS_MAX);
	free(errors);
	event_sets_free(sets);
}

static void test_no_memory(void **state)
{
	struct event_sets *sets = NULL;
	int r = -ENOMEM, nr;
	char *errors;

	put(etc, "two.conf", FAMILY("a, b"));
	put(usr, "bad.conf", "[family]\nimplementer = 0x1\nidentifier = x\n");
	for (nr = 1; r; nr++) {
		fails_in = nr;
		r = event_sets_load(folders, &sets, &errors);
		assert_true(!r || r == -ENOMEM);
		if (r) {
			free(errors);
			assert_null(sets);
		}
	}
	fails_in = 0;
	assert_true(nr > 20);
	assert_int_equal(sets->nr_sets, 1);
	free(errors);
	event_sets_free(sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_value),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_older_machines),
		cmocka_unit_test(test_belongs),
		cmocka_unit_test_setup(test_override, new_folders),
		cmocka_unit_test_setup(test_bad_files, new_folders),
		cmocka_unit_test_setup(test_bad_folders, new_folders),
		cmocka_unit_test_setup(test_too_many, new_folders),
		cmocka_unit_test_setup(test_no_memory, new_folders),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

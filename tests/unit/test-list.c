// SPDX-License-Identifier: GPL-2.0
/*
 * PMUs of a made-up sysfs, what list shows of a made-up daemon, and how names from outside
 * reach a terminal and JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "command.h"
#include "escape.h"
#include "pmu.h"

static char folder[] = "/tmp/test-list-XXXXXX";

static void make(const char *path, const char *text, size_t length)
{
	char name[512];

	snprintf(name, sizeof(name), "%s/%s", folder, path);
	if (!text) {
		assert_int_equal(mkdir(name, 0755), 0);
		return;
	}
	write_file(name, text, length);
}

static int make_folder(void **state)
{
	static const char zeros[16], binary[] = "a\0b";
	static char large[1 << 16];
	char name[512];

	assert_non_null(mkdtemp(folder));
	make("good", NULL, 0);
	make("good/type", "10\n", 3);
	make("good/cpumask", "0-1\n", 4);
	make("good/events", NULL, 0);
	make("good/events/cycles", "event=0x1\nsecond line\n", 22);
	make("good/events/cycles.unit", "Joules", 6);
	make("good/events/cycles.scale", "2.5e-10\n", 8);
	make("good/events/cycles.snapshot", "1\n", 2);
	make("bad", NULL, 0);
	make("bad/type", "", 0);
	make("bad/cpumask", NULL, 0);
	make("bad/events", NULL, 0);
	make("bad/events/folder", NULL, 0);
	make("bad/events/empty", "", 0);
	make("bad/events/zeros", zeros, sizeof(zeros));
	make("bad/events/binary", binary, sizeof(binary));
	memset(large, 'x', sizeof(large));
	make("bad/events/large", large, sizeof(large));
	make("bad/events/new\nline\033[2J", "event=1", 7);
	snprintf(name, sizeof(name), "%s/bad/events/pipe", folder);
	assert_int_equal(mkfifo(name, 0600), 0);
	snprintf(name, sizeof(name), "%s/bad/events/dangling", folder);
	assert_int_equal(symlink("/nonexistent/file", name), 0);
	snprintf(name, sizeof(name), "%s/loop", folder);
	assert_int_equal(symlink("loop", name), 0);
	make("file", "not a folder", 12);
	make("eventless", NULL, 0);
	make("eventless/events", "a file", 6);
	return 0;
}

static int remove_folder(void **state)
{
	remove_tree(folder);
	return 0;
}

static void test_pmus(void **state)
{
	struct pmu *pmus;
	size_t nr;

	assert_int_equal(pmu_read_all(folder, &pmus, &nr), 0);
	assert_int_equal(nr, 3);
	assert_string_equal(pmus[0].name, "bad");
	assert_null(pmus[0].type);
	assert_null(pmus[0].cpus);
	assert_int_equal(pmus[0].nr_events, 3);
	assert_string_equal(pmus[0].events[0].name, "bad/binary/");
	assert_string_equal(pmus[0].events[0].config, "a");
	assert_string_equal(pmus[0].events[1].name, "bad/large/");
	assert_int_equal(strlen(pmus[0].events[1].config), 4095);
	assert_string_equal(pmus[0].events[2].name, "bad/new\nline\033[2J/");
	assert_string_equal(pmus[1].name, "eventless");
	assert_int_equal(pmus[1].nr_events, 0);
	assert_string_equal(pmus[2].type, "10");
	assert_string_equal(pmus[2].cpus, "0-1");
	assert_int_equal(pmus[2].nr_events, 1);
	assert_string_equal(pmus[2].events[0].name, "good/cycles/");
	assert_string_equal(pmus[2].events[0].config, "event=0x1");
	assert_string_equal(pmus[2].events[0].unit, "Joules");
	assert_string_equal(pmus[2].events[0].scale, "2.5e-10");
	pmu_free_all(pmus, nr);
	assert_int_equal(pmu_read_all("/nonexistent", &pmus, &nr), -ENOENT);
}

/* In the place of command.c. */
static const char *answers[2]; /* of /v1/status and /v1/snapshot */
static char *json;	       /* what was printed */

int get_json(struct context *context, const char *path, struct json_object **ret_object)
{
	*ret_object = json_tokener_parse(answers[!strcmp(path, "/v1/snapshot")]);
	assert_non_null(*ret_object);
	return EXIT_DONE;
}

int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    int (*take)(int key, const char *value, void *user), void *user)
{
	context->arguments = argv;
	return -1;
}

int complain(const char *format, ...)
{
	return EXIT_FAILED;
}

int print_json(struct json_object *object)
{
	json = strdup(json_object_to_json_string_ext(json_object_object_get(object, "sources"),
						     JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return EXIT_DONE;
}

static char *list_text(char *pattern)
{
	FILE *out = stdout;
	struct context context = {};
	char *arguments[] = {pattern, NULL}, *text;
	size_t size;

	stdout = open_memstream(&text, &size);
	command_list.run(&context, 1, arguments);
	fclose(stdout);
	stdout = out;
	return text;
}

#define POINT(label, value, more) "{\"labels\":{\"" label "\":\"" value "\"" more "},\"value\":1}"

static void test_sources(void **state)
{
	struct context context = {.json = true};
	char *pattern[] = {"pai/*", NULL}, *text;

	answers[0] = "{\"sources\":[{\"name\":\"iopf\",\"state\":\"up\",\"backend\":\"replay\"},"
		     "{\"name\":\"pai\",\"state\":\"up\",\"backend\":\"counting\"},"
		     "{\"name\":\"cspmu\",\"state\":\"failed\",\"reason\":\"why\"}]}";
	answers[1] = "{\"metrics\":[{\"name\":\"paimon_iopf_requests_total\",\"points\":[" POINT(
		"device", "soft0",
		"") "]},"
		    "{\"name\":\"paimon_nnpa_cgroup_events_total\",\"points\":[" POINT("cgroup", "other", ",\"counter\":\"NNPA_ADD\"") "," POINT(
			    "cgroup", "/a/b",
			    ",\"counter\":\"NNPA_ADD\"") "," POINT("cgroup", "/a/b",
								   ",\"counter\":\"NNPA_SUB\"") "]}]}";
	text = list_text(NULL);
	assert_ptr_equal(text,
			 strstr(text, "iopf                              source  up, replay\n"
				      "iopf/soft0                        device\n"
				      "pai                               source  up, counting\n"
				      "pai/a/b                           cgroup\n"
				      "pai/other                         cgroup\n"
				      "cspmu                             source  failed, why\n"));
	assert_null(strstr(text, "cspmu/"));
	free(text);
	text = list_text("soft0");
	assert_string_equal(text, "iopf/soft0                        device\n");
	free(text);
	command_list.run(&context, 1, pattern);
	assert_string_equal(json, "[{\"name\":\"pai\",\"state\":\"up\",\"backend\":\"counting\","
				  "\"reason\":null,\"cgroups\":[{\"name\":\"pai/a/b\"},"
				  "{\"name\":\"pai/other\"}]}]");
	free(json);
}

static void test_escape(void **state)
{
	static const struct {
		const char *text, *ascii, *utf8, *json;
		int width; /* of utf8 */
	} cases[] = {
		{"soft0", "soft0", "soft0", "soft0", 5},
		{"", "", "", "", 0},
		{"a\033[2J\n\x7f", "a\\x1b[2J\\x0a\\x7f", "a\\x1b[2J\\x0a\\x7f", "a\033[2J\n\x7f",
		 16},
		{"\xc3\xa9", "\\xc3\\xa9", "\xc3\xa9", "\xc3\xa9", 1},
		/* Takes two columns. */
		{"\xe4\xb8\xad", "\\xe4\\xb8\\xad", "\xe4\xb8\xad", "\xe4\xb8\xad", 2},
		/* Invalid: cut short, overlong, a surrogate, beyond Unicode, a lone byte. */
		{"\xe4\xb8", "\\xe4\\xb8", "\\xe4\\xb8", "\\xe4\\xb8", 8},
		{"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf", 8},
		{"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf", 12},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", 12},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80",
		 "\\xf4\\x90\\x80\\x80", 16},
		{"\xff", "\\xff", "\\xff", "\\xff", 4},
		/* Valid, and it would turn the line around; C1 control; combining. */
		{"\xe2\x80\xae", "\\xe2\\x80\\xae", "\\xe2\\x80\\xae", "\xe2\x80\xae", 12},
		{"\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b", "\xc2\x9b", 8},
		{"\xcc\x81", "\\xcc\\x81", "\\xcc\\x81", "\xcc\x81", 8},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *escaped;

		setlocale(LC_CTYPE, "C");
		escaped = escape_terminal(cases[i].text);
		assert_string_equal(escaped, cases[i].ascii);
		assert_int_equal(escape_width(escaped), strlen(escaped));
		free(escaped);
		escaped = escape_json(cases[i].text);
		assert_string_equal(escaped, cases[i].json);
		free(escaped);
		assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
		escaped = escape_terminal(cases[i].text);
		assert_string_equal(escaped, cases[i].utf8);
		assert_int_equal(escape_width(escaped), cases[i].width);
		free(escaped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pmus, make_folder, remove_folder),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* The configuration: defaults, order, and bad input named by file and line. */
#include <errno.h>
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

#include "config.h"

/* Linked in place of strdup (--wrap): the one of this many calls fails. */
static int strdup_fails_in;
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

char *__wrap_strdup(const char *text)
{
	return strdup_fails_in && !--strdup_fails_in ? NULL : __real_strdup(text);
}

static char folder[] = "/tmp/paimon-config-XXXXXX";
static char path[64], extra[80];

static void put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	strcpy(folder, "/tmp/paimon-config-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/c.conf", folder);
	snprintf(extra, sizeof(extra), "%s.d", path);
	assert_return_code(mkdir(extra, 0700), errno);
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void test_defaults(void **state)
{
	struct config *config;
	char *error = NULL;

	assert_int_equal(config_load(path, false, &config, &error), 0);
	assert_string_equal(config->state_dir, "/sys/fs/bpf/paimon");
	assert_string_equal(config->socket, "/run/paimon/paimond.sock");
	assert_string_equal(config->listen, "127.0.0.1:10190");
	assert_string_equal(config->handoff, "/run/paimon/handoff.sock");
	assert_null(config->allowed_hosts);
	assert_null(config->iopf_include);
	assert_null(config->iopf_exclude);
	assert_int_equal(config->iopf, SOURCE_AUTO);
	assert_int_equal(config->iopf_max_devices, 64);
	assert_int_equal(config->iopf_group_timeout_ns, 30000000000);
	assert_int_equal(config->pai, SOURCE_AUTO);
	assert_int_equal(config->pai_mode, PAI_AUTO);
	assert_int_equal(config->pai_backend, PAI_BACKEND_AUTO);
	assert_false(config->pai_accept_throttling_panic);
	assert_int_equal(config->pai_max_cgroups, 64);
	assert_false(config->pai_per_cpu);
	config_free(config);
	assert_int_equal(config_load(path, true, &config, &error), -ENOENT);
	assert_non_null(strstr(error, path));
	free(error);
}

static void test_all_keys(void **state)
{
	struct config *config;
	char *error, file[128];

	put(path, "# a comment\n[paimond]\nstate_dir = /x\nsocket=/y\nlisten = [::1]:99\n"
		  "allowed_hosts = a.example, b\n\n[iopf]\nenable = yes\nmax_devices = 7\n"
		  "group_timeout = 0.5\ninclude = 0000:6a:* dsa?\nexclude = *.7\n"
		  "[pai]\nenable = yes\nmode = sampling\nbackend = perf_event\n"
		  "accept_throttling_panic = yes\nmax_cgroups = 1024\nper_cpu = yes\n");
	snprintf(file, sizeof(file), "%s/20-second.conf", extra);
	put(file, "[iopf]\nmax_devices = 9\n");
	snprintf(file, sizeof(file), "%s/10-first.conf", extra);
	put(file,
	    "[iopf]\nmax_devices = 8\nenable = no\nexclude =\n[paimond]\nlisten = no\nhandoff = no\n");
	snprintf(file, sizeof(file), "%s/ignored", extra);
	put(file, "nonsense");
	assert_int_equal(config_load(path, true, &config, &error), 0);
	assert_string_equal(config->state_dir, "/x");
	assert_string_equal(config->socket, "/y");
	assert_null(config->listen);
	assert_null(config->handoff);
	assert_string_equal(config->allowed_hosts[0], "a.example");
	assert_string_equal(config->allowed_hosts[1], "b");
	assert_null(config->allowed_hosts[2]);
	assert_int_equal(config->iopf, SOURCE_NO);
	assert_int_equal(config->iopf_max_devices, 9);
	assert_int_equal(config->iopf_group_timeout_ns, 500000000);
	assert_string_equal(config->iopf_include[0], "0000:6a:*");
	assert_string_equal(config->iopf_include[1], "dsa?");
	assert_null(config->iopf_include[2]);
	assert_null(config->iopf_exclude[0]); /* taken back */
	assert_int_equal(config->pai, SOURCE_YES);
	assert_int_equal(config->pai_mode, PAI_SAMPLING);
	assert_int_equal(config->pai_backend, PAI_BACKEND_PERF_EVENT);
	assert_true(config->pai_accept_throttling_panic);
	assert_int_equal(config->pai_max_cgroups, 1024);
	assert_true(config->pai_per_cpu);
	config_free(config);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *what;
	} bad[] = {
		{"garbage\n", 1, ""},
		{"[paimond\n", 1, ""},
		{"[nosuch]\nx = 1\n", 2, "[nosuch]"},
		{"[iopf]\n\nnosuch = 1\n", 3, "nosuch"},
		{"[iopf]\nenable = maybe\n", 2, "auto, yes or no"},
		{"[iopf]\nmax_devices = 0\n", 2, "1 to 1024"},
		{"[iopf]\nmax_devices = 1025\n", 2, "1 to 1024"},
		{"[iopf]\nmax_devices = 12x\n", 2, "1 to 1024"},
		{"[iopf]\nmax_devices =\n", 2, "1 to 1024"},
		{"[iopf]\ngroup_timeout = soon\n", 2, "seconds"},
		{"[iopf]\ngroup_timeout = -1\n", 2, "seconds"},
		{"[iopf]\ngroup_timeout = nan\n", 2, "seconds"},
		{"[iopf]\nenable = yes\nenable = no\n", 3, "second one"},
		{"[pai]\nmode = count\n", 2, "auto, counting or sampling"},
		{"[pai]\nbackend = raw\n", 2, "auto, tracepoint or perf_event"},
		{"[pai]\nmax_cgroups = 1025\n", 2, "1 to 1024"},
		{"[pai]\naccept_throttling_panic = maybe\n", 2, "yes or no"},
		{"[paimond]\nstate_dir = relative\n", 2, "absolute"},
		{"[paimond]\nsocket = x\n", 2, "absolute"},
		{"[paimond]\nlisten = 10190\n", 2, "ADDRESS:PORT"},
		{"[paimond]\nhandoff = run/x\n", 2, "absolute path"},
		{"[paimond]\nlisten = host.example:80\n", 2, "ADDRESS:PORT"},
		{"[paimond]\nlisten = 127.0.0.1:\n", 2, "ADDRESS:PORT"},
		{"[paimond]\nlisten = 127.0.0.1:0\n", 2, "ADDRESS:PORT"},
		{"[paimond]\nlisten = 127.0.0.1:65536\n", 2, "ADDRESS:PORT"},
		{"[paimond]\nlisten = [::1:80\n", 2, "ADDRESS:PORT"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config *config = NULL;
		char *error = NULL, where[100];

		put(path, bad[i].text);
		assert_int_equal(config_load(path, true, &config, &error), -EINVAL);
		assert_null(config);
		snprintf(where, sizeof(where), "%s:%d: ", path, bad[i].line);
		if (strncmp(error, where, strlen(where)) || !strstr(error, bad[i].what))
			fail_msg("\"%s\" gives \"%s\", expected %s...%s", bad[i].text, error, where,
				 bad[i].what);
		free(error);
	}
}

/* An error in the folder is named by its own file and line. */
static void test_bad_in_folder(void **state)
{
	struct config *config = NULL;
	char *error = NULL, file[100], where[120];

	put(path, "[iopf]\nenable = yes\n");
	snprintf(file, sizeof(file), "%s/10-bad.conf", extra);
	put(file, "# nothing\n[iopf]\nenable = maybe\n");
	assert_int_equal(config_load(path, true, &config, &error), -EINVAL);
	snprintf(where, sizeof(where), "%s:3: ", file);
	assert_int_equal(strncmp(error, where, strlen(where)), 0);
	free(error);
	assert_null(config);
}

static void test_folder_is_a_file(void **state)
{
	struct config *config = NULL;
	char *error = NULL, expected[120];

	put(path, "");
	assert_int_equal(rmdir(extra), 0);
	put(extra, "");
	assert_int_equal(config_load(path, true, &config, &error), -ENOTDIR);
	snprintf(expected, sizeof(expected), "%s: Not a directory", extra);
	assert_non_null(error);
	assert_string_equal(error, expected);
	free(error);
}

/* Cut by inih's buffer, and so an error, not a shorter value. */
static void test_long_line(void **state)
{
	struct config *config = NULL;
	char *error = NULL, text[600] = "[paimond]\nsocket = /", where[100];
	size_t length = strlen(text);

	memset(text + length, 'x', sizeof(text) - length - 2);
	strcpy(text + sizeof(text) - 2, "\n");
	put(path, text);
	assert_int_equal(config_load(path, true, &config, &error), -EINVAL);
	snprintf(where, sizeof(where), "%s:2: is longer than", path);
	assert_int_equal(strncmp(error, where, strlen(where)), 0);
	free(error);
}

/* A value that does not fit in memory is an error, never half a list. */
static void test_no_memory(void **state)
{
	struct config *config = NULL;
	char *error = NULL;
	int failures = 0, r = -1;

	put(path, "[paimond]\nallowed_hosts = a.example b.example\n");
	for (int i = 1; r; i++) {
		strdup_fails_in = i;
		r = config_load(path, true, &config, &error);
		strdup_fails_in = 0;
		failures += r < 0;
		/* The defaults come first, and have no line. */
		if (error)
			assert_non_null(strstr(error, ":2: [paimond] allowed_hosts = "));
		free(error);
		error = NULL;
	}
	assert_int_equal(failures, 4 + 3); /* the defaults; the list and its two words */
	assert_string_equal(config->allowed_hosts[0], "a.example");
	assert_string_equal(config->allowed_hosts[1], "b.example");
	assert_null(config->allowed_hosts[2]);
	config_free(config);
}

static void test_serves(void **state)
{
	static char pci[] = "0000:6a:*", dsa[] = "dsa?", odd[] = "*.[1-7]";
	char *const none[] = {NULL}, *const include[] = {pci, dsa, NULL};
	char *const exclude[] = {odd, NULL};

	assert_true(config_serves(NULL, NULL, "x"));
	assert_true(config_serves(none, none, "x"));
	assert_true(config_serves(include, NULL, "dsa0"));
	assert_false(config_serves(include, NULL, "dsa10"));
	assert_false(config_serves(include, NULL, "x"));
	assert_true(config_serves(include, exclude, "0000:6a:00.0"));
	assert_false(config_serves(include, exclude, "0000:6a:00.1"));
	assert_true(config_serves(NULL, exclude, "x"));
	assert_false(config_serves(NULL, exclude, "y.2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_in_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_is_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test(test_serves),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

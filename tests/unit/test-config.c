// SPDX-License-Identifier: GPL-2.0
/* The configuration: its syntax, defaults, order, and bad input named by file and line. */
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

#include "lib/helpers.h"
#include "config/config.h"
#include "model/kept.h"
#include "source/iopf/iopf_source.h"

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
	write_file(file, text, strlen(text));
}

/* What path says, which is right. */
static struct config *load(void)
{
	struct config *config = NULL;
	char *error = NULL;

	if (config_load(path, true, &config, &error) < 0)
		fail_msg("%s", error);
	return config;
}

/* The error of path, to be freed. */
static char *load_bad(int expected)
{
	struct config *config = NULL;
	char *error = NULL;

	assert_int_equal(config_load(path, true, &config, &error), expected);
	assert_null(config);
	assert_non_null(error);
	return error;
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
	remove_tree(folder);
	return 0;
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
	assert_int_equal(config->iopf_group_timeout_ns, 60000000000);
	assert_int_equal(config->pai, SOURCE_AUTO);
	assert_int_equal(config->pai_mode, PAI_AUTO);
	assert_int_equal(config->pai_backend, PAI_BACKEND_AUTO);
	assert_false(config->pai_accept_throttling_panic);
	assert_int_equal(config->pai_max_cgroups, 64);
	assert_false(config->pai_per_cpu);
	assert_int_equal(config->cspmu, SOURCE_AUTO);
	assert_int_equal(config->cspmu_max_events, 0);
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
		  "accept_throttling_panic = yes\nmax_cgroups = 1024\nper_cpu = yes\n"
		  "[cspmu]\nenable = no\nmax_events = 4096\n");
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
	assert_int_equal(config->cspmu, SOURCE_NO);
	assert_int_equal(config->cspmu_max_events, 4096);
	config_free(config);
}

#define LONG_NAME "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-00000"
#define SOCKET_107                                                                               \
	"/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345" \
	"678901234567890123456"

#define ZEROS                                                                          \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000"

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		int line;
		const char *what;
	} bad[] = {
#define BAD(text, line, what) {text, sizeof(text) - 1, line, what}
		BAD("garbage\n", 1, "garbage"),
		BAD("[iopf]\ngarbage", 2, "neither [SECTION] nor KEY"),
		BAD("[iopf]\n= yes\n", 2, "neither"),
		BAD("[iopf]\nenable: yes\n", 2, "neither"),
		BAD("[iopf]\nen able = yes\n", 2, "neither"),
		BAD("[iopf]\nEnable = yes\n", 2, "neither"),
		BAD("[iopf]\nexclude = a\n    b\n", 3, "neither"),
		BAD("enable = yes\n[iopf]\n", 1, "before the first section"),
		BAD("[paimond\nlisten = x\n", 1, "[SECTION]"),
		BAD("[iopf] # why\n", 1, "alone on its line"),
		BAD("[iopf]enable = maybe\n", 1, "alone on its line"),
		BAD("[iopf]]\n", 1, "alone on its line"),
		BAD("[[iopf]\n", 1, "unknown section [[iopf]"),
		BAD("[]\n", 1, "unknown section []"),
		BAD("[ iopf ]\n", 1, "unknown section [ iopf ]"),
		BAD("[IOPF]\n", 1, "unknown section"),
		BAD("[event]\n", 1, "unknown section"),
		BAD("[event\ta]\n", 1, "unknown section"),
		BAD("[event  a]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event ]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event 12]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event a b]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event \xc3\xa4]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event " LONG_NAME "00000]\nspec = cs\n", 1, "not a valid name"),
		BAD("[event a]\n#spec = cs\n", 1, "no spec"),
		BAD("\n[event a]\ncpus = 0\n[iopf]\n[event a]\n", 2, "no spec"),
		BAD("[event a]\nspec =\n", 2, "is empty"),
		BAD("[event a]\nspec = cs\nspec = faults\n", 3,
		    "already set in line 2 of this file"),
		BAD("[event a]\nspec = cs\n[iopf]\n[event a]\nspec = cs\n", 5,
		    "already set in line 2"),
		BAD("[event a]\nspec = cs\nname = y\n", 3, "has no key name"),
		BAD("[event a]\nspec = \"x\"\n", 2, "quotation marks"),
		BAD("[event a]\nspec = cs # each CPU\n", 2, "a comment after it"),
		BAD("[event a]\nspec = cs\t;\n", 2, "a comment after it"),
		BAD("[iopf]\nexclude = # none\n", 2, "a comment after it"),
		BAD("[iopf]\nexclude = a 'b'\n", 2, "quotation marks"),
		BAD("[event a]\nspec = nosuch\n", 2, "no such event"),
		BAD("[event a]\nspec = cpu/event=1\n", 2, "second / is missing"),
		BAD("[event a]\nspec = cs faults\n", 2, "no such event"),
		BAD("[event a]\nspec = cpu/=1/\n", 2, "term"),
		BAD("[event a]\nspec = cs\ncpus = 0 1\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\ncpus = all\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\ncpus =\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\ncpus = 1-0\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\ncpus = 0,\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\ncpus = 8192\n", 3, "list of CPUs"),
		BAD("[event a]\nspec = cs\nby = user\n", 3, "none, cgroup or process"),
		BAD("[event a]\nspec = cs\nby =\n", 3, "none, cgroup or process"),
		BAD("[events]\nby = cgroup\n", 2, "has no key by"),
		BAD("[nosuch]\nx = 1\nx = 1\n", 1, "[nosuch]"),
		BAD("[evnts]\n#max = 64\n", 1, "[evnts]"),
		BAD("[iopf]\n\nnosuch = 1\n", 3, "nosuch"),
		BAD("[iopf]\nspec = 1\n", 2, "spec"),
		BAD("[iopf]\nenable = maybe\n", 2, "auto, yes or no"),
		BAD("[iopf]\nenable =\n", 2, "auto, yes or no"),
		BAD("[iopf]\nenable = yes = no\n", 2, "auto, yes or no"),
		BAD("[iopf]\nbackend = probe\n", 2,
		    "paimon.ko, fentry, kprobe.multi, kprobe or auto"),
		BAD("[iopf]\nmax_devices = 0\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices = 1025\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices = 12x\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices = +7\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices = 0x10\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices = 18446744073709551617\n", 2, "1 to 1024"),
		BAD("[iopf]\nmax_devices =\n", 2, "1 to 1024"),
		BAD("[iopf]\ngroup_timeout = soon\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = -1\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = nan\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 1e-12\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 0.0000000000001\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 0.0009\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 0." ZEROS ZEROS ZEROS ZEROS "1\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 0x10\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = .5\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout = 86400.1\n", 2, "seconds"),
		BAD("[iopf]\ngroup_timeout =\n", 2, "seconds"),
		BAD("[iopf]\nenable = yes\nenable = no\n", 3, "already set in line 2"),
		BAD("[iopf]\nenable = yes\n[pai]\n[iopf]\nenable = yes\n", 5,
		    "already set in line 2"),
		BAD("[pai]\nmode = count\n", 2, "auto, counting or sampling"),
		BAD("[pai]\nbackend = raw\n", 2, "auto, tracepoint or perf_event"),
		BAD("[pai]\nmax_cgroups = 1025\n", 2, "1 to 1024"),
		BAD("[cspmu]\nmax_events = 4097\n", 2, "1 to 4096"),
		BAD("[cspmu]\nenable = nvidia\n", 2, "auto, yes or no"),
		BAD("[pai]\naccept_throttling_panic = maybe\n", 2, "yes or no"),
		BAD("[paimond]\nstate_dir = relative\n", 2, "absolute"),
		BAD("[paimond]\nstate_dir =\n", 2, "absolute"),
		BAD("[paimond]\nstate_dir = //.\n", 2, "absolute"),
		BAD("[paimond]\nstate_dir = /a/../b\n", 2, ".."),
		BAD("[paimond]\nsocket = x\n", 2, "absolute"),
		BAD("[paimond]\nsocket = no\n", 2, "absolute"),
		BAD("[paimond]\nsocket = " SOCKET_107 "x\n", 2, "longer than 107 bytes"),
		BAD("[paimond]\nhandoff = " SOCKET_107 "x\n", 2, "longer than 107 bytes"),
		BAD("[paimond]\nhandoff = run/x\n", 2, "absolute path or no"),
		BAD("[paimond]\nhandoff = /x\nsocket = /x\n", 2, "the same path"),
		BAD("[paimond]\nsocket = /x/y\nhandoff = //x/./y/\n", 3, "the same path"),
		BAD("[paimond]\nsocket = /run/paimon/handoff.sock\n", 2, "the same path"),
		BAD("[paimond]\nhandoff = /run/paimon/paimond.sock\n", 2, "the same path"),
		BAD("[paimond]\nsocket = /x\nstate_dir = /x\n", 3,
		    "state_dir and socket are the same path"),
		BAD("[paimond]\nstate_dir = /run/paimon/handoff.sock\n", 2, "the same path"),
		BAD("[paimond]\nstate_dir = /x/y/z\nsocket = /x/y\n", 2,
		    "state_dir is below socket"),
		BAD("[paimond]\nhandoff = /x\nsocket = /x/y\n", 3, "socket is below handoff, /x"),
		BAD("[paimond]\nsocket = /x\nhandoff = /x/y\n", 3, "handoff is below socket, /x"),
		BAD("[paimond]\nlisten = 10190\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = host.example:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 0x7f000001:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 2130706433:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 127.1:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 0177.0.0.1:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = [127.0.0.1]:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = ::1:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = :80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten =\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 127.0.0.1:\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 127.0.0.1:+80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 127.0.0.1:0\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = 127.0.0.1:65536\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = [::1:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = [::1]80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = [fe80::1%]:80\n", 2, "IPV4:PORT"),
		BAD("[paimond]\nlisten = [fe80::1]:80\n", 2, "%INTERFACE"),
		BAD("[paimond]\nlisten = [::%lo]:80\n", 2, "%INTERFACE"),
		BAD("[paimond]\nlisten = [::1%lo]:80\n", 2, "%INTERFACE"),
		BAD("[paimond]\nallowed_hosts = a.example http://b.example\n", 2, "host names"),
		BAD("[paimond]\nallowed_hosts = a.example:80\n", 2, "host names"),
		BAD("[iopf]\nenable = yes\0\n", 2, "byte 0x00"),
		BAD("[iopf]\n# \0\n", 2, "byte 0x00"),
		BAD("\0", 1, "byte 0x00"),
		BAD("[iopf]\rmax_devices = 7\renable = yes\r", 1, "LF or CR LF"),
		BAD("[event a]\rspec = cs", 1, "LF or CR LF"),
		BAD("[iopf]\nenable = yes\r\r\n", 2, "byte 0x0d"),
		BAD("[iopf]\ninclude = a\x1b[2Jb\n", 2, "byte 0x1b"),
		BAD("[iopf]\ninclude = a\x7f\n", 2, "byte 0x7f"),
		BAD("[iopf]\ninclude = a\xc2\x9b\n", 2, "control character"),
		BAD("[iopf]\ninclude = a\xff\n", 2, "byte 0xff is not UTF-8"),
		BAD("[iopf]\ninclude = a\xc3\n", 2, "byte 0xc3 is not UTF-8"),
		BAD("[iopf]\ninclude = a\xc3", 2, "byte 0xc3 is not UTF-8"),
		BAD("[iopf]\ninclude = \xed\xa0\x80\n", 2, "byte 0xed is not UTF-8"),
		BAD("# \xfcmlaut\n", 1, "byte 0xfc is not UTF-8"),
		BAD("\xff\xfe[\0i\0o\0p\0f\0]\0", 1, "byte 0xff is not UTF-8"),
		BAD("[iopf]\nenable = yes\n[pai\xff]\nmode = x\nenable = no\n", 3, "not UTF-8"),
		BAD("[iopf]\n\xef\xbb\xbf"
		    "enable = yes\n",
		    2, "neither"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *error, where[100];

		write_file(path, bad[i].text, bad[i].size);
		error = load_bad(-EINVAL);
		snprintf(where, sizeof(where), "%s:%d: ", path, bad[i].line);
		/* One line: one thing is wrong, and nothing that follows from it. */
		if (strncmp(error, where, strlen(where)) || !strstr(error, bad[i].what) ||
		    strchr(error, '\n'))
			fail_msg("\"%s\" gives \"%s\", expected %s...%s", bad[i].text, error, where,
				 bad[i].what);
		free(error);
	}
}

/* Ways to write a file that all mean the same. */
static void test_same(void **state)
{
	static const char *const same[] = {
		"[event a]\nspec = page-faults\ncpus = 0-1\n[iopf]\nmax_devices = 7\n",
		"[event a]\nspec=page-faults\ncpus=0-1\n[iopf]\nmax_devices=7",
		"\xef\xbb\xbf[event a]\r\nspec = page-faults\r\ncpus = 0-1\r\n\r\n[iopf]\r\nmax_devices = 7\r\n",
		"\t[event a] \n\tspec = page-faults\t\n    cpus = 1,0\n \t\n  [iopf]\n  max_devices\t=\t007  \n",
		"# c\n;c\n  # [pai]\n[iopf]\nmax_devices = 7\n[event a]\ncpus = 0,1,1\n[iopf]\n[event a]\n"
		"#spec = cs\nspec = page-faults\n",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct config *config;

		put(path, same[i]);
		config = load();
		assert_int_equal(config->nr_events, 1);
		assert_string_equal(config->events[0].name, "a");
		assert_string_equal(config->events[0].spec, "page-faults");
		assert_string_equal(config->events[0].cpus, "0-1");
		assert_int_equal(config->iopf_max_devices, 7);
		config_free(config);
	}
}

/* Names that differ in the last character, and UTF-8 in what takes any text. */
static void test_whole_texts(void **state)
{
	struct config *config;

	put(path, "[event " LONG_NAME "1]\nspec = page-faults\n[event " LONG_NAME
		  "2]\nspec = sched:sched_switch\n[iopf]\ninclude = \xc3\xa4* a#b a;b\n"
		  "[paimond]\nsocket = " SOCKET_107 "\nlisten = [fe80::1%lo]:80\n"
		  "state_dir = /a//./b/\nhandoff = /a/b/c\n");
	config = load();
	assert_int_equal(config->nr_events, 2);
	assert_string_equal(config->events[0].name, LONG_NAME "1");
	assert_string_equal(config->events[1].name, LONG_NAME "2");
	assert_string_equal(config->events[1].spec, "sched:sched_switch");
	assert_string_equal(config->iopf_include[0], "\xc3\xa4*");
	assert_string_equal(config->iopf_include[1], "a#b");
	assert_string_equal(config->iopf_include[2], "a;b");
	assert_string_equal(config->socket, SOCKET_107);
	assert_string_equal(config->listen, "[fe80::1%lo]:80");
	assert_string_equal(config->state_dir, "/a/b");
	config_free(config);
}

/* All of it at once, over all files and in their order, each with its line. */
static void test_all_errors(void **state)
{
	char *error, first[100], second[100], expected[2000];

	put(path, "[iopf]\nenable = maybe\n[evnts]\nmax = x\n[event a]\ncpus = x\n[pai]\nmode = "
		  "x\nper_cpu = yes\nper_cpu = no\n");
	snprintf(first, sizeof(first), "%s/1.conf", extra);
	put(first, "\n[iopf]\nenable = 2\n");
	snprintf(second, sizeof(second), "%s/2.conf", extra);
	put(second, "[event b]\n");
	error = load_bad(-EINVAL);
	snprintf(
		expected, sizeof(expected),
		"%1$s:2: [iopf] enable = maybe: is not auto, yes or no\n"
		"%1$s:3: unknown section [evnts] (sections: [paimond], [iopf], [events], [event NAME], "
		"[pai] and [cspmu])\n"
		"%1$s:6: [event a] cpus = x: is not a list of CPUs from 0 to 8191, such as 0-3,8\n"
		"%1$s:8: [pai] mode = x: is not auto, counting or sampling\n"
		"%1$s:10: [pai] per_cpu = no: is already set in line 9 of this file\n"
		"%2$s:3: [iopf] enable = 2: is not auto, yes or no\n"
		"%1$s:5: [event a] has no spec\n"
		"%3$s:1: [event b] has no spec",
		path, first, second);
	assert_string_equal(error, expected);
	free(error);
}

/* A hundred of them, and how many more there are. */
static void test_many_errors(void **state)
{
	char text[1000] = "", *error;
	size_t lines = 1;

	for (int i = 0; i < 250; i++)
		strcat(text, "x\n");
	put(path, text);
	error = load_bad(-EINVAL);
	for (const char *c = error; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 101);
	assert_string_equal(strrchr(error, '\n'), "\nand 150 more errors");
	free(error);
}

/* Each file has a key once, and the last file counts; so does a section of an event. */
static void test_over_files(void **state)
{
	struct config *config;
	char file[100];

	put(path, "[event a]\nspec = cs\ncpus = 0\nby = cgroup\n[event b]\nspec = faults\n"
		  "by = process\n");
	snprintf(file, sizeof(file), "%s/1.conf", extra);
	put(file, "[event a]\nspec = dummy\n[event c]\ncpus = 1\n");
	snprintf(file, sizeof(file), "%s/2.conf", extra);
	put(file, "[event c]\nspec = cycles\n[event b]\nby = none\n");
	config = load();
	assert_int_equal(config->nr_events, 3);
	assert_string_equal(config->events[0].spec, "dummy");
	assert_string_equal(config->events[0].cpus, "0");
	assert_int_equal(config->events[0].by, KEPT_BY_CGROUP);
	assert_string_equal(config->events[1].spec, "faults");
	assert_int_equal(config->events[1].by, KEPT_BY_NOTHING);
	assert_string_equal(config->events[2].spec, "cycles");
	assert_string_equal(config->events[2].cpus, "1");
	config_free(config);
}

/* Only plain files are read, and nothing is waited for. */
static void test_no_file(void **state)
{
	static const char *const kinds[] = {"fifo", "folder", "device", "nowhere"};

	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(*kinds); i++) {
		const char *kind = kinds[i / 2];
		char file[100], expected[200], *error;

		snprintf(file, sizeof(file), i % 2 ? "%s/1.conf" : "%s", i % 2 ? extra : path);
		put(path, "");
		unlink(file);
		if (!strcmp(kind, "fifo"))
			assert_return_code(mkfifo(file, 0600), errno);
		else if (!strcmp(kind, "folder"))
			assert_return_code(mkdir(file, 0700), errno);
		else
			assert_return_code(symlink(kind[0] == 'd' ? "/dev/zero" : "nowhere", file),
					   errno);
		alarm(20);
		error = load_bad(kind[0] == 'n' ? -ENOENT : -EINVAL);
		snprintf(expected, sizeof(expected), "%s: %s", file,
			 kind[0] == 'n' ? "No such file or directory" : "is not a regular file");
		assert_string_equal(error, expected);
		free(error);
		assert_return_code(remove(file), errno);
	}
	alarm(0);
}

/* A link to nowhere is not the file that need not be there. */
static void test_dangling(void **state)
{
	struct config *config = NULL;
	char *error = NULL;

	assert_return_code(symlink("nowhere", path), errno);
	assert_int_equal(config_load(path, false, &config, &error), -ENOENT);
	free(error);
}

static void test_size(void **state)
{
	size_t size = 1 << 20;
	char *text = malloc(size + 1), *error;
	char expected[100];

	assert_non_null(text);
	memset(text, '#', size + 1);
	write_file(path, text, size);
	config_free(load());
	write_file(path, text, size + 1);
	error = load_bad(-EFBIG);
	snprintf(expected, sizeof(expected), "%s: is larger than 1 MiB", path);
	assert_string_equal(error, expected);
	free(error);
	free(text);
}

static void test_many_events(void **state)
{
	char line[100], *error;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fprintf(f, "[event e%d]\nspec = cs\n", i);
	fclose(f);
	config_free(load());
	f = fopen(path, "a");
	fputs("[event e0]\n[event f]\nspec = cs\n", f);
	fclose(f);
	error = load_bad(-EINVAL);
	snprintf(line, sizeof(line), "%s:8194: [event f]: ", path);
	assert_int_equal(strncmp(error, line, strlen(line)), 0);
	free(error);
}

/* What is said is one line of UTF-8, whatever a file is called and wherever a text is cut. */
static void test_error_is_text(void **state)
{
	char text[300] = "[iopf]\n", *error, file[100];

	for (int i = 0; i < 100; i++)
		strcat(text, "\xc3\xa4");
	put(path, text);
	snprintf(file, sizeof(file), "%s/a\n\xff.conf", extra);
	put(file, "x");
	error = load_bad(-EINVAL);
	assert_non_null(strstr(error, "/a??.conf:1: is neither [SECTION] nor KEY = VALUE: x"));
	assert_non_null(strstr(error, "\xc3\xa4\n"));
	assert_null(strstr(error, "\xc3?"));
	free(error);
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

/* A list has what it needs. */
static void test_long_line(void **state)
{
	struct config *config;
	char text[20000] = "[iopf]\nexclude =";
	size_t length = strlen(text);

	for (int i = 0; i < 1024; i++)
		length += sprintf(text + length, " 0000:%02x:%02x.0", i / 32, i % 32);
	put(path, text);
	config = load();
	assert_string_equal(config->iopf_exclude[0], "0000:00:00.0");
	assert_string_equal(config->iopf_exclude[1023], "0000:1f:1f.0");
	assert_null(config->iopf_exclude[1024]);
	config_free(config);
}

static void test_long_path(void **state)
{
	char text[5000], *error;

	snprintf(text, sizeof(text), "[paimond]\nstate_dir = /%04031d", 0);
	put(path, text);
	config_free(load());
	strcat(text, "x");
	put(path, text);
	error = load_bad(-EINVAL);
	assert_non_null(strstr(error, ":2: [paimond] state_dir = /0"));
	assert_non_null(strstr(error, ": is longer than 4032 bytes"));
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

	assert_true(iopf_serves(NULL, NULL, "x"));
	assert_true(iopf_serves(none, none, "x"));
	assert_true(iopf_serves(include, NULL, "dsa0"));
	assert_false(iopf_serves(include, NULL, "dsa10"));
	assert_false(iopf_serves(include, NULL, "x"));
	assert_true(iopf_serves(include, exclude, "0000:6a:00.0"));
	assert_false(iopf_serves(include, exclude, "0000:6a:00.1"));
	assert_true(iopf_serves(NULL, exclude, "x"));
	assert_false(iopf_serves(NULL, exclude, "y.2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whole_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dangling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_is_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_in_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_is_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_path, setup, teardown),
		cmocka_unit_test(test_serves),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* What daemon/source/reader.c asks the kernel for: perf_open() and files of sysfs are replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "source/perf_open.h"
#include "source/reader.h"
#include "util/event_spec.h"

#define CPU 3

/* What was asked for, with the words that the headers may not have. */
static struct {
	struct perf_event_attr attr;
	uint64_t config3, config4;
} asked[2];
static int nr_asked, answers[2];
static const char *mediated, *paranoid = "2\n", *kprobe;
static bool has_pmu; /* of the CPUs */

int __wrap_glob64(const char *pattern, int flags, int (*error)(const char *, int),
		  glob64_t *ret_names);
int __wrap_glob64(const char *pattern, int flags, int (*error)(const char *, int),
		  glob64_t *ret_names)
{
	*ret_names = (glob64_t){};
	return has_pmu && strstr(pattern, "cpum_cf") ? 0 : GLOB_NOMATCH;
}

int __wrap_perf_open(const void *attr, int cpu);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

int __wrap_perf_open(const void *attr, int cpu)
{
	const struct perf_event_attr *head = attr;

	assert_int_equal(cpu, CPU);
	assert_in_range(nr_asked, 0, 1);
	memset(&asked[nr_asked], 0, sizeof(asked[nr_asked]));
	memcpy(&asked[nr_asked].attr, attr, PERF_ATTR_SIZE_VER7);
	if (head->size >= 136)
		memcpy(&asked[nr_asked].config3, (const char *)attr + 128, sizeof(uint64_t));
	if (head->size >= 144)
		memcpy(&asked[nr_asked].config4, (const char *)attr + 136, sizeof(uint64_t));
	return answers[nr_asked++];
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	const char *text = !strcmp(path, "/sys/module/kvm_amd/parameters/enable_mediated_pmu")
				   ? mediated
			   : !strcmp(path, "/proc/sys/kernel/perf_event_paranoid") ? paranoid
			   : !strcmp(path, EVENT_SPEC_PMUS "/kprobe/type")	   ? kprobe
										   : NULL;

	return text ? fmemopen((void *)text, strlen(text), "r") : NULL;
}

static int open_with(struct events_event *event, uint32_t type, int first, int second)
{
	nr_asked = 0;
	answers[0] = first;
	answers[1] = second;
	return reader_open(event, type, CPU);
}

/* All words of the attr, in the size that has them: older kernels refuse what they do not know. */
static void test_words(void **state)
{
	struct events_event event = {.type = 77, .terms[0].config = {1, 2, 3, 0, 0}};

	assert_int_equal(open_with(&event, 0, 9, 0), 9);
	assert_int_equal(asked[0].attr.type, 77);
	assert_int_equal(asked[0].attr.config, 1);
	assert_int_equal(asked[0].attr.config1, 2);
	assert_int_equal(asked[0].attr.config2, 3);
	assert_int_equal(asked[0].attr.size, 128);
	event.terms[0].config[3] = 4;
	open_with(&event, 0, 9, 0);
	assert_int_equal(asked[0].config3, 4);
	assert_int_equal(asked[0].attr.size, 136);
	event.terms[0].config[4] = 5;
	open_with(&event, 0, 9, 0);
	assert_int_equal(asked[0].config3, 4);
	assert_int_equal(asked[0].config4, 5);
	assert_int_equal(asked[0].attr.size, 144);
	/* The terms in force. */
	event.current = 1;
	event.terms[1].config[0] = 8;
	open_with(&event, 0, -EBUSY, 0);
	assert_int_equal(asked[0].attr.config, 8);
	assert_int_equal(nr_asked, 1);
}

static void test_excluded(void **state)
{
	struct events_event event = {
		.type = 77,
		.terms[0].exclude = EVENT_EXCLUDE_USER | EVENT_EXCLUDE_HV | EVENT_EXCLUDE_HOST,
	};

	open_with(&event, 0, 9, 0);
	assert_true(asked[0].attr.exclude_user && asked[0].attr.exclude_hv);
	assert_true(asked[0].attr.exclude_host);
	assert_false(asked[0].attr.exclude_kernel || asked[0].attr.exclude_guest);
	event.terms[0].exclude = EVENT_EXCLUDE_KERNEL | EVENT_EXCLUDE_GUEST;
	open_with(&event, 0, 9, 0);
	assert_true(asked[0].attr.exclude_kernel && asked[0].attr.exclude_guest);
	assert_false(asked[0].attr.exclude_user || asked[0].attr.exclude_hv ||
		     asked[0].attr.exclude_host);
}

/* Where KVM gives counters to guests only what leaves them out can be opened, unless the text
 * chooses, and only of PMUs of CPUs. */
static void test_mediated(void **state)
{
	struct events_event core = {.type = 4, .flags = EVENTS_CORE}, system = {.type = 77};

	open_with(&core, 0, 9, 0);
	assert_false(asked[0].attr.exclude_guest);
	mediated = "Y\n";
	open_with(&core, 0, 9, 0);
	assert_true(asked[0].attr.exclude_guest);
	open_with(&system, 0, 9, 0);
	assert_false(asked[0].attr.exclude_guest);
	core.terms[0].exclude = EVENT_GUESTS_CHOSEN;
	open_with(&core, 0, 9, 0);
	assert_false(asked[0].attr.exclude_guest);
	core.terms[0].exclude = EVENT_EXCLUDE_USER;
	open_with(&core, 0, 9, 0);
	assert_true(asked[0].attr.exclude_guest);
	mediated = "N\n";
	open_with(&core, 0, 9, 0);
	assert_false(asked[0].attr.exclude_guest);
	mediated = NULL;
}

/* Generic events have the PMU in the upper half of config, others in type. */
static void test_pmus(void **state)
{
	struct events_event generic = {.type = PERF_TYPE_HW_CACHE, .terms[0].config = {0x10002}};
	struct events_event raw = {.type = PERF_TYPE_RAW, .terms[0].config = {0x1a2}};

	assert_int_equal(open_with(&generic, 10, 9, 0), 9);
	assert_int_equal(asked[0].attr.type, PERF_TYPE_HW_CACHE);
	assert_int_equal(asked[0].attr.config, 0xa00010002);
	assert_int_equal(nr_asked, 1);
	open_with(&raw, 10, 9, 0);
	assert_int_equal(asked[0].attr.type, 10);
	assert_int_equal(asked[0].attr.config, 0x1a2);
	/* Kernels that do not know this find the PMU by the CPU. */
	assert_int_equal(open_with(&generic, 10, -ENOENT, 9), 9);
	assert_int_equal(nr_asked, 2);
	assert_int_equal(asked[1].attr.config, 0x10002);
	assert_int_equal(open_with(&generic, 10, -EBUSY, 9), -EBUSY);
	assert_int_equal(open_with(&generic, 0, -ENOENT, 9), -ENOENT);
	assert_int_equal(open_with(&raw, 10, -ENOENT, 9), -ENOENT);
	assert_int_equal(nr_asked, 1);
}

/* The advice is of what is the case. */
static void test_advice(void **state)
{
	assert_null(strstr(reader_advice(-EACCES, 77), "paranoid"));
	assert_non_null(strstr(reader_advice(-EACCES, 77), "more than CAP_PERFMON"));
	/* ftrace:function */
	assert_string_equal(reader_advice(-EPERM, PERF_TYPE_TRACEPOINT),
			    " (the kernel refuses this tracepoint even to root)");
	assert_non_null(strstr(reader_advice(-EPERM, PERF_TYPE_SOFTWARE), "seccomp"));
	paranoid = "4\n";
	assert_non_null(
		strstr(reader_advice(-EACCES, PERF_TYPE_SOFTWARE), "perf_event_paranoid = 4"));
	paranoid = "3\n";
	assert_non_null(strstr(reader_advice(-EPERM, 77), "perf_event_paranoid = 3"));
	paranoid = "-1\n";
	assert_null(strstr(reader_advice(-EPERM, 77), "paranoid"));
	assert_non_null(strstr(reader_advice(-EMFILE, 77), "descriptors"));
	assert_non_null(strstr(reader_advice(-E2BIG, 77), "config4"));
	assert_string_equal(reader_advice(-ENOENT, 77),
			    " (the PMU does not have this event there: see paimonctl list)");
	assert_string_equal(reader_advice(-EIO, 77), "");
	assert_non_null(strstr(reader_advice(-ETIMEDOUT, 77), "journalctl -u paimon-opener"));
	assert_non_null(strstr(reader_advice(-ENFILE, 77), "fs.file-max"));
	assert_non_null(strstr(reader_advice(-EOPNOTSUPP, 77), "while guests use"));
	assert_non_null(strstr(reader_advice(-EINVAL, 77), "terms or modifiers"));
	assert_non_null(strstr(reader_advice(-EBUSY, 77), "another user has the counters"));
}

/* Whose events are missing on a machine without counters, and who may set probes. */
static void test_advice_by_pmu(void **state)
{
	static const uint32_t of_cpus[] = {PERF_TYPE_HARDWARE, PERF_TYPE_HW_CACHE, PERF_TYPE_RAW};

	for (size_t i = 0; i < sizeof(of_cpus) / sizeof(*of_cpus); i++) {
		has_pmu = false;
		assert_non_null(strstr(reader_advice(-ENOENT, of_cpus[i]), "have no PMU"));
		assert_non_null(strstr(reader_advice(-ENODEV, of_cpus[i]), "have no PMU"));
		has_pmu = true;
		assert_non_null(strstr(reader_advice(-ENOENT, of_cpus[i]), "does not have this"));
		assert_non_null(strstr(reader_advice(-EPERM, of_cpus[i]), "seccomp"));
	}
	kprobe = "77\n";
	assert_non_null(strstr(reader_advice(-EPERM, 77), "only root may set probes"));
	assert_null(strstr(reader_advice(-EPERM, 78), "probes"));
	kprobe = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_excluded),
		cmocka_unit_test(test_mediated), cmocka_unit_test(test_pmus),
		cmocka_unit_test(test_advice),	 cmocka_unit_test(test_advice_by_pmu),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}

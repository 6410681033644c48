// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's verifier says of each program of each object, loaded as paimond loads it:
 * how much stack its functions use, and how many instructions it has looked at. A dispatcher
 * without a JIT runs what it calls on its own stack: it has all that any program can have.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "events.skel.h"
#include "pai.skel.h"
#include "perf_file.skel.h"
#include "source/attribution.h"
#include "source/iopf/iopf_source.h"
#include "source/iopf/probe.h"
#include "source/source.h"

#define MAX_BPF_STACK 512
/* That the verifier looks at, and a start waits for: a loop within a loop is in a global function.
 */
#define MAX_INSNS 100000
#define LOG_LEVEL_STATS 4
#define LOG_SIZE (16 * 1024)
#define MAX_PROGRAMS 64

static char logs[MAX_PROGRAMS][LOG_SIZE];

static bool is_dispatcher(const char *name)
{
	return !strncmp(name, "paimon_", strlen("paimon_"));
}

/* "stack depth A+B+..." is of the program and of its functions; "stack depth max N" (7.x) of
 * the one that uses most. */
static void check_log(const char *name, const char *log)
{
	const char *depths = strstr(log, "stack depth "), *processed = strstr(log, "processed ");
	unsigned int functions = 0, insns;
	char *end;

	if (!depths || !processed || sscanf(processed, "processed %u", &insns) != 1)
		fail_msg("%s: no statistics in the verifier's log: %s", name, log);
	depths += strlen("stack depth ");
	if (!strncmp(depths, "max ", 4))
		depths += 4;
	print_message("%s: stack %.*s, %u instructions\n", name, (int)strcspn(depths, "\n"), depths,
		      insns);
	do {
		unsigned long depth = strtoul(depths, &end, 10);

		assert_true(end > depths);
		if (is_dispatcher(name))
			assert_int_equal(depth, MAX_BPF_STACK);
		assert_in_range(depth, 0, MAX_BPF_STACK);
		functions++;
		depths = end + 1;
	} while (*end == '+');
	if (is_dispatcher(name))
		assert_int_equal(functions, 1);
	assert_in_range(insns, 1, MAX_INSNS);
}

/* Loads what is to be loaded of an object, which stays the caller's. 0 or a negative errno. */
static int load(struct bpf_object *object)
{
	struct bpf_program *program;
	const char *last = "";
	size_t nr = 0;
	int r;

	memset(logs, 0, sizeof(logs));
	bpf_object__for_each_program(program, object)
	{
		assert_true(nr < MAX_PROGRAMS);
		assert_int_equal(bpf_program__set_log_level(program, LOG_LEVEL_STATS), 0);
		assert_int_equal(bpf_program__set_log_buf(program, logs[nr++], LOG_SIZE), 0);
	}
	r = bpf_object__load(object);
	nr = 0;
	bpf_object__for_each_program(program, object)
	{
		const char *log = logs[nr++];

		if (!r && bpf_program__autoload(program))
			check_log(bpf_program__name(program), log);
		last = *log ? log : last;
	}
	if (r)
		print_message("%s", last);
	return r;
}

/* With all devices that there can be, and what it is attached to by a backend. */
static void load_iopf(enum iopf_backend backend)
{
	struct iopf iopf = {.bpf = iopf_bpf__open()};
	int r;

	assert_non_null(iopf.bpf);
	if (backend != IOPF_BACKEND_MODULE && !iopf_functions_found()) {
		iopf_bpf__destroy(iopf.bpf);
		print_message("this kernel has no I/O page fault handler\n");
		skip();
	}
	assert_int_equal(iopf_hooks_prepare(&iopf, backend), 0);
	iopf.bpf->rodata->iopf_max_devices = IOPF_MAX_DEVICES;
	r = load(iopf.bpf->obj);
	iopf_bpf__destroy(iopf.bpf);
	/* A hardened kernel lets none in. */
	if (r == -EPERM && backend == IOPF_BACKEND_FENTRY)
		skip();
	assert_int_equal(r, 0);
}

static void test_iopf(void **data __attribute__((unused)))
{
	load_iopf(IOPF_BACKEND_MODULE);
}

static void test_iopf_fentry(void **data __attribute__((unused)))
{
	load_iopf(IOPF_BACKEND_FENTRY);
}

static void test_iopf_kprobe(void **data __attribute__((unused)))
{
	load_iopf(IOPF_BACKEND_KPROBE);
}

static void test_iopf_kprobe_multi(void **data __attribute__((unused)))
{
	load_iopf(IOPF_BACKEND_KPROBE_MULTI);
}

static void test_pai(void **data __attribute__((unused)))
{
	struct pai_bpf *bpf = pai_bpf__open();

	assert_non_null(bpf);
	bpf_program__set_autoload(bpf->progs.pai_play, true);
	assert_int_equal(load(bpf->obj), 0);
	pai_bpf__destroy(bpf);
}

static void test_events(void **data __attribute__((unused)))
{
	struct events_bpf *bpf = events_bpf__open();

	assert_non_null(bpf);
	assert_int_equal(load(bpf->obj), 0);
	events_bpf__destroy(bpf);
}

static void test_switch(void **data __attribute__((unused)))
{
	struct switch_bpf *bpf = switch_bpf__open();

	assert_non_null(bpf);
	assert_int_equal(load(bpf->obj), 0);
	switch_bpf__destroy(bpf);
}

static void test_perf_file(void **data __attribute__((unused)))
{
	struct perf_file_bpf *bpf = perf_file_bpf__open();

	assert_non_null(bpf);
	assert_int_equal(load(bpf->obj), 0);
	perf_file_bpf__destroy(bpf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iopf),	    cmocka_unit_test(test_iopf_fentry),
		cmocka_unit_test(test_iopf_kprobe), cmocka_unit_test(test_iopf_kprobe_multi),
		cmocka_unit_test(test_pai),	    cmocka_unit_test(test_events),
		cmocka_unit_test(test_switch),	    cmocka_unit_test(test_perf_file),
	};

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* What is said of BPF programs that cannot be loaded: capabilities, messages of libbpf and logs of
 * the verifier are made up. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include <cmocka.h>

#include "source/load.h"
#include "source/source.h"

static bool has[CAP_LAST_CAP + 1], initial, no_caps;
static int btf_error;
static libbpf_print_fn_t print; /* of load.c */

libbpf_print_fn_t __wrap_libbpf_set_print(libbpf_print_fn_t new);
libbpf_print_fn_t __wrap_libbpf_set_print(libbpf_print_fn_t new)
{
	print = new;
	return NULL;
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	errno = btf_error;
	return btf_error ? -1 : 0;
}

cap_t __real_cap_get_proc(void);
cap_t __wrap_cap_get_proc(void);
cap_t __wrap_cap_get_proc(void)
{
	return no_caps ? NULL : __real_cap_get_proc();
}

int __wrap_cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag, cap_flag_value_t *ret_value);
int __wrap_cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag, cap_flag_value_t *ret_value)
{
	assert_int_equal(flag, CAP_EFFECTIVE);
	*ret_value = has[cap] ? CAP_SET : CAP_CLEAR;
	return 0;
}

bool __wrap_namespaces_user_is_initial(void);
bool __wrap_namespaces_user_is_initial(void)
{
	return initial;
}

__attribute__((format(printf, 2, 3))) static void say(enum libbpf_print_level level,
						      const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(level, format, ap);
	va_end(ap);
}

static int setup(void **data)
{
	has[CAP_SYS_ADMIN] = false;
	has[CAP_BPF] = has[CAP_PERFMON] = initial = true;
	no_caps = false;
	btf_error = 0;
	assert_int_equal(load_begin(NULL), 0);
	return 0;
}

static void expect(int error, const char *text)
{
	char why[224];

	load_why(error, why, sizeof(why));
	if (!strstr(why, text))
		fail_msg("no \"%s\" in \"%s\"", text, why);
}

static void test_capabilities(void **data)
{
	has[CAP_PERFMON] = false;
	expect(-EPERM, "Operation not permitted (paimond lacks CAP_PERFMON: paimond.service gives");
	has[CAP_BPF] = false;
	expect(-EACCES, "paimond lacks CAP_BPF and CAP_PERFMON");
	has[CAP_PERFMON] = true;
	expect(-EPERM, "paimond lacks CAP_BPF: ");
	no_caps = true; /* it is not known which */
	expect(-EPERM, "paimond lacks CAP_BPF and CAP_PERFMON");
	no_caps = false;
	has[CAP_SYS_ADMIN] = true; /* does for both */
	expect(-EPERM, "a seccomp profile or a security module refuses bpf(2)");
	initial = false;
	expect(-EPERM, "capabilities in a user namespace only");
	/* What has another error has another cause. */
	expect(-ENOMEM, "Cannot allocate memory");
}

/* The first message is the cause; those that follow are its effects. */
static void test_message(void **data)
{
	say(LIBBPF_DEBUG, "libbpf: loading\n");
	expect(-EINVAL, "Invalid argument");
	say(LIBBPF_WARN, "libbpf: map '%s': failed to create\nmore\n", "x");
	say(LIBBPF_WARN, "failed to load object\n");
	expect(-EINVAL, "Invalid argument (map 'x': failed to create)");
	expect(-EPERM, "Operation not permitted (map 'x': failed to create)");
	expect(-E2BIG, "(map 'x': failed to create); if memory was short at the start, restart");
	/* Of the next object. */
	assert_int_equal(load_begin(NULL), 0);
	say(LIBBPF_WARN, "without a prefix\n");
	expect(-EINVAL, "(without a prefix)");
}

/* The verdict is the last line of the log before its statistics. */
static void test_verdict(void **data)
{
	static const char *const ends[] = {"processed 9 insns\n", "verification time 5 usec\n",
					   "-- END PROG LOAD LOG --\n", ""};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		assert_int_equal(load_begin(NULL), 0);
		say(LIBBPF_WARN, "libbpf: prog 'x': BPF program load failed\n");
		say(LIBBPF_WARN,
		    "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\nR2 !read_ok\n\n%s",
		    ends[i]);
		say(LIBBPF_WARN, "libbpf: prog 'y': -- BEGIN PROG LOAD LOG --\nother\n");
		expect(-EACCES, "Permission denied (prog 'x': R2 !read_ok)");
	}
	/* An empty log has none. */
	assert_int_equal(load_begin(NULL), 0);
	say(LIBBPF_WARN, "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n");
	expect(-EINVAL, "Invalid argument (prog 'x': -- BEGIN PROG LOAD LOG --)");
	assert_false(load_is_locked_down());
}

static void test_no_btf(void **data)
{
	struct source source = {};

	btf_error = ENOENT;
	assert_int_equal(load_begin(NULL), -ENOENT);
	assert_int_equal(load_begin(&source), -ENOTSUP);
	assert_non_null(strstr(source.reason, "CONFIG_DEBUG_INFO_BTF=y"));
	btf_error = EACCES;
	assert_int_equal(load_begin(&source), -EACCES);
	assert_non_null(strstr(source.reason, "cannot read the kernel's BTF"));
	assert_int_equal(load_failed(&source, -ENOMEM), -ENOMEM);
	assert_string_equal(source.reason, "cannot load the BPF programs: Cannot allocate memory");
}

/* The last one: from then on it is so until the machine is booted again. */
static void test_locked_down(void **data)
{
	say(LIBBPF_WARN, "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n"
			 "program of this type cannot use helper bpf_probe_read_kernel#113\n"
			 "processed 9 insns\n");
	assert_true(load_is_locked_down());
	expect(-EINVAL, LOAD_LOCKED_DOWN);
	assert_int_equal(load_begin(NULL), 0);
	assert_true(load_is_locked_down());
	expect(-EPERM, LOAD_LOCKED_DOWN);
	/* What has nothing to do with it. */
	expect(-ENOMEM, "Cannot allocate memory");
	say(LIBBPF_WARN, "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n"
			 "unknown func bpf_probe_read#4\n");
	expect(-EINVAL, LOAD_LOCKED_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_capabilities, setup),
		cmocka_unit_test_setup(test_message, setup),
		cmocka_unit_test_setup(test_verdict, setup),
		cmocka_unit_test_setup(test_no_btf, setup),
		cmocka_unit_test_setup(test_locked_down, setup),
	};

	return cmocka_run_group_tests_name("load-why", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* Which functions of the kernel's fault handler are found in the BTF of different kernels. */
#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "source/iopf/probe.h"

struct function {
	const char *name;
	bool returns; /* a value */
};

static const struct function *functions; /* of the kernel; NULL: its BTF cannot be read */

struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ret_ext);
struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ret_ext)
{
	struct btf *btf = functions ? btf__new_empty() : NULL;
	int type = btf ? btf__add_int(btf, "int", 4, BTF_INT_SIGNED) : 0;

	for (const struct function *f = functions; f && f->name; f++) {
		int prototype = btf__add_func_proto(btf, f->returns ? type : 0);

		assert_true(btf__add_func(btf, f->name, BTF_FUNC_STATIC, prototype) > 0);
	}
	errno = EACCES;
	return btf;
}

/* What is found is remembered, so each kernel is another process. */
static void on_kernel(const struct function *kernel, void (*check)(void))
{
	pid_t pid = fork();

	if (!pid) {
		functions = kernel;
		check();
		exit(0);
	}
	assert_int_equal(wait_for(pid), 0);
}

#define expect(condition)                \
	do {                             \
		if (!(condition))        \
			die(#condition); \
	} while (0)

static const char *found(enum iopf_function function)
{
	return iopf_kernel_function(function)->found ?: "";
}

static void check_6_1(void)
{
	expect(iopf_functions_found());
	expect(!strcmp(found(IOPF_FN_HANDLE), "iopf_handle_group"));
	expect(!strcmp(found(IOPF_FN_RESPONSE), "iommu_page_response"));
	expect(iopf_kernel_function(IOPF_FN_REPORT)->id > 0);
	/* Whether it was refused is in what it returns. */
	expect(!strcmp(found(IOPF_FN_REPORTED), "iommu_report_device_fault"));
	expect(iopf_kernel_function(IOPF_FN_REPORTED)->id ==
	       iopf_kernel_function(IOPF_FN_REPORT)->id);
}

static void check_6_6(void)
{
	expect(iopf_functions_found());
	/* There is a function with the later name, too, which is another one. */
	expect(!strcmp(found(IOPF_FN_HANDLE), "iopf_handler"));
}

static void check_6_12(void)
{
	expect(iopf_functions_found());
	expect(!strcmp(found(IOPF_FN_HANDLE), "iommu_sva_handle_iopf"));
	expect(!strcmp(found(IOPF_FN_RESPONSE), "iopf_group_response"));
	expect(!*found(IOPF_FN_REPORTED));
	expect(!strcmp(found(IOPF_FN_REMOVE), "iopf_queue_remove_device"));
	expect(!*found(IOPF_FN_DISCARD));
	functions = NULL; /* it is not read again */
	expect(iopf_functions_found());
}

static void check_incomplete(void)
{
	expect(!iopf_functions_found());
	expect(!iopf_functions_found());
}

/* It may be readable later. */
static void check_unreadable(void)
{
	static const struct function later[] = {{"iommu_report_device_fault", false},
						{"iopf_group_response", false},
						{}};

	expect(!iopf_functions_found());
	functions = later;
	expect(iopf_functions_found());
}

static void test_kernels(void **data)
{
	static const struct function v6_1[] = {{"iommu_report_device_fault", true},
					       {"iopf_handle_group", false},
					       {"iommu_page_response", true},
					       {"iopf_queue_discard_partial", true},
					       {}};
	static const struct function v6_6[] = {{"iommu_sva_handle_iopf", true},
					       {"iopf_handler", false},
					       {"iommu_report_device_fault", true},
					       {"iommu_page_response", true},
					       {}};
	static const struct function v6_12[] = {
		{"iommu_report_device_fault", false}, {"iommu_sva_handle_iopf", false},
		{"iopf_group_response", false},	      {"iommu_page_response", false},
		{"iopf_queue_remove_device", false},  {}};
	static const struct function none[] = {{"schedule", false}, {}};
	static const struct function half[] = {{"iommu_report_device_fault", true}, {}};

	on_kernel(v6_1, check_6_1);
	on_kernel(v6_6, check_6_6);
	on_kernel(v6_12, check_6_12);
	on_kernel(none, check_incomplete);
	on_kernel(half, check_incomplete);
	on_kernel(NULL, check_unreadable);
}

/* The best one first; where programs are preempted fentry is the last. */
static void test_order(void **data)
{
	assert_int_equal(iopf_backend_order(false)[0], IOPF_BACKEND_FENTRY);
	assert_int_equal(iopf_backend_order(true)[IOPF_NR_FUNCTION_BACKENDS - 1],
			 IOPF_BACKEND_FENTRY);
	for (int preempts = 0; preempts < 2; preempts++) {
		unsigned int seen = 0;

		for (int i = 0; i < IOPF_NR_FUNCTION_BACKENDS; i++)
			seen |= 1u << iopf_backend_order(preempts)[i];
		assert_int_equal(seen, 1u << IOPF_BACKEND_FENTRY | 1u << IOPF_BACKEND_KPROBE_MULTI |
					       1u << IOPF_BACKEND_KPROBE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests_name("iopf-probe", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Which hooks there are for each backend, and how their links are attached, kept and adopted, on a
 * made-up kernel: its links and programs are files in memory, and it refuses what it is told to.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "source/iopf/iopf_source.h"
#include "source/iopf/probe.h"
#include "source/source.h"

#define MAX_OBJECTS 64

/* An object of the made-up kernel; a descriptor of it is one of the file with this inode. */
struct object {
	ino_t inode;
	int file; /* -1: it is gone */
	enum { PROGRAM, LINK } kind;
	uint32_t id;
	enum bpf_link_type type;
	char tracepoint[64];
	uint32_t function, attach_type; /* of a tracing link */
	uint32_t program;		/* its id */
	char path[128];			/* where it is pinned, or "" */
};

static struct object objects[MAX_OBJECTS];
static size_t nr_objects;
static const struct bpf_program *programs[MAX_OBJECTS]; /* descriptor FIRST_PROGRAM + index */
static size_t nr_programs;
static struct iopf iopf;
static struct config config;
static struct source source;
static char order[1024];      /* what was attached to, one after the other */
static const char *refused;   /* what cannot be attached to */
static int refused_error;     /* negative errno */
static int updates_left;      /* of program arrays, until one fails; -1: none does */
static int pins_left;	      /* the same of pins */
static const char *not_found; /* a function that is not in BTF */

static struct object *new_object(int kind)
{
	struct object *object = &objects[nr_objects];
	struct stat st;

	assert_true(nr_objects < MAX_OBJECTS);
	object->file = memfd_create("object", MFD_CLOEXEC);
	assert_true(object->file >= 0);
	assert_int_equal(fstat(object->file, &st), 0);
	object->inode = st.st_ino;
	object->kind = kind;
	object->id = ++nr_objects;
	return object;
}

static struct object *object_of(int fd)
{
	struct stat st;

	for (size_t i = 0; !fstat(fd, &st) && i < nr_objects; i++)
		if (objects[i].inode == st.st_ino)
			return &objects[i];
	return NULL;
}

static struct object *object_at(const char *path)
{
	for (size_t i = 0; i < nr_objects; i++)
		if (!strcmp(objects[i].path, path))
			return &objects[i];
	return NULL;
}

/* The program of a loaded object. */
static struct object *program_object(const struct bpf_program *program)
{
	for (size_t i = 0; i < nr_programs; i++)
		if (programs[i] == program)
			return &objects[i];
	return NULL;
}

/* Linked in place of libbpf's. Programs are those of the first objects. */

int __wrap_bpf_program__fd(const struct bpf_program *program);
int __wrap_bpf_program__fd(const struct bpf_program *program)
{
	struct object *object = program_object(program);

	return object ? object->file : -ENOENT;
}

int __wrap_bpf_program__set_attach_target(struct bpf_program *program, int fd, const char *name);
int __wrap_bpf_program__set_attach_target(struct bpf_program *program, int fd, const char *name)
{
	return not_found && !strcmp(name, not_found) ? -ESRCH : 0;
}

int __wrap_bpf_map_update_elem(int map, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_update_elem(int map, const void *key, const void *value, __u64 flags)
{
	return !updates_left-- ? -EPERM : 0;
}

int __wrap_bpf_obj_get_info_by_fd(int fd, void *ret_info, __u32 *size);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *ret_info, __u32 *size)
{
	const struct object *object = object_of(fd);
	struct bpf_prog_info *program = ret_info;
	struct bpf_link_info *link = ret_info;

	if (!object)
		return -EBADF;
	if (object->kind == PROGRAM) {
		program->id = object->id;
		return 0;
	}
	link->type = object->type;
	link->prog_id = object->program;
	if (object->type == BPF_LINK_TYPE_RAW_TRACEPOINT) {
		snprintf((char *)(uintptr_t)link->raw_tracepoint.tp_name,
			 link->raw_tracepoint.tp_name_len, "%s", object->tracepoint);
	} else if (object->type == BPF_LINK_TYPE_TRACING) {
		link->tracing.target_btf_id = object->function;
		link->tracing.attach_type = object->attach_type;
	}
	return 0;
}

int __wrap_bpf_obj_pin(int fd, const char *path);
int __wrap_bpf_obj_pin(int fd, const char *path)
{
	struct object *object = object_of(fd);

	if (!object || !pins_left--)
		return -EPERM;
	if (object_at(path))
		return -EEXIST;
	snprintf(object->path, sizeof(object->path), "%s", path);
	return 0;
}

int __wrap_bpf_obj_get(const char *path);
int __wrap_bpf_obj_get(const char *path)
{
	const struct object *object = object_at(path);

	return object ? dup(object->file) : -ENOENT;
}

int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	struct object *object = object_at(path);

	if (object)
		object->path[0] = '\0';
	errno = ENOENT;
	return object ? 0 : -1;
}

/* The hook of whom a dispatcher is. */
static const struct iopf_hook *hook_of(int fd)
{
	for (int i = 0; i < iopf.nr_hooks; i++)
		if (bpf_program__fd(iopf.hooks[i].dispatcher) == fd)
			return &iopf.hooks[i];
	fail_msg("a program that is no dispatcher");
	return NULL;
}

static int attach(int program, const char *target, enum bpf_link_type type)
{
	const struct iopf_hook *hook = hook_of(program);
	struct object *object;

	assert_string_equal(target, hook->target);
	if (refused && !strcmp(target, refused))
		return refused_error;
	strcat(strcat(order, target), hook->at_return ? "% " : " ");
	object = new_object(LINK);
	object->type = type;
	object->program = object_of(program)->id;
	snprintf(object->tracepoint, sizeof(object->tracepoint), "%s", target);
	object->function = hook->target_id;
	object->attach_type = hook->how == HOOK_FEXIT ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
	return dup(object->file);
}

int __wrap_bpf_raw_tracepoint_open(const char *name, int program);
int __wrap_bpf_raw_tracepoint_open(const char *name, int program)
{
	return attach(program, name ?: hook_of(program)->target,
		      name ? BPF_LINK_TYPE_RAW_TRACEPOINT : BPF_LINK_TYPE_TRACING);
}

static const char *probed;    /* function of the kprobe that was opened */
static uint64_t probe_config; /* and its config */

int __wrap_bpf_link_create(int program, int target, enum bpf_attach_type type,
			   const struct bpf_link_create_opts *options);
int __wrap_bpf_link_create(int program, int target, enum bpf_attach_type type,
			   const struct bpf_link_create_opts *options)
{
	const struct iopf_hook *hook = hook_of(program);

	if (type == BPF_TRACE_KPROBE_MULTI) {
		assert_int_equal(options->kprobe_multi.cnt, 1);
		assert_int_equal(options->kprobe_multi.flags,
				 hook->at_return ? BPF_F_KPROBE_MULTI_RETURN : 0);
		return attach(program, options->kprobe_multi.syms[0], BPF_LINK_TYPE_KPROBE_MULTI);
	}
	assert_int_equal(type, BPF_PERF_EVENT);
	assert_int_equal(probe_config, hook->at_return ? 1 << 3 : 0);
	return attach(program, probed, BPF_LINK_TYPE_PERF_EVENT);
}

/* Linked in place of perf_event_open(2), for a PMU kprobe with type 8 whose bit for returns is 3.
 */
static int kprobe_error;

long __wrap_syscall(long number, const struct perf_event_attr *attr, ...);
long __wrap_syscall(long number, const struct perf_event_attr *attr, ...)
{
	assert_int_equal(attr->type, 8);
	probed = (const char *)(uintptr_t)attr->config1;
	probe_config = attr->config;
	errno = kprobe_error;
	return kprobe_error ? -1 : memfd_create("probe", MFD_CLOEXEC);
}

static const char *kprobe_type, *kprobe_retprobe, *paranoid; /* NULL: there is no such file */

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	const char *text = strstr(path, "perf_event_paranoid") ? paranoid
			   : strstr(path, "retprobe")	       ? kprobe_retprobe
			   : strstr(path, "kprobe/type")       ? kprobe_type
							       : "";

	if (text)
		return fmemopen((void *)text, strlen(text) + 1, "r");
	errno = ENOENT;
	return NULL;
}

/* The functions of a kernel of 6.12. */
static struct iopf_kernel_function functions[IOPF_NR_FUNCTIONS];

const struct iopf_kernel_function *__wrap_iopf_kernel_function(enum iopf_function function);
const struct iopf_kernel_function *__wrap_iopf_kernel_function(enum iopf_function function)
{
	return &functions[function];
}

static void prepare(enum iopf_backend backend)
{
	assert_int_equal(iopf_hooks_prepare(&iopf, backend), 0);
}

static int setup(void **data)
{
	struct bpf_program *program;

	functions[IOPF_FN_REPORT] = (struct iopf_kernel_function){{"iommu_report_device_fault"},
								  true,
								  "iommu_report_device_fault",
								  11};
	functions[IOPF_FN_REPORTED] = functions[IOPF_FN_REPORT];
	functions[IOPF_FN_HANDLE] = (struct iopf_kernel_function){{"iommu_sva_handle_iopf"},
								  false,
								  "iommu_sva_handle_iopf",
								  12};
	functions[IOPF_FN_RESPONSE] =
		(struct iopf_kernel_function){{"iopf_group_response", "iommu_page_response"},
					      true,
					      NULL,
					      13};
	functions[IOPF_FN_RESPONSE].found = functions[IOPF_FN_RESPONSE].names[0];
	functions[IOPF_FN_DISCARD] = (struct iopf_kernel_function){{"iopf_queue_discard_partial"},
								   false,
								   "iopf_queue_discard_partial",
								   14};
	functions[IOPF_FN_REMOVE] = (struct iopf_kernel_function){{"iopf_queue_remove_device"},
								  false,
								  "iopf_queue_remove_device",
								  15};
	config = (struct config){.state_dir = "/bpf"};
	source = (struct source){.ops = &iopf_source, .config = &config};
	iopf = (struct iopf){.bpf = iopf_bpf__open()};
	assert_non_null(iopf.bpf);
	nr_objects = nr_programs = 0;
	memset(objects, 0, sizeof(objects));
	bpf_object__for_each_program(program, iopf.bpf->obj)
	{
		programs[nr_programs++] = program;
		new_object(PROGRAM);
	}
	order[0] = '\0';
	refused = not_found = NULL;
	updates_left = pins_left = -1;
	kprobe_type = "8\n";
	kprobe_retprobe = "config:3\n";
	paranoid = "2\n";
	kprobe_error = 0;
	return 0;
}

static int teardown(void **data)
{
	iopf_hooks_close(&iopf);
	iopf_bpf__destroy(iopf.bpf);
	for (size_t i = 0; i < nr_objects; i++)
		close(objects[i].file);
	return 0;
}

static const struct {
	enum iopf_backend backend;
	int nr;
	const char *first;    /* the name of the first link */
	const char *attached; /* in this order; "%": at its return */
} backends[] = {
	{IOPF_BACKEND_MODULE, 4, "iopf-request",
	 "paimon_iopf_discard paimon_iopf_response paimon_iopf_handle paimon_iopf_request "},
	{IOPF_BACKEND_FENTRY, 6, "iopf-fentry-report",
	 "iopf_queue_remove_device iopf_queue_discard_partial iopf_group_response "
	 "iommu_sva_handle_iopf iommu_report_device_fault% iommu_report_device_fault "},
	{IOPF_BACKEND_KPROBE_MULTI, 6, "iopf-multi-report",
	 "iopf_queue_remove_device iopf_queue_discard_partial iopf_group_response "
	 "iommu_sva_handle_iopf iommu_report_device_fault% iommu_report_device_fault "},
	{IOPF_BACKEND_KPROBE, 6, "iopf-kprobe-report",
	 "iopf_queue_remove_device iopf_queue_discard_partial iopf_group_response "
	 "iommu_sva_handle_iopf iommu_report_device_fault% iommu_report_device_fault "},
};
#define NR_BACKENDS (sizeof(backends) / sizeof(*backends))

static size_t nr_pinned(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < nr_objects; i++)
		nr += objects[i].path[0] != '\0';
	return nr;
}

/* If the first request of a group is seen, so is the rest of it: requests come last. */
static void test_attached(void **data)
{
	for (size_t i = 0; i < NR_BACKENDS; i++) {
		order[0] = '\0';
		prepare(backends[i].backend);
		assert_int_equal(iopf.nr_hooks, backends[i].nr);
		assert_string_equal(iopf.hooks[0].name, backends[i].first);
		for (int j = 0; j < iopf.nr_hooks; j++) {
			assert_non_null(iopf.hooks[j].dispatcher);
			assert_non_null(iopf.hooks[j].program);
			assert_ptr_not_equal(iopf.hooks[j].program, iopf.hooks[j].dispatcher);
			assert_true(iopf.hooks[j].index <
				    bpf_map__max_entries(iopf.hooks[j].programs));
		}
		assert_int_equal(iopf_hooks_set_programs(&source, &iopf), 0);
		if (iopf_hooks_attach(&source, &iopf))
			fail_msg("%s", source.reason);
		assert_string_equal(order, backends[i].attached);
		/* Each with its dispatcher. */
		assert_int_equal(nr_pinned(), 2 * backends[i].nr);
		iopf_hooks_close(&iopf);
		iopf_hooks_drop(&source);
		assert_int_equal(nr_pinned(), 0);
	}
}

/* Whatever the kernel does not have is left out. */
static void test_older_kernel(void **data)
{
	functions[IOPF_FN_REPORTED].found = functions[IOPF_FN_HANDLE].found =
		functions[IOPF_FN_REMOVE].found = NULL;
	functions[IOPF_FN_RESPONSE].found = functions[IOPF_FN_RESPONSE].names[1];
	prepare(IOPF_BACKEND_FENTRY);
	assert_int_equal(iopf.nr_hooks, 3);
	assert_int_equal(iopf.bpf->rodata->iopf_group_response_is_there, 0);
	assert_int_equal(iopf_hooks_attach(&source, &iopf), 0);
	assert_string_equal(order, "iopf_queue_discard_partial iommu_page_response "
				   "iommu_report_device_fault ");
}

static void test_not_in_btf(void **data)
{
	not_found = "iopf_group_response";
	assert_int_equal(iopf_hooks_prepare(&iopf, IOPF_BACKEND_FENTRY), -ESRCH);
	/* A probe needs a symbol only. */
	prepare(IOPF_BACKEND_KPROBE);
	prepare(IOPF_BACKEND_KPROBE_MULTI);
	/* At the return it is a program of another type. */
	not_found = NULL;
	prepare(IOPF_BACKEND_FENTRY);
	for (int i = 0; i < iopf.nr_hooks; i++)
		assert_int_equal(bpf_program__expected_attach_type(iopf.hooks[i].program),
				 iopf.hooks[i].at_return ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY);
}

static void attach_all(enum iopf_backend backend)
{
	order[0] = '\0';
	prepare(backend);
	if (iopf_hooks_attach(&source, &iopf))
		fail_msg("%s", source.reason);
	iopf_hooks_close(&iopf);
	prepare(backend);
	order[0] = '\0';
}

/* The links of an earlier daemon go on, and nothing is attached twice. */
static void test_adopted(void **data)
{
	for (size_t i = 0; i < NR_BACKENDS; i++) {
		int before = count_descriptors(getpid());

		attach_all(backends[i].backend);
		assert_true(iopf_hooks_adopt(&source, &iopf));
		assert_string_equal(order, "");
		for (int j = 0; j < iopf.nr_hooks; j++) {
			assert_true(iopf.hooks[j].link >= 0);
			assert_true(iopf.hooks[j].adopted >= 0);
		}
		iopf_hooks_close(&iopf);
		iopf_hooks_drop(&source);
		/* Those of the objects are the kernel's. */
		for (size_t j = nr_programs; j < nr_objects; j++)
			close(objects[j].file);
		nr_objects = nr_programs;
		assert_int_equal(count_descriptors(getpid()), before);
	}
}

/* One link that is not ours, or not here: all are attached anew, or a device is counted twice. */
static void test_not_adopted(void **data)
{
	for (size_t i = 0; i < NR_BACKENDS; i++)
		for (int what = 0; what < 6; what++) {
			struct object *link, *program;
			int before;

			attach_all(backends[i].backend);
			before = count_descriptors(getpid());
			link = NULL;
			for (size_t j = nr_programs; j < nr_objects; j++)
				if (strstr(objects[j].path, backends[i].first))
					link = &objects[j];
			assert_non_null(link);
			program = &objects[link->program - 1];
			switch (what) {
			case 0: /* ended with an earlier unit */
				link->path[0] = '\0';
				break;
			case 1: /* of another kind */
				link->type = BPF_LINK_TYPE_XDP;
				break;
			case 2: /* of another layout's dispatcher */
				link->program++;
				break;
			case 3: /* nobody knows which program it runs */
				program->path[0] = '\0';
				break;
			case 4: /* to another function or tracepoint */
				link->function++;
				link->tracepoint[0] = 'x';
				break;
			case 5: /* at its return */
				link->attach_type = BPF_TRACE_FEXIT;
				break;
			}
			/* Probes do not tell to what they are. */
			if (iopf_hooks_adopt(&source, &iopf)) {
				assert_true(what >= 4);
				assert_true(backends[i].backend != IOPF_BACKEND_FENTRY);
				if (what == 4)
					assert_true(backends[i].backend != IOPF_BACKEND_MODULE);
			} else {
				for (int j = 0; j < iopf.nr_hooks; j++) {
					assert_int_equal(iopf.hooks[j].link, -1);
					assert_int_equal(iopf.hooks[j].adopted, -1);
				}
				assert_int_equal(count_descriptors(getpid()), before);
			}
			iopf_hooks_close(&iopf);
			iopf_hooks_drop(&source);
			for (size_t j = nr_programs; j < nr_objects; j++)
				close(objects[j].file);
			nr_objects = nr_programs;
		}
}

static void refuse(enum iopf_backend backend, const char *target, int error, const char *says)
{
	order[0] = '\0';
	prepare(backend);
	refused = target;
	refused_error = error;
	assert_int_equal(iopf_hooks_attach(&source, &iopf),
			 error == -ENOENT && backend == IOPF_BACKEND_MODULE ? -ENODEV : error);
	if (!strstr(source.reason, says))
		fail_msg("no \"%s\" in \"%s\"", says, source.reason);
	iopf_hooks_close(&iopf);
	/* Nothing is kept of a part. */
	assert_int_equal(nr_pinned(), 0);
}

static void test_refused(void **data)
{
	refuse(IOPF_BACKEND_MODULE, "paimon_iopf_handle", -ENOENT,
	       "this paimon.ko has no tracepoint paimon_iopf_handle (install the module");
	refuse(IOPF_BACKEND_MODULE, "paimon_iopf_handle", -EPERM,
	       "cannot attach to paimon_iopf_handle: Operation not permitted");
	refuse(IOPF_BACKEND_FENTRY, "iopf_group_response", -EBUSY,
	       "cannot attach to iopf_group_response: Device or resource busy");
	refuse(IOPF_BACKEND_KPROBE_MULTI, "iopf_group_response", -ENOENT,
	       "cannot attach to iopf_group_response: No such file or directory");
	refused = NULL;
}

static void refuse_kprobe(int error, const char *says)
{
	prepare(IOPF_BACKEND_KPROBE);
	assert_int_equal(iopf_hooks_attach(&source, &iopf), error);
	assert_non_null(strstr(source.reason, says));
	iopf_hooks_close(&iopf);
}

static void test_kprobe_refused(void **data)
{
	kprobe_error = EACCES;
	refuse_kprobe(-EACCES, "Permission denied");
	assert_null(strstr(source.reason, "perf_event_paranoid"));
	paranoid = "4\n"; /* of Debian */
	refuse_kprobe(-EACCES, "sysctl kernel.perf_event_paranoid=2");
	kprobe_error = ENOENT;
	refuse_kprobe(-ENOENT, "No such file");
	assert_null(strstr(source.reason, "perf_event_paranoid"));
	kprobe_error = 0;
	kprobe_type = NULL; /* no such PMU */
	refuse_kprobe(-ENOENT, "No such file");
	kprobe_type = "none\n";
	refuse_kprobe(-EINVAL, "Invalid argument");
	kprobe_type = "8\n";
	kprobe_retprobe = "config1:3\n";
	refuse_kprobe(-EINVAL, "Invalid argument");
}

/* What cannot be kept would end with this process, and is said. */
static void test_not_kept(void **data)
{
	for (int i = 0; i < 8; i++) {
		prepare(IOPF_BACKEND_MODULE);
		pins_left = i;
		assert_int_equal(iopf_hooks_attach(&source, &iopf), -EPERM);
		assert_non_null(strstr(source.reason, "cannot keep the link to paimon_iopf_"));
		assert_non_null(strstr(source.reason, "for the next daemon: Operation not"));
		pins_left = -1;
		iopf_hooks_close(&iopf);
		iopf_hooks_drop(&source);
		assert_int_equal(nr_pinned(), 0);
		for (size_t j = nr_programs; j < nr_objects; j++)
			close(objects[j].file);
		nr_objects = nr_programs;
	}
}

static void test_no_programs(void **data)
{
	prepare(IOPF_BACKEND_MODULE);
	updates_left = 2;
	assert_int_equal(iopf_hooks_set_programs(&source, &iopf), -EPERM);
	assert_non_null(strstr(source.reason, "cannot set the program of paimon_iopf_response"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_attached),	   TEST(test_older_kernel), TEST(test_not_in_btf),
		TEST(test_adopted),	   TEST(test_not_adopted),  TEST(test_refused),
		TEST(test_kprobe_refused), TEST(test_not_kept),	    TEST(test_no_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

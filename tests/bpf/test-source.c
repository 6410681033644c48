// SPDX-License-Identifier: GPL-2.0
/*
 * The IOPF source itself, through its operations: what it reads from groups that
 * were made up, and what it does with what it finds pinned. Without paimon.ko an
 * attach ends at the tracepoints, with the maps pinned. Needs root.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "source/iopf/iopf_source.h"
#include "source/iopf/probe.h"
#include "source/source.h"

static char folder[] = "/tmp/paimon-test-XXXXXX";
static struct config config;
static struct source source;

static int setup(void **data)
{
	config = (struct config){.state_dir = folder, .iopf_max_devices = 4};
	source = (struct source){.ops = &iopf_source, .config = &config};
	return mount("bpf", folder, "bpf", 0, NULL);
}

static int teardown(void **data)
{
	return umount(folder);
}

static void run(enum iopf_program program, uint64_t third, uint64_t fifth, uint64_t sixth)
{
	uint64_t args[8] = {9, 1, 1, third, fifth, sixth};

	assert_int_equal(iopf_source_run(&source, program, args), 0);
}

/* The value of a point (a histogram's count), or -1; value: of the last label, or NULL. */
static int64_t value_of(const char *metric, const char *value)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int64_t result = -1;

	assert_non_null(snapshot);
	assert_int_equal(iopf_source.read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];

		if (strcmp(family->metric->name, metric))
			continue;
		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];

			if (value && strcmp(point->labels[point->nr_labels - 1].value, value))
				continue;
			assert_string_equal(point->labels[0].value, "dev1");
			assert_int_equal(result, -1);
			result = family->metric->type == METRIC_HISTOGRAM ? 0 : point->integer;
			if (family->metric->type == METRIC_HISTOGRAM)
				for (unsigned int k = 0; k <= family->metric->scheme->nr_bounds;
				     k++)
					result += point->cells[k];
		}
	}
	snapshot_free(snapshot);
	return result;
}

static size_t series_of(const char *metric)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	size_t nr = 0;

	assert_non_null(snapshot);
	assert_int_equal(iopf_source.read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++)
		if (!strcmp(snapshot->families[i].metric->name, metric))
			nr = snapshot->families[i].nr_points;
	snapshot_free(snapshot);
	return nr;
}

static void test_read(void **data)
{
	source.replay = true;
	assert_int_equal(iopf_source.attach(&source), 0);
	assert_int_equal(value_of("paimon_iopf_requests_total", "read"), -1);
	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_WRITE, PAIMON_IOPF_PASID_VALID);
	assert_int_equal(value_of("paimon_iopf_partial_requests", NULL), 1);
	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_READ, PAIMON_IOPF_LAST);
	assert_int_equal(value_of("paimon_iopf_partial_requests", NULL), 0);
	assert_int_equal(value_of("paimon_iopf_outstanding_groups", NULL), 1);
	run(IOPF_RESPONSE, PAIMON_IOPF_INVALID, 0, 0);
	assert_int_equal(value_of("paimon_iopf_outstanding_groups", NULL), 0);
	assert_int_equal(value_of("paimon_iopf_requests_total", "read"), 1);
	assert_int_equal(value_of("paimon_iopf_requests_total", "write"), 1);
	assert_int_equal(value_of("paimon_iopf_requests_total", "read_write"), 0);
	assert_int_equal(value_of("paimon_iopf_requests_total", "exec"), -1);
	assert_int_equal(value_of("paimon_iopf_groups_total", "invalid"), 1);
	assert_int_equal(value_of("paimon_iopf_groups_total", "success"), 0);
	assert_int_equal(value_of("paimon_iopf_group_duration_seconds", NULL), 1);
	assert_int_equal(value_of("paimon_iopf_group_requests", NULL), 1);
	assert_int_equal(series_of("paimon_iopf_groups_total"), 3);
	/* Nothing said when handling began: absent, not zero. */
	assert_int_equal(value_of("paimon_iopf_group_queue_seconds", NULL), -1);

	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_READ, PAIMON_IOPF_LAST);
	run(IOPF_HANDLE, 1, 0, 0);
	usleep(2000);
	assert_int_equal(value_of("paimon_iopf_groups_lost_total", "timeout"), 0);
	config.iopf_group_timeout_ns = 1000000;
	assert_int_equal(iopf_source.reload(&source), 0);
	assert_int_equal(value_of("paimon_iopf_groups_lost_total", "timeout"), 1);
	assert_int_equal(value_of("paimon_iopf_outstanding_groups", NULL), 0);
	run(IOPF_RESPONSE, PAIMON_IOPF_SUCCESS, 0, 0);
	assert_int_equal(value_of("paimon_iopf_groups_lost_total", "unseen"), 1);
	/* Of those that user space answers, once there is one. */
	run(IOPF_RESPONSE, PAIMON_IOPF_FAILURE | PAIMON_IOPF_BY_USER, 0, 0);
	assert_int_equal(series_of("paimon_iopf_groups_total"), 6);
	assert_int_equal(series_of("paimon_iopf_group_duration_seconds"), 2);
	iopf_source.detach(&source, false);
}

/* Whatever user space has answered, all its responses are served. */
static void test_responses(void **data)
{
	struct iopf *iopf;

	source.replay = true;
	assert_int_equal(iopf_source.attach(&source), 0);
	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_WRITE, PAIMON_IOPF_LAST);
	assert_int_equal(series_of("paimon_iopf_groups_total"), 3);
	iopf = source.data;
	for (int i = 0; i < 4; i++) {
		iopf->devices[0].responses[IOPF_BY_USER][i] = 1;
		/* "other" is served if there is one. */
		assert_int_equal(series_of("paimon_iopf_groups_total"), 6 + (i == 3));
		iopf->devices[0].responses[IOPF_BY_USER][i] = 0;
	}
	iopf_source.detach(&source, false);
}

/* What is not served counts on: it is all there when it is served again. */
static void test_exclude(void **data)
{
	static char pattern[] = "dev?";
	char *exclude[] = {pattern, NULL};

	source.replay = true;
	assert_int_equal(iopf_source.attach(&source), 0);
	config.iopf_exclude = exclude;
	config.iopf_group_timeout_ns = 1000000;
	assert_int_equal(iopf_source.reload(&source), 0);
	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_WRITE, PAIMON_IOPF_LAST);
	usleep(2000);
	assert_int_equal(value_of("paimon_iopf_requests_total", "write"), -1);
	assert_int_equal(value_of("paimon_iopf_group_duration_seconds", NULL), -1);
	assert_null(iopf_source.restart(&source));
	config.iopf_max_devices = 8;
	assert_string_equal(iopf_source.restart(&source), "max_devices");
	config.iopf_max_devices = 4;
	config.iopf_exclude = NULL;
	config.iopf_group_timeout_ns = 0; /* it expired in the read above, or not at all */
	assert_int_equal(iopf_source.reload(&source), 0);
	assert_int_equal(value_of("paimon_iopf_requests_total", "write"), 1);
	assert_int_equal(value_of("paimon_iopf_groups_lost_total", "timeout"), 1);
	iopf_source.detach(&source, false);
}

/* Names that are text are served as they are, others so that they stay apart. */
static void test_name(void **data)
{
	static const char *const names[][2] = {
		{"a\xff\n\x1b", "#a\\xff\\x0a\\x1b"},
		{"a\xfe\n\x1b", "#a\\xfe\\x0a\\x1b"},
		{"\u00fc", "\u00fc"},
	};

	source.replay = true;
	assert_int_equal(iopf_source.attach(&source), 0);
	run(IOPF_REQUEST, 0, PAIMON_IOPF_PERM_WRITE, PAIMON_IOPF_LAST);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct snapshot *snapshot = snapshot_new(NULL);
		struct iopf *iopf = source.data;

		assert_non_null(snapshot);
		strcpy((char *)iopf->devices[0].name, names[i][0]);
		assert_int_equal(iopf_source.read(&source, snapshot), 0);
		assert_string_equal(snapshot->families[0].points[0].labels[0].value, names[i][1]);
		snapshot_free(snapshot);
	}
	iopf_source.detach(&source, false);
}

static char *pin(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/iopf-%d/%.64s", folder, IOPF_LAYOUT, name);
	return path;
}

static void pin_map(const char *name, enum bpf_map_type type, __u32 value_size, __u32 entries,
		    __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, "test", 4, value_size, entries, &options);

	assert_true(fd >= 0);
	assert_int_equal(unlink(pin(name)), 0);
	assert_int_equal(bpf_obj_pin(fd, pin(name)), 0);
	close(fd);
}

static __u32 pinned_id(const char *name)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	int fd = bpf_obj_get(pin(name));

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

/* Up to the tracepoints, which are not there. */
static void attach_without_module(void)
{
	assert_int_equal(iopf_source.attach(&source), -ENODEV);
	assert_non_null(strstr(source.reason, "no tracepoint"));
	assert_int_equal(access(pin("iopf-request"), F_OK), -1);
}

static void test_pins(void **data)
{
	__u32 devices, state;

	attach_without_module();
	devices = pinned_id("iopf_devices");
	state = pinned_id("iopf_state");
	config.iopf_max_devices = 8; /* of another size: the pinned one stays */
	attach_without_module();
	assert_int_equal(pinned_id("iopf_devices"), devices);
	assert_int_equal(pinned_id("iopf_state"), state);

	/* Killed before the set was finished: all of it is made again. */
	assert_int_equal(unlink(pin("iopf_state")), 0);
	attach_without_module();
	assert_int_not_equal(pinned_id("iopf_devices"), devices);
}

static bool jit_has_changed;

/* Linked in place of load_fits(). */
bool __real_load_fits(int array);
bool __wrap_load_fits(int array);
bool __wrap_load_fits(int array)
{
	return __real_load_fits(array) && !jit_has_changed;
}

/* Arrays that do not take the programs of now are made anew, and nothing else is. */
static void test_jit_has_changed(void **data)
{
	static const char *const names[] = {"iopf_programs", "iopf_fn_report", "iopf_multi",
					    "iopf_devices",  "iopf_slots",     "iopf_state"};
	__u32 before[6];

	attach_without_module();
	attach_without_module();
	for (int i = 0; i < 6; i++)
		before[i] = pinned_id(names[i]);
	jit_has_changed = true;
	attach_without_module();
	jit_has_changed = false;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pinned_id(names[i]) != before[i], i < 3);
	assert_int_equal(access(pin("iopf_programs-new"), F_OK), -1);
	before[0] = pinned_id("iopf_programs");
	attach_without_module();
	assert_int_equal(pinned_id("iopf_programs"), before[0]);
}

static void test_foreign_pins(void **data)
{
	static const struct {
		const char *name;
		enum bpf_map_type type;
		__u32 value_size, entries, flags;
	} foreign[] = {
		{"iopf_devices", BPF_MAP_TYPE_HASH, sizeof(struct iopf_device), 4, 0},
		{"iopf_devices", BPF_MAP_TYPE_ARRAY, 8, 4, BPF_F_MMAPABLE},
		/* as large, but not for mmap */
		{"iopf_devices", BPF_MAP_TYPE_ARRAY, sizeof(struct iopf_device), 4, 0},
		{"iopf_state", BPF_MAP_TYPE_ARRAY, sizeof(struct iopf_state) + 8, 1,
		 BPF_F_MMAPABLE},
		{"iopf_programs", BPF_MAP_TYPE_ARRAY, 4, IOPF_NR_PROGRAMS, 0},
		{"iopf_programs", BPF_MAP_TYPE_PROG_ARRAY, 4, 1, 0},
	};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		__u32 id;

		unlink(pin("iopf_state"));
		attach_without_module();
		pin_map(foreign[i].name, foreign[i].type, foreign[i].value_size, foreign[i].entries,
			foreign[i].flags);
		id = pinned_id(foreign[i].name);
		assert_int_equal(iopf_source.attach(&source), -EEXIST);
		assert_non_null(strstr(source.reason, pin(foreign[i].name)));
		assert_non_null(strstr(source.reason, "does not have this layout"));
		assert_int_equal(pinned_id(foreign[i].name), id);
	}
}

/* Whichever of them is missing: it is named, and nothing is begun beside what is there. But
 * without the last one there is no set. */
static void test_missing_pin(void **data)
{
	size_t nr = 0, nr_missing = 0;
	char names[64][64];
	struct dirent *entry;
	DIR *dir;

	attach_without_module();
	dir = opendir(pin(""));
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		/* Of maps: those of links have dashes. */
		if (!strncmp(entry->d_name, "iopf_", 5))
			strcpy(names[nr++], entry->d_name);
	closedir(dir);
	assert_true(nr > 10);
	for (size_t i = 0; i < nr; i++) {
		int fd = bpf_obj_get(pin(names[i]));
		__u32 id = pinned_id("iopf_devices"), last = pinned_id("iopf_state");

		assert_true(fd >= 0);
		assert_int_equal(unlink(pin(names[i])), 0);
		if (!strcmp(names[i], "iopf_state")) {
			attach_without_module();
			assert_int_not_equal(pinned_id("iopf_state"), last);
			assert_int_not_equal(pinned_id("iopf_devices"), id);
		} else {
			char missing[128];

			snprintf(missing, sizeof(missing), "%.64s is missing", names[i]);
			assert_int_equal(iopf_source.attach(&source), -ENOENT);
			assert_non_null(strstr(source.reason, missing));
			assert_int_equal(access(pin(names[i]), F_OK), -1);
			assert_int_equal(pinned_id("iopf_state"), last);
			assert_int_equal(bpf_obj_pin(fd, pin(names[i])), 0);
			nr_missing++;
		}
		close(fd);
	}
	assert_int_equal(nr_missing, nr - 1);
}

static void test_not_bpffs(void **data)
{
	config.state_dir = "/tmp";
	assert_int_equal(iopf_source.attach(&source), -ENOTSUP);
	assert_non_null(strstr(source.reason, "/tmp is not in bpffs"));
}

static bool module_there, functions_there, locked_down;
static int nr_prepared; /* backends that were tried */
static enum iopf_backend prepared[8];

/* Linked in place of what finds out what this machine has. */
bool __wrap_iopf_module_loaded(void);
bool __wrap_iopf_module_loaded(void)
{
	return module_there;
}

bool __wrap_iopf_functions_found(void);
bool __wrap_iopf_functions_found(void)
{
	return functions_there;
}

bool __wrap_load_is_locked_down(void);
bool __wrap_load_is_locked_down(void)
{
	return locked_down;
}

static bool preempts;

bool __wrap_kernel_preempts(void);
bool __wrap_kernel_preempts(void)
{
	return preempts;
}

static enum iopf_backend only_one = IOPF_BACKEND_AUTO; /* that can be prepared; AUTO: all */

/* A kernel function is a tracepoint of this kernel that is rarely fired. */
int __real_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend);
int __wrap_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend);
int __wrap_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend)
{
	int r;

	if (only_one == IOPF_BACKEND_AUTO)
		return __real_iopf_hooks_prepare(iopf, backend);
	assert_true(nr_prepared < 8);
	prepared[nr_prepared++] = backend;
	if (backend != only_one)
		return -ESRCH;
	r = __real_iopf_hooks_prepare(iopf, IOPF_BACKEND_MODULE);
	for (int i = 0; i < iopf->nr_hooks; i++)
		iopf->hooks[i].target = (const char *[]){"oom_score_adj_update", "mark_victim",
							 "wake_reaper", "start_task_reaping"}[i];
	return r;
}

static void end_backends(void)
{
	if (source.data)
		iopf_source.detach(&source, false);
	module_there = functions_there = locked_down = preempts = false;
	nr_prepared = 0;
	only_one = IOPF_BACKEND_AUTO;
}

static void expect_probe(int r, const char *part)
{
	source.reason[0] = '\0';
	assert_int_equal(iopf_source.probe(&source), r);
	if (!strstr(source.reason, part))
		fail_msg("no \"%s\" in \"%s\"", part, source.reason);
}

/* What is missing, and what to do. */
static void test_probe(void **data)
{
	config.iopf_backend = IOPF_BACKEND_AUTO;
	expect_probe(-ENODEV, "has no I/O page fault handler in its BTF (modprobe paimon;");
	config.iopf_backend = IOPF_BACKEND_MODULE;
	expect_probe(-ENODEV, "paimon.ko is not loaded (modprobe paimon;");
	functions_there = true; /* which do not matter then */
	expect_probe(-ENODEV, "paimon.ko is not loaded (modprobe paimon;");
	module_there = true;
	expect_probe(0, "");
	config.iopf_backend = IOPF_BACKEND_AUTO;
	expect_probe(0, "");
	module_there = false;
	expect_probe(0, "");
	source.refused = true;
	expect_probe(-ENODEV, "refuses fentry and kprobes");
	config.iopf_backend = IOPF_BACKEND_KPROBE; /* tried all the same */
	expect_probe(0, "");
	functions_there = false;
	expect_probe(-ENODEV, "has no I/O page fault handler");
	locked_down = true;
	expect_probe(-ENODEV, "lockdown=integrity");
	source.replay = true;
	expect_probe(0, "");
	end_backends();
}

/* The best backend that this kernel has; a module that is loaded later replaces it. */
static void test_backends(void **data)
{
	config.iopf_backend = IOPF_BACKEND_AUTO;
	functions_there = true;
	only_one = IOPF_BACKEND_KPROBE_MULTI;
	assert_int_equal(iopf_source.probe(&source), 0);
	assert_int_equal(iopf_source.attach(&source), 0);
	assert_string_equal(source.backend, "kprobe.multi");
	assert_string_equal(source.reason, "");
	assert_int_equal(nr_prepared, 2);
	assert_int_equal(prepared[0], IOPF_BACKEND_FENTRY);
	assert_false(iopf_source.outdated(&source));
	module_there = true;
	assert_true(iopf_source.outdated(&source));
	config.iopf_backend = IOPF_BACKEND_KPROBE_MULTI;
	assert_false(iopf_source.outdated(&source));
	config.iopf_backend = IOPF_BACKEND_FENTRY;
	assert_true(iopf_source.outdated(&source));
	iopf_source.detach(&source, false);
	/* Only that one. */
	assert_int_equal(iopf_source.attach(&source), -ESRCH);
	assert_non_null(strstr(source.reason, "cannot prepare the BPF programs"));
	assert_null(source.data);
	/* fentry programs that are preempted miss events: the last resort. */
	config.iopf_backend = IOPF_BACKEND_AUTO;
	module_there = false;
	preempts = true;
	only_one = IOPF_BACKEND_FENTRY;
	nr_prepared = 0;
	assert_int_equal(iopf_source.attach(&source), 0);
	assert_string_equal(source.backend, "fentry");
	assert_int_equal(nr_prepared, 3);
	iopf_source.detach(&source, false);
	only_one = IOPF_BACKEND_MODULE;
	assert_int_equal(iopf_source.attach(&source), -ENODEV);
	assert_non_null(strstr(source.reason, "refuses fentry and kprobes"));
	assert_null(source.data);
	module_there = true;
	assert_int_equal(iopf_source.attach(&source), 0);
	assert_string_equal(source.backend, "paimon.ko");
	assert_false(iopf_source.outdated(&source));
	end_backends();
}

/* A daemon that takes over measures the programs that run: those of the earlier one. */
static void test_objects(void **data)
{
	struct source_objects own = {}, adopted = {};
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info), first;

	module_there = true;
	config.iopf_backend = only_one = IOPF_BACKEND_MODULE;
	assert_int_equal(iopf_source.attach(&source), 0);
	iopf_source.objects(&source, &own);
	assert_int_equal(own.nr_programs, 5);
	assert_int_equal(own.nr_maps, 17 + 1); /* and the constants */
	assert_int_equal(bpf_obj_get_info_by_fd(own.programs[0].fd, &info, &size), 0);
	first = info.id;
	iopf_source.retry(&source, true);
	iopf_source.detach(&source, true);
	assert_int_equal(iopf_source.attach(&source), 0);
	assert_true(source.adopted);
	iopf_source.objects(&source, &adopted);
	assert_int_equal(adopted.nr_programs, 5);
	memset(&info, 0, sizeof(info));
	assert_int_equal(bpf_obj_get_info_by_fd(adopted.programs[0].fd, &info, &size), 0);
	assert_int_equal(info.id, first);
	end_backends();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_read),	TEST(test_responses), TEST(test_exclude),
		TEST(test_name),	TEST(test_pins),      TEST(test_foreign_pins),
		TEST(test_missing_pin), TEST(test_not_bpffs), TEST(test_jit_has_changed),
		TEST(test_probe),	TEST(test_backends),  TEST(test_objects),
	};
	int r;

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs and mount bpffs");
		return 77;
	}
	if (!access("/sys/module/paimon", F_OK)) {
		puts("paimon.ko is loaded: its tracepoints would be attached to");
		return 77;
	}
	/* The mounts are nobody else's, and end with this process. */
	if (own_mounts() < 0 || !mkdtemp(folder)) {
		perror("cannot set up a private folder");
		return 1;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Each call of a source that can fail does so once, in all of its operations, on the live kernel:
 * it says why, nothing is left behind, and afterwards it counts as before. The PMUs are made up of
 * two tracepoints of a system call that nobody else makes, and so are the hooks of IOPF. Needs
 * root.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "events-fixture.h"
#include "lib/failing.h"
#include "lib/helpers.h"
#include "paimon/nnpa.h"
#include "source/iopf/iopf_source.h"
#include "source/pai/pai_source.h"

#define PMUS "/sys/bus/event_source/devices"

static char sets[] = "/tmp/paimon-sets-XXXXXX";
static unsigned long long entered, left; /* IDs of the tracepoints */
static uint64_t (*counted)(void);	 /* what the source has counted of what do_count() does */
static void (*do_count)(void);

static void mount_pins(void)
{
	assert_int_equal(mount("bpf", folder, "bpf", 0, NULL), 0);
}

/* Of a metric whose last label has this value, or NULL, in all series: the sum. */
static uint64_t sum_of(const char *metric, const char *last)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	uint64_t sum = 0;

	assert_non_null(snapshot);
	assert_int_equal(source.ops->read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++)
		for (size_t j = 0; j < snapshot->families[i].nr_points; j++) {
			const struct point *point = &snapshot->families[i].points[j];

			if (!strcmp(snapshot->families[i].metric->name, metric) &&
			    (!last || !strcmp(point->labels[point->nr_labels - 1].value, last)))
				sum += point->integer;
		}
	snapshot_free(snapshot);
	return sum;
}

/* The operations */

static void attach_it(void)
{
	int r;

	source.reason[0] = '\0';
	r = source.ops->attach(&source);
	if (r >= 0)
		return;
	assert_null(source.data);
}

/* It counts, exactly, from what was there on; what is up in part does so after a reload. */
static void check_counts(bool failed)
{
	uint64_t before;

	if (!source.data && source.ops->attach(&source))
		fail_msg("%s", source.reason);
	if (failed) {
		source.ops->reload(&source);
		source.ops->retry(&source, false);
	}
	before = counted();
	do_count();
	assert_int_equal(counted() - before, 1);
}

static void check_attach(bool failed)
{
	check_counts(failed);
	source.ops->detach(&source, true);
}

/* All of it is new. */
static void check_first_attach(bool failed)
{
	check_counts(failed);
	source.ops->detach(&source, false);
	assert_int_equal(umount(folder), 0);
	mount_pins();
}

static void attach_for(void)
{
	if (source.ops->attach(&source))
		fail_msg("%s", source.reason);
}

static void end_it(void)
{
	source.ops->detach(&source, false);
	assert_null(source.data);
}

static void keep_it(void)
{
	source.ops->detach(&source, true);
	assert_null(source.data);
}

static void read_it(void)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int r;

	if (!snapshot)
		return;
	r = source.ops->read(&source, snapshot);
	assert_true(r <= 0);
	snapshot_free(snapshot);
}

static void retry_it(void)
{
	source.ops->retry(&source, false);
}

static void reload_it(void)
{
	source.ops->reload(&source);
}

static void ignore(void *user, const char *text)
{
}

static void tell_it(void)
{
	if (source.ops->tell)
		source.ops->tell(&source, ignore, NULL);
	if (source.ops->outdated)
		source.ops->outdated(&source);
	source.ops->probe(&source);
}

static void check_probed(bool failed)
{
	assert_int_equal(source.ops->probe(&source), 0);
}

/* The operations of a source; it is not attached before, nor afterwards. from_nothing: also where
 * it finds nothing pinned, which all do in the same way. */
static void each_operation_fails(bool from_nothing)
{
	static const struct failing first = {"first attach", NULL, attach_it, check_first_attach};
	static const struct failing steps[] = {
		{"attach", NULL, attach_it, check_attach},
		{"end", attach_for, end_it, check_attach},
		{"keep", attach_for, keep_it, check_attach},
	};
	static const struct failing up[] = {
		{"read", NULL, read_it, check_counts},
		{"retry", NULL, retry_it, check_counts},
		{"reload", NULL, reload_it, check_counts},
		{"tell", NULL, tell_it, check_probed},
	};

	long nr = from_nothing ? each_call_fails(&first) : 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		nr += each_call_fails(&steps[i]);
	assert_true(nr > 30);
	attach_for();
	for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++)
		each_call_fails(&up[i]);
	source.ops->detach(&source, false);
}

static void one_call(void)
{
	syscall(SYS_ioprio_get, 1, 0);
}

/* A process that is charged for a call, and has gone since the last look. */
static void let_one_go(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		one_call();
		_exit(0);
	}
	assert_int_equal(wait_for(pid), 0);
	source.ops->retry(&source, false);
}

static const struct failing release = {"release", let_one_go, retry_it, check_counts};

/* IOPF */

/* Linked in place of iopf_hooks_prepare(): tracepoints that every kernel has, and that are rarely
 * fired, stand for those of paimon.ko. */
int __real_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend);
int __wrap_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend);
int __wrap_iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend)
{
	static const char *const tracepoints[] = {"oom_score_adj_update", "mark_victim",
						  "wake_reaper", "start_task_reaping"};
	int r = __real_iopf_hooks_prepare(iopf, backend);

	for (int i = 0; i < iopf->nr_hooks; i++)
		iopf->hooks[i].target = tracepoints[i];
	return r;
}

bool __wrap_iopf_module_loaded(void);
bool __wrap_iopf_module_loaded(void)
{
	return true;
}

/* And one whose group is never complete: it expires at the next look. */
static void request(void)
{
	uint64_t partial[8] = {9, 1, 2, 0, PAIMON_IOPF_PERM_WRITE};
	uint64_t args[8] = {9, 1, 1, 0, PAIMON_IOPF_PERM_READ, PAIMON_IOPF_LAST};
	uint64_t answer[8] = {9, 1, 1, PAIMON_IOPF_SUCCESS};

	assert_int_equal(iopf_source_run(&source, IOPF_REQUEST, args), 0);
	assert_int_equal(iopf_source_run(&source, IOPF_RESPONSE, answer), 0);
	assert_int_equal(iopf_source_run(&source, IOPF_REQUEST, partial), 0);
}

static uint64_t requests(void)
{
	return sum_of("paimon_iopf_requests_total", "read");
}

static bool jit_has_changed;

/* Linked in place of load_fits(). */
bool __real_load_fits(int array);
bool __wrap_load_fits(int array);
bool __wrap_load_fits(int array)
{
	return __real_load_fits(array) && !jit_has_changed;
}

/* Arrays that do not accept the programs of now are replaced. */
static void attach_after_change(void)
{
	jit_has_changed = true;
	attach_it();
	jit_has_changed = false;
}

static const struct failing attach_anew = {"attach anew", NULL, attach_after_change, check_attach};

static void test_iopf(void **data)
{
	config = (struct config){.state_dir = folder,
				 .iopf_max_devices = 256, /* without a name it is a new one */
				 .iopf_backend = IOPF_BACKEND_MODULE,
				 .iopf_group_timeout_ns = 1};
	source = (struct source){.ops = &iopf_source, .config = &config};
	counted = requests;
	do_count = request;
	mount_pins();
	each_operation_fails(true);
	each_call_fails(&attach_anew);
	assert_int_equal(umount(folder), 0);
}

/* PMUs */

static void make_folder(const char *top, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void put(const char *top, const char *name, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", top, name, file);
	write_text(path, "%s\n", text);
}

static void make_pmu(const char *name)
{
	char sub[64];

	make_folder(PMUS, name);
	snprintf(sub, sizeof(sub), "%s/events", name);
	make_folder(PMUS, sub);
	snprintf(sub, sizeof(sub), "%s/format", name);
	make_folder(PMUS, sub);
	put(PMUS, name, "type", "2"); /* PERF_TYPE_TRACEPOINT */
	put(PMUS, name, "format/event", "config:0-31");
}

static void put_event(const char *pmu, const char *name, unsigned long long number)
{
	char file[64], text[32];

	snprintf(file, sizeof(file), "events/%s", name);
	snprintf(text, sizeof(text), "event=0x%llx", number);
	put(PMUS, pmu, file, text);
}

/* Linked in place of perf_open(): the counters of pai_ext are the tracepoints. */
int __real_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu)
{
	struct perf_event_attr made_up;
	const struct perf_event_attr *head = attr;

	memset(&made_up, 0, sizeof(made_up));
	memcpy(&made_up, attr, head->size < sizeof(made_up) ? head->size : sizeof(made_up));
	made_up.size = PERF_ATTR_SIZE_VER7;
	if (made_up.config >= PAIMON_NNPA_BASE && made_up.config < PAIMON_NNPA_BASE + 64)
		made_up.config = made_up.config == PAIMON_NNPA_BASE + 22 ? left : entered;
	return __real_perf_open(&made_up, cpu);
}

static uint64_t nnpa_events(void)
{
	return sum_of("paimon_nnpa_events_total", "NNPA_ADD");
}

static void make_pai(void)
{
	assert_int_equal(mount("tmpfs", PMUS, "tmpfs", 0, NULL), 0);
	make_pmu("pai_ext");
	put_event("pai_ext", "NNPA_ALL", PAIMON_NNPA_BASE);
	put_event("pai_ext", "NNPA_ADD", PAIMON_NNPA_BASE + 1);
	put_event("pai_ext", "NNPA_SMALLBATCH", PAIMON_NNPA_BASE + PAIMON_NNPA_CONDITIONS_FIRST);
	config = (struct config){.state_dir = folder, .pai_max_cgroups = 4, .pai_mode = PAI_AUTO};
	source = (struct source){.ops = &pai_source, .config = &config};
	counted = nnpa_events;
	do_count = one_call;
	mount_pins();
}

static void end_pmus(void)
{
	if (source.data)
		source.ops->detach(&source, false);
	assert_int_equal(umount(folder), 0);
	assert_int_equal(umount(PMUS), 0);
}

static void test_pai(void **data)
{
	make_pai();
	each_operation_fails(false);
	attach_for();
	each_call_fails(&release);
	end_pmus();
}

static uint64_t system_events(void)
{
	return sum_of("paimon_cspmu_events_total", NULL) / 2;
}

static void test_cspmu(void **data)
{
	assert_int_equal(mount("tmpfs", PMUS, "tmpfs", 0, NULL), 0);
	make_pmu("made_up_pmu_0");
	put(PMUS, "made_up_pmu_0", "cpumask", "0");
	put_event("made_up_pmu_0", "entered", entered);
	put_event("made_up_pmu_0", "left", left);
	config = (struct config){.state_dir = folder, .cspmu_max_events = 8};
	source = (struct source){.ops = &cspmu_source, .config = &config};
	counted = system_events;
	do_count = one_call;
	mount_pins();
	pin_to(0);
	each_operation_fails(true);
	unpin();
	end_pmus();
}

/* Replays: nothing is pinned, and who used what comes from samples */

static void play_sample(void)
{
	const struct pai_made_up sample = {.path = "/made-up",
					   .comm = "made-up",
					   .tgid = 1,
					   .nr = 1,
					   .records = {{1, 1}}};

	assert_int_equal(pai_source_play(&source, &sample, 0), 0);
}

static void each_replay_fails(void)
{
	static const struct failing attach = {"attach", NULL, attach_it, check_attach};
	static const struct failing read = {"read", NULL, read_it, check_counts};

	source.replay = true;
	assert_true(each_call_fails(&attach) > 10);
	attach_for();
	assert_true(each_call_fails(&read) > 10);
	source.ops->detach(&source, false);
}

static void test_replay(void **data)
{
	config = (struct config){.iopf_max_devices = 256, .pai_max_cgroups = 4};
	source = (struct source){.ops = &iopf_source, .config = &config};
	counted = requests;
	do_count = request;
	each_replay_fails();
	source = (struct source){.ops = &pai_source, .config = &config};
	counted = nnpa_events;
	do_count = play_sample;
	each_replay_fails();
}

/* Kept events */

static uint64_t kept_events(void)
{
	return sum_of("paimon_event_value_total", "plain");
}

static size_t nr_kept(void)
{
	struct json_object *list = list_json(&source);
	size_t nr = json_object_array_length(list);

	json_object_put(list);
	return nr;
}

static uint64_t id; /* of the event of a step; 0: there is none */
static int result;
static size_t nr_before;
static int fds[2] = {-1, -1};

static void look_first(void)
{
	nr_before = nr_kept();
}

static void open_it(void)
{
	char *error = NULL;

	id = 0;
	result = events_open(&source, SPEC, "new", NULL, KEPT_BY_PROCESS, &owner, &id, &error);
	assert_true(result < 0 || !error);
	free(error);
}

/* It is there as a whole, or not at all. */
static void check_opened(bool failed)
{
	char *error;

	assert_true(failed || !result);
	assert_int_equal(nr_kept(), nr_before + !result);
	assert_int_equal(!result, !!id);
	if (!result)
		assert_int_equal(events_close(&source, id, &error), 0);
	check_counts(failed);
}

static void open_fds(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_CPU_CLOCK};

	for (int cpu = 0; cpu < 2 && cpu < get_nprocs(); cpu++) {
		fds[cpu] = perf_event_open(&attr, -1, cpu, -1);
		assert_true(fds[cpu] >= 0);
	}
	look_first();
}

static void keep_fds(void)
{
	char *error = NULL;

	id = 0;
	result = events_keep(&source, fds, get_nprocs() < 2 ? 1 : 2, "new", &owner, &id, &error);
	free(error);
}

static void check_kept(bool failed)
{
	for (int cpu = 0; cpu < 2; cpu++)
		if (fds[cpu] >= 0)
			close(fds[cpu]);
	check_opened(failed);
}

static void open_victim(void)
{
	id = open_event("software/config=2/", "victim", NULL);
	nr_before = nr_kept();
}

static void set_it(void)
{
	char *error = NULL;

	result = events_set(&source, id, "config=1", &error);
	free(error);
}

/* The new terms are in force, or the old ones are. */
static void check_set(bool failed)
{
	struct json_object *object = show_json(&source, id);
	const char *spec = json_object_get_string(json_object_object_get(object, "spec"));
	char *error;

	assert_string_equal(spec, result < 0 ? "software/config=2/" : "software/config=1/");
	json_object_put(object);
	assert_int_equal(nr_kept(), nr_before);
	assert_int_equal(events_close(&source, id, &error), 0);
	check_counts(failed);
}

static void claim_it(void)
{
	char *error = NULL;
	int fd;

	result = events_descriptor(&source, id, 0, 0, &fd, &error);
	free(error);
	error = NULL;
	result = events_claim(&source, id, 0, &error);
	free(error);
}

static void check_claimed(bool failed)
{
	char *error = NULL;

	assert_int_equal(nr_kept(), nr_before - !result);
	if (result < 0)
		assert_int_equal(events_close(&source, id, &error), 0);
	check_counts(failed);
}

static void add_nothing(void *user, const struct kept_event *event)
{
}

static void list_it(void)
{
	result = events_list(&source, add_nothing, NULL);
}

static void each_request_fails(void)
{
	static const struct failing steps[] = {
		{"open", look_first, open_it, check_opened},
		{"keep", open_fds, keep_fds, check_kept},
		{"set", open_victim, set_it, check_set},
		{"claim", open_victim, claim_it, check_claimed},
		{"list", NULL, list_it, check_counts},
	};
	long nr = 0;

	attach_for();
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		nr += each_call_fails(&steps[i]);
	assert_true(nr > 20);
	each_call_fails(&release);
	source.ops->detach(&source, false);
}

static void test_requests(void **data)
{
	static struct config_event events[] = {
		{.name = "plain", .spec = SPEC},
		{.name = "processes", .spec = SPEC, .by = KEPT_BY_PROCESS},
	};

	config = (struct config){.state_dir = folder,
				 .events_max = 8,
				 .events_max_cgroup_series = 64,
				 .events = events,
				 .nr_events = 2};
	source = (struct source){.ops = &events_source, .config = &config};
	counted = kept_events;
	do_count = one_call;
	mount_pins();
	each_request_fails();
	assert_int_equal(umount(folder), 0);
}

static void test_events(void **data)
{
	static struct config_event events[] = {
		{.name = "plain", .spec = SPEC},
		{.name = "processes", .spec = SPEC, .by = KEPT_BY_PROCESS},
		{.name = "absent", .spec = "no_such_pmu/event=1/"},
	};

	config = (struct config){.state_dir = folder,
				 .events_max = 8,
				 .events_per_cpu = false,
				 .events_max_cgroup_series = 64,
				 .events = events,
				 .nr_events = 3};
	source = (struct source){.ops = &events_source, .config = &config};
	counted = kept_events;
	do_count = one_call;
	mount_pins();
	each_operation_fails(false);
	assert_int_equal(umount(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iopf),	 cmocka_unit_test(test_pai),
		cmocka_unit_test(test_cspmu),	 cmocka_unit_test(test_events),
		cmocka_unit_test(test_requests), cmocka_unit_test(test_replay),
	};
	int r = find_what_is_needed();
	char set[64];

	if (r)
		return r;
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	entered = tracepoint_id("sys_enter_ioprio_get");
	left = tracepoint_id("sys_exit_ioprio_get");
	if (!mkdtemp(sets))
		return 1;
	snprintf(set, sizeof(set), "%s/made-up.conf", sets);
	write_text(set, "[family]\n"
			"help = made up\n"
			"source = nowhere\n"
			"pmu = made_up_pmu_*\n"
			"events = entered, left, absent\n");
	setenv("PAIMON_EVENT_SETS", sets, 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	remove_tree(sets);
	return r;
}

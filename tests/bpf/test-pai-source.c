// SPDX-License-Identifier: GPL-2.0
/*
 * The perf events of a PAI PMU, on the live kernel: a made-up sysfs calls two tracepoints
 * of a system call that nobody else makes counters of a PMU, so counts are known and real.
 * Needs root, tracefs, and a mount namespace of its own.
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
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/helpers.h"
#include "paimon/nnpa.h"
#include "process/fdstore.h"
#include "source/cgroup_root.h"
#include "source/pai/pai_source.h"
#include "source/source.h"
#include "sources.h"
#include "util/affinity.h"
#include "util/clock.h"

#define SYSFS "/sys/bus/event_source/devices"
#define TRACEPOINT "/sys/kernel/tracing/events/syscalls/%s/id"

static char folder[] = "/tmp/paimon-pai-XXXXXX";
static struct config config;
static struct source source;
static struct pai_pmu pmu;
static uint64_t base;		/* of the counters: the next two are tracepoints */
static uint64_t enters, leaves; /* these two */
static uint64_t calls;

static uint64_t tracepoint(const char *name)
{
	char path[128];
	FILE *file;
	unsigned long long id = 0;

	snprintf(path, sizeof(path), TRACEPOINT, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &id), 1);
	fclose(file);
	return id;
}

/* A PMU of this name whose counters 1 and 2 are what entering and leaving the call is. */
static void make_pmu(const char *name, unsigned int type, uint64_t all)
{
	char path[256];

	snprintf(path, sizeof(path), SYSFS "/%s", name);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), SYSFS "/%s/events", name);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), SYSFS "/%s/format", name);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), SYSFS "/%s/type", name);
	write_text(path, "%u\n", type);
	snprintf(path, sizeof(path), SYSFS "/%s/format/event", name);
	write_text(path, "config:0-63\n");
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const names[] = {"T_ALL", "T_ONE", "T_TWO"};

		snprintf(path, sizeof(path), SYSFS "/%s/events/%s", name, names[i]);
		write_text(path, "event=0x%llx\n", (unsigned long long)all + i);
	}
	/* What is no counter of it. */
	snprintf(path, sizeof(path), SYSFS "/%s/events/T_ONE.unit", name);
	write_text(path, "calls\n");
	snprintf(path, sizeof(path), SYSFS "/%s/events/T_OTHER", name);
	write_text(path, "event=0x1\n");
	snprintf(path, sizeof(path), SYSFS "/%s/events/T_BROKEN", name);
	write_text(path, "event=\n");
}

static int setup(void **data)
{
	config = (struct config){.state_dir = folder, .pai_max_cgroups = 4};
	source = (struct source){.ops = &pai_source, .config = &config};
	calls = 0;
	return mount("bpf", folder, "bpf", 0, NULL);
}

static int teardown(void **data)
{
	if (pmu.reader)
		pai_pmu_detach(&source, &pmu, false);
	return umount(folder);
}

static struct pai_samples samples = {.by = PAI_BY_TRACEPOINT};

static int try_attach(struct pai_plan plan)
{
	pmu = (struct pai_pmu){.name = "pai_test",
			       .pins = "nnpa",
			       .array = "nnpa-array",
			       .base = base};
	assert_int_equal(pai_pmu_find(&pmu), 0);
	assert_int_equal(pmu.max_number, 2);
	pmu.plan = plan;
	return pai_pmu_attach(&source, &pmu, &samples, get_nprocs_conf());
}

static void attach(void)
{
	if (try_attach((struct pai_plan){.counts = true, .prefers_counting = true}))
		fail_msg("%s", source.reason);
}

/* So many calls on each CPU. */
static void load(unsigned int nr)
{
	for (int cpu = 0; cpu < get_nprocs(); cpu++) {
		pin_to(cpu);
		for (unsigned int i = 0; i < nr; i++)
			syscall(SYS_ioprio_get, 1, 0);
	}
	unpin();
}

/* What both counters have on each CPU. */
static void expect(uint64_t each)
{
	pai_pmu_read(&source, &pmu, NULL, true);
	for (int cpu = 0; cpu < get_nprocs(); cpu++) {
		assert_true(pmu.cpus[cpu].counts);
		assert_int_equal(pmu.cpus[cpu].error, 0);
		assert_int_equal(pai_pmu_total(&pmu, cpu, 1), each);
		assert_int_equal(pai_pmu_total(&pmu, cpu, 2), each);
		assert_int_equal(pai_pmu_total(&pmu, cpu, 0), 0);
	}
}

/* A daemon that begins, counts so many calls, and is killed. */
static void live_and_die(unsigned int nr, bool reads)
{
	pid_t pid = fork();

	if (!pid) {
		attach();
		load(nr);
		if (reads)
			pai_pmu_read(&source, &pmu, NULL, false);
		_exit(0);
	}
	assert_int_equal(wait_for(pid), 0);
}

static void test_counts(void **data)
{
	attach();
	assert_string_equal(pai_pmu_counter(&pmu, 1), "T_ONE");
	assert_string_equal(pai_pmu_counter(&pmu, 2), "T_TWO");
	assert_string_equal(pai_pmu_counter(&pmu, 3), "");
	assert_string_equal(pai_pmu_counter(&pmu, 0), "");
	load(100);
	expect(100);
	load(11);
	expect(111);
}

/* However many there are, no descriptor of an event is kept. */
static void test_descriptors(void **data)
{
	int before = count_descriptors(getpid()), one;

	attach();
	one = count_descriptors(getpid()) - before;
	pai_pmu_detach(&source, &pmu, false);
	assert_int_equal(count_descriptors(getpid()), before);
	assert_true(one < 10); /* maps and a program */
}

static void test_killed(void **data)
{
	for (int i = 0; i < 3; i++)
		live_and_die(10, i == 1);
	load(5);
	attach();
	assert_true(pmu.reader->adopted);
	expect(35);
	load(1);
	expect(36);
}

/* The unit has ended, and with it what was kept; what was read by then stays. */
static void test_ended(void **data)
{
	char path[64];

	live_and_die(10, true);
	snprintf(path, sizeof(path), "%s/nnpa-%d/nnpa-array", folder, EVENTS_LAYOUT);
	assert_int_equal(unlink(path), 0);
	usleep(100000);
	load(3);
	attach();
	assert_false(pmu.reader->adopted);
	load(5);
	expect(15);
	pai_pmu_detach(&source, &pmu, false);
	assert_int_equal(access(path, F_OK), -1);
	load(7); /* nobody counts */
	attach();
	expect(15);
}

/* Died after a perf event was taken out, or put in, and before its slot said so. */
static void test_died_between(void **data)
{
	struct events_slot *slot;
	uint32_t index;
	int fd;

	attach();
	load(4);
	expect(4);
	index = 1; /* counter 1 on CPU 0 */
	bpf_map_delete_elem(bpf_map__fd(pmu.reader->bpf->maps.events_array), &index);
	expect(4);
	load(1);
	expect(5);
	slot = &pmu.reader->slots[2]; /* counter 2 */
	pai_pmu_read(&source, &pmu, NULL, false);
	slot->counts[slot->current & 1].base.value += slot->counts[slot->current & 1].seen.value;
	slot->counts[slot->current & 1].seen = (struct events_reading){};
	slot->event = 0;
	pai_pmu_detach(&source, &pmu, true);
	attach();
	assert_true(pmu.reader->adopted);
	load(1);
	expect(6);
	fd = bpf_map__fd(pmu.reader->bpf->maps.events_array);
	assert_true(fd >= 0);
}

/* A PMU that is to sample from now on, and then to count again, keeps what it counted. */
static void test_other_plan(void **data)
{
	live_and_die(10, false);
	assert_int_equal(try_attach((struct pai_plan){.samples = PAI_BY_TRACEPOINT}), 0);
	for (int cpu = 0; cpu < get_nprocs(); cpu++) {
		assert_false(pmu.cpus[cpu].counts);
		assert_true(pmu.cpus[cpu].samples);
		assert_int_equal(pai_pmu_total(&pmu, cpu, 1), 10);
	}
	load(3);
	pai_pmu_detach(&source, &pmu, true);
	attach();
	assert_true(pmu.reader->adopted);
	assert_false(pmu.cpus[0].samples);
	load(1);
	pai_pmu_read(&source, &pmu, NULL, true);
	for (int cpu = 0; cpu < get_nprocs(); cpu++)
		assert_int_equal(pai_pmu_total(&pmu, cpu, 2), 11);
}

static void test_other_maps(void **data)
{
	attach();
	pai_pmu_detach(&source, &pmu, false);
	pmu.reader = NULL;
	pmu.max_number = 64; /* has no room in them */
	pmu.plan = (struct pai_plan){.counts = true};
	assert_int_equal(pai_pmu_attach(&source, &pmu, NULL, get_nprocs_conf()), -EEXIST);
	assert_non_null(strstr(source.reason, "purge nnpa-"));
	pmu.max_number = 2;
	assert_int_equal(pai_pmu_attach(&source, &pmu, NULL, get_nprocs_conf() + 1), -EEXIST);
	assert_null(pmu.reader);
}

/* What is in the maps is not to be trusted. */
static void test_any_content(void **data)
{
	attach();
	for (uint32_t i = 0; i < pmu.reader->nr_slots; i++) {
		memset(&pmu.reader->slots[i], 0xff, sizeof(*pmu.reader->slots));
		memset(&pmu.reader->slots[i].counts, 0, sizeof(pmu.reader->slots[i].counts));
	}
	memset(pmu.reader->events, 0xff, pmu.reader->nr_events * sizeof(*pmu.reader->events));
	pai_pmu_detach(&source, &pmu, true);
	attach();
	assert_string_equal(pai_pmu_counter(&pmu, 3), "");
	load(3);
	expect(3);
}

/* The source where the PMU takes none of its events. */
static void test_failed(void **data)
{
	make_pmu("pai_ext", 1, 0x1800);
	assert_int_equal(pai_source.probe(&source), 0);
	assert_true(pai_source.attach(&source) < 0);
	assert_non_null(strstr(source.reason, "pai_ext cannot be opened on CPUs 0"));
	assert_null(source.data);
	assert_int_equal(rename(SYSFS "/pai_ext", SYSFS "/pai_gone"), 0);
	assert_int_equal(pai_source.probe(&source), -ENODEV);
	assert_non_null(strstr(source.reason, "no PMU pai_ext"));
}

/* No descriptor is left for a copy. */
static bool no_dup;

int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (no_dup && command == F_DUPFD_CLOEXEC) {
		errno = EMFILE;
		return -1;
	}
	return syscall(SYS_fcntl, fd, command, arg);
}

/* Software events as a PMU that samples and counts at once: all is context switches. */
static int attach_sampler(struct pai_samples **ret_samples)
{
	int r;

	make_pmu("pai_soft", 1, PERF_COUNT_SW_CONTEXT_SWITCHES);
	pmu = (struct pai_pmu){.name = "pai_soft",
			       .pins = "nnpa",
			       .array = "nnpa-array",
			       .base = PERF_COUNT_SW_CONTEXT_SWITCHES};
	assert_int_equal(pai_pmu_find(&pmu), 0);
	pmu.plan = (struct pai_plan){.counts = true,
				     .prefers_counting = true,
				     .samples = PAI_BY_PERF_EVENT};
	r = pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_PERF_EVENT, ret_samples);
	return r ?: pai_pmu_attach(&source, &pmu, *ret_samples, get_nprocs_conf());
}

static uint64_t heard(const struct pai_samples *s)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < s->nr_cpus; cpu++)
		sum += ((const volatile struct pai_cpu *)&s->cpus[cpu])->without_data;
	return sum;
}

/* Waits for more than so many; at each context switch there is one. */
static void hear_more(const struct pai_samples *s, uint64_t before)
{
	for (int i = 0; i < 10000 && heard(s) == before; i++)
		usleep(1000);
	assert_true(heard(s) > before);
}

static void test_samples(void **data)
{
	struct pai_samples *s;

	assert_int_equal(attach_sampler(&s), 0);
	hear_more(s, 0); /* the way to test works */
	pai_pmu_detach(&source, &pmu, false);
	pai_samples_free(&source, s, false);
}

/* The number of what is pinned: of a map, a program or a link. */
static __u32 pinned_id(const char *name)
{
	struct {
		__u32 type, id;
	} info = {};
	__u32 size = sizeof(info);
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/pai-%d/%s", folder, PAI_LAYOUT, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(-fd));
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static bool jit_has_changed;

/* Linked in place of load_fits(). */
bool __real_load_fits(int array);
bool __wrap_load_fits(int array);
bool __wrap_load_fits(int array)
{
	return __real_load_fits(array) && !jit_has_changed;
}

static const char *const kept[] = {"pai_cpus", "pai_cgroups", "pai_overflow_programs",
				   "pai-overflow-program", "pai-overflow-0"};

/* A daemon that takes over, hears samples, and leaves all of it to the next. */
static void sample_once(__u32 ret_ids[5])
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct pai_samples *s;

	assert_int_equal(attach_sampler(&s), 0);
	hear_more(s, heard(s));
	for (int i = 0; i < 5; i++)
		ret_ids[i] = pinned_id(kept[i]);
	/* Its runs and misses are those that are served. */
	assert_int_equal(bpf_obj_get_info_by_fd(s->overflow, &info, &size), 0);
	assert_int_equal(info.id, ret_ids[3]);
	pai_pmu_detach(&source, &pmu, true);
	pai_samples_free(&source, s, true);
}

static void test_jit_has_changed(void **data)
{
	__u32 first[5], second[5];

	sample_once(first);
	sample_once(second);
	assert_memory_equal(first, second, sizeof(first));
	jit_has_changed = true;
	sample_once(second);
	jit_has_changed = false;
	for (int i = 0; i < 5; i++)
		assert_int_equal(first[i] != second[i], i >= 2);
	sample_once(first);
	assert_memory_equal(first, second, sizeof(first));
	pai_samples_end_left(&source, get_nprocs_conf());
}

/* No descriptor left for a copy: nothing samples, and nobody says so. */
static void test_no_dup(void **data)
{
	struct pai_samples by = {.by = PAI_BY_TRACEPOINT};
	bool says;

	pmu = (struct pai_pmu){.name = "pai_test",
			       .pins = "nnpa",
			       .array = "nnpa-array",
			       .base = base};
	assert_int_equal(pai_pmu_find(&pmu), 0);
	pmu.own = true;
	pmu.plan = (struct pai_plan){.samples = PAI_BY_TRACEPOINT};
	no_dup = true;
	assert_int_equal(pai_pmu_attach(&source, &pmu, &by, get_nprocs_conf()), 0);
	no_dup = false;
	says = pmu.cpus[0].samples && !pmu.reader->slots[0].event;
	assert_false(says);
}

/* A link to a tracepoint in descriptor 3, as systemd passes it. */
static int pass_link(void)
{
	static struct sockaddr_un address = {AF_UNIX, "/tmp/paimon-review-notify"};
	struct pai_bpf *bpf = pai_bpf__open_and_load();
	int notify = socket(AF_UNIX, SOCK_DGRAM, 0), link;
	char pid[16];

	unlink(address.sun_path);
	assert_int_equal(bind(notify, (void *)&address, sizeof(address)), 0);
	link = bpf_raw_tracepoint_open("sys_enter", bpf_program__fd(bpf->progs.paimon_pai_sample));
	assert_true(link >= 0);
	assert_int_equal(dup2(link, 3), 3);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("INVOCATION_ID", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "pai-sample", 1);
	return fdstore_init();
}

/* In a process of its own, as what systemd passed is the process's. */
static void in_child(int (*run)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		assert_int_equal(open("/dev/null", O_RDONLY), 3);
		_exit(pass_link() ? 99 : run());
	}
	assert_int_equal(wait_for(pid), 0);
}

/* It samples no longer: whoever has the link must let go of it. */
static int leave_link(void)
{
	struct pai_samples *s;

	if (pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_NOTHING, &s))
		return 98;
	return fcntl(3, F_GETFD) >= 0 ? 1 : 0;
}

static void test_link_left_open(void **data)
{
	in_child(leave_link);
}

/* ... and does again, after a reload: there is no such tracepoint here, so it cannot. */
static int take_dropped_link(void)
{
	struct pai_samples *s;

	if (pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_NOTHING, &s))
		return 98;
	pai_samples_free(&source, s, false);
	return pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_TRACEPOINT, &s) ? 0 : 2;
}

static void test_dropped_link_kept(void **data)
{
	in_child(take_dropped_link);
}

/* The maps are new (another state_dir, another layout): what the link runs has others. */
static int take_foreign_link(void)
{
	struct pai_samples *s;

	return pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_TRACEPOINT, &s) ? 0 : 3;
}

static void test_foreign_link(void **data)
{
	in_child(take_foreign_link);
}

/* The maps are not: a daemon of another layout was here in between, under systemd. */
static void test_foreign_link_beside_maps(void **data)
{
	struct pai_samples *s;

	assert_int_equal(pai_samples_new(&source, get_nprocs_conf(), 2, PAI_BY_NOTHING, &s), 0);
	pai_samples_free(&source, s, true);
	in_child(take_foreign_link);
}

/* A PMU with no counter that can be read is none, and nothing new every five seconds. */
static void test_no_counters(void **data)
{
	mkdir(SYSFS "/pai_crypto", 0755);
	write_text(SYSFS "/pai_crypto/type", "77\n");
	assert_int_equal(pai_source.probe(&source), 0);
	assert_int_equal(pai_source.attach(&source), -ENODEV);
	assert_non_null(strstr(source.reason, "no events"));
	make_pmu("pai_ext", 2, 0x1800);
	write_text(SYSFS "/pai_ext/events/T_ONE", "event=0x%llx\n", 0x1801ull);
	assert_true(pai_source.attach(&source) < 0); /* there are no such tracepoints */
	assert_non_null(strstr(source.reason, "pai_ext cannot be opened"));
	assert_int_equal(rename(SYSFS "/pai_ext", SYSFS "/pai_gone2"), 0);
	assert_int_equal(unlink(SYSFS "/pai_crypto/type"), 0);
	assert_int_equal(rmdir(SYSFS "/pai_crypto"), 0);
}

/* Cgroups with other names are other series, and what is UTF-8 is served as it is. */
static void test_names(void **data)
{
	static const char *const names[][2] = {
		{"/a\x01", "#/a\\x01"},
		{"/a\\x01", "/a\\x01"},
		{"/bad\xff", "#/bad\\xff"},
		{"/bad\xfe", "#/bad\\xfe"},
		{"/utf-\u00fc.scope", "/utf-\u00fc.scope"},
	};
	static struct pai_made_up sample = {.nr = 1, .tgid = 1, .records = {{1, 1}}};
	struct snapshot *snapshot = snapshot_new(NULL);
	size_t nr = 0;

	source.replay = true;
	config.pai_max_cgroups = 8;
	assert_int_equal(pai_source.attach(&source), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		memset(sample.path, 0, sizeof(sample.path));
		strcpy(sample.path, names[i][0]);
		strcpy(sample.comm, names[i][0] + 1);
		sample.tgid = i + 1;
		assert_int_equal(pai_source_play(&source, &sample, 0), 0);
	}
	assert_int_equal(pai_source.read(&source, snapshot), 0);
	pai_source.detach(&source, false);
	for (size_t i = 0; i < snapshot->nr_families; i++)
		for (size_t j = 0; j < snapshot->families[i].nr_points; j++)
			if (!strcmp(snapshot->families[i].metric->name,
				    "paimon_nnpa_cgroup_events_total"))
				assert_string_equal(snapshot->families[i].points[j].labels[0].value,
						    names[nr++][1]);
	assert_int_equal(nr, sizeof(names) / sizeof(*names));
	snapshot_free(snapshot);
}

/* Under systemd: the source fails after it has begun, and is tried again in this process. */
static int fail_and_attach_again(void)
{
	attach();
	load(10);
	pai_pmu_detach(&source, &pmu, true);
	load(5);
	attach();
	return pmu.reader->adopted ? 0 : 4;
}

static void test_adopts_its_own(void **data)
{
	in_child(fail_and_attach_again);
}

static unsigned int nr_reaped; /* how often processes that have ended were looked for */

/* Linked in place of pai_samples_reap(). */
void __real_pai_samples_reap(struct pai_samples *reaped);
void __wrap_pai_samples_reap(struct pai_samples *reaped);
void __wrap_pai_samples_reap(struct pai_samples *reaped)
{
	__real_pai_samples_reap(reaped);
	nr_reaped++;
}

static unsigned int nr_busy;  /* so many perf events are refused */
static struct source *ending; /* whose own have ended just then, however long it took */
static bool opens_any;	      /* whatever is asked for */
static int last_ran_on[2];    /* where the latest one of a CPU was opened */
static bool of_calls;	      /* counters of pai_ext are calls that begin, conditions that end */

/* Linked in place of perf_open(). */
int __real_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu)
{
	const struct perf_event_attr any = {.size = sizeof(any),
					    .type = PERF_TYPE_SOFTWARE,
					    .config = PERF_COUNT_SW_DUMMY};

	if (!nr_busy) {
		struct perf_event_attr call = {.size = sizeof(call), .type = PERF_TYPE_TRACEPOINT};
		uint64_t number = ((const struct perf_event_attr *)attr)->config - 0x1800;
		int fd;

		call.config = number == PAIMON_NNPA_CONDITIONS_FIRST ? leaves : enters;
		fd = __real_perf_open(of_calls ? &call : opens_any ? &any : attr, cpu);

		if (cpu < 2)
			last_ran_on[cpu] = sched_getcpu();
		return fd;
	}
	nr_busy--;
	if (ending)
		ending->ended_ns = clock_ns(CLOCK_MONOTONIC);
	return -EBUSY;
}

/* Many counters of a CPU are opened on it. */
static void test_opened_where_it_counts(void **data)
{
	cpu_set_t before, after;

	make_pmu("pai_many", 1, 0x1800);
	for (int i = 0; i <= AFFINITY_OPENS; i++) {
		char path[64];

		snprintf(path, sizeof(path), SYSFS "/pai_many/events/T_MORE_%d", i);
		write_text(path, "event=0x%x\n", 0x1803 + i);
	}
	pmu = (struct pai_pmu){.name = "pai_many",
			       .pins = "nnpa",
			       .array = "nnpa-array",
			       .base = 0x1800,
			       .plan = {.counts = true, .prefers_counting = true}};
	assert_int_equal(pai_pmu_find(&pmu), 0);
	sched_getaffinity(0, sizeof(before), &before);
	affinity_patience_ns = UINT64_MAX; /* the machine may be busy */
	opens_any = true;
	assert_int_equal(pai_pmu_attach(&source, &pmu, &samples, get_nprocs_conf()), 0);
	opens_any = false;
	assert_true(pmu.cpus[0].counts);
	for (int cpu = 0; cpu < 2 && cpu < get_nprocs(); cpu++)
		assert_int_equal(last_ran_on[cpu], cpu);
	sched_getaffinity(0, sizeof(after), &after);
	assert_true(CPU_EQUAL(&before, &after));
}

/* What is refused while our own events may be about to end is tried again, until then. */
static void test_pending(void **data)
{
	attach();
	pai_pmu_detach(&source, &pmu, false);
	assert_true(source.ended_ns > 0);
	ending = &source;
	nr_busy = 2 * get_nprocs(); /* a CPU is tried twice */
	attach();
	assert_true(pmu.cpus[0].pending && source.retry_soon);
	assert_int_equal(pmu.cpus[0].error, 0);
	assert_false(pmu.cpus[0].counts);
	source.retry_soon = false;
	pai_pmu_read(&source, &pmu, NULL, true);
	assert_false(pmu.cpus[0].pending || source.retry_soon);
	assert_true(pmu.cpus[0].counts);
	/* Another user's, which stay. */
	pai_pmu_detach(&source, &pmu, false);
	source.ended_ns = 0;
	ending = NULL;
	nr_busy = 2 * get_nprocs();
	attach();
	assert_false(pmu.cpus[0].pending || source.retry_soon);
	assert_int_equal(pmu.cpus[0].error, -EBUSY);
	pai_pmu_read(&source, &pmu, NULL, true);
	assert_true(pmu.cpus[0].counts);
}

/* The loop does so, long before what is retried every few seconds. */
static void test_retried_soon(void **data)
{
	struct sources sources = {};
	const struct pai *pai;
	sd_event *event;

	make_pmu("pai_ext", 1, 0x1800);
	config.iopf = config.events_wanted = SOURCE_NO;
	config.pai = SOURCE_YES;
	opens_any = true;
	assert_true(sd_event_new(&event) >= 0);
	sources_start(&sources, event, &config, false);
	assert_int_equal(sources.all[2].state, SOURCE_UP);
	config.pai_mode = PAI_SAMPLING;
	ending = &sources.all[2];
	nr_busy = 2 * get_nprocs();
	sources_retry(&sources);
	ending = NULL;
	assert_int_equal(sources.all[2].state, SOURCE_UP);
	assert_int_equal(nr_busy, 0);
	pai = sources.all[2].data;
	nr_reaped = 0;
	assert_false(pai->pmus[PAI_EXT].cpus[0].counts);
	for (int i = 0; i < 10 && !pai->pmus[PAI_EXT].cpus[0].counts; i++)
		assert_true(sd_event_run(event, 10000000) >= 0);
	assert_true(pai->pmus[PAI_EXT].cpus[0].counts);
	assert_int_equal(nr_reaped, 0);
	sources_retry(&sources);
	assert_int_equal(nr_reaped, 1);
	sources_stop(&sources, false);
	sd_event_unref(event);
	opens_any = false;
	assert_int_equal(rename(SYSFS "/pai_ext", SYSFS "/pai_was"), 0);
}

static void make_ext(void)
{
	make_pmu("pai_ext", 2, 0x1800);
	write_text(SYSFS "/pai_ext/events/T_SMALL", "event=0x%x\n",
		   0x1800 + PAIMON_NNPA_CONDITIONS_FIRST);
	config.iopf = config.events_wanted = SOURCE_NO;
	config.pai = SOURCE_YES;
}

static int end_ext(void **data)
{
	if (source.data)
		pai_source.detach(&source, false);
	opens_any = of_calls = false;
	nr_busy = 0;
	remove_tree(SYSFS "/pai_ext");
	return teardown(data);
}

static const char *label_of(const struct point *point, const char *name)
{
	for (size_t i = 0; i < point->nr_labels; i++)
		if (!strcmp(point->labels[i].name, name))
			return point->labels[i].value;
	return "";
}

/* The sum of the series of a metric with this counter, or any if it is NULL, and this value of a
 * label, which may be NULL too. -1: there is none. */
static int64_t served(const char *metric, const char *counter, const char *label, const char *value)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int64_t sum = -1;

	assert_non_null(snapshot);
	assert_int_equal(pai_source.read(&source, snapshot), 0);
	for (size_t f = 0; f < snapshot->nr_families; f++)
		for (size_t p = 0; p < snapshot->families[f].nr_points; p++) {
			const struct point *point = &snapshot->families[f].points[p];

			if (strcmp(snapshot->families[f].metric->name, metric) ||
			    (counter && strcmp(label_of(point, "counter"), counter)) ||
			    (label && strcmp(label_of(point, label), value)))
				continue;
			sum = (sum < 0 ? 0 : sum) + (int64_t)point->integer;
		}
	snapshot_free(snapshot);
	return sum;
}

/* A process that makes so many calls, in a cgroup of its own if that is not NULL. */
static pid_t start_calls(unsigned int nr, const char *cgroup, int *ret_end)
{
	int begun[2], end[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(begun), 0);
	assert_int_equal(pipe(end), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(end[1]);
		if (cgroup)
			write_text(cgroup, "%d\n", getpid());
		for (unsigned int i = 0; i < nr; i++)
			syscall(SYS_ioprio_get, 1, 0);
		if (write(begun[1], "", 1) == 1 && read(end[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(begun[0], &byte, 1), 1);
	close(begun[0]);
	close(begun[1]);
	close(end[0]);
	*ret_end = end[1];
	return pid;
}

/* Who has gone is so after two looks. */
static void look_twice(void)
{
	pai_source.retry(&source, false);
	pai_source.retry(&source, false);
}

#define NAME "paimon-test-pai"

/* Each call is one of the process, of its cgroup, and of nobody else; once they have gone, of those
 * that have departed. Functions and the conditions they meet are different metrics. */
static void test_attributes(void **data)
{
	int end, root = cgroup_root_open();
	char name[16], procs[64];
	pid_t pid;

	if (root < 0)
		skip();
	make_ext();
	of_calls = true;
	if (pai_source.attach(&source))
		fail_msg("%s", source.reason);
	assert_string_equal(source.backend, "attribution");
	assert_int_equal(mkdirat(root, NAME, 0755), 0);
	snprintf(procs, sizeof(procs), "/proc/self/fd/%d/" NAME "/cgroup.procs", root);
	pid = start_calls(70, procs, &end);
	snprintf(name, sizeof(name), "%d", pid);
	switch_out();
	assert_int_equal(served("paimon_nnpa_cgroup_events_total", "T_ONE", "cgroup", "/" NAME),
			 70);
	assert_int_equal(
		served("paimon_nnpa_cgroup_conditions_total", "T_SMALL", "cgroup", "/" NAME), 70);
	assert_int_equal(served("paimon_nnpa_cgroup_window", "T_ONE", "minute", "current"), 70);
	/* A condition is no function: it is not in the window of functions. */
	assert_int_equal(served("paimon_nnpa_cgroup_window", "T_SMALL", NULL, NULL), -1);
	assert_int_equal(served("paimon_nnpa_task_events_total", "T_TWO", "pid", name), 70);
	assert_int_equal(served("paimon_nnpa_task_conditions_total", "T_SMALL", "pid", name), 70);
	assert_int_equal(served("paimon_nnpa_task_window", "T_TWO", "pid", name), 70);
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL), 70);
	assert_int_equal(served("paimon_nnpa_conditions_total", "T_SMALL", NULL, NULL), 70);
	close(end);
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(unlinkat(root, NAME, AT_REMOVEDIR), 0);
	close(root);
	look_twice();
	assert_int_equal(served("paimon_nnpa_task_events_total", "T_ONE", "pid", name), -1);
	assert_int_equal(served("paimon_nnpa_departed_task_events_total", "T_ONE", NULL, NULL), 70);
	assert_int_equal(
		served("paimon_nnpa_departed_task_conditions_total", "T_SMALL", NULL, NULL), 70);
	assert_int_equal(served("paimon_nnpa_cgroup_events_total", "T_ONE", NULL, NULL), -1);
	assert_int_equal(served("paimon_nnpa_departed_events_total", "T_ONE", NULL, NULL), 70);
	assert_int_equal(served("paimon_nnpa_departed_conditions_total", "T_SMALL", NULL, NULL),
			 70);
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL), 70);
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "counting"), get_nprocs());
}

/* A daemon that takes over goes on with who used what; what was counted while nobody attributed is
 * nobody's. */
static void test_attribution_adopted(void **data)
{
	int64_t other;
	int end;
	pid_t pid;

	make_ext();
	of_calls = true;
	assert_int_equal(pai_source.attach(&source), 0);
	pid = start_calls(7, NULL, &end);
	switch_out();
	pai_source.detach(&source, true);
	load(3);
	assert_int_equal(pai_source.attach(&source), 0);
	assert_true(source.adopted);
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL),
			 7 + 3 * get_nprocs());
	assert_int_equal(served("paimon_nnpa_cgroup_events_total", "T_ONE", NULL, NULL),
			 7 + 3 * get_nprocs());
	/* Without attribution in between. */
	pai_source.detach(&source, true);
	config.pai_mode = PAI_COUNTING;
	assert_int_equal(pai_source.attach(&source), 0);
	assert_string_equal(source.backend, "counting");
	load(2);
	pai_source.detach(&source, true);
	config.pai_mode = PAI_AUTO;
	assert_int_equal(pai_source.attach(&source), 0);
	other = served("paimon_nnpa_cgroup_events_total", "T_ONE", "cgroup", "other");
	assert_int_equal(other, 2 * get_nprocs());
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL),
			 7 + 5 * get_nprocs());
	/* A counter that the PMU no longer has is of nobody. */
	assert_int_equal(unlink(SYSFS "/pai_ext/events/T_TWO"), 0);
	pai_source.detach(&source, true);
	assert_int_equal(pai_source.attach(&source), 0);
	assert_int_equal(served("paimon_nnpa_cgroup_events_total", "T_TWO", NULL, NULL), -1);
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL),
			 7 + 5 * get_nprocs());
	close(end);
	assert_int_equal(wait_for(pid), 0);
}

/* What is in the maps of attribution is not to be trusted either: it goes on from there. */
static void test_any_accounts(void **data)
{
	struct attribution *attribution;
	struct switch_journal *journal;
	int64_t before;

	make_ext();
	of_calls = true;
	for (int wrong = 0; wrong < 4; wrong++) {
		assert_int_equal(pai_source.attach(&source), 0);
		load(1);
		attribution = ((struct pai *)source.data)->pmus[PAI_EXT].attribution;
		assert_non_null(attribution);
		journal = &attribution->state->journal;
		switch (wrong) {
		case 0: /* cells that are nobody's, or whose owner has others */
			for (uint32_t i = SWITCH_COLUMNS; i < attribution->nr_cells; i++)
				if (!attribution->cells[i].owner)
					attribution->cells[i].owner =
						i % 2 ? ~0ULL : switch_owner(1, i % SWITCH_COLUMNS);
			break;
		case 1: /* accounts with cells that do not exist */
			for (uint32_t i = 1; i < attribution->nr_accounts; i++)
				for (uint32_t j = 0; j < SWITCH_COLUMNS; j++)
					if (!attribution->accounts[i].cells[j])
						attribution->accounts[i].cells[j] = j % 2 ? ~0U
											  : j / 2;
			break;
		case 2: /* a journal of another machine */
			*journal = (struct switch_journal){.from = ~0U,
							   .to = SWITCH_COLUMNS,
							   .active = 1};
			break;
		case 3:
			*journal = (struct switch_journal){.from = SWITCH_COLUMNS,
							   .to = ~0U,
							   .active = 1};
			break;
		}
		pai_source.detach(&source, true);
		assert_int_equal(pai_source.attach(&source), 0);
		before = served("paimon_nnpa_events_total", "T_ONE", NULL, NULL);
		load(3);
		assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL) - before,
				 3 * get_nprocs());
		look_twice();
		assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", NULL, NULL) - before,
				 3 * get_nprocs());
		pai_source.detach(&source, true);
	}
}

static void expect_reason(const char *part)
{
	if (!strstr(source.reason, part))
		fail_msg("no \"%s\" in \"%s\"", part, source.reason);
}

/* How the PMU is used is in the status, and who is in the way. */
static void test_backends(void **data)
{
	make_ext();
	opens_any = true;
	config.pai_mode = PAI_COUNTING;
	nr_busy = 1000;
	assert_int_equal(pai_source.attach(&source), 0);
	expect_reason("another user samples pai_ext on CPUs 0");
	expect_reason("so paimond cannot count there");
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "busy"), get_nprocs());
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "counting"), 0);
	nr_busy = 0;
	pai_source.retry(&source, false);
	assert_string_equal(source.reason, "");
	assert_string_equal(source.backend, "counting");
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "counting"), get_nprocs());
	assert_false(pai_source.outdated(&source));
	/* It counts and samples: only if the machine may panic. */
	config.pai_mode = PAI_SAMPLING;
	assert_true(pai_source.outdated(&source));
	pai_source.detach(&source, false);
	assert_int_equal(pai_source.attach(&source), 0);
	expect_reason("can panic the machine");
	assert_string_equal(source.backend, "counting");
	config.pai_backend = PAI_BACKEND_TRACEPOINT;
	assert_int_equal(pai_source.reload(&source), 0);
	expect_reason("has no tracepoint (set backend = auto)");
	config.pai_backend = PAI_BACKEND_AUTO;
	config.pai_accept_throttling_panic = true;
	assert_true(pai_source.outdated(&source));
	pai_source.detach(&source, false);
	assert_int_equal(pai_source.attach(&source), 0);
	assert_string_equal(source.reason, "");
	assert_string_equal(source.backend, "counting and perf_event");
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "sampling"), get_nprocs());
	assert_int_equal(served("paimon_pai_unsampled_events", NULL, NULL, NULL), 0);
	pai_source.detach(&source, false);
	/* That of paimon_pai.ko does either. */
	assert_int_equal(mkdir(SYSFS "/pai_ext/caps", 0755), 0);
	write_text(SYSFS "/pai_ext/caps/sample_tracepoint", "1\n");
	assert_true(pai_source.attach(&source) < 0);
	expect_reason("cannot attach to paimon_pai_sample"); /* there is no such tracepoint */
	config.pai_backend = PAI_BACKEND_PERF_EVENT;
	source.ended_ns = 0; /* none of ours is about to end */
	nr_busy = 1000;
	assert_int_equal(pai_source.attach(&source), 0);
	expect_reason("another user has events of pai_ext on CPUs 0");
	expect_reason("so paimond cannot sample there");
	nr_busy = 0;
	pai_source.retry(&source, false);
	assert_string_equal(source.reason, "");
	assert_string_equal(source.backend, "perf_event");
	assert_int_equal(served("paimon_pai_cpus", NULL, "mode", "counting"), 0);
}

/* A part of the configuration waits for a restart, and says so. */
static void test_restart(void **data)
{
	struct source_objects objects = {};
	size_t nr_maps;

	make_ext();
	opens_any = true;
	config.pai_per_cpu = true;
	assert_int_equal(pai_source.attach(&source), 0);
	assert_null(pai_source.restart(&source));
	pai_source.objects(&source, &objects);
	nr_maps = objects.nr_maps;
	assert_true(nr_maps > 20);
	assert_string_equal(objects.programs[0].name, "nnpa_read");
	config.pai_max_cgroups = 8;
	assert_string_equal(pai_source.restart(&source), "max_cgroups");
	assert_int_equal(pai_source.reload(&source), 0);
	pai_source.detach(&source, true);
	/* The pinned maps stay as they are. */
	assert_int_equal(pai_source.attach(&source), 0);
	assert_string_equal(pai_source.restart(&source), "max_cgroups");
	/* Each CPU is a series. */
	assert_int_equal(served("paimon_nnpa_events_total", "T_ONE", "cpu", "0"), 0);
	write_text(SYSFS "/pai_ext/type", "1\n");
	assert_true(pai_source.outdated(&source));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attributes, setup, end_ext),
		cmocka_unit_test_setup_teardown(test_attribution_adopted, setup, end_ext),
		cmocka_unit_test_setup_teardown(test_any_accounts, setup, end_ext),
		cmocka_unit_test_setup_teardown(test_backends, setup, end_ext),
		cmocka_unit_test_setup_teardown(test_restart, setup, end_ext),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_died_between, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_content, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopts_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_dup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_left_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped_link_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_link_beside_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jit_has_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opened_where_it_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retried_soon, setup, teardown),
	};
	int failed;

	if (own_mounts() < 0) {
		puts("needs root");
		return 77;
	}
	if (mount_tracefs()) {
		puts("needs tracefs");
		return 77;
	}
	enters = tracepoint("sys_enter_ioprio_get");
	leaves = tracepoint("sys_exit_ioprio_get");
	base = (enters < leaves ? enters : leaves) - 1;
	if (enters + leaves != 2 * base + 3) {
		puts("the two tracepoints are not neighbours here");
		return 77;
	}
	if (!mkdtemp(folder) || mount("tmpfs", SYSFS, "tmpfs", 0, NULL))
		return 1;
	make_pmu("pai_test", 2, base);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}

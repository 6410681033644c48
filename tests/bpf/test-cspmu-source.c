// SPDX-License-Identifier: GPL-2.0
/*
 * The source of system PMUs, on the live kernel: a made-up sysfs calls two tracepoints of a system
 * call that nobody else makes events of a system PMU, so counts are known and real. Needs root,
 * tracefs, two CPUs, and a mount namespace of its own.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "model/snapshot.h"
#include "source/cspmu/cspmu_source.h"
#include "source/source.h"
#include "util/affinity.h"

#define PMUS "/sys/bus/event_source/devices"
#define CLASS "/sys/class/paimon_cspmu"
#define SCF "nvidia_scf_pmu_36"
#define EVENTS "paimon_cspmu_events_total"

static char folder[] = "/tmp/paimon-cspmu-XXXXXX", sets[] = "/tmp/paimon-sets-XXXXXX";
static struct config config;
static struct source source;

static unsigned int tracepoint(const char *name)
{
	char path[128];
	FILE *file;
	unsigned int id = 0;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/syscalls/%s/id", name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u", &id), 1);
	fclose(file);
	return id;
}

static void put(const char *top, const char *device, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", top, device, name);
	write_text(path, "%s\n", text);
}

static void make_folder(const char *top, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* A system PMU whose events "entered" and "left" are the two tracepoints. */
static void make_pmu(const char *name, const char *cpus, const char *identifier)
{
	char text[64], sub[128];

	make_folder(PMUS, name);
	snprintf(sub, sizeof(sub), "%s/events", name);
	make_folder(PMUS, sub);
	snprintf(sub, sizeof(sub), "%s/format", name);
	make_folder(PMUS, sub);
	put(PMUS, name, "type", "2"); /* PERF_TYPE_TRACEPOINT */
	put(PMUS, name, "cpumask", cpus);
	put(PMUS, name, "format/event", "config:0-31");
	if (identifier)
		put(PMUS, name, "identifier", identifier);
	snprintf(text, sizeof(text), "event=0x%x", tracepoint("sys_enter_ioprio_get"));
	put(PMUS, name, "events/entered", text);
	snprintf(text, sizeof(text), "event=0x%x", tracepoint("sys_exit_ioprio_get"));
	put(PMUS, name, "events/left", text);
}

/* A PMU of CPUs: the first nr of these events, which are the two tracepoints in turn. */
static void make_cpu_pmu(const char *name, const char *const *events, size_t nr)
{
	char text[64], path[96];

	make_pmu(name, "", NULL);
	snprintf(path, sizeof(path), PMUS "/%s/cpumask", name);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "events/%s", events[i]);
		snprintf(text, sizeof(text), "event=0x%x",
			 tracepoint(i % 2 ? "sys_exit_ioprio_get" : "sys_enter_ioprio_get"));
		put(PMUS, name, path, text);
	}
}

/* A device of the class; pmu "": it waits for a module. */
static void make_device(const char *name, const char *pmu, const char *socket)
{
	make_folder(CLASS, name);
	put(CLASS, name, "pmu", pmu);
	put(CLASS, name, "implementer", "0x36b");
	put(CLASS, name, "pmiidr", "0x2cf0036b");
	put(CLASS, name, "backend", *pmu ? "nvidia" : "");
	put(CLASS, name, "waits_for", *pmu ? "" : "paimon_cspmu_nvidia");
	put(CLASS, name, "read_errors", "3");
	put(CLASS, name, "socket", socket);
}

static void make_set(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.conf", sets, name);
	write_text(path, "%s", text);
}

static int setup(void **data)
{
	config = (struct config){.state_dir = folder, .cspmu_max_events = 8};
	source = (struct source){.ops = &cspmu_source, .config = &config};
	assert_int_equal(mount("tmpfs", PMUS, "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("tmpfs", "/sys/class", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(CLASS, 0755), 0);
	make_set("scf", "[family]\n"
			"help = made up\n"
			"source = nowhere\n"
			"identifier = 0x2cf0036b/0xfff00fff\n"
			"pmu = nvidia_scf_pmu_*\n"
			"events = entered, left, absent\n"
			"[formula read]\n"
			"help = made up\n"
			"unit = B/s\n"
			"value = entered * 32\n");
	return mount("bpf", folder, "bpf", 0, NULL);
}

static int teardown(void **data)
{
	if (source.data)
		cspmu_source.detach(&source, false);
	assert_int_equal(umount(PMUS), 0);
	assert_int_equal(umount("/sys/class"), 0);
	return umount(folder);
}

static void attach(void)
{
	assert_int_equal(cspmu_source.probe(&source), 0);
	if (cspmu_source.attach(&source))
		fail_msg("%s", source.reason);
}

/* So many calls on a CPU. */
static void load(int cpu, unsigned int nr)
{
	pin_to(cpu);
	for (unsigned int i = 0; i < nr; i++)
		syscall(SYS_ioprio_get, 1, 0);
	unpin();
}

static const char *label_of(const struct point *point, const char *name)
{
	for (size_t i = 0; i < point->nr_labels; i++)
		if (!strcmp(point->labels[i].name, name))
			return point->labels[i].value;
	return "";
}

/* The value of the one series with these values of two labels; -1: there is none. The third one is
 * checked too unless it is NULL. */
static int64_t served(const char *metric, const char *pmu, const char *event, const char *socket)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int64_t value = -1;

	assert_int_equal(cspmu_source.read(&source, snapshot), 0);
	for (size_t f = 0; f < snapshot->nr_families; f++)
		for (size_t p = 0; p < snapshot->families[f].nr_points; p++) {
			const struct point *point = &snapshot->families[f].points[p];

			if (strcmp(snapshot->families[f].metric->name, metric) ||
			    strcmp(label_of(point, "pmu"), pmu) ||
			    strcmp(label_of(point, "event"), event))
				continue;
			assert_int_equal(value, -1);
			value = (int64_t)point->integer;
			if (socket)
				assert_string_equal(label_of(point, "socket"), socket);
		}
	snapshot_free(snapshot);
	return value;
}

static void expect(const char *pmu, const char *socket, int64_t value)
{
	assert_int_equal(served(EVENTS, pmu, "entered", socket), value);
	assert_int_equal(served(EVENTS, pmu, "left", socket), value);
}

static void make_scf(void)
{
	make_pmu(SCF, "0", "0x2cf0036b");
	make_device("paimon_soft_cspmu.0", SCF, "36");
}

static void test_counts(void **data)
{
	const struct cspmu *cspmu;

	make_scf();
	attach();
	expect(SCF, "36", 0);
	load(0, 100);
	load(1, 7); /* its cpumask has CPU 0 only */
	expect(SCF, "36", 100);
	load(0, 11);
	expect(SCF, "36", 111);
	assert_int_equal(served("paimon_cspmu_info", SCF, "", NULL), 1);
	assert_int_equal(served("paimon_cspmu_read_errors_total", SCF, "", NULL), 3);
	put(CLASS, "paimon_soft_cspmu.0", "read_errors", "5");
	assert_int_equal(served("paimon_cspmu_read_errors_total", SCF, "", NULL), 5);
	/* What the PMU does not list is left out, and named. */
	assert_int_equal(served(EVENTS, SCF, "absent", NULL), -1);
	cspmu = source.data;
	assert_non_null(strstr(cspmu->left_out, SCF " does not list these events of event set scf, "
						    "which are not counted: absent"));
	assert_non_null(strstr(cspmu->left_out, "does not list"));
	assert_string_equal(source.reason, "");
}

static void test_info(void **data)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	size_t nr = 0;

	make_scf();
	make_device("waits.1", "", "36");
	make_device("waits.2", "", "");
	attach();
	assert_int_equal(cspmu_source.read(&source, snapshot), 0);
	for (size_t f = 0; f < snapshot->nr_families; f++) {
		const struct point *point = &snapshot->families[f].points[0];

		if (strcmp(snapshot->families[f].metric->name, "paimon_cspmu_info"))
			continue;
		nr += snapshot->families[f].nr_points;
		assert_string_equal(label_of(point, "implementer"), "0x36b");
		assert_string_equal(label_of(point, "backend"), "nvidia");
		assert_string_equal(label_of(point, "identifier"), "0x2cf0036b");
	}
	assert_int_equal(nr, 1);
	snapshot_free(snapshot);
}

/* A daemon that begins, counts so many calls, and is killed. */
static void live_and_die(unsigned int nr, bool reads)
{
	pid_t pid = fork();

	if (!pid) {
		attach();
		load(0, nr);
		if (reads)
			served(EVENTS, SCF, "entered", NULL);
		_exit(0);
	}
	assert_int_equal(wait_for(pid), 0);
}

static void test_killed(void **data)
{
	make_scf();
	for (int i = 0; i < 3; i++)
		live_and_die(10, i == 1);
	load(0, 5);
	attach();
	assert_true(source.adopted);
	expect(SCF, "36", 35);
	load(0, 1);
	expect(SCF, "36", 36);
}

/* The unit has ended, and with it the perf events; what was read by then stays. */
static void test_ended(void **data)
{
	make_scf();
	live_and_die(10, true);
	attach();
	cspmu_source.detach(&source, false);
	load(0, 3); /* nobody counts */
	attach();
	assert_false(source.adopted);
	load(0, 5);
	expect(SCF, "36", 15);
}

static void test_descriptors(void **data)
{
	int before;

	make_scf();
	before = count_descriptors(getpid());
	attach();
	assert_true(count_descriptors(getpid()) - before < 10); /* maps and a program */
	cspmu_source.detach(&source, false);
	assert_int_equal(count_descriptors(getpid()), before);
}

/* PMUs come and go; the total of one that is back continues. */
static void test_come_and_go(void **data)
{
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	make_scf();
	attach();
	load(0, 4);
	expect(SCF, "36", 4);
	assert_int_equal(rename(PMUS "/" SCF, PMUS "/nvidia_scf_pmu_2364"), 0);
	put(CLASS, "paimon_soft_cspmu.0", "pmu", "nvidia_scf_pmu_2364");
	put(CLASS, "paimon_soft_cspmu.0", "socket", "2364");
	cspmu_source.retry(&source, false);
	expect(SCF, NULL, -1);
	load(0, 2);
	expect("nvidia_scf_pmu_2364", "2364", 2);
	assert_int_equal(rename(PMUS "/nvidia_scf_pmu_2364", PMUS "/" SCF), 0);
	put(CLASS, "paimon_soft_cspmu.0", "pmu", SCF);
	put(CLASS, "paimon_soft_cspmu.0", "socket", "36");
	cspmu_source.retry(&source, false);
	load(0, 3);
	expect(SCF, "36", 7);
	assert_false(cspmu_source.outdated(&source));
	assert_int_equal(rename(PMUS "/" SCF, PMUS "/.away"), 0);
	cspmu_source.retry(&source, false);
	assert_true(cspmu_source.outdated(&source));
}

static int last_ran_on = -1; /* where the latest perf event was opened */
static unsigned int nr_opened;
#define OFFLINE_CPU 5000  /* no kernel has it: its perf events are opened on CPU 1, and not read */
static int opens_on = -1; /* this CPU, as if the kernel had moved perf events there; -1: as asked */

/* Linked in place of perf_open(). */
int __real_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu);
int __wrap_perf_open(const void *attr, int cpu)
{
	int fd = __real_perf_open(attr, opens_on < 0 ? cpu == OFFLINE_CPU ? 1 : cpu : opens_on);

	nr_opened++;
	last_ran_on = sched_getcpu();
	return fd;
}

/* Many counters of a CPU are opened on it. */
static void test_opened_where_it_counts(void **data)
{
	cpu_set_t before, after;

	make_set("boxes", "[family]\nhelp = made up\nsource = nowhere\npmu = uncore_made_[0-9]*\n"
			  "events = entered, left\n");
	for (int i = 0; i < AFFINITY_OPENS / 2 + 1; i++) {
		char name[32];

		snprintf(name, sizeof(name), "uncore_made_%d", i);
		make_pmu(name, "1", NULL);
	}
	config.cspmu_max_events = AFFINITY_OPENS + 2;
	sched_getaffinity(0, sizeof(before), &before);
	affinity_patience_ns = UINT64_MAX; /* the machine may be busy */
	/* So that this does not run there anyway. */
	pin_to(0);
	unpin();
	attach();
	assert_int_equal(last_ran_on, 1);
	sched_getaffinity(0, sizeof(after), &after);
	assert_true(CPU_EQUAL(&before, &after));
}

/* The kernel has moved the perf events to another CPU: the reading that finds them gone finds
 * them there too. */
static void test_moved(void **data)
{
	make_scf();
	opens_on = 1;
	attach();
	opens_on = -1;
	load(0, 3);
	load(1, 5);
	put(PMUS, SCF, "cpumask", "1");
	expect(SCF, "36", 5);
	load(1, 2);
	expect(SCF, "36", 7);
	assert_int_equal(served("paimon_cspmu_read_errors_total", SCF, "", NULL), 3);
	/* They stay with the next daemon. */
	cspmu_source.detach(&source, true);
	load(1, 1);
	attach();
	expect(SCF, "36", 8);
}

/* The active CPU is another one now, and the kernel has not moved the perf events: as soon as they
 * are known not to be readable there, they are opened there. */
static void test_other_cpu(void **data)
{
	make_scf();
	attach();
	load(0, 4);
	expect(SCF, "36", 4);
	put(PMUS, SCF, "cpumask", "1");
	cspmu_source.retry(&source, false);
	assert_true(served("paimon_cspmu_read_errors_total", SCF, "", NULL) > 3);
	usleep(1200000);
	cspmu_source.retry(&source, false);
	load(1, 5);
	expect(SCF, "36", 9);
}

/* One PMU for all sockets: a series for each socket, however many CPUs of it are in the mask. */
static void test_sockets(void **data)
{
	char socket[2][16] = {"", ""};

	for (int i = 0; i < 2; i++) {
		char path[96];
		FILE *file;

		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", i);
		file = fopen(path, "r");
		assert_non_null(file);
		assert_int_equal(fscanf(file, "%15[0-9]", socket[i]), 1);
		fclose(file);
	}
	make_set("boxes", "[family]\nhelp = made up\nsource = nowhere\npmu = uncore_made_[0-9]*\n"
			  "events = entered, left\n");
	make_pmu("uncore_made_0", "0-1", NULL);
	attach();
	load(0, 4);
	load(1, 2);
	if (!strcmp(socket[0], socket[1]))
		expect("uncore_made_0", socket[0], 6);
	else
		skip();
}

/* An identifier decides, not the name; a CoreSight PMU of no family is named, and not counted. */
static void test_identifier(void **data)
{
	make_pmu("renamed", "0", "2cf0036b"); /* as the kernel's own driver writes it */
	make_pmu(SCF, "0", "0x1230036b");
	make_device("other", SCF, "36");
	attach();
	load(0, 3);
	assert_int_equal(served(EVENTS, "renamed", "entered", NULL), 3);
	expect(SCF, NULL, -1);
	assert_int_equal(served("paimon_cspmu_info", SCF, "", NULL), 1);
}

static void check_told(void *user, const char *text)
{
	const char **wanted = user;

	if (*wanted && strstr(text, *wanted))
		*wanted = NULL;
}

/* Does the source tell of something that does not count as configured with this text? */
static bool tells(const char *text)
{
	cspmu_source.tell(&source, check_told, &text);
	return !text;
}

/* PMUs of CPUs */

#define CPUS_SET(cpus)                                                              \
	"[family]\nhelp = made up\nsource = nowhere\npmu = cpum_c[a-z]\n" cpus "\n" \
	"events = entered, left\n"

static char online[] = "/tmp/paimon-online-XXXXXX";

/* The kernel says that these CPUs are online. */
static void set_online(const char *cpus)
{
	write_text(online, "%s\n", cpus);
}

static int setup_cpus(void **data)
{
	int r = setup(data);

	make_set("cpus", CPUS_SET("cpus = online"));
	set_online("0-1");
	return r ?: mount(online, "/sys/devices/system/cpu/online", NULL, MS_BIND, NULL);
}

static int teardown_cpus(void **data)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cpus.conf", sets);
	assert_int_equal(unlink(path), 0);
	return umount("/sys/devices/system/cpu/online") ?: teardown(data);
}

/* On each CPU; served as a sum without a socket. */
static void test_of_cpus(void **data)
{
	make_cpu_pmu("cpum_cf", NULL, 0);
	attach();
	expect("cpum_cf", "", 0);
	load(0, 4);
	load(1, 2);
	expect("cpum_cf", "", 6);
	assert_int_equal(served("paimon_cspmu_info", "cpum_cf", "", NULL), 1);
	assert_int_equal(served("paimon_cspmu_read_errors_total", "cpum_cf", "", NULL), 0);
	/* With the next daemon. */
	cspmu_source.detach(&source, true);
	load(1, 3);
	attach();
	assert_true(source.adopted);
	expect("cpum_cf", "", 9);
	assert_string_equal(source.reason, "");
}

/* Where CPUs are of two types. */
static void test_cpus_of_pmu(void **data)
{
	make_cpu_pmu("cpum_cf", NULL, 0);
	make_cpu_pmu("cpum_cx", NULL, 0);
	put(PMUS, "cpum_cf", "cpus", "1-7");
	put(PMUS, "cpum_cx", "cpus", "0");
	attach();
	load(0, 4);
	load(1, 2);
	expect("cpum_cf", "", 2);
	expect("cpum_cx", "", 4);
}

/* A CPU is offline for a time: the sum does not go back, and on its return the CPU has new perf
 * events. The old ones still count here, as if they had until the CPU went. */
static void test_cpu_away(void **data)
{
	unsigned int before;

	make_cpu_pmu("cpum_cf", NULL, 0);
	attach();
	load(1, 2);
	expect("cpum_cf", "", 2);
	set_online("0");
	before = nr_opened;
	cspmu_source.retry(&source, false);
	load(0, 4);
	load(1, 3);
	cspmu_source.retry(&source, false);
	assert_int_equal(nr_opened, before);
	set_online("0-1");
	cspmu_source.retry(&source, false);
	assert_int_equal(nr_opened, before + 2);
	expect("cpum_cf", "", 9);
	load(1, 1);
	expect("cpum_cf", "", 10);
	assert_string_equal(source.reason, "");
	/* Away while no daemon was there, and its perf events have ended. */
	cspmu_source.detach(&source, false);
	set_online("1");
	attach();
	load(0, 5);
	load(1, 1);
	expect("cpum_cf", "", 11);
	assert_string_equal(source.reason, "");
}

/* What cannot be read because its CPU is offline is no failure. */
static void test_cpu_offline(void **data)
{
	make_cpu_pmu("cpum_cf", NULL, 0);
	set_online("0,5000");
	attach();
	load(0, 4);
	expect("cpum_cf", "", 4);
	assert_int_equal(served("paimon_cspmu_read_errors_total", "cpum_cf", "", NULL), 0);
	/* A CPU that comes is counted at the next look. */
	set_online("0-1,5000");
	cspmu_source.retry(&source, false);
	load(1, 1);
	expect("cpum_cf", "", 5);
	assert_int_equal(served("paimon_cspmu_read_errors_total", "cpum_cf", "", NULL), 0);
}

/* The shipped set on a z16, which lists the first five of these, and on a z17. QEMU has no cpum_cf:
 * the names are the kernel's, and what counts is the tracepoints. */
static void test_cpum_cf(void **data)
{
	static const char *const events[] = {
		"CPU_CYCLES",	     "NNPA_INVOCATIONS", "NNPA_COMPLETIONS",
		"NNPA_WAIT_LOCK",    "NNPA_HOLD_LOCK",	 "NNPA_INST_ONCHIP",
		"NNPA_INST_OFFCHIP", "NNPA_INST_DIFF",	 "NNPA_4K_PREFETCH",
		"NNPA_COMPL_LOCK",   "NNPA_RETRY_LOCK",	 "NNPA_RETRY_LOCK_WITH_PLO",
	};
	const size_t nr = sizeof(events) / sizeof(*events);
	const struct cspmu *cspmu;

	setenv("PAIMON_EVENT_SETS", EVENT_SETS, 1);
	config.cspmu_max_events = 0;
	/* Before z16 there is nothing to learn, and nothing is counted. */
	make_cpu_pmu("cpum_cf", events, 1);
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	assert_int_equal(rename(PMUS "/cpum_cf", PMUS "/.z15"), 0);

	make_cpu_pmu("cpum_cf", events, 5);
	attach();
	setenv("PAIMON_EVENT_SETS", sets, 1);
	cspmu = source.data;
	assert_string_equal(cspmu->found.pmus[0].set->name, "ibm-z-nnpa");
	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(served(EVENTS, "cpum_cf", events[i], ""), i < 5 ? 0 : -1);
		assert_int_equal(!strstr(cspmu->left_out, events[i]), i < 5);
	}
	assert_null(strchr(cspmu->left_out, '\n')); /* one line about all of them */
	/* There is room on all CPUs, however many. */
	assert_int_equal(cspmu->reader->nr_slots, 256 + 5 * get_nprocs_conf());
	assert_null(cspmu_source.restart(&source));
	config.cspmu_max_events = 256;
	assert_string_equal(cspmu_source.restart(&source), "max_events");
	config.cspmu_max_events = 0;
	load(0, 3);
	load(1, 2);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(served(EVENTS, "cpum_cf", events[i], ""), 5);
	cspmu_source.detach(&source, false);
	assert_int_equal(rename(PMUS "/cpum_cf", PMUS "/.z16"), 0);

	setenv("PAIMON_EVENT_SETS", EVENT_SETS, 1);
	make_cpu_pmu("cpum_cf", events, nr);
	attach();
	setenv("PAIMON_EVENT_SETS", sets, 1);
	load(0, 1);
	load(1, 1);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(served(EVENTS, "cpum_cf", events[i], ""), i < 5 ? 7 : 2);
	cspmu = source.data;
	assert_null(cspmu->left_out);
	assert_string_equal(source.reason, "");
}

/* A family has one kind of PMUs. */
static void test_other_kind(void **data)
{
	make_pmu("cpum_cf", "0", NULL);
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	assert_string_equal(source.reason, "cpum_cf has a cpumask, so event set cpus must not have "
					   "cpus = online");
	assert_int_equal(unlink(PMUS "/cpum_cf/cpumask"), 0);
	assert_int_equal(cspmu_source.probe(&source), 0);
	put(PMUS, "cpum_cf", "cpumask", ""); /* of a system PMU, and empty */
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	assert_int_equal(unlink(PMUS "/cpum_cf/cpumask"), 0);
	make_set("cpus", CPUS_SET(""));
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	make_scf();
	attach();
	assert_true(tells("cpum_cf has no cpumask, so event set cpus needs cpus = online to count "
			  "it"));
}

/* An event is counted on all CPUs, or not at all. */
static void test_full_of_cpus(void **data)
{
	config.cspmu_max_events = 3;
	make_cpu_pmu("cpum_cf", NULL, 0);
	attach();
	load(0, 2);
	load(1, 1);
	assert_int_equal(served(EVENTS, "cpum_cf", "entered", ""), 3);
	assert_int_equal(served(EVENTS, "cpum_cf", "left", NULL), -1);
	assert_non_null(strstr(source.reason, "max_events"));
}

/* Without a cpumask it is no system PMU, and a device that waits has none. */
static void test_none(void **data)
{
	make_pmu(SCF, "0", "0x2cf0036b");
	assert_int_equal(unlink(PMUS "/" SCF "/cpumask"), 0);
	make_device("waits", "", "36");
	assert_int_equal(cspmu_source.probe(&source), -ENODEV);
	assert_non_null(strstr(source.reason, "no system PMU"));
}

static void test_refused(void **data)
{
	make_scf();
	put(PMUS, SCF, "type", "4242");
	assert_true(cspmu_source.attach(&source) < 0);
	assert_non_null(strstr(source.reason, SCF "/entered/ cannot be opened on CPU 0"));
	assert_null(source.data);
}

static void test_full(void **data)
{
	config.cspmu_max_events = 1;
	make_scf();
	attach();
	load(0, 2);
	assert_int_equal(served(EVENTS, SCF, "entered", "36"), 2);
	assert_int_equal(served(EVENTS, SCF, "left", NULL), -1);
	assert_non_null(strstr(source.reason, "max_events"));
	config.cspmu_max_events = 8;
	assert_string_equal(cspmu_source.restart(&source), "max_events");
}

/* A changed event set is in force after a reload; what it no longer has ends. */
static void test_reload(void **data)
{
	make_scf();
	attach();
	load(0, 2);
	make_set("scf", "[family]\nhelp = made up\nsource = nowhere\n"
			"identifier = 0x2cf0036b\npmu = x\nevents = left\n");
	assert_int_equal(cspmu_source.reload(&source), 0);
	load(0, 1);
	assert_int_equal(served(EVENTS, SCF, "entered", NULL), -1);
	assert_int_equal(served(EVENTS, SCF, "left", "36"), 3);
	assert_false(tells("/scf.conf:"));
	/* A wrong one is left out, and named: here, and where the kept one is begun with. */
	make_set("scf", "[family]\nevents = entered, left\n");
	assert_int_equal(cspmu_source.reload(&source), 0);
	assert_int_equal(served(EVENTS, SCF, "left", NULL), -1);
	assert_true(tells("/scf.conf:1: [family] has no pmu"));
	cspmu_source.detach(&source, false);
	attach();
	assert_true(tells("/scf.conf:1: [family] has no pmu"));
}

/* What is in the maps is not to be trusted. */
static void test_any_content(void **data)
{
	const struct cspmu *cspmu;

	make_scf();
	attach();
	cspmu = source.data;
	memset(cspmu->reader->slots, 0xff, 8 * sizeof(*cspmu->reader->slots));
	memset(cspmu->reader->events, 0xff, 8 * sizeof(*cspmu->reader->events));
	cspmu_source.detach(&source, true);
	attach();
	load(0, 3);
	expect(SCF, "36", 3);
}

/* What cannot be summed, or kept, is left out, and why; the rest counts. */
static void test_left_out(void **data)
{
	static const char longer[] = "nvidia_scf_pmu_of_a_name_that_has_no_room";
	const struct cspmu *cspmu;

	make_scf();
	put(PMUS, SCF, "events/entered.snapshot", "1");
	make_pmu(longer, "0", "0x2cf0036b");
	attach();
	cspmu = source.data;
	assert_non_null(strstr(cspmu->left_out,
			       SCF "/entered/, of event set scf, is left out: it is a level"));
	assert_non_null(strstr(cspmu->left_out, "is left out: the name of the PMU is too long"));
	load(0, 2);
	assert_int_equal(served(EVENTS, SCF, "entered", NULL), -1);
	assert_int_equal(served(EVENTS, SCF, "left", NULL), 2);
	assert_int_equal(served(EVENTS, longer, "left", NULL), -1);
	/* It is a count after all. */
	assert_int_equal(unlink(PMUS "/" SCF "/events/entered.snapshot"), 0);
	assert_int_equal(cspmu_source.reload(&source), 0);
	assert_int_equal(unlink(PMUS "/" SCF "/events/left"), 0);
	cspmu_source.detach(&source, true);
	attach();
	load(0, 3);
	assert_int_equal(served(EVENTS, SCF, "entered", NULL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opened_where_it_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identifier, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_cpus, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_cpus_of_pmu, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_cpu_away, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_cpu_offline, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_cpum_cf, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_other_kind, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_full_of_cpus, setup_cpus, teardown_cpus),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_content, setup, teardown),
	};
	int r, fd;

	if (geteuid() || get_nprocs() < 2)
		return 77;
	if (own_mounts() || mount_tracefs() || !mkdtemp(folder) || !mkdtemp(sets))
		return 1;
	fd = mkstemp(online);
	if (fd < 0)
		return 1;
	close(fd);
	setenv("PAIMON_EVENT_SETS", sets, 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	unlink(online);
	remove_tree(sets);
	return r;
}

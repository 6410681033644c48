// SPDX-License-Identifier: GPL-2.0
/*
 * switch-run work CPU FOLDER CGROUPS: makes so many cgroups below FOLDER, and in them as
 * many processes, at least two, which pass a token around by pipes, all on one CPU. Each
 * step is one context switch, since they have a real-time priority, where the machine
 * lets them. Prints how many processes there are. For each line of its input, a number
 * of steps and the ids of BPF programs, prints how fast the CPU was before and after, ns of
 * a system call; and what one step took: CPU time of the processes in ns, and by the
 * kernel's statistics runs of the programs and their ns.
 *
 * switch-run watch WAY FOLDER EVENT...: counts the events on all CPUs, with a program of
 * switch-run.bpf.c, WAY, attached; FOLDER: by the cgroups in it. Prints "ready", and when
 * its input ends the totals over the watched cgroups of what each event has counted.
 *
 * switch-run gate EVENT...: attributes the events on all CPUs as paimond does those of the
 * PMU pai_ext: the first of them is the gate. Prints "ready".
 *
 * Used by ./dev bench. All of it ends with the input.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/helpers.h"
#include "source/attribution.h"
#include "source/events/registry.h"
#include "source/source.h"
#include "util/clock.h"
#include "util/event_spec.h"
#include "switch-run.h"
#include "switch-run.skel.h"

#define MAX_PROGRAMS 16
#define CALLS 1000

static void allow_files(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* The workload */

struct member {
	pid_t pid;
	clockid_t clock;
	int in, out; /* its pipe */
};

static _Noreturn void take_part(const struct member *self, int next, int done)
{
	uint32_t left; /* steps */

	while (read(self->in, &left, sizeof(left)) == sizeof(left)) {
		int to = left ? next : done;

		left -= left > 0;
		if (write(to, &left, sizeof(left)) != sizeof(left))
			break;
	}
	_exit(1);
}

static double cpu_ns(const struct member *members, unsigned int nr)
{
	double sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += clock_ns(members[i].clock);
	return sum;
}

static void start_member(struct member *members, unsigned int i, unsigned int nr,
			 const char *cgroup, int done)
{
	pid_t parent = getpid();
	char path[4096];

	members[i].pid = fork();
	if (members[i].pid < 0)
		die("fork");
	if (members[i].pid) {
		if (clock_getcpuclockid(members[i].pid, &members[i].clock))
			die("clock_getcpuclockid");
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	write_text(path, "0");
	take_part(&members[i], members[(i + 1) % nr].out, done);
}

/* Nanoseconds of CPU time of a system call; more if somebody else uses the core or its caches. */
static double call_ns(void)
{
	double start;
	int pair[2];
	char byte = 0;

	if (pipe(pair))
		die("pipe");
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < CALLS / 2; i++)
		if (write(pair[1], &byte, 1) != 1 || read(pair[0], &byte, 1) != 1)
			die("a pipe");
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	close(pair[0]);
	close(pair[1]);
	return start / CALLS;
}

/* Adds runs and ns of programs to sums, or subtracts them. */
static void add_statistics(const int *programs, size_t nr, int sign, double sums[2])
{
	for (size_t i = 0; i < nr; i++) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_obj_get_info_by_fd(programs[i], &info, &size))
			die("BPF_OBJ_GET_INFO_BY_FD");
		sums[0] += sign * (double)info.run_cnt;
		sums[1] += sign * (double)info.run_time_ns;
	}
}

static void run_steps(const struct member *members, unsigned int nr, char *line, int done)
{
	uint32_t steps = strtoul(line, &line, 10);
	double before, after, cpu, statistics[2] = {};
	int programs[MAX_PROGRAMS];
	size_t nr_programs = 0;
	uint32_t id;

	while (nr_programs < MAX_PROGRAMS && (id = strtoul(line, &line, 10))) {
		programs[nr_programs] = bpf_prog_get_fd_by_id(id);
		if (programs[nr_programs++] < 0)
			die("BPF_PROG_GET_FD_BY_ID");
	}
	before = call_ns();
	add_statistics(programs, nr_programs, -1, statistics);
	cpu = cpu_ns(members, nr);
	if (write(members[0].out, &steps, sizeof(steps)) != sizeof(steps) ||
	    read(done, &(uint32_t){0}, sizeof(steps)) != sizeof(steps))
		die("a pipe");
	cpu = cpu_ns(members, nr) - cpu;
	add_statistics(programs, nr_programs, 1, statistics);
	after = call_ns();
	printf("%.2f %.2f %.4f %.2f\n", before > after ? before : after, cpu / steps,
	       statistics[0] / steps, statistics[1] / steps);
	fflush(stdout);
	for (size_t i = 0; i < nr_programs; i++)
		close(programs[i]);
}

static int work(int cpu, const char *folder, unsigned int nr_cgroups)
{
	unsigned int nr = nr_cgroups > 2 ? nr_cgroups : 2;
	const struct sched_param priority = {.sched_priority = 1};
	struct member *members = calloc(nr, sizeof(*members));
	char(*cgroups)[4096] = calloc(nr_cgroups, sizeof(*cgroups));
	int done[2], pair[2];
	char line[256];

	allow_files();
	if (!members || !cgroups || pipe(done))
		die("pipe");
	for (unsigned int i = 0; i < nr; i++) {
		if (pipe(pair))
			die("pipe");
		members[i].in = pair[0];
		members[i].out = pair[1];
	}
	for (unsigned int i = 0; i < nr_cgroups; i++) {
		snprintf(cgroups[i], sizeof(*cgroups), "%s/%u", folder, i);
		if (mkdir(cgroups[i], 0755))
			die(cgroups[i]);
	}
	/* The processes inherit it. */
	pin_to(cpu);
	sched_setscheduler(0, SCHED_FIFO, &priority);
	for (unsigned int i = 0; i < nr; i++)
		start_member(members, i, nr, cgroups[i % nr_cgroups], done[1]);
	printf("%u\n", nr);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		run_steps(members, nr, line, done[0]);
	for (unsigned int i = 0; i < nr; i++)
		kill(members[i].pid, SIGKILL);
	for (unsigned int i = 0; i < nr; i++)
		waitpid(members[i].pid, NULL, 0);
	for (unsigned int i = 0; i < nr_cgroups; i++)
		if (rmdir(cgroups[i]))
			die(cgroups[i]);
	return 0;
}

/* The peers */

static struct switch_run_bpf *bpf;

static int open_event(const char *text, int cpu)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	struct perf_event_attr attr = {.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
						      PERF_FORMAT_TOTAL_TIME_RUNNING};
	char *error = NULL;
	int fd;

	if (event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, &error) < 0) {
		fprintf(stderr, "switch-run: %s\n", error ?: "no memory");
		exit(1);
	}
	attr.type = spec->type;
	attr.config = spec->config;
	fd = perf_event_open(&attr, -1, cpu, -1);
	if (fd < 0)
		die(text);
	return fd;
}

/* At the software event cgroup-switches of a CPU. */
static void attach_to_cgroup_switches(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CGROUP_SWITCHES,
		.sample_period = 1,
	};
	int fd = perf_event_open(&attr, -1, cpu, -1);

	if (fd < 0 || !bpf_program__attach_perf_event(bpf->progs.by_cgroup, fd))
		die("cgroup-switches");
}

/* The identifier of a cgroup is the inode number of its folder. */
static uint32_t find_cgroups(const char *folder, uint64_t *ids, uint32_t room)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	uint32_t nr = 0;

	if (!dir)
		die(folder);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && nr < room)
			ids[nr++] = entry->d_ino;
	closedir(dir);
	return nr;
}

static void print_totals(char **events, uint32_t nr_events, uint32_t nr_cgroups)
{
	unsigned int nr_cpus = libbpf_num_possible_cpus();
	struct bpf_perf_event_value values[nr_cpus];

	for (uint32_t i = 0; i < nr_events; i++) {
		uint64_t sum = 0;

		for (uint32_t j = 0; j < nr_cgroups; j++) {
			uint32_t key = j * nr_events + i;

			if (bpf_map_lookup_elem(bpf_map__fd(bpf->maps.totals), &key, values))
				die("totals");
			for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
				sum += values[cpu].counter;
		}
		printf("%s %lu\n", events[i], sum);
	}
}

static int watch(const char *way, const char *folder, char **events, uint32_t nr_events)
{
	static uint64_t ids[4096];
	uint32_t nr_cpus = get_nprocs_conf(), nr_cgroups = find_cgroups(folder, ids, 4096);
	bool by_cgroup = !strcmp(way, "by_cgroup");
	struct bpf_program *program;

	allow_files();
	bpf = switch_run_bpf__open();
	program = bpf ? bpf_object__find_program_by_name(bpf->obj, way) : NULL;
	if (!program || nr_events > SWITCH_EVENTS)
		die(way);
	bpf->rodata->nr_events = nr_events;
	bpf_map__set_max_entries(bpf->maps.events, nr_events ? nr_events * nr_cpus : 1);
	bpf_map__set_max_entries(bpf->maps.totals, nr_events ? nr_events * nr_cgroups : 1);
	bpf_map__set_max_entries(bpf->maps.cgroups, nr_cgroups);
	if (switch_run_bpf__load(bpf))
		die("cannot load the BPF programs");
	for (uint32_t i = 0; i < nr_cgroups; i++)
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.cgroups), &ids[i], &i, BPF_ANY))
			die("cgroups");
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		for (uint32_t i = 0; i < nr_events; i++) {
			uint32_t key = cpu * nr_events + i;
			int fd = open_event(events[i], cpu);

			if (bpf_map_update_elem(bpf_map__fd(bpf->maps.events), &key, &fd, BPF_ANY))
				die(events[i]);
		}
		if (by_cgroup)
			attach_to_cgroup_switches(cpu);
	}
	if (!by_cgroup && !bpf_program__attach(program))
		die("cannot attach to sched_switch");
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	if (by_cgroup)
		print_totals(events, nr_events, nr_cgroups);
	return 0;
}

/* paimond's attribution, of events that this machine has */

static int watch_gate(char **events, uint32_t nr_events)
{
	static struct config config = {.state_dir = (char *)"/sys/fs/bpf"};
	static struct source source = {.ops = &events_source, .config = &config};
	static const struct pins pins = {&source, "bench", 1};
	static const struct attribution_options options = {256, 1, 4096, 1, false, true};
	uint32_t nr_cpus = get_nprocs_conf(), slot = 0;
	struct attribution *attribution;
	struct reader *reader;
	int r;

	allow_files();
	if (own_mounts() || mount("bpf", config.state_dir, "bpf", 0, NULL))
		die("mount");
	r = reader_new(&source, NULL, NULL, nr_cpus * nr_events, 1, &reader);
	r = r ?: attribution_new(&source, &pins, "bench", &options, reader, &attribution);
	for (uint32_t i = 0; i < nr_events && !r; i++) {
		if (attribution_take(attribution, i + 1, i, false) != (int)i)
			die(events[i]);
		for (uint32_t cpu = 0; cpu < nr_cpus && !r; cpu++, slot++) {
			r = reader_put(reader, slot, open_event(events[i], cpu));
			r = r
				    ?: attribution_set(attribution, cpu, i, slot,
						       i ? 0 : SWITCH_GATE, false);
		}
	}
	r = r ?: attribution_start(&source, attribution);
	if (r) {
		fprintf(stderr, "switch-run: %s: %s\n", strerror(-r), source.reason);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "work"))
		return work(atoi(argv[2]), argv[3], strtoul(argv[4], NULL, 10));
	if (argc >= 4 && !strcmp(argv[1], "watch"))
		return watch(argv[2], argv[3], argv + 4, argc - 4);
	if (argc >= 3 && !strcmp(argv[1], "gate"))
		return watch_gate(argv + 2, argc - 2);
	fputs("switch-run work CPU FOLDER CGROUPS\nswitch-run watch WAY FOLDER EVENT...\n"
	      "switch-run gate EVENT...\n",
	      stderr);
	return 2;
}

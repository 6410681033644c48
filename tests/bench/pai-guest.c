// SPDX-License-Identifier: GPL-2.0
/*
 * pai-guest switch NUMBER	two processes on CPU 0 that switch to each other so many
 *				times by pipes, each after an NNPA function; prints the ns
 *				of a switch, and how many functions were counted
 * pai-guest hold		has pai_ext sample on each CPU, without a ring buffer,
 *				until it is ended
 * pai-guest read		reads all counters of pai_ext on all CPUs, from CPU 0:
 *				reader	reader_read(): one run of paimond's program a CPU
 *				source	pai_pmu_read(): that, and what the source does with it
 *				single	read(2) of each
 *				group	read(2) of one group on each CPU
 *				prints lines of a name and of the ns of reading all once
 *
 * Used by ./dev bench, in a guest: it needs the PMU of paimon_pai.ko and /dev/paimon-soft.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/nnpa.h"
#include "util/clock.h"
#include "source/pai/pai_source.h"
#include "source/source.h"

#define COUNTERS PAIMON_NNPA_COUNTERS_1ST
#define TIMES (PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING)
#define READS 200

static int soft;

/* Returns how many of count were counted. */
static uint64_t execute(uint32_t function, uint64_t count)
{
	return execute_nnpa(soft, function, count).counted;
}

static uint32_t pmu_type(void)
{
	struct pai_pmu pmu = {.name = "pai_ext", .base = PAIMON_NNPA_BASE};

	errno = ENODEV;
	if (pai_pmu_find(&pmu) < 0)
		die("pai_ext");
	return pmu.type;
}

static int open_event(struct perf_event_attr attr, int cpu, int group)
{
	int fd;

	attr.type = pmu_type();
	attr.config += PAIMON_NNPA_BASE;
	fd = perf_event_open(&attr, -1, cpu, group);
	if (fd < 0)
		die("perf_event_open");
	return fd;
}

/* Switching */

/* Executes after each byte that comes, and passes it on. Returns what was counted. */
static uint64_t pass_on(int in, int out, uint32_t function, unsigned int times)
{
	uint64_t counted = 0;
	char byte;

	for (unsigned int i = 0; i < times; i++) {
		if (read(in, &byte, 1) != 1)
			die("read");
		counted += execute(function, 1);
		if (write(out, &byte, 1) != 1)
			die("write");
	}
	return counted;
}

static void measure_switches(unsigned int number)
{
	uint64_t counted, childs;
	int there[2], back[2];
	struct rusage usage;
	double start;
	pid_t child;

	pin_to(0);
	if (pipe(there) || pipe(back))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		counted = pass_on(there[0], back[1], 2, number / 2);
		_exit(write(back[1], &counted, sizeof(counted)) != sizeof(counted));
	}
	start = clock_ns(CLOCK_MONOTONIC);
	if (write(there[1], "", 1) != 1)
		die("write");
	counted = pass_on(back[0], there[1], 1, number / 2);
	start = clock_ns(CLOCK_MONOTONIC) - start;
	if (read(back[0], &childs, sizeof(childs)) != sizeof(childs))
		die("read");
	waitpid(child, NULL, 0);
	getrusage(RUSAGE_SELF, &usage);
	printf("%.1f %lu\n", start / number, counted + childs);
	if (usage.ru_nvcsw + usage.ru_nivcsw < number / 2) {
		errno = 0;
		die("there were less switches than that");
	}
}

static void hold(void)
{
	struct perf_event_attr attr = {.sample_period = 1,
				       .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_RAW};

	for (int cpu = 0; cpu < get_nprocs(); cpu++)
		open_event(attr, cpu, -1);
	pause();
}

/* Reading */

static struct config config = {.state_dir = (char *)"/sys/fs/bpf",
			       .pai_mode = PAI_COUNTING,
			       .pai_max_cgroups = 64};
static struct source source = {.ops = &pai_source,
			       .config = &config,
			       .state = SOURCE_UP,
			       .attached_ns = 1};
static int *singles, *groups;
static int nr_cpus;

static struct pai_pmu *pmu(void)
{
	return &((struct pai *)source.data)->pmus[PAI_EXT];
}

static uint64_t read_reader(void)
{
	const struct reader *reader = pmu()->reader;
	uint64_t sum = 0;

	reader_read(pmu()->reader);
	for (uint32_t i = 0; i < reader->nr_slots; i++)
		if (reader->cpus[i] >= 0)
			sum += reader->values[i].reading.value;
	return sum;
}

static uint64_t read_source(void)
{
	uint64_t sum = 0;

	pai_pmu_read(&source, pmu(), ((struct pai *)source.data)->samples, false);
	for (int cpu = 0; cpu < nr_cpus; cpu++)
		for (uint32_t number = 1; number <= COUNTERS; number++)
			sum += pai_pmu_total(pmu(), cpu, number);
	return sum;
}

static uint64_t read_single(void)
{
	uint64_t reading[3], sum = 0;

	for (int i = 0; i < nr_cpus * COUNTERS; i++) {
		if (read(singles[i], reading, sizeof(reading)) != sizeof(reading))
			die("read");
		sum += reading[0];
	}
	return sum;
}

static uint64_t read_group(void)
{
	uint64_t reading[3 + COUNTERS], sum = 0; /* how many, enabled, running, values */

	for (int cpu = 0; cpu < nr_cpus; cpu++) {
		if (read(groups[cpu * COUNTERS], reading, sizeof(reading)) != sizeof(reading))
			die("read of a group");
		for (int i = 0; i < COUNTERS; i++)
			sum += reading[3 + i];
	}
	return sum;
}

/* A peer's events; returns the descriptors, a CPU's after the other's. */
static int *open_peer(uint64_t format)
{
	int *fds = calloc(nr_cpus * COUNTERS, sizeof(*fds));

	if (!fds)
		die("calloc");
	for (int i = 0; i < nr_cpus * COUNTERS; i++) {
		struct perf_event_attr attr = {.config = 1 + i % COUNTERS,
					       .read_format = format | TIMES};
		bool leads = !format || i % COUNTERS == 0;

		fds[i] = open_event(attr, i / COUNTERS, leads ? -1 : fds[i - i % COUNTERS]);
	}
	return fds;
}

static void measure_reading(void)
{
	static const struct {
		const char *name;
		uint64_t (*read)(void);
	} ways[] = {{"reader", read_reader},
		    {"source", read_source},
		    {"single", read_single},
		    {"group", read_group}};
	uint64_t executed = 0, sum;
	double start;

	if (own_mounts() || mount("bpf", config.state_dir, "bpf", 0, NULL))
		die("mount");
	nr_cpus = get_nprocs();
	if (pai_source.attach(&source) < 0) {
		fprintf(stderr, "pai-guest: %s\n", source.reason);
		exit(1);
	}
	singles = open_peer(0);
	groups = open_peer(PERF_FORMAT_GROUP);
	for (int cpu = 0; cpu < nr_cpus; cpu++) {
		pin_to(cpu);
		for (uint32_t number = 1; number <= COUNTERS; number++)
			executed += execute(number, number);
	}
	pin_to(0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		sum = ways[i].read();
		if (sum != executed) {
			fprintf(stderr, "pai-guest: %s has seen %lu of %lu\n", ways[i].name, sum,
				executed);
			exit(1);
		}
		start = clock_ns(CLOCK_MONOTONIC);
		for (int j = 0; j < READS; j++)
			ways[i].read();
		printf("%s %.1f\n", ways[i].name, (clock_ns(CLOCK_MONOTONIC) - start) / READS);
	}
	pai_source.detach(&source, false);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "hold"))
		hold(); /* all that it has of the module is its events */
	soft = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);
	if (soft < 0)
		die("/dev/paimon-soft");
	if (argc == 3 && !strcmp(argv[1], "switch"))
		measure_switches(strtoul(argv[2], NULL, 10));
	else if (argc == 2 && !strcmp(argv[1], "read"))
		measure_reading();
	else
		return fputs("pai-guest switch NUMBER|hold|read\n", stderr), 2;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * events-run EVENTS all|own: opens so many perf events on each CPU, or on the first
 * alone, and reads all of them in four ways, always from the first CPU:
 *
 *	reader	reader_read(): one run of paimond's program on each CPU
 *	source	events_read_all(): that, and what the source of kept events does
 *		with it; both read the events that the source has opened
 *	single	read(2) of each event
 *	group	read(2) of one group on each CPU, with PERF_FORMAT_GROUP
 *
 * The peers have events of their own, since the read format is the event's; all of
 * them count the same tracepoint, and each way must have seen its calls. It is not
 * one of a system call, which would slow down all system calls.
 *
 * Prints lines of a name and a number: of each way the wall time and this thread's
 * CPU time of reading everything once, in ns, and how many cross-CPU calls that
 * makes, for each other CPU, where the kernel has a tracepoint for them; the bytes
 * of paimond's maps and heap; and how many objects are in the kernel's slab caches,
 * with the size of one, before and after the events were opened.
 *
 * Used by ./dev bench. All that it mounts and pins ends with it.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "util/clock.h"
#include "self/cost.h"
#include "source/events/registry.h"
#include "source/source.h"
#include "util/event_spec.h"

#define SPEC "timer:itimer_state"
#define CALLS 3
#define TIMES (PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING)

static struct config config = {.state_dir = (char *)"/sys/fs/bpf"};
static struct source source = {.ops = &events_source,
			       .config = &config,
			       .state = SOURCE_UP,
			       .attached_ns = 1};
static struct events *events;
static unsigned int nr;	      /* events on each CPU */
static size_t nr_cpus;	      /* of events->cpus: all, or only the first */
static int *singles, *groups; /* a CPU's after the other's */

static int open_perf_event(const char *text, pid_t pid, int cpu, int group, uint64_t format)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	struct perf_event_attr attr = {.read_format = format};
	char *error = NULL;

	if (event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, &error) < 0) {
		free(error);
		return -1;
	}
	attr.type = spec->type;
	attr.config = spec->config;
	return perf_event_open(&attr, pid, cpu, group);
}

/* The four ways; each returns the sum of all values. */

static uint64_t read_reader(void)
{
	uint64_t sum = 0;

	reader_read(events->reader);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		sum += events->reader->values[i].reading.value;
	return sum;
}

static uint64_t read_source(void)
{
	uint64_t sum = 0;

	events_read_all(events);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		sum += reader_total(&events->reader->slots[i]).value;
	return sum;
}

static uint64_t read_single(void)
{
	struct events_reading reading;
	uint64_t sum = 0;

	for (size_t i = 0; i < nr * nr_cpus; i++) {
		if (read(singles[i], &reading, sizeof(reading)) != sizeof(reading))
			die("read");
		sum += reading.value;
	}
	return sum;
}

static uint64_t read_group(void)
{
	uint64_t reading[3 + nr]; /* how many, enabled, running, values */
	uint64_t sum = 0;

	for (size_t i = 0; i < nr_cpus; i++) {
		if (read(groups[i * nr], reading, sizeof(reading)) != (ssize_t)sizeof(reading))
			die("read of a group");
		for (unsigned int j = 0; j < nr; j++)
			sum += reading[3 + j];
	}
	return sum;
}

static const struct {
	const char *name;
	uint64_t (*read)(void);
} ways[] = {
	{"reader", read_reader},
	{"source", read_source},
	{"single", read_single},
	{"group", read_group},
};

static void print_slabs(const char *when)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned long objects, size;
	char line[256], name[64];

	if (!file)
		die("/proc/slabinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lu %*u %lu", name, &objects, &size) == 3)
			printf("%s/%s/%lu %lu\n", when, name, size, objects);
	fclose(file);
}

static void open_kept(bool own)
{
	const struct events_owner owner = {.origin = EVENTS_FROM_COMMAND};
	char *error = NULL, cpu[12];
	uint64_t id;

	snprintf(cpu, sizeof(cpu), "%u", events->cpus[0]);
	print_slabs("before kept");
	for (unsigned int i = 0; i < nr; i++)
		if (events_open(&source, SPEC, NULL, own ? cpu : NULL, KEPT_BY_NOTHING, &owner, &id,
				&error)) {
			fprintf(stderr, "events-run: %s\n", error ?: "no memory");
			exit(1);
		}
	print_slabs("after kept");
}

/* Opens a peer's events; returns the descriptors. */
static int *open_peer(uint64_t format)
{
	int *fds = malloc(nr * nr_cpus * sizeof(*fds));

	if (!fds)
		die("malloc");
	for (size_t i = 0; i < nr * nr_cpus; i++) {
		bool leads = !(format & PERF_FORMAT_GROUP) || i % nr == 0;

		fds[i] = open_perf_event(SPEC, -1, events->cpus[i / nr],
					 leads ? -1 : fds[i - i % nr], format | TIMES);
		if (fds[i] < 0)
			die(SPEC);
	}
	return fds;
}

/* Calls that all of the events count, on each CPU. */
static void load(void)
{
	const struct itimerval off = {};

	for (size_t i = 0; i < nr_cpus; i++) {
		pin_to(events->cpus[i]);
		for (int j = 0; j < CALLS; j++)
			setitimer(ITIMER_REAL, &off, NULL);
	}
	pin_to(events->cpus[0]);
}

static void measure(size_t way, int calls_fd)
{
	unsigned int rounds = 2048 / nr;
	uint64_t before = 0, after = 0;
	double wall, cpu;

	if (ways[way].read() < (uint64_t)CALLS * nr * nr_cpus) {
		fprintf(stderr, "events-run: %s has not seen all that was counted\n",
			ways[way].name);
		exit(1);
	}
	wall = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned int i = 0; i < rounds; i++)
		ways[way].read();
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	printf("CPU %s %.1f\n", ways[way].name, cpu / rounds);
	printf("wall %s %.1f\n", ways[way].name, wall / rounds);
	if (calls_fd < 0 || nr_cpus == 1)
		return;
	if (read(calls_fd, &before, sizeof(before)) < 0)
		die("read");
	ways[way].read();
	if (read(calls_fd, &after, sizeof(after)) < 0)
		die("read");
	printf("calls %s %g\n", ways[way].name, (double)(after - before) / (nr_cpus - 1));
}

int main(int argc, char **argv)
{
	size_t maps = 0;
	bool own = argc == 3 && !strcmp(argv[2], "own");
	struct rlimit files;
	struct mallinfo2 heap;
	struct cost cost;
	int calls_fd;

	nr = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	if (!nr) {
		fputs("events-run EVENTS all|own\n", stderr);
		return 2;
	}
	if (own_mounts() || mount("bpf", config.state_dir, "bpf", 0, NULL) || mount_tracefs())
		die("mount");
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	config.events_max = nr;
	if (events_source.attach(&source) < 0) {
		fprintf(stderr, "events-run: %s\n", source.reason);
		return 1;
	}
	events = source.data;
	nr_cpus = own ? 1 : events->nr_cpus;
	/* First, so that the others, which are counted, find the slab caches full. */
	singles = open_peer(0);
	open_kept(own);
	heap = mallinfo2();
	printf("heap %zu\n", heap.uordblks + heap.hblkhd - malloc_usable_size(singles));
	cost_init(&cost, &source, 1);
	for (size_t i = 0; i < cost.nr_maps; i++)
		maps += cost.maps[i].bytes;
	printf("maps %zu\n", maps);
	print_slabs("before group");
	groups = open_peer(PERF_FORMAT_GROUP);
	print_slabs("after group");
	load();
	calls_fd = open_perf_event("csd:csd_queue_cpu", 0, -1, -1, 0);
	for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++)
		measure(way, calls_fd);
	events_source.detach(&source, false);
	return 0;
}

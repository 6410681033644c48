// SPDX-License-Identifier: GPL-2.0
/*
 * pai-run RECORDS: samples of pai_ext with so many records, made up on the running
 * kernel, without the module. Each is one BPF_PROG_TEST_RUN:
 *
 *	tracepoint	of paimond's program at paimon_pai_sample
 *	perf_event	of what it has at perf events, driven as a program that can be run
 *	output		of a program that puts the sample into perf's ring buffer
 *	empty		of a program that does nothing
 *
 * and the ring buffer is read on another CPU, as by a daemon, in two ways, each adding
 * all records up by process and by cgroup, in hash tables:
 *
 *	records		by (process, counter) and (cgroup, counter): two look-ups a record
 *	samples		by process and by cgroup, for arrays of counters: two a sample
 *
 * Prints lines of a name and of the ns of one sample. All of it happens twice, since
 * statistics cost time: `wall` is without them, `program` by them. What is added up
 * must be what was in the samples, each time.
 *
 * Used by ./dev bench.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "lib/bpf.h"
#include "lib/helpers.h"
#include "util/clock.h"
#include "pai.h"
#include "pai-run.skel.h"

#define RING (1 << 20)
#define BATCH 1024 /* samples: they fit into the ring */
#define BATCHES 32
#define SLOTS 1024 /* of a hash table */

static struct pai_run_bpf *bpf;
static unsigned int nr; /* records of a sample */
static uint64_t event_address;

/* perf's ring buffer */

struct sample {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint32_t size; /* of the records, with what perf pads them by */
	struct paimon_pai_record records[];
	/* and at the end the cgroup, 8 bytes */
} __attribute__((packed));

static uint64_t cgroup_of(const struct sample *sample)
{
	return *(const uint64_t *)((const char *)sample + sample->header.size - sizeof(uint64_t));
}

static struct perf_event_mmap_page *ring;

static void open_ring(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CGROUP | PERF_SAMPLE_RAW,
		.watermark = 1,
		.wakeup_watermark = RING - 1,
	};
	int fd = perf_event_open(&attr, -1, 0, -1);
	uint32_t cpu = 0;

	if (fd < 0)
		die("perf_event_open");
	ring = mmap(NULL, getpagesize() + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) ||
	    bpf_map_update_elem(bpf_map__fd(bpf->maps.rings), &cpu, &fd, 0))
		die("the ring buffer");
}

/* Hash tables; key 0 is a slot that is free. */

struct total {
	uint64_t key, value;
};

struct totals {
	uint64_t key, counters[PAI_COUNTERS];
};

static struct total by_process_counter[SLOTS], by_cgroup_counter[SLOTS];
static struct totals by_process[SLOTS], by_cgroup[SLOTS];

/* The slot of a key in an array of slots that begin with theirs. */
static inline void *find(void *slots, size_t size, uint64_t key)
{
	for (uint64_t i = key * 0x9e3779b97f4a7c15 >> 54;; i = (i + 1) % SLOTS) {
		uint64_t *slot = (void *)((char *)slots + i * size);

		if (*slot == key)
			return slot;
		if (!*slot) {
			*slot = key;
			return slot;
		}
	}
}
_Static_assert(SLOTS == 1 << (64 - 54), "the hash has so many bits");

static void add_to(struct total *table, uint64_t owner, const struct paimon_pai_record *record)
{
	struct total *total = find(table, sizeof(*table), owner << 16 | record->number);

	total->value += record->value;
}

static void add_records(const struct sample *sample)
{
	size_t records = sample->size / sizeof(struct paimon_pai_record);
	uint64_t cgroup = cgroup_of(sample);

	for (size_t i = 0; i < records; i++) {
		add_to(by_process_counter, sample->pid, &sample->records[i]);
		add_to(by_cgroup_counter, cgroup, &sample->records[i]);
	}
}

static void add_sample(const struct sample *sample)
{
	struct totals *process = find(by_process, sizeof(*by_process), sample->pid);
	struct totals *cgroup = find(by_cgroup, sizeof(*by_cgroup), cgroup_of(sample));
	size_t records = sample->size / sizeof(struct paimon_pai_record);

	for (size_t i = 0; i < records; i++) {
		const struct paimon_pai_record *record = &sample->records[i];

		if (record->number >= PAI_COUNTERS)
			break;
		process->counters[record->number] += record->value;
		cgroup->counters[record->number] += record->value;
	}
}

/* Takes all that is in the ring. */
static inline __attribute__((always_inline)) void take_ring(void (*add)(const struct sample *))
{
	const char *data = (char *)ring + getpagesize();
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->data_tail;

	while (tail != head) {
		const struct sample *sample = (void *)(data + tail % RING);
		char copy[2048];
		uint32_t size = sample->header.size; /* a header is never torn */
		uint32_t first = RING - tail % RING;

		if (first < size && size <= sizeof(copy)) {
			memcpy(copy, sample, first);
			memcpy(copy + first, data, size - first);
			sample = (void *)copy;
		}
		if (sample->header.type == PERF_RECORD_SAMPLE)
			add(sample);
		tail += size;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
}

static void take_by_record(void)
{
	take_ring(add_records);
}

static void take_by_sample(void)
{
	take_ring(add_sample);
}

/* Programs */

static void run_batch(const struct bpf_program *program, uint64_t a, uint64_t b)
{
	uint64_t args[2] = {a, b};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));
	int fd = bpf_program__fd(program);

	for (int i = 0; i < BATCH; i++)
		if (bpf_prog_test_run_opts(fd, &options) || options.retval)
			die("BPF_PROG_TEST_RUN");
}

static uint64_t program_ns(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		die("BPF_OBJ_GET_INFO_BY_FD");
	return info.run_time_ns;
}

/* Measuring */

enum way { TRACEPOINT, PERF_EVENT, OUTPUT, EMPTY, RECORDS, SAMPLES, NR_WAYS };

static const char *const names[] = {"tracepoint", "perf_event", "output",
				    "empty",	  "records",	"samples"};
static double wall[NR_WAYS];

static void timed(enum way way, const struct bpf_program *program, uint64_t a, uint64_t b)
{
	double start = clock_ns(CLOCK_MONOTONIC);

	run_batch(program, a, b);
	wall[way] += clock_ns(CLOCK_MONOTONIC) - start;
}

static void timed_take(enum way way, void (*take)(void))
{
	double start;

	timed(OUTPUT, bpf->progs.output, nr, 0);
	pin_to(get_nprocs() - 1);
	start = clock_ns(CLOCK_MONOTONIC);
	take();
	wall[way] += clock_ns(CLOCK_MONOTONIC) - start;
	pin_to(0);
}

static void run_all(void)
{
	for (int i = 0; i < BATCHES; i++) {
		timed(TRACEPOINT, bpf->progs.paimon_pai_sample, nr, bpf->bss->raw_address);
		timed(PERF_EVENT, bpf->progs.drive_overflow, event_address, 0);
		timed(EMPTY, bpf->progs.empty, 0, 0);
		timed_take(RECORDS, take_by_record);
		timed_take(SAMPLES, take_by_sample);
	}
}

static void print_walls(void)
{
	for (int way = 0; way < NR_WAYS; way++) {
		int times = way == OUTPUT ? 2 : 1; /* once for each that reads */

		printf("wall %s %.1f\n", names[way], wall[way] / BATCHES / BATCH / times);
	}
}

static void print_programs(void)
{
	const struct bpf_program *programs[] = {bpf->progs.paimon_pai_sample,
						bpf->progs.drive_overflow, bpf->progs.output,
						bpf->progs.empty};
	uint64_t before[4];

	for (int way = 0; way < 4; way++)
		before[way] = program_ns(programs[way]);
	run_all();
	for (int way = 0; way < 4; way++) {
		int times = way == OUTPUT ? 2 : 1;

		printf("program %s %.1f\n", names[way],
		       (double)(program_ns(programs[way]) - before[way]) / BATCHES / BATCH / times);
	}
}

static void make_up_samples(void)
{
	struct paimon_pai_record *records = (void *)bpf->data_raw->raw;

	for (unsigned int i = 0; i < nr; i++)
		records[i] = (struct paimon_pai_record){i + 1, i + 100};
	for (int i = 0; i < 2; i++) {
		if (run_program(bpf->progs.make_up, -1, NULL, 0))
			die("make_up");
		bpf->bss->flags = PERF_SAMPLE_RAW;
		bpf->bss->size = nr * sizeof(*records);
		bpf->bss->data = bpf->bss->raw_address;
		bpf->bss->has_raw = true;
	}
	event_address = bpf->bss->event_address;
}

static void check(const char *what, uint64_t sum, uint64_t expected)
{
	if (sum == expected)
		return;
	fprintf(stderr, "pai-run: %s: %lu of %lu are added up\n", what, sum, expected);
	exit(1);
}

/* Every way must have added up every sample of both passes; paimond has two ways. */
static void check_all(const struct pai_cpu *cpu, const struct pai_cgroup *cgroups,
		      unsigned int nr_cgroups)
{
	uint64_t expected = 0, by_cpu = 0, by_cgroups = 0, sums[4] = {};

	for (unsigned int i = 0; i < nr; i++)
		expected += (i + 100) * 2ull * BATCHES * BATCH;
	for (unsigned int i = 0; i < nr_cgroups; i++)
		for (int j = 0; j < PAI_COUNTERS; j++)
			by_cgroups += cgroups[i].counts.counters[j];
	for (int i = 0; i < SLOTS; i++) {
		sums[0] += by_process_counter[i].value;
		sums[1] += by_cgroup_counter[i].value;
		for (int j = 0; j < PAI_COUNTERS; j++) {
			sums[2] += by_process[i].counters[j];
			sums[3] += by_cgroup[i].counters[j];
		}
	}
	for (int i = 0; i < PAI_COUNTERS; i++)
		by_cpu += cpu->counters[i];
	check("paimond, by CPU", by_cpu, 2 * expected);
	check("paimond, of perf events", cpu->events, expected);
	check("paimond, by cgroup", by_cgroups, 2 * expected);
	for (int i = 0; i < 4; i++)
		check("ring buffer", sums[i], expected);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct pai_cgroup *cgroups;
	struct pai_state *state;
	struct pai_cpu *cpus;

	nr = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (!nr || nr >= PAI_COUNTERS) {
		fputs("pai-run RECORDS\n", stderr);
		return 2;
	}
	pin_to(0);
	bpf = pai_run_bpf__open_opts(&options);
	if (!bpf || pai_run_bpf__load(bpf))
		die("cannot load the BPF programs");
	state = map_memory(bpf->maps.pai_state);
	cgroups = map_memory(bpf->maps.pai_cgroups);
	state->max_number = PAI_COUNTERS - 1;
	cpus = map_memory(bpf->maps.pai_cpus);
	cpus[0].counts = 1;
	set_program(bpf->maps.pai_programs, PAI_SAMPLE, bpf->progs.pai_sample);
	make_up_samples();
	open_ring();
	run_all();
	print_walls();
	/* Kept as long as this process lives. */
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		die("BPF_ENABLE_STATS");
	print_programs();
	check_all(cpus, cgroups, bpf_map__max_entries(bpf->maps.pai_cgroups));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the PMU pai_ext through perf_event_open(2), with the NNPA unit of
 * paimon_soft.ko: the rules a1 to a17 by number (25-pai has a18, which shows in
 * what is loaded), and what perf does to a PMU besides.
 *
 *	pai-test [NAME]			all tests, or that one alone: prints "ok NAME"
 *					or "not ok NAME - why"
 *	pai-test execute CPU FUNCTION COUNT [CPU FUNCTION COUNT]...
 *
 * It runs as a real-time task, so that it is scheduled out when it wants to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/nnpa.h"

#define PMU "/sys/bus/event_source/devices/pai_ext"
#define PAGE 4096UL
#define RING (64 * PAGE)
#define ALL PAIMON_NNPA_ALL
#define MAX_SAMPLES 512

static bool failed;
static int soft, type, last; /* last: the highest counter */

#define expect(name, condition)                                                                    \
	do {                                                                                       \
		if (!(condition) && !failed) {                                                     \
			printf("not ok %s - line %d: %s (errno %d)\n", name, __LINE__, #condition, \
			       errno);                                                             \
			failed = true;                                                             \
		}                                                                                  \
	} while (0)

static long read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	long number = -1;

	if (!file || fscanf(file, "%ld", &number) != 1)
		die(path);
	fclose(file);
	return number;
}

/* Has this CPU execute a function; returns how much of it was counted. */
static uint64_t execute(uint32_t function, uint64_t count)
{
	return execute_nnpa(soft, function, count).counted;
}

static uint64_t execute_on(int cpu, uint32_t function, uint64_t count)
{
	pin_to(cpu);
	return execute(function, count);
}

static struct perf_event_attr attr_of(uint32_t counter)
{
	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.type = type,
		.config = PAIMON_NNPA_BASE + counter,
	};
}

static struct perf_event_attr sampling(void)
{
	struct perf_event_attr attr = attr_of(ALL);

	attr.sample_period = 1;
	attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_RAW;
	return attr;
}

/* A descriptor, or a negative errno. */
static int open_in_group(struct perf_event_attr attr, pid_t pid, int cpu, int leader)
{
	int fd = perf_event_open(&attr, pid, cpu, leader);

	return fd < 0 ? -errno : fd;
}

static int open_attr(struct perf_event_attr attr, pid_t pid, int cpu)
{
	return open_in_group(attr, pid, cpu, -1);
}

static int count_on(int cpu, uint32_t counter)
{
	return open_attr(attr_of(counter), -1, cpu);
}

static int sample_on(int cpu)
{
	return open_attr(sampling(), -1, cpu);
}

/* Closes what was opened, where it is not wanted: 0, or the negative errno. */
static int outcome(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static uint64_t value(int fd)
{
	uint64_t number = 0;

	if (read(fd, &number, sizeof(number)) != sizeof(number))
		return UINT64_MAX;
	return number;
}

static struct perf_event_mmap_page *map_ring(int fd)
{
	void *ring = mmap(NULL, PAGE + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (ring == MAP_FAILED)
		die("mmap of a ring buffer");
	return ring;
}

static void unmap_ring(struct perf_event_mmap_page *ring)
{
	munmap(ring, PAGE + RING);
}

struct sample {
	uint32_t pid, tid;
	unsigned int nr;
	struct paimon_pai_record records[128];
};

static unsigned int throttled; /* records of it that take_samples() has met */

/* Takes what is in the ring, of events with exactly TID and RAW; number of samples. */
static unsigned int take_samples(struct perf_event_mmap_page *ring, struct sample *samples)
{
	const unsigned char *data = (unsigned char *)ring + PAGE;
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->data_tail;
	unsigned int nr = 0;

	while (tail < head) {
		struct perf_event_header header;
		unsigned char record[2048];
		uint32_t size;

		for (size_t i = 0; i < sizeof(header); i++)
			((unsigned char *)&header)[i] = data[(tail + i) % RING];
		for (size_t i = 0; i < header.size && i < sizeof(record); i++)
			record[i] = data[(tail + i) % RING];
		tail += header.size;
		throttled += header.type == PERF_RECORD_THROTTLE;
		if (header.type != PERF_RECORD_SAMPLE || nr == MAX_SAMPLES)
			continue;
		memcpy(&samples[nr].pid, record + sizeof(header), 8);
		memcpy(&size, record + sizeof(header) + 8, sizeof(size));
		/* What perf pads with is shorter than a record. */
		samples[nr].nr = size / sizeof(struct paimon_pai_record);
		memcpy(samples[nr].records, record + sizeof(header) + 12, size);
		nr++;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
	return nr;
}

static bool sample_is(const struct sample *sample, unsigned int nr,
		      const struct paimon_pai_record *records)
{
	return sample->pid == (uint32_t)getpid() && sample->nr == nr &&
	       !memcmp(sample->records, records, nr * sizeof(*records));
}

static uint64_t sum(const struct sample *samples, unsigned int nr)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < samples[i].nr; j++)
			total += samples[i].records[j].value;
	return total;
}

static void test_a1(void)
{
	struct perf_event_attr attr = attr_of(1);

	attr.type = 0x7fff0000; /* nobody's: perf asks every PMU */
	expect("a1", open_attr(attr, -1, 0) == -ENOENT);
	attr.type = PERF_TYPE_HARDWARE;
	expect("a1", open_attr(attr, -1, 0) == -ENOENT || !access(PMU "/../cpu", F_OK));
	attr.type = type;
	expect("a1", !outcome(open_attr(attr, -1, 0)));
	/* Raw events are those of the processor, also where perf has no PMU of it. */
	if (access(PMU "/../cpu", F_OK)) {
		attr.type = PERF_TYPE_RAW;
		for (int i = 0; i <= last; i++) {
			attr.config = PAIMON_NNPA_BASE + i;
			expect("a1", open_attr(attr, -1, 0) == -ENOENT);
		}
		attr.config = 0x3c;
		expect("a1", open_attr(attr, -1, 0) == -ENOENT);
	}
}

static void test_a2(void)
{
	static const uint64_t bad[] = {0, 1, PAIMON_NNPA_BASE - 1, UINT64_MAX,
				       0x100000000 + PAIMON_NNPA_BASE};
	struct perf_event_attr attr = attr_of(0);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		attr.config = bad[i];
		expect("a2", open_attr(attr, -1, 0) == -EINVAL);
	}
	expect("a2", count_on(0, last + 1) == -EINVAL);
	for (int i = 0; i <= last; i++)
		expect("a2", !outcome(count_on(0, i)));
}

static void test_a3(void)
{
	struct perf_event_attr attr = sampling();

	attr.config = PAIMON_NNPA_BASE + 1;
	expect("a3", open_attr(attr, -1, 0) == -EINVAL);
	attr.freq = 1;
	expect("a3", open_attr(attr, -1, 0) == -EINVAL);
	expect("a3", !outcome(sample_on(0)));
}

static void test_a4(void)
{
	struct perf_event_attr attr = attr_of(1);

	attr.exclude_user = 1;
	expect("a4", open_attr(attr, -1, 0) == -EINVAL);
	attr.exclude_user = 0;
	attr.exclude_kernel = 1;
	expect("a4", !outcome(open_attr(attr, -1, 0)));
}

static void test_a5(void)
{
	struct perf_event_attr attr = attr_of(1);

	expect("a5", open_attr(attr, 0, -1) == -ENOENT);
	expect("a5", open_attr(attr, 0, 0) == -ENOENT);
	/* Before sampling and exclusion are looked at, after the number is. */
	attr.exclude_user = 1;
	expect("a5", open_attr(attr, 0, 0) == -ENOENT);
	attr = sampling();
	attr.config = PAIMON_NNPA_BASE + 1;
	expect("a5", open_attr(attr, 0, -1) == -ENOENT);
	attr = attr_of(last + 1);
	expect("a5", open_attr(attr, 0, 0) == -EINVAL);
	/* Not that of a task, and yet refused; CPU 4095 is nobody's. */
	expect("a5", open_attr(attr_of(1), -1, 4095) < 0);
}

static void test_a6(void)
{
	int fds[128], twice;

	pin_to(0);
	for (int i = 1; i <= last; i++)
		fds[i] = count_on(0, i);
	twice = count_on(0, 1);
	for (int i = 1; i <= last; i++)
		expect("a6", fds[i] >= 0 && execute(i, 100 + i) == 100u + i);
	for (int i = 1; i <= last; i++)
		expect("a6", value(fds[i]) == 100u + i);
	expect("a6", value(twice) == 101);
	/* A later one counts from its start. */
	close(twice);
	twice = count_on(0, 1);
	execute(1, 5);
	expect("a6", value(twice) == 5 && value(fds[1]) == 106);
	close(twice);
	for (int i = 1; i <= last; i++)
		close(fds[i]);
}

static void test_a7(void)
{
	int fd = sample_on(0);

	expect("a7", fd >= 0);
	expect("a7", count_on(0, 1) == -EBUSY);
	expect("a7", sample_on(0) == -EBUSY);
	close(fd);
}

static void test_a8(void)
{
	int fd = count_on(0, 1);

	expect("a8", fd >= 0);
	expect("a8", sample_on(0) == -EBUSY);
	execute_on(0, 1, 2);
	expect("a8", value(fd) == 2);
	close(fd);
}

static void test_a9(void)
{
	struct paimon_pai_record record = {2, 7};
	struct sample samples[MAX_SAMPLES];
	int sampler = sample_on(0), counter = count_on(1, 2);
	struct perf_event_mmap_page *ring;

	expect("a9", sampler >= 0 && counter >= 0);
	ring = map_ring(sampler);
	execute_on(0, 2, 7);
	switch_out();
	execute_on(1, 2, 9);
	expect("a9", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	expect("a9", value(counter) == 9);
	unmap_ring(ring);
	close(counter);
	close(sampler);
}

static void test_a10(void)
{
	int first = count_on(0, 1), second = count_on(0, 2), sampler;

	close(first);
	expect("a10", sample_on(0) == -EBUSY);
	/* Also of one that does not run. */
	expect("a10", !ioctl(second, PERF_EVENT_IOC_DISABLE, 0));
	expect("a10", sample_on(0) == -EBUSY);
	close(second);
	sampler = sample_on(0);
	expect("a10", sampler >= 0);
	expect("a10", !ioctl(sampler, PERF_EVENT_IOC_DISABLE, 0) && count_on(0, 1) == -EBUSY);
	close(sampler);
	expect("a10", !outcome(count_on(0, 1)));
}

static void test_a11(void)
{
	const char *users = "/sys/module/paimon_soft/refcnt";
	long before = read_number(users);
	struct perf_event_attr excluding = attr_of(1), bad = sampling();
	int counter, sampler = sample_on(0);

	excluding.exclude_user = 1;
	bad.config++;
	expect("a11", read_number(users) == before + 1);
	for (int i = 0; i < 3; i++) {
		expect("a11", count_on(0, 1) == -EBUSY);
		expect("a11", sample_on(0) == -EBUSY);
		expect("a11", open_attr(excluding, -1, 1) == -EINVAL);
		expect("a11", open_attr(bad, -1, 1) == -EINVAL);
		expect("a11", open_attr(attr_of(1), 0, 1) == -ENOENT);
	}
	expect("a11", read_number(users) == before + 1);
	close(sampler);
	/* Had a failure counted, or uncounted, something, the mode would still be, or be gone. */
	counter = count_on(0, 1);
	expect("a11", counter >= 0);
	for (int i = 0; i < 3; i++)
		expect("a11", sample_on(0) == -EBUSY);
	close(counter);
	expect("a11", !outcome(sample_on(0)) && !outcome(sample_on(1)));
	expect("a11", read_number(users) == before);
}

static void test_a12(void)
{
	int fd = count_on(0, ALL);
	uint64_t total = 0;

	pin_to(0);
	for (int i = 1; i <= last; i++)
		total += execute(i, 1ull << i);
	expect("a12", value(fd) == total && total == (2ull << last) - 2);
	expect("a12", execute(0, 1000) == 1000 && value(fd) == total);
	close(fd);
}

static void test_a13(void)
{
	const struct paimon_pai_record records[] = {{1, (1ull << 40) + 1}, {3, 5}, {last, 1}};
	struct sample samples[MAX_SAMPLES];
	int fd = sample_on(0);
	struct perf_event_mmap_page *ring = map_ring(fd);

	pin_to(0);
	switch_out();
	execute(0, 9); /* is in no record, and makes no sample */
	switch_out();
	expect("a13", take_samples(ring, samples) == 0);
	execute(last, 1);
	execute(3, 2);
	execute(1, (1ull << 40) + 1);
	execute(3, 3);
	switch_out();
	switch_out();
	expect("a13", take_samples(ring, samples) == 1 && sample_is(samples, 3, records));
	for (int i = 1; i <= last; i++)
		execute(i, i);
	switch_out();
	expect("a13", take_samples(ring, samples) == 1 && samples->nr == (unsigned int)last);
	for (int i = 1; i <= last; i++)
		expect("a13", samples->records[i - 1].number == i &&
				      samples->records[i - 1].value == (uint64_t)i);
	unmap_ring(ring);
	close(fd);
}

static void test_a14(void)
{
	struct paimon_pai_record record = {4, 6};
	struct sample samples[MAX_SAMPLES];
	int fd = sample_on(0);
	struct perf_event_mmap_page *ring = map_ring(fd);
	pid_t child;

	pin_to(0);
	execute(4, 6);
	expect("a14", value(fd) == 6 && take_samples(ring, samples) == 0);
	switch_out();
	expect("a14", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	/* A task that ends is scheduled out too. */
	child = fork();
	if (!child) {
		execute(4, 6);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	expect("a14", take_samples(ring, samples) == 1 && samples->pid == (uint32_t)child);
	/* Removed: no sample, though there is something in the counters. */
	execute(4, 6);
	expect("a14", !ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	for (int i = 0; i < 10; i++)
		switch_out();
	expect("a14", take_samples(ring, samples) == 0);
	/* It is for the first one after the event is back. */
	expect("a14", !ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	switch_out();
	expect("a14", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	unmap_ring(ring);
	close(fd);
	switch_out();
}

static void test_a15(void)
{
	struct sample samples[MAX_SAMPLES];
	int fd = sample_on(0);
	struct perf_event_mmap_page *ring = map_ring(fd);
	uint64_t executed = 0, sampled = 0;

	pin_to(0);
	for (int i = 1; i <= 500; i++) {
		executed += execute(1 + i % last, i);
		if (i % 7 == 0) { /* away from the CPU and back */
			ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
			ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
		}
		if (i % 3)
			executed += execute(1, 1);
		switch_out();
		sampled += sum(samples, take_samples(ring, samples));
		expect("a15", sampled == executed && value(fd) == executed);
	}
	unmap_ring(ring);
	close(fd);
}

/* perf refuses events that are inherited in an array of BPF. */
static bool is_inherited(int fd)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
			       .key_size = 4,
			       .value_size = 4,
			       .max_entries = 1};
	uint32_t key = 0;
	int map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)), r;

	if (map < 0)
		die("BPF_MAP_CREATE");
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&fd;
	r = syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	close(map);
	return r < 0;
}

static void test_a16(void)
{
	struct paimon_pai_record record = {1, 8};
	struct sample samples[MAX_SAMPLES];
	struct perf_event_attr attr = sampling();
	struct perf_event_mmap_page *ring;
	uint64_t period = 1, words[3];
	int fd;

	/* Frequency, inheritance, no raw data: none of it is so. */
	attr.freq = 1;
	attr.sample_freq = 1000;
	attr.inherit = 1;
	attr.sample_type = PERF_SAMPLE_TID;
	fd = open_attr(attr, -1, 0);
	expect("a16", fd >= 0 && !is_inherited(fd));
	ring = map_ring(fd);
	pin_to(0);
	for (int i = 0; i < 20; i++) {
		execute(1, 8);
		switch_out();
		expect("a16", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	}
	/* The period is 1 and stays it; a frequency could be changed to anything. */
	expect("a16", !ioctl(fd, PERF_EVENT_IOC_PERIOD, &period));
	period = 1000;
	expect("a16", ioctl(fd, PERF_EVENT_IOC_PERIOD, &period) < 0 && errno == EINVAL);
	unmap_ring(ring);
	close(fd);
	/* The array lets go of it a while after its end. */
	for (int i = 0; i < 1000 && outcome(sample_on(0)) == -EBUSY; i++)
		usleep(10000);

	attr = sampling();
	attr.sample_period = 100000;
	attr.sample_type = PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW;
	fd = open_attr(attr, -1, 0);
	ring = map_ring(fd);
	execute(1, 1);
	switch_out();
	memcpy(words, (char *)ring + PAGE, sizeof(words));
	expect("a16", words[1] == 1 && (uint32_t)words[2] == 12);
	unmap_ring(ring);
	close(fd);
}

static void test_a17(void)
{
	struct perf_event_attr attr = attr_of(1);
	int first, second;

	attr.disabled = 1;
	expect("a17", execute_on(0, 1, 1) == 0);
	first = open_attr(attr, -1, 0);
	second = open_attr(attr, -1, 0);
	expect("a17", execute(1, 1) == 0);
	expect("a17", !ioctl(first, PERF_EVENT_IOC_ENABLE, 0) && execute(1, 1) == 1);
	expect("a17", execute_on(1, 1, 1) == 0);
	expect("a17", !ioctl(second, PERF_EVENT_IOC_ENABLE, 0) && execute_on(0, 1, 1) == 1);
	expect("a17", !ioctl(first, PERF_EVENT_IOC_DISABLE, 0) && execute(1, 1) == 1);
	expect("a17", !ioctl(second, PERF_EVENT_IOC_DISABLE, 0) && execute(1, 1) == 0);
	expect("a17", !ioctl(first, PERF_EVENT_IOC_ENABLE, 0) && execute(1, 1) == 1);
	expect("a17", value(first) == 3 && value(second) == 2);
	close(first);
	expect("a17", execute(1, 1) == 0);
	close(second);
	/* The same of one that samples. */
	first = sample_on(0);
	expect("a17", execute(1, 1) == 1);
	close(first);
	expect("a17", execute(1, 1) == 0);
}

/* A leader and all others, read at once from another CPU. */
static void test_group(void)
{
	struct perf_event_attr attr = attr_of(ALL);
	uint64_t values[128];
	int fds[128];

	attr.read_format = PERF_FORMAT_GROUP;
	for (int i = 0; i <= last; i++) {
		attr.config = PAIMON_NNPA_BASE + i;
		fds[i] = open_in_group(attr, -1, 1, i ? fds[0] : -1);
		expect("group", fds[i] >= 0);
	}
	pin_to(1);
	for (int i = 1; i <= last; i++)
		execute(i, i);
	pin_to(0);
	expect("group", read(fds[0], values, sizeof(values)) == (2 + last) * 8 &&
				values[0] == 1u + last && values[1] == last * (last + 1ul) / 2);
	for (int i = 1; i <= last; i++)
		expect("group", values[1 + i] == (uint64_t)i);
	expect("group", !ioctl(fds[0], PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP));
	execute_on(1, 1, 2);
	expect("group", read(fds[0], values, sizeof(values)) > 0 && values[1] == 2 &&
				values[2] == 2 && values[3] == 0);
	for (int i = last; i >= 0; i--)
		close(fds[i]);
}

/*
 * More samples in a tick than perf allows: it throttles, and starts the event again
 * at a later tick. What happens meanwhile is in the next sample.
 */
static void test_throttle(void)
{
	const char *rate = "/proc/sys/kernel/perf_event_max_sample_rate";
	struct sample samples[MAX_SAMPLES];
	uint64_t executed = 0, sampled = 0;
	struct perf_event_mmap_page *ring;
	char text[32];
	int fd;

	snprintf(text, sizeof(text), "%ld", read_number(rate));
	write_text(rate, "250"); /* one a tick, or less */
	fd = sample_on(0);
	ring = map_ring(fd);
	throttled = 0;
	pin_to(0);
	for (int i = 0; i < 2000; i++) {
		executed += execute(1 + i % last, i);
		switch_out();
		sampled += sum(samples, take_samples(ring, samples));
	}
	expect("throttle", throttled > 0);
	for (int i = 0; i < 100 && sampled != executed; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		sampled += sum(samples, take_samples(ring, samples));
	}
	expect("throttle", sampled == executed && value(fd) == executed);
	write_text(rate, text);
	unmap_ring(ring);
	close(fd);
}

/* After so many samples perf disables the event by itself. */
static void test_refresh(void)
{
	struct perf_event_attr attr = sampling();
	struct sample samples[MAX_SAMPLES];
	struct perf_event_mmap_page *ring;
	unsigned int nr = 0;
	int fd;

	attr.disabled = 1;
	fd = open_attr(attr, -1, 0);
	ring = map_ring(fd);
	pin_to(0);
	expect("refresh", !ioctl(fd, PERF_EVENT_IOC_REFRESH, 3));
	for (int i = 0; i < 10; i++) {
		execute(1, 1);
		switch_out();
		nr += take_samples(ring, samples);
	}
	expect("refresh", nr == 3 && execute(1, 1) == 0);
	unmap_ring(ring);
	close(fd);
}

static void set_online(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	write_text(path, online ? "1" : "0");
}

/* CPU 1 goes, with its events, and comes back, with none that runs. */
static void test_hotplug(void)
{
	struct paimon_pai_record record = {2, 4};
	struct sample samples[MAX_SAMPLES];
	struct perf_event_mmap_page *ring;
	int counter = count_on(1, 1), sampler;

	execute_on(1, 1, 5);
	pin_to(0);
	set_online(1, false);
	expect("hotplug", value(counter) == 5 && count_on(1, 1) == -ENODEV);
	set_online(1, true);
	expect("hotplug", execute_on(1, 1, 3) == 0 && value(counter) == 5);
	/* It is still an event that counts, until it is closed. */
	expect("hotplug", sample_on(1) == -EBUSY);
	close(counter);
	counter = count_on(1, 1);
	expect("hotplug", execute(1, 2) == 2 && value(counter) == 2);
	close(counter);

	sampler = sample_on(1);
	ring = map_ring(sampler);
	execute(2, 4);
	pin_to(0); /* is scheduled out there */
	expect("hotplug", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	set_online(1, false);
	set_online(1, true);
	expect("hotplug", execute_on(1, 2, 1) == 0);
	switch_out();
	expect("hotplug", take_samples(ring, samples) == 0 && sample_on(1) == -EBUSY);
	unmap_ring(ring);
	close(sampler);
	sampler = sample_on(1);
	ring = map_ring(sampler);
	execute(2, 4);
	switch_out();
	expect("hotplug", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	unmap_ring(ring);
	/* Closed while its CPU is away. */
	pin_to(0);
	set_online(1, false);
	close(sampler);
	set_online(1, true);
	expect("hotplug", !outcome(count_on(1, 1)));
}

/*
 * Others open, read and close events of all kinds all the time, and all that is
 * executed is counted, and sampled in the name of who did it.
 */
static void test_storm(void)
{
	pid_t children[6];
	int counter = count_on(1, 3), sampler = sample_on(0), status;
	struct perf_event_mmap_page *ring = map_ring(sampler);
	struct sample samples[MAX_SAMPLES];
	uint64_t sampled[6] = {}, other = 0;
	unsigned int running = 4;

	for (int i = 0; i < 6; i++) {
		children[i] = fork();
		if (children[i])
			continue;
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){});
		pin_to(i % 2);
		for (int j = 0; i < 4 && j < 2000; j++) {
			execute(3, 1 + i);
			if (j % 5 == 0)
				switch_out();
		}
		while (i == 4) /* its own events: the one of the CPU samples all the same */
			outcome(open_attr(
				(struct perf_event_attr){.size = sizeof(struct perf_event_attr),
							 .type = PERF_TYPE_SOFTWARE},
				0, -1));
		while (i == 5) {
			int fd = count_on(1, 3);

			execute(0, 1);
			value(fd);
			close(fd);
			outcome(count_on(0, 1));
			outcome(sample_on(1));
		}
		_exit(0);
	}
	pin_to(1);
	while (running) {
		unsigned int nr;

		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		while (running && waitpid(-1, &status, WNOHANG) > 0)
			running--;
		nr = take_samples(ring, samples);
		expect("storm", nr < MAX_SAMPLES);
		for (unsigned int i = 0; i < nr; i++) {
			int who = 0;

			while (who < 6 && samples[i].pid != (uint32_t)children[who])
				who++;
			if (who < 6)
				sampled[who] += sum(&samples[i], 1);
			else
				other += sum(&samples[i], 1);
		}
	}
	for (int i = 4; i < 6; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	expect("storm", value(counter) == 2000 * (2 + 4));
	expect("storm", sampled[0] == 2000 * 1 && sampled[2] == 2000 * 3 && other == 0);
	expect("storm", value(sampler) == 2000 * (1 + 3));
	unmap_ring(ring);
	close(sampler);
	close(counter);
}

/* A task with events of its own is sampled in its own name, not in that of the next. */
static void test_own_events(void)
{
	struct perf_event_attr own = {.size = sizeof(own), .type = PERF_TYPE_SOFTWARE};
	struct paimon_pai_record record = {5, 11};
	struct sample samples[MAX_SAMPLES];
	int sampler = sample_on(0), fd = open_attr(own, 0, -1);
	struct perf_event_mmap_page *ring = map_ring(sampler);

	pin_to(0);
	execute(5, 11);
	switch_out();
	expect("own-events", fd >= 0);
	expect("own-events", take_samples(ring, samples) == 1 && sample_is(samples, 1, &record));
	unmap_ring(ring);
	close(fd);
	close(sampler);
}

static void test_ioctl(void)
{
	struct paimon_soft_nnpa call = {.size = sizeof(call), .function = last, .count = 1};

	pin_to(1);
	expect("ioctl", !ioctl(soft, PAIMON_SOFT_NNPA, &call) && call.cpu == 1);
	call.function = last + 1;
	expect("ioctl", ioctl(soft, PAIMON_SOFT_NNPA, &call) < 0 && errno == EINVAL);
	call.function = 1;
	call.flags = 1;
	expect("ioctl", ioctl(soft, PAIMON_SOFT_NNPA, &call) < 0 && errno == EINVAL);
	call.flags = 0;
	call.size--;
	expect("ioctl", ioctl(soft, PAIMON_SOFT_NNPA, &call) < 0 && errno == EINVAL);
	expect("ioctl", ioctl(soft, PAIMON_SOFT_NNPA, (void *)8) < 0 && errno == EFAULT);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{"a1", test_a1},
		{"a2", test_a2},
		{"a3", test_a3},
		{"a4", test_a4},
		{"a5", test_a5},
		{"a6", test_a6},
		{"a7", test_a7},
		{"a8", test_a8},
		{"a9", test_a9},
		{"a10", test_a10},
		{"a11", test_a11},
		{"a12", test_a12},
		{"a13", test_a13},
		{"a14", test_a14},
		{"a15", test_a15},
		{"a16", test_a16},
		{"a17", test_a17},
		{"group", test_group},
		{"throttle", test_throttle},
		{"refresh", test_refresh},
		{"own-events", test_own_events},
		{"hotplug", test_hotplug},
		{"storm", test_storm},
		{"ioctl", test_ioctl},
	};
	bool any_failed = false;

	setvbuf(stdout, NULL, _IONBF, 0);
	soft = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);
	if (soft < 0)
		die("/dev/paimon-soft");
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	if (argc > 1 && !strcmp(argv[1], "execute")) {
		for (int i = 2; i + 2 < argc; i += 3)
			execute_on(atoi(argv[i]), atoi(argv[i + 1]),
				   strtoull(argv[i + 2], NULL, 0));
		return 0;
	}
	type = read_number(PMU "/type");
	last = read_number("/sys/module/paimon_soft/parameters/nnpa_counters");
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		failed = false;
		tests[i].run();
		if (!failed)
			printf("ok %s\n", tests[i].name);
		any_failed |= failed;
	}
	return any_failed;
}

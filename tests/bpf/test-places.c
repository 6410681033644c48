// SPDX-License-Identifier: GPL-2.0
/*
 * Places of cgroups and devices that come and go: samples and requests are played, folders
 * stand for cgroups, and the daemon that takes places back dies at each of its steps. A cgroup
 * has a counter of its own, so that it shows who was charged with what. Needs root.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "source/iopf/iopf_source.h"
#include "source/pai/pai_source.h"
#include "source/places.h"
#include "source/source.h"

#define MAX_CGROUPS 8
#define NR_CGROUPS 16

static char folder[] = "/tmp/paimon-places-XXXXXX";
static struct config config;
static struct source source;
static struct pai_samples *samples;
static uint64_t played;	 /* of all */
static int steps_left;	 /* before the daemon dies; -1: it lives */
static int forget_error; /* of a kernel that does not delete a name */

/* Before and after each step. */
static void step(void)
{
	if (steps_left >= 0 && steps_left-- == 0)
		_exit(42);
}

void __real_places_close(uint32_t *state);
int __real_places_forget(int names, const void *name, uint32_t ticket);
int __real_places_settle(void);
void __real_places_free(uint32_t *state);
void __wrap_places_close(uint32_t *state);
int __wrap_places_forget(int names, const void *name, uint32_t ticket);
int __wrap_places_settle(void);
void __wrap_places_free(uint32_t *state);

void __wrap_places_close(uint32_t *state)
{
	step();
	__real_places_close(state);
	step();
}

int __wrap_places_forget(int names, const void *name, uint32_t ticket)
{
	int r;

	step();
	r = forget_error ?: __real_places_forget(names, name, ticket);
	step();
	return r;
}

int __wrap_places_settle(void)
{
	int r;

	step();
	r = __real_places_settle();
	step();
	return r;
}

void __wrap_places_free(uint32_t *state)
{
	step();
	__real_places_free(state);
	step();
}

static void make(unsigned int i)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", i);
	mkdirat(samples->cgroup_root, name, 0755);
}

static void remove_cgroup(unsigned int i)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", i);
	unlinkat(samples->cgroup_root, name, AT_REMOVEDIR);
}

static void play_as(unsigned int i, uint32_t cpu, pid_t pid)
{
	struct pai_made_up sample = {.nr = 1, .tgid = pid, .records = {{1 + i % NR_CGROUPS, 1}}};

	snprintf(sample.path, sizeof(sample.path), "/%u", i);
	if (!pai_source_play(&source, &sample, cpu))
		played++;
}

static void play(unsigned int i, uint32_t cpu)
{
	play_as(i, cpu, 1);
}

static int setup(void **data)
{
	struct pai *pai;

	config = (struct config){.pai_max_cgroups = MAX_CGROUPS};
	source = (struct source){.ops = &pai_source, .config = &config, .replay = true};
	played = 0;
	steps_left = -1;
	if (pai_source.attach(&source) < 0)
		return -1;
	pai = source.data;
	samples = pai->samples;
	samples->cgroup_root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	samples->absent = calloc(MAX_CGROUPS + 1, sizeof(*samples->absent));
	return samples->cgroup_root < 0 || !samples->absent;
}

static int teardown(void **data)
{
	for (unsigned int i = 0; i < 100; i++)
		remove_cgroup(i);
	pai_source.detach(&source, false);
	return 0;
}

/* One answer: what cgroups, other and departed have is the total; a cgroup has only its own. */
static uint64_t check(uint64_t ret_own[NR_CGROUPS], uint64_t *ret_other, uint64_t *ret_departed)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	uint64_t parts = 0, total = 0;
	char seen[100] = "";

	assert_non_null(snapshot);
	memset(ret_own, 0, NR_CGROUPS * sizeof(*ret_own));
	*ret_other = *ret_departed = 0;
	assert_int_equal(pai_source.read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		const char *name = family->metric->name;

		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];
			unsigned int n;

			if (!strcmp(name, "paimon_nnpa_events_total")) {
				total += point->integer;
			} else if (!strcmp(name, "paimon_nnpa_departed_events_total")) {
				parts += point->integer;
				*ret_departed += point->integer;
			} else if (!strcmp(name, "paimon_nnpa_cgroup_events_total")) {
				parts += point->integer;
				if (sscanf(point->labels[0].value, "/%u", &n) != 1) {
					*ret_other += point->integer;
					continue;
				}
				assert_int_equal(seen[n]++, 0); /* one counter, one series */
				assert_string_equal(point->labels[1].value,
						    pai_nnpa_counter(&source, 1 + n % NR_CGROUPS));
				ret_own[n % NR_CGROUPS] = point->integer;
			}
		}
	}
	snapshot_free(snapshot);
	assert_int_equal(parts, total);
	return total;
}

/* More short ones than there are places, one after the other, and then a steady one. */
static void test_churn(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;

	for (unsigned int i = 1; i <= 80; i++) {
		make(i);
		play(i, 0);
		remove_cgroup(i);
		if (i % 4 == 0) /* few are left: it is woken up */
			pai_samples_recycle(samples);
		assert_int_equal(check(own, &other, &departed), played);
		assert_int_equal(other, 0);
	}
	make(0);
	for (int i = 0; i < 1000; i++)
		play(0, i % 2);
	assert_int_equal(check(own, &other, &departed), 1080);
	assert_int_equal(own[0], 1000);
	assert_int_equal(other, 0);
	assert_in_range(departed, 80 - MAX_CGROUPS, 80);
}

/* As the loop does. */
static void retry(bool soon)
{
	source.replay = false; /* a replay takes no places back */
	pai_source.retry(&source, soon);
	source.replay = true;
}

static bool has_task(pid_t pid)
{
	int fd = bpf_map__fd(samples->bpf->maps.pai_tasks);
	struct pai_task_id id, *before = NULL;

	while (!bpf_map_get_next_key(fd, before, &id)) {
		if (id.tgid == (uint32_t)pid)
			return true;
		before = &id;
	}
	return false;
}

/* A retry some milliseconds after the last takes no place back: it is not the second look. */
static void test_retried_soon(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;
	pid_t ended = fork();

	if (!ended)
		_exit(0);
	assert_int_equal(wait_for(ended), 0);
	make(3);
	play_as(3, 0, ended);
	remove_cgroup(3);
	retry(false);
	for (int i = 0; i < 3; i++)
		retry(true);
	assert_int_equal(check(own, &other, &departed), 1);
	assert_int_equal(own[3], 1);
	assert_true(has_task(ended));
	retry(false);
	assert_int_equal(check(own, &other, &departed), 1);
	assert_int_equal(own[3], 0);
	assert_int_equal(departed, 1);
	assert_false(has_task(ended));
}

/* Where there is room, one that is started again within a look goes on where it was. */
static void test_comes_back(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;

	make(3);
	play(3, 0);
	remove_cgroup(3);
	pai_samples_recycle(samples);
	play(3, 0); /* its last sample, after its end */
	make(3);
	pai_samples_recycle(samples);
	play(3, 0);
	assert_int_equal(check(own, &other, &departed), 3);
	assert_int_equal(own[3], 3);
	remove_cgroup(3);
	pai_samples_recycle(samples);
	pai_samples_recycle(samples);
	assert_int_equal(check(own, &other, &departed), 3);
	assert_int_equal(own[3], 0);
	assert_int_equal(departed, 3);
	play(3, 0); /* that came late: it is counted */
	assert_int_equal(check(own, &other, &departed), 4);
	assert_int_equal(own[3], 1);
	assert_int_equal(departed, 3);
}

/* Who found no place gets one when there is. */
static void test_full(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;

	for (unsigned int i = 0; i < MAX_CGROUPS + 2; i++) {
		make(i);
		play(i, 0);
	}
	pai_samples_recycle(samples);
	play(MAX_CGROUPS, 0);
	assert_int_equal(check(own, &other, &departed), MAX_CGROUPS + 3);
	assert_int_equal(other, 3);
	remove_cgroup(0);
	pai_samples_recycle(samples);
	play(MAX_CGROUPS, 0);
	play(MAX_CGROUPS + 1, 0);
	assert_int_equal(check(own, &other, &departed), MAX_CGROUPS + 5);
	assert_int_equal(own[MAX_CGROUPS], 1);
	assert_int_equal(other, 4);
	assert_int_equal(departed, 1);
}

/* A place to which a name still leads is not given away. */
static void test_not_forgotten(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;

	for (unsigned int i = 0; i < MAX_CGROUPS; i++) {
		make(i);
		play(i, 0);
	}
	remove_cgroup(0);
	forget_error = -EBUSY;
	pai_samples_recycle(samples);
	pai_samples_recycle(samples);
	forget_error = 0;
	make(0);
	play(0, 0); /* while its place is closing */
	pai_samples_recycle(samples);
	play(0, 0);
	assert_int_equal(check(own, &other, &departed), MAX_CGROUPS + 2);
	assert_int_equal(own[0], 1);
	assert_int_equal(other, 0);
	assert_int_equal(departed, 2);
}

/* The next daemon finds what the one before left at any of its steps. */
static void test_dies(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed;
	int status, died = 0;
	pid_t pid;

	for (int steps = 0; steps < 200; steps++) {
		for (unsigned int i = 0; i < 6; i++) {
			make(i);
			play(i, 0);
		}
		remove_cgroup(1);
		remove_cgroup(4);
		pid = fork();
		if (!pid) {
			steps_left = steps;
			pai_samples_recycle(samples);
			_exit(0);
		}
		status = wait_for(pid);
		/* While nobody looks after them, one comes back. */
		play(1, 1);
		play(2, 1);
		assert_int_equal(check(own, &other, &departed), played);
		assert_int_equal(own[2], 2 * (steps + 1));
		pai_samples_recycle(samples);
		assert_int_equal(check(own, &other, &departed), played);
		assert_int_equal(own[2], 2 * (steps + 1));
		assert_int_equal(own[4], 0);
		assert_int_equal(other, 0);
		if (!status)
			break;
		died++;
	}
	assert_in_range(died, 8, 199);
}

static atomic_bool ends;
static atomic_uint_fast64_t raced;

/* On another CPU, of cgroups that come and go. */
static void *race(void *data)
{
	struct bpf_program *program = samples->bpf->progs.pai_play;
	LIBBPF_OPTS(bpf_test_run_opts, options, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = 1);

	for (unsigned int i = 0; !ends; i = (i + 7) % NR_CGROUPS) {
		struct pai_made_up *m = samples->made_up;

		m->nr = 1;
		m->records[0] = (struct paimon_pai_record){1 + i, 1};
		snprintf(m->path, sizeof(m->path), "/%u%c", i, 0);
		m->path[2 + (i > 9)] = 0;
		memset(m->path + strlen(m->path), 0, 8);
		for (int j = 0; j < 50; j++)
			if (!bpf_prog_test_run_opts(bpf_program__fd(program), &options))
				raced++;
	}
	return NULL;
}

static void test_race(void **data)
{
	uint64_t own[NR_CGROUPS], other, departed, before = 0;
	pthread_t thread;

	ends = false;
	raced = 0;
	assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
	for (unsigned int i = 0; i < 300; i++) {
		uint64_t now;

		/* Most of them are gone at any time, and some of those are played. */
		make(i % NR_CGROUPS);
		remove_cgroup((i + 3) % NR_CGROUPS);
		pai_samples_recycle(samples);
		now = check(own, &other, &departed);
		assert_true(departed >= before);
		before = departed;
		assert_true(now <= raced + 1);
	}
	ends = true;
	pthread_join(thread, NULL);
	assert_int_equal(check(own, &other, &departed), raced);
	assert_true(departed > 0);
}

/* Devices, known by their addresses alone: the kernel has none of their names. */

#define MAX_DEVICES 4

static struct iopf *iopf;

static int setup_devices(void **data)
{
	config = (struct config){.iopf_max_devices = MAX_DEVICES};
	source = (struct source){.ops = &iopf_source, .config = &config, .replay = true};
	steps_left = -1;
	if (iopf_source.attach(&source) < 0)
		return -1;
	iopf = source.data;
	return 0;
}

static int teardown_devices(void **data)
{
	iopf_source.detach(&source, false);
	return 0;
}

static void event(uint64_t dev, enum iopf_program program, uint64_t grpid, uint64_t fourth,
		  uint64_t fifth, uint64_t sixth)
{
	uint64_t args[8] = {dev * 4096, 1, grpid, fourth, fifth, sixth};

	assert_int_equal(iopf_source_run(&source, program, args), 0);
}

static void begin(uint64_t dev, uint64_t grpid)
{
	event(dev, IOPF_REQUEST, grpid, 0, PAIMON_IOPF_PERM_READ, PAIMON_IOPF_LAST);
}

static void end(uint64_t dev, uint64_t grpid)
{
	event(dev, IOPF_RESPONSE, grpid, PAIMON_IOPF_SUCCESS, 0, 0);
}

static void leave(uint64_t dev)
{
	event(dev, IOPF_DISCARD, PAIMON_IOPF_ALL_GROUPS, 0, PAIMON_IOPF_REMOVED, 0);
}

struct seen {
	uint64_t requests, departed, groups, departed_groups, lost, departed_lost, outstanding;
	unsigned int devices;
};

static struct seen look(void)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	struct seen seen = {};
	const struct {
		const char *name;
		uint64_t *sum;
	} sums[] = {
		{"paimon_iopf_requests_total", &seen.requests},
		{"paimon_iopf_departed_requests_total", &seen.departed},
		{"paimon_iopf_groups_total", &seen.groups},
		{"paimon_iopf_departed_groups_total", &seen.departed_groups},
		{"paimon_iopf_groups_lost_total", &seen.lost},
		{"paimon_iopf_departed_groups_lost_total", &seen.departed_lost},
		{"paimon_iopf_outstanding_groups", &seen.outstanding},
	};

	assert_non_null(snapshot);
	assert_int_equal(iopf_source.read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];

		for (size_t k = 0; k < sizeof(sums) / sizeof(*sums); k++)
			for (size_t j = 0;
			     !strcmp(family->metric->name, sums[k].name) && j < family->nr_points;
			     j++)
				*sums[k].sum += family->points[j].integer;
		if (!strcmp(family->metric->name, "paimon_iopf_outstanding_groups"))
			seen.devices = family->nr_points;
	}
	snapshot_free(snapshot);
	return seen;
}

static void test_devices(void **data)
{
	struct seen seen;

	begin(100, 1); /* stays */
	for (uint64_t dev = 1; dev <= 10; dev++) {
		begin(dev, 1);
		begin(dev, 2);
		begin(dev, 2 + IOPF_SLOTS); /* in the hash: its slot is taken */
		end(dev, 1);
		leave(dev);
		iopf_recycle(iopf);
		seen = look();
		assert_int_equal(seen.requests + seen.departed, 1 + 3 * dev);
		assert_int_equal(seen.groups + seen.departed_groups, dev);
		assert_int_equal(seen.outstanding + seen.lost + seen.departed_lost, 1 + 2 * dev);
		assert_in_range(seen.devices, 1, MAX_DEVICES);
	}
	assert_int_equal(iopf->state->dropped[IOPF_DROPPED_DEVICE], 0);
	assert_true(seen.departed >= 3 * (10 + 1 - MAX_DEVICES));
	/* The same address again, which is another device by now, and no group of the one before.
	 */
	begin(1, 2);
	end(1, 2);
	end(100, 1);
	iopf_recycle(iopf);
	seen = look();
	assert_int_equal(seen.groups + seen.departed_groups, 12);
	assert_int_equal(seen.lost + seen.outstanding + seen.departed_lost, 20);
	assert_int_equal(iopf->state->dropped[IOPF_DROPPED_DEVICE], 0);
}

/* Where there is room, one that comes back to its queue goes on; one that is idle stays. */
static void test_device_stays(void **data)
{
	iopf->state->group_timeout_ns = 1;
	begin(1, 1);
	end(1, 1);
	leave(1);
	iopf_recycle(iopf);
	begin(1, 2);
	end(1, 2);
	iopf_recycle(iopf);
	iopf_recycle(iopf);
	assert_int_equal(look().requests, 2);
	leave(1);
	iopf_recycle(iopf);
	iopf_recycle(iopf);
	assert_int_equal(look().devices, 0);
	assert_int_equal(look().departed, 2);
	/* Nobody says that these left: the last ones' place is needed, those have not faulted. */
	for (uint64_t dev = 2; dev <= MAX_DEVICES + 1; dev++)
		begin(dev, 1);
	begin(9, 1);
	assert_int_equal(iopf->state->dropped[IOPF_DROPPED_DEVICE], 1);
	iopf_recycle(iopf);
	begin(9, 1);
	assert_int_equal(iopf->state->dropped[IOPF_DROPPED_DEVICE], 1);
	assert_int_equal(look().requests + look().departed, 2 + MAX_DEVICES + 1);
}

static void test_daemon_of_devices_dies(void **data)
{
	int status = 1, died = 0;

	begin(100, 1);
	for (int steps = 0; status && steps < 100; steps++) {
		struct seen seen;
		pid_t pid;

		for (uint64_t dev = 1; dev < MAX_DEVICES; dev++) {
			begin(dev, 1);
			begin(dev, 2);
			leave(dev);
		}
		pid = fork();
		if (!pid) {
			steps_left = steps;
			iopf_recycle(iopf);
			_exit(0);
		}
		status = wait_for(pid);
		for (int i = 0; i < 2; i++) {
			seen = look();
			assert_int_equal(seen.requests + seen.departed,
					 1 + 2 * (steps + 1) * (MAX_DEVICES - 1));
			iopf_recycle(iopf);
		}
		assert_int_equal(look().devices, 1);
		assert_int_equal(look().departed_lost, 2 * (steps + 1) * (MAX_DEVICES - 1));
		died += !!status;
	}
	assert_in_range(died, 8, 99);
	assert_int_equal(iopf->state->dropped[IOPF_DROPPED_DEVICE], 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_DEVICES(f) cmocka_unit_test_setup_teardown(f, setup_devices, teardown_devices)
	const struct CMUnitTest tests[] = {
		TEST(test_churn),
		TEST(test_retried_soon),
		TEST(test_comes_back),
		TEST(test_full),
		TEST(test_not_forgotten),
		TEST(test_dies),
		TEST(test_race),
		TEST_DEVICES(test_devices),
		TEST_DEVICES(test_device_stays),
		TEST_DEVICES(test_daemon_of_devices_dies),
	};
	int r;

	if (geteuid() != 0) {
		puts("needs root, to load BPF programs");
		return 77;
	}
	if (!mkdtemp(folder)) {
		perror("cannot make a folder");
		return 1;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return r;
}

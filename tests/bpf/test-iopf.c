// SPDX-License-Identifier: GPL-2.0
/*
 * The IOPF programs on the live kernel: the dispatchers run on made-up arguments
 * through test_run, and the maps must say what a plain model says. Needs root;
 * the programs themselves are loaded and run by a child that has no more than
 * CAP_BPF and CAP_PERFMON, as the daemon does.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/bpf.h"
#include "lib/helpers.h"
#include "util/clock.h"
#include "iopf.h"
#include "iopf.skel.h"

#define DEV 0x1234
#define PASID 7
#define READ PAIMON_IOPF_PERM_READ
#define LAST (PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_LAST)
#define PART PAIMON_IOPF_PASID_VALID

struct fixture {
	struct iopf_bpf *bpf;
	struct iopf_device *devices;
	struct iopf_slot *slots;
	struct iopf_state *state;
};

static int setup(void **data)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->bpf = iopf_bpf__open_opts(&options);
	assert_non_null(f->bpf);
	assert_return_code(iopf_bpf__load(f->bpf), errno);
	f->devices = map_memory(f->bpf->maps.iopf_devices);
	f->slots = map_memory(f->bpf->maps.iopf_slots);
	f->state = map_memory(f->bpf->maps.iopf_state);
	set_program(f->bpf->maps.iopf_programs, IOPF_REQUEST, f->bpf->progs.iopf_request);
	set_program(f->bpf->maps.iopf_programs, IOPF_HANDLE, f->bpf->progs.iopf_handle);
	set_program(f->bpf->maps.iopf_programs, IOPF_RESPONSE, f->bpf->progs.iopf_response);
	set_program(f->bpf->maps.iopf_programs, IOPF_DISCARD, f->bpf->progs.iopf_discard);
	*data = f;
	return 0;
}

static int teardown(void **data)
{
	struct fixture *f = *data;

	unmap_memory(f->bpf->maps.iopf_devices, f->devices);
	unmap_memory(f->bpf->maps.iopf_slots, f->slots);
	unmap_memory(f->bpf->maps.iopf_state, f->state);
	iopf_bpf__destroy(f->bpf);
	free(f);
	return 0;
}

static int run(struct bpf_program *program, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
	       uint64_t e, uint64_t f)
{
	uint64_t args[7] = {a, b, c, d, e, f, 0};
	int r = run_program(program, -1, args, sizeof(args));

	assert_return_code(r, -r);
	return r;
}

static void request(struct fixture *f, uint64_t dev, uint32_t grpid, uint32_t perm, uint32_t flags)
{
	run(f->bpf->progs.paimon_request, dev, PASID, grpid, 0x1000, perm, flags);
}

static void handle(struct fixture *f, uint32_t grpid)
{
	run(f->bpf->progs.paimon_handle, DEV, PASID, grpid, 1, 0, 0);
}

static void respond(struct fixture *f, uint64_t dev, uint32_t grpid, uint32_t code)
{
	run(f->bpf->progs.paimon_response, dev, PASID, grpid, code, 0, 0);
}

static void discard(struct fixture *f, uint32_t grpid, uint32_t nr, uint32_t reason)
{
	run(f->bpf->progs.paimon_discard, DEV, PASID, grpid, nr, reason, 0);
}

static uint64_t count(const struct iopf_histogram *h)
{
	uint64_t sum = 0;

	for (int i = 0; i < PAIMON_HIST_CELLS; i++)
		sum += h->cells[i];
	return sum;
}

static unsigned int occupied(const struct fixture *f)
{
	unsigned int nr = 0;

	for (int i = 0; i < 64 * IOPF_SLOTS; i++)
		nr += f->slots[i].key != 0;
	return nr;
}

/* The one cell that counts is between the shortest and longest the time can have been. */
static void assert_time(const struct iopf_histogram *h, uint64_t shortest, uint64_t longest)
{
	unsigned int cell = 0;

	assert_int_equal(count(h), 1);
	while (!h->cells[cell])
		cell++;
	assert_in_range(h->sum_ns, shortest, longest);
	assert_int_equal(cell, paimon_hist_cell(h->sum_ns));
}

static void test_counts(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];

	for (uint32_t perm = 0; perm < 16; perm++)
		request(f, DEV, perm, perm, LAST);
	for (uint32_t code = 0; code < 5; code++)
		respond(f, DEV, code, code);
	assert_string_equal(d->name, "dev1");
	for (int i = 0; i < 8; i++)
		assert_int_equal(d->requests[i], 2);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][0], 1);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][1], 1);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][2], 1);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][3], 2);
	assert_int_equal(occupied(f), 16 - 5);
}

static void test_times(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	uint64_t first[2], last[2], handled[2], answered[2];

	first[0] = clock_ns(CLOCK_MONOTONIC);
	request(f, DEV, 1, READ, PART);
	first[1] = clock_ns(CLOCK_MONOTONIC);
	usleep(2000);
	last[0] = clock_ns(CLOCK_MONOTONIC);
	request(f, DEV, 1, READ, LAST);
	last[1] = clock_ns(CLOCK_MONOTONIC);
	usleep(1000);
	handled[0] = clock_ns(CLOCK_MONOTONIC);
	handle(f, 1);
	handled[1] = clock_ns(CLOCK_MONOTONIC);
	usleep(3000);
	answered[0] = clock_ns(CLOCK_MONOTONIC);
	respond(f, DEV, 1, 0);
	answered[1] = clock_ns(CLOCK_MONOTONIC);
	assert_time(&d->stages[IOPF_STAGE_TOTAL], answered[0] - first[1], answered[1] - first[0]);
	assert_time(&d->stages[IOPF_STAGE_QUEUE], handled[0] - last[1], handled[1] - last[0]);
	assert_time(&d->stages[IOPF_STAGE_SERVICE], answered[0] - handled[1],
		    answered[1] - handled[0]);
	assert_int_equal(d->size_sum, 2);
	assert_int_equal(d->size_cells[1], 1);
}

/* Handled as they come: what began before the last request did not let it wait. */
static void test_handled_early(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];

	request(f, DEV, 1, READ, PART);
	handle(f, 1);
	usleep(1000);
	request(f, DEV, 1, READ, LAST);
	respond(f, DEV, 1, 0);
	assert_int_equal(d->stages[IOPF_STAGE_QUEUE].cells[0], 1);
	assert_true(d->stages[IOPF_STAGE_SERVICE].sum_ns + 1000000 <=
		    d->stages[IOPF_STAGE_TOTAL].sum_ns);
}

/* Whose groups user space answers, has histogram and responses of its own. */
static void test_answered_by_user(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	uint64_t begin[2], end[2];

	begin[0] = clock_ns(CLOCK_MONOTONIC);
	request(f, DEV, 1, READ, LAST);
	begin[1] = clock_ns(CLOCK_MONOTONIC);
	usleep(2000);
	end[0] = clock_ns(CLOCK_MONOTONIC);
	respond(f, DEV, 1, PAIMON_IOPF_INVALID | PAIMON_IOPF_BY_USER);
	end[1] = clock_ns(CLOCK_MONOTONIC);
	assert_time(&d->stages[IOPF_STAGE_USER], end[0] - begin[1], end[1] - begin[0]);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 0);
	request(f, DEV, 2, READ, LAST);
	respond(f, DEV, 2, 77 | PAIMON_IOPF_BY_USER);
	request(f, DEV, 3, READ, LAST);
	respond(f, DEV, 3, PAIMON_IOPF_SUCCESS);
	assert_int_equal(count(&d->stages[IOPF_STAGE_USER]), 2);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1);
	for (uint32_t code = 0; code < 4; code++) {
		assert_int_equal(d->responses[IOPF_BY_USER][code], code & 1);
		assert_int_equal(d->responses[IOPF_BY_KERNEL][code], !code);
	}
	assert_int_equal(occupied(f), 0);
}

static void test_not_handled(void **data)
{
	struct fixture *f = *data;

	request(f, DEV, 1, READ, LAST);
	respond(f, DEV, 1, 0);
	assert_int_equal(count(&f->devices[0].stages[IOPF_STAGE_TOTAL]), 1);
	assert_int_equal(count(&f->devices[0].stages[IOPF_STAGE_QUEUE]), 0);
}

static void test_sizes(void **data)
{
	static const uint32_t sizes[] = {1, 2, 3, 4, 5, 512, 513};
	static const uint64_t cells[IOPF_SIZE_CELLS] = {1, 1, 2, 1, 0, 0, 0, 0, 0, 1, 1};
	struct fixture *f = *data;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (uint32_t j = 1; j <= sizes[i]; j++)
			request(f, DEV, i, READ, j == sizes[i] ? LAST : PART);
		respond(f, DEV, i, 0);
	}
	assert_int_equal(f->devices[0].size_sum, 1 + 2 + 3 + 4 + 5 + 512 + 513);
	assert_memory_equal(f->devices[0].size_cells, cells, sizeof(cells));
}

static void test_overlap(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];

	request(f, DEV, 1, READ, PART | PAIMON_IOPF_PRIV_DATA);
	request(f, DEV, 1, READ, PART);
	request(f, DEV, 1, READ, LAST);
	respond(f, DEV, 1, 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1);
	assert_int_equal(occupied(f), 1);
	respond(f, DEV, 1, 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1);
	assert_int_equal(d->lost[IOPF_LOST_OVERLAP], 1);
	assert_int_equal(d->lost[IOPF_LOST_UNSEEN], 0);
	assert_int_equal(d->responses[IOPF_BY_KERNEL][0], 2);
	assert_int_equal(d->requests[READ], 3);
	assert_int_equal(occupied(f), 0);
	/* And then the number is good again. */
	request(f, DEV, 1, READ, LAST);
	respond(f, DEV, 1, 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 2);
}

static void test_timeout(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	uint64_t key = iopf_slot_key(PASID, 1);

	request(f, DEV, 1, READ, LAST);
	assert_int_equal(run(f->bpf->progs.iopf_expire, 0, key, 0, 0, 0, 0), 0);
	f->state->group_timeout_ns = 1000000;
	usleep(2000);
	assert_int_equal(run(f->bpf->progs.iopf_expire, 0, key, 0, 0, 0, 0), 1);
	assert_int_equal(run(f->bpf->progs.iopf_expire, 0, key, 0, 0, 0, 0), 0);
	assert_int_equal(d->lost[IOPF_LOST_TIMEOUT], 1);
	assert_int_equal(occupied(f), 0);
	respond(f, DEV, 1, 0); /* late */
	assert_int_equal(d->lost[IOPF_LOST_UNSEEN], 1);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 0);

	/* Nobody looked: the next group of that number finds the old one. */
	request(f, DEV, 1, READ, PART);
	usleep(2000);
	request(f, DEV, 1, READ, LAST);
	assert_int_equal(d->lost[IOPF_LOST_TIMEOUT], 2);
	respond(f, DEV, 1, 0);
	assert_int_equal(d->size_cells[0], 1);
}

static void test_discard(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];

	request(f, DEV, 1, READ, PART);
	request(f, DEV, 1, READ, PART);
	request(f, DEV, 2, READ, LAST);
	discard(f, 1, 2, PAIMON_IOPF_REMOVED);
	assert_int_equal(d->discarded[PAIMON_IOPF_REMOVED], 2);
	assert_int_equal(occupied(f), 1);
	discard(f, 9, 3, 17); /* a reason of the future */
	assert_int_equal(d->discarded[PAIMON_IOPF_NR_REASONS], 3);
	respond(f, DEV, 2, 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1);
}

/* A discard that names no group: open ones age, closed ones are answered still. */
static void test_epoch(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];

	/* Of a device that never faulted there is nothing to discard, nor to drop. */
	discard(f, PAIMON_IOPF_ALL_GROUPS, 0, PAIMON_IOPF_REMOVED);
	assert_int_equal(f->state->dropped[IOPF_DROPPED_DEVICE], 0);

	request(f, DEV, 1, READ, PART);
	request(f, DEV, 1, READ, PART);
	request(f, DEV, 2, READ, LAST);
	discard(f, PAIMON_IOPF_ALL_GROUPS, 0, PAIMON_IOPF_OVERFLOW);
	assert_int_equal(d->discarded[PAIMON_IOPF_OVERFLOW], 0);
	respond(f, DEV, 2, 0);
	request(f, DEV, 1, READ, LAST); /* a new group */
	assert_int_equal(d->discarded[PAIMON_IOPF_OVERFLOW], 2);
	respond(f, DEV, 1, 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 2);
	assert_int_equal(d->size_cells[0], 2);
	assert_int_equal(d->lost[IOPF_LOST_UNSEEN], 0);
}

static void test_spill(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	uint32_t i;

	request(f, DEV, 5, READ, PART);
	for (i = 1; i <= IOPF_MAX_SPILLED; i++)
		request(f, DEV, 5 + i * IOPF_SLOTS, READ, LAST);
	assert_int_equal(f->state->spilled, IOPF_MAX_SPILLED);
	assert_int_equal(occupied(f), 1);
	request(f, DEV, 5 + i * IOPF_SLOTS, READ, LAST);
	assert_int_equal(f->state->dropped[IOPF_DROPPED_GROUP], 1);
	/* The direct slot is freed first: the others are found all the same. */
	request(f, DEV, 5, READ, LAST);
	respond(f, DEV, 5, 0);
	for (i = 1; i <= IOPF_MAX_SPILLED; i++)
		respond(f, DEV, 5 + i * IOPF_SLOTS, 0);
	assert_int_equal(f->state->spilled, 0);
	assert_int_equal(occupied(f), 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), IOPF_MAX_SPILLED + 1);
	respond(f, DEV, 5 + i * IOPF_SLOTS, 0);
	assert_int_equal(d->lost[IOPF_LOST_UNSEEN], 1);
}

/* A response gives a slot up in two steps: a group of the same number may come between them. */
static void test_given_up(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	struct iopf_slot *slot = &f->slots[1];

	request(f, DEV, 1, READ, PART);
	assert_int_equal(slot->key, iopf_slot_key(PASID, 1));
	slot->first_ns = 0;
	request(f, DEV, 1, READ, LAST);
	assert_int_equal(f->state->spilled, 1);
	request(f, DEV, 1 + IOPF_SLOTS, READ, LAST);
	respond(f, DEV, 1, 0);
	assert_int_equal(d->lost[IOPF_LOST_UNSEEN], 0);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1);
	respond(f, DEV, 1 + IOPF_SLOTS, 0);
	assert_int_equal(f->state->spilled, 0);
	slot->key = 0;
	assert_int_equal(f->state->dropped[IOPF_DROPPED_GROUP], 0);
}

static void test_device_limit(void **data)
{
	struct fixture *f = *data;

	respond(f, 99, 1, 0); /* nobody has named this one */
	assert_int_equal(f->state->dropped[IOPF_DROPPED_DEVICE], 1);
	for (uint64_t dev = 1; dev <= 70; dev++)
		request(f, dev, 1, READ, LAST);
	assert_int_equal(f->state->dropped[IOPF_DROPPED_DEVICE], 1 + 6);
	assert_string_equal(f->devices[63].name, "dev64");
	for (int i = 0; i < 64; i++)
		assert_int_equal(f->devices[i].requests[READ], 1);
}

/* Many threads on one device, each with groups of its own; sums are exact. */
struct hammer {
	struct fixture *f;
	uint32_t first;
	pthread_barrier_t *barrier;
};

#define HAMMERS 8
#define ROUNDS 2000

static void *hammer(void *data)
{
	struct hammer *h = data;

	pthread_barrier_wait(h->barrier);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		/* Numbers of two threads fall on the same slots: some spill. */
		uint32_t grpid = h->first / 2 * IOPF_SLOTS + h->first % 2 * IOPF_SLOTS * 64 +
				 i % 16;

		request(h->f, DEV, grpid, READ, PART);
		request(h->f, DEV, grpid, READ, LAST);
		handle(h->f, grpid);
		respond(h->f, DEV, grpid, i % 3);
	}
	return NULL;
}

static void test_threads(void **data)
{
	struct fixture *f = *data;
	struct iopf_device *d = &f->devices[0];
	struct hammer hammers[HAMMERS];
	pthread_t threads[HAMMERS];
	pthread_barrier_t barrier;
	int replaced = 0;

	request(f, DEV, 0, READ, LAST); /* the device has an index */
	respond(f, DEV, 0, 0);
	pthread_barrier_init(&barrier, NULL, HAMMERS + 1);
	for (uint32_t i = 0; i < HAMMERS; i++) {
		hammers[i] = (struct hammer){f, i, &barrier};
		pthread_create(&threads[i], NULL, hammer, &hammers[i]);
	}
	pthread_barrier_wait(&barrier);
	/* Meanwhile programs are replaced, as a daemon does that takes over. */
	for (; replaced < 2000; replaced++) {
		set_program(f->bpf->maps.iopf_programs, IOPF_REQUEST, f->bpf->progs.iopf_request);
		set_program(f->bpf->maps.iopf_programs, IOPF_RESPONSE, f->bpf->progs.iopf_response);
	}
	for (int i = 0; i < HAMMERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(d->requests[READ], 1 + HAMMERS * ROUNDS * 2);
	assert_int_equal(d->responses[0][0] + d->responses[0][1] + d->responses[0][2],
			 1 + HAMMERS * ROUNDS);
	assert_int_equal(count(&d->stages[IOPF_STAGE_TOTAL]), 1 + HAMMERS * ROUNDS);
	assert_int_equal(count(&d->stages[IOPF_STAGE_QUEUE]), HAMMERS * ROUNDS);
	assert_int_equal(d->size_sum, 1 + HAMMERS * ROUNDS * 2);
	assert_int_equal(f->state->undispatched, 0);
	assert_int_equal(f->state->spilled, 0);
	assert_int_equal(occupied(f), 0);
}

/* All of the above as the daemon's user: two capabilities, no root. */
static int drop_privileges(void)
{
	static const cap_value_t wanted[] = {CAP_BPF, CAP_PERFMON};
	cap_t caps = cap_init();
	int r;

	if (!caps || prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return -1;
	cap_set_flag(caps, CAP_PERMITTED, 2, wanted, CAP_SET);
	cap_set_flag(caps, CAP_EFFECTIVE, 2, wanted, CAP_SET);
	r = cap_set_proc(caps);
	cap_free(caps);
	return r;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_counts),	  TEST(test_times),
		TEST(test_handled_early), TEST(test_answered_by_user),
		TEST(test_not_handled),	  TEST(test_sizes),
		TEST(test_overlap),	  TEST(test_timeout),
		TEST(test_discard),	  TEST(test_epoch),
		TEST(test_spill),	  TEST(test_given_up),
		TEST(test_device_limit),  TEST(test_threads),
	};

	if (geteuid() != 0) {
		puts("needs root, to take on CAP_BPF and CAP_PERFMON alone");
		return 77;
	}
	if (drop_privileges() < 0) {
		perror("cannot drop privileges");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Processes in the maps of pai.bpf.c: keys, names, threads, and a map that is full.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "pai-fixture.h"

static int take_as_other_name(struct fixture *f)
{
	struct pai_task task;

	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "test-pai-tasks") != 0 || task.counters[1] != 5)
		return 1;
	prctl(PR_SET_NAME, "renamed");
	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "renamed") != 0 || task.counters[1] != 10)
		return 2;
	prctl(PR_SET_NAME, "fifteen-letters");
	if (sample_on(f, -1, 1) || !read_task(f, getpid(), &task) ||
	    strcmp(task.comm, "fifteen-letters") != 0)
		return 3;
	return 0;
}

static void test_tasks(void **data)
{
	struct fixture *f = *data;
	struct pai_task task;
	unsigned int nr;

	record(f, 0, 1, 5);
	for (int i = 0; i < 10; i++)
		in_child(f, NULL, take_as_other_name);
	assert_int_equal(sample_on(f, -1, 1), 0);
	assert_true(read_task(f, getpid(), &task));
	assert_int_equal(task.counters[1], 5);
	assert_int_equal(all_tasks(f, &nr), 10 * 15 + 5);
	assert_int_equal(nr, 10 + 1 + 1);
	assert_true(read_task(f, PAI_OTHER_TGID, &task));
	assert_int_equal(sum(task.counters), 0);
}

static void *named_thread(void *data)
{
	prctl(PR_SET_NAME, "worker");
	return (void *)(intptr_t)take_hundred(data);
}

static int take_in_thread(struct fixture *f)
{
	struct pai_task task;
	pthread_t thread;
	void *failed;

	if (pthread_create(&thread, NULL, named_thread, f) || pthread_join(thread, &failed) ||
	    failed || !read_task(f, getpid(), &task))
		return 1;
	return strcmp(task.comm, "test-pai-tasks") != 0 || task.counters[3] != 700;
}

/* A process is one thing, and has the name of its first thread. */
static void test_threads_of_task(void **data)
{
	struct fixture *f = *data;
	unsigned int nr;

	record(f, 0, 3, 7);
	in_child(f, NULL, take_in_thread);
	assert_int_equal(all_tasks(f, &nr), 700);
	assert_int_equal(nr, 1 + 1);
}

static void test_play(void **data)
{
	struct fixture *f = *data;
	struct pai_made_up *m = f->made_up;
	struct pai_task task;

	*m = (struct pai_made_up){
		.nr = 2,
		.tgid = 4242,
		.start_ns = 1,
		.path = "/a/b",
		.comm = "made-up",
		.records = {{1, 100}, {2, 200}},
	};
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->records[0].value = 1;
	strcpy(m->comm, "other-name");
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	assert_int_equal(f->cpus[1].samples, 2);
	assert_int_equal(f->cpus[1].events, 501);
	assert_int_equal(f->cpus[1].counters[1], 101);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, "/a/b");
	assert_int_equal(f->cgroups[1].counts.counters[2], 400);
	assert_true(read_task(f, 4242, &task));
	assert_string_equal(task.comm, "other-name");
	assert_int_equal(task.counters[2], 400);
	assert_false(read_task(f, getpid(), &task));

	/* A number that is used again is another process. */
	m->start_ns = 2;
	assert_int_equal(play(f), 0);
	assert_true(all_tasks(f, &(unsigned int){0}) == 501 + 201);
	m->nr = 0;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->nr = PAI_COUNTERS;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	m->nr = 2;
	m->records[1].number = 1;
	assert_int_equal(run_on(f->bpf->progs.pai_play, 1, 0, 0), 0);
	assert_int_equal(f->cpus[1].malformed, 3);
	assert_int_equal(TOTAL(f, events), 501 + 201);
}

/* By its key the daemon knows whether a process is gone. */
static void test_key_of_task(void **data)
{
	struct fixture *f = *data;
	struct pai_task_id id = {}, *last = NULL;
	unsigned long long ticks = 0;
	char stat[1024] = "";
	FILE *file;

	record(f, 0, 1, 1);
	assert_int_equal(sample_on(f, -1, 1), 0);
	do {
		assert_int_equal(
			bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id), 0);
		last = &id;
	} while (id.tgid != (uint32_t)getpid());
	assert_int_equal(id.unused, 0);
	file = fopen("/proc/self/stat", "re");
	assert_non_null(file);
	assert_non_null(fgets(stat, sizeof(stat), file));
	fclose(file);
	assert_int_equal(sscanf(strrchr(stat, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
				"%*d %*d %*d %*d %llu",
				&ticks),
			 1);
	assert_int_equal(id.start_ns / (1000000000 / sysconf(_SC_CLK_TCK)), ticks);
}

static void test_tasks_full(void **data)
{
	struct fixture *f = *data;
	struct pai_task_id id = {.start_ns = 1, .tgid = 1};
	struct pai_task task;
	unsigned int nr;

	*f->made_up = (struct pai_made_up){.nr = 1, .path = "/", .records = {{9, 3}}};
	f->made_up->start_ns = 1;
	for (uint32_t i = 1; i <= PAI_MAX_TASKS + 10; i++) {
		f->made_up->tgid = i;
		assert_int_equal(play(f), 0);
	}
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 10);
	assert_true(read_task(f, PAI_OTHER_TGID, &task));
	assert_int_equal(task.counters[9], 30);
	assert_string_equal(task.comm, "");
	assert_int_equal(all_tasks(f, &nr), (PAI_MAX_TASKS + 10) * 3);
	assert_int_equal(nr, PAI_MAX_TASKS + 1);
	/* The daemon has removed one that is gone: there is room for another. */
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 10);
	assert_true(read_task(f, PAI_MAX_TASKS + 10, &task));
	assert_int_equal(task.counters[9], 6);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_key_of_task), TEST(test_tasks),      TEST(test_threads_of_task),
		TEST(test_play),	TEST(test_tasks_full),
	};

	return find_what_is_needed() ?: cmocka_run_group_tests(tests, NULL, NULL);
}

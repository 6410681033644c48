// SPDX-License-Identifier: GPL-2.0
/*
 * Places of cgroups in the maps of pai.bpf.c: paths, places that are full, cgroups that come and
 * go.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "pai-fixture.h"

#define RACES (PAI_MAX_TASKS - 110) /* and 100 that find no room for their cgroup */

static int setup_small(void **data)
{
	*data = load(3);
	return 0;
}

static int setup_large(void **data)
{
	*data = load(RACES);
	return 0;
}

static void test_cgroups(void **data)
{
	struct fixture *f = *data;
	char first[PATH_MAX], second[PATH_MAX];

	strcpy(first, make_cgroup("first"));
	strcpy(second, make_cgroup("first/second"));
	record(f, 0, 1, 1);
	in_child(f, first, take_one);
	record(f, 0, 2, 10);
	in_child(f, second, take_hundred);
	in_child(f, first, take_one);
	assert_int_equal(nr_places(f), 2);
	assert_string_equal(f->cgroups[1].path, below_root(first));
	assert_string_equal(f->cgroups[2].path, below_root(second));
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
	assert_int_equal(f->cgroups[1].counts.counters[2], 10);
	assert_int_equal(f->cgroups[2].counts.counters[2], 1000);
	assert_int_equal(all_cgroups(f), 1011);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 0);
}

static void test_root_cgroup(void **data)
{
	struct fixture *f = *data;
	char root[sizeof(tree)];

	snprintf(root, sizeof(root), "%.*s", (int)mount_len, tree);
	record(f, 0, 1, 1);
	in_child(f, root, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, "/");
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
}

/* A service that is started again: another id, but the same path. */
static void test_cgroup_comes_back(void **data)
{
	struct fixture *f = *data;
	char path[PATH_MAX];

	record(f, 0, 7, 2);
	for (int i = 0; i < 5; i++) {
		strcpy(path, make_cgroup("service"));
		in_child(f, path, take_hundred);
		assert_return_code(rmdir(path), errno);
	}
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	assert_int_equal(f->cgroups[1].counts.counters[7], 1000);
}

/* What an LRU_HASH may do at any time. */
static void evict(struct fixture *f)
{
	int fd = bpf_map__fd(f->bpf->maps.pai_cgroup_index);
	unsigned int evicted = 0;
	uint64_t id;

	for (; !bpf_map_get_next_key(fd, NULL, &id); evicted++)
		assert_int_equal(bpf_map_delete_elem(fd, &id), 0);
	assert_true(evicted);
}

/* The scratch has the longer one still. */
static void test_short_after_long(void **data)
{
	struct fixture *f = *data;
	char first[PATH_MAX], second[PATH_MAX], third[PATH_MAX];

	strcpy(first, make_cgroup("a"));
	strcpy(second, make_cgroup("a/long"));
	strcpy(third, make_cgroup("a/longer-still"));
	pin_to(0);
	record(f, 0, 1, 1);
	in_child(f, first, take_one);
	in_child(f, second, take_one);
	evict(f);
	in_child(f, first, take_one);
	in_child(f, third, take_one);
	evict(f);
	in_child(f, first, take_one);
	unpin();
	assert_int_equal(nr_places(f), 3);
	assert_string_equal(f->cgroups[1].path, below_root(first));
	assert_string_equal(f->cgroups[2].path, below_root(second));
	assert_string_equal(f->cgroups[3].path, below_root(third));
	assert_int_equal(f->cgroups[1].counts.counters[1], 3);
}

static void test_cgroups_full(void **data)
{
	struct fixture *f = *data;
	char paths[5][PATH_MAX];

	for (int i = 0; i < 5; i++) {
		char name[] = {'0' + i, 0};

		strcpy(paths[i], make_cgroup(name));
	}
	record(f, 0, 1, 1);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 5; i++)
			in_child(f, paths[i], take_hundred);
		assert_int_equal(nr_places(f), 3);
		for (int i = 0; i < 3; i++) {
			assert_string_equal(f->cgroups[i + 1].path, below_root(paths[i]));
			assert_int_equal(f->cgroups[i + 1].counts.counters[1], 100 * round);
		}
		assert_int_equal(f->cgroups[0].counts.counters[1], 200 * round);
		assert_string_equal(f->cgroups[0].path, "");
		assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 200 * round);
		if (round == 2)
			evict(f);
	}
}

/* A path that is one byte too long, and one that just fits. */
static void test_long_paths(void **data)
{
	struct fixture *f = *data;
	char path[PATH_MAX], name[PATH_MAX] = "", *end = name;
	size_t len;

	make_cgroup("x");
	len = strlen(below_root(tree));
	assert_in_range(len, 1, 200);
	while (len < PAI_CGROUP_PATH - 1) {
		size_t part = PAI_CGROUP_PATH - 1 - len - 1;

		if (part > 255)
			part = part < 258 ? 200 : 255; /* each is a name, none is empty */
		if (end != name)
			*end++ = '/';
		memset(end, 'a' + (end - name) % 26, part);
		end += part;
		len += part + 1;
		strcpy(path, make_cgroup(name));
	}
	assert_int_equal(strlen(below_root(path)), PAI_CGROUP_PATH - 1);
	record(f, 0, 1, 1);
	in_child(f, path, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);

	*end++ = 'z'; /* its last name, one longer */
	strcpy(path, make_cgroup(name));
	in_child(f, path, take_one);
	strcpy(end, "/deeper");
	strcpy(path, make_cgroup(name));
	in_child(f, path, take_hundred);
	assert_int_equal(nr_places(f), 1);
	assert_int_equal(f->cgroups[0].counts.counters[1], 101);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 101);
}

static void test_deep_paths(void **data)
{
	struct fixture *f = *data;
	char name[PATH_MAX] = "a", path[PATH_MAX];
	unsigned int depth = 1;

	for (const char *c = below_root(tree); *c; c++)
		depth += *c == '/';
	assert_in_range(depth, 2, CGROUP_DEPTH - 1);
	record(f, 0, 1, 1);
	for (strcpy(path, make_cgroup(name)); depth < CGROUP_DEPTH; depth++) {
		strcat(name, "/b");
		strcpy(path, make_cgroup(name));
	}
	in_child(f, path, take_one);
	assert_int_equal(nr_places(f), 1);
	assert_string_equal(f->cgroups[1].path, below_root(path));
	for (int i = 1; i <= 5; i++) {
		strcat(name, "/b");
		strcpy(path, make_cgroup(name));
		in_child(f, path, take_one);
		assert_int_equal(f->cgroups[0].counts.counters[1], i);
		assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], i);
	}
	assert_int_equal(nr_places(f), 1);
	assert_int_equal(f->cgroups[1].counts.counters[1], 1);
}

static char first_cgroup[PATH_MAX], second_cgroup[PATH_MAX];

static int take_and_move(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		if (enter_cgroup(first_cgroup) || take_one(f) || enter_cgroup(second_cgroup) ||
		    take_hundred(f))
			return 1;
	return 0;
}

static void test_cgroup_is_changed(void **data)
{
	struct fixture *f = *data;

	strcpy(first_cgroup, make_cgroup("first"));
	strcpy(second_cgroup, make_cgroup("second"));
	record(f, 0, 1, 1);
	in_child(f, NULL, take_and_move);
	assert_int_equal(nr_places(f), 2);
	assert_string_equal(f->cgroups[1].path, below_root(first_cgroup));
	assert_string_equal(f->cgroups[2].path, below_root(second_cgroup));
	assert_int_equal(f->cgroups[1].counts.counters[1], 10);
	assert_int_equal(f->cgroups[2].counts.counters[1], 1000);
}

static int race_hundred(struct fixture *f)
{
	return run_race(f, 10, take_one, NULL);
}

/* Threads of a new process in a new cgroup take their first samples at once. */
static void test_new_at_once(void **data)
{
	struct fixture *f = *data;
	char name[16], path[PATH_MAX];
	unsigned int nr;

	record(f, 0, 1, 1);
	record(f, 1, 2, 2);
	for (int i = 0; i < 63; i++) { /* of 64: there is no race for the last place */
		snprintf(name, sizeof(name), "%d", i);
		strcpy(path, make_cgroup(name));
		in_child(f, path, race_hundred);
		assert_int_equal(nr_places(f), i + 1);
		assert_int_equal(find_cgroup(f, below_root(path))->counts.counters[1], 20);
	}
	assert_int_equal(all_tasks(f, &nr), 63 * 20);
	assert_int_equal(nr, 63 + 1);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 0);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 0);
}

static void next_of_race(struct fixture *f, int round)
{
	snprintf(f->made_up->path, sizeof(f->made_up->path), "/race/%d", round);
	f->made_up->tgid = round + 1;
}

/* More paths and processes than fit, each new to two CPUs at once. */
static void test_race(void **data)
{
	struct fixture *f = *data;
	char path[32];
	unsigned int nr;
	uint64_t last = 0;

	*f->made_up = (struct pai_made_up){.nr = 2, .records = {{1, 1}, {2, 1}}};
	assert_int_equal(run_race(f, RACES + 100, play, next_of_race), 0);
	assert_int_equal(nr_places(f), RACES);
	for (int i = 0; i < RACES; i++) {
		const struct pai_cgroup *cgroup;

		snprintf(path, sizeof(path), "/race/%d", i);
		cgroup = find_cgroup(f, path);
		assert_int_equal(cgroup->counts.counters[1], cgroup->counts.counters[2]);
		last = cgroup->counts.counters[1];
		/* While one CPU takes the last place, the other may find none. */
		assert_in_range(last, i < RACES - 1 ? 2 : 1, 2);
	}
	assert_int_equal(f->cgroups[0].counts.counters[1], 202 - last);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 202 - last);
	assert_int_equal(all_tasks(f, &nr), (RACES + 100) * 4);
	assert_int_equal(nr, RACES + 100 + 1);
	assert_int_equal(f->state->dropped[PAI_DROPPED_TASKS], 0);
	assert_int_equal(TOTAL(f, samples), (RACES + 100) * 2);
}

/* An element of the hash that has become another path's while it is read. */
static void test_others_ticket(void **data)
{
	struct fixture *f = *data;
	char path[PAI_CGROUP_PATH] = "/new";
	uint32_t ticket;
	int fd = bpf_map__fd(f->bpf->maps.pai_cgroup_paths);

	*f->made_up = (struct pai_made_up){.nr = 1, .path = "/old", .records = {{9, 3}}};
	assert_int_equal(play(f), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, f->made_up->path, &ticket), 0);
	assert_int_equal(bpf_map_update_elem(fd, path, &ticket, BPF_NOEXIST), 0);
	strcpy(f->made_up->path, "/new");
	assert_int_equal(play(f), 0);
	assert_int_equal(f->cgroups[0].counts.counters[9], 3);
	assert_int_equal(f->cgroups[1].counts.counters[9], 3);
	assert_int_equal(f->state->dropped[PAI_DROPPED_CGROUPS], 1);
	assert_int_equal(bpf_map_delete_elem(fd, path), 0);
	assert_int_equal(play(f), 0);
	assert_int_equal(find_cgroup(f, "/new")->counts.counters[9], 3);
	assert_int_equal(f->cgroups[1].counts.counters[9], 3);
}

int main(void)
{
#define TEST_WITH(f, setup) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST(f) TEST_WITH(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_cgroups),
		TEST(test_root_cgroup),
		TEST(test_cgroup_comes_back),
		TEST(test_short_after_long),
		TEST_WITH(test_cgroups_full, setup_small),
		TEST(test_long_paths),
		TEST(test_deep_paths),
		TEST(test_cgroup_is_changed),
		TEST(test_new_at_once),
		TEST_WITH(test_race, setup_large),
		TEST(test_others_ticket),
	};

	return find_what_is_needed() ?: cmocka_run_group_tests(tests, NULL, NULL);
}

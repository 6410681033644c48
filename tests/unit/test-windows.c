// SPDX-License-Identifier: GPL-2.0
/* What was used in the current and the last minute, of made-up accounts and at a made-up time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "source/accounts.h"
#include "source/windows.h"

#define SECOND 1000000000ULL
#define FAULTS 0 /* columns */
#define CLOCK 1
#define A 1 /* accounts: two cgroups, three processes */
#define B 2
#define P 3
#define Q 4
#define R 5
#define DEPARTED 6
#define NR 7

static uint64_t now;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	/* Boot was at 1,000 s. */
	uint64_t ns = clock == CLOCK_REALTIME ? 1000 * SECOND + now : now;

	*ret_time = (struct timespec){ns / SECOND, ns % SECOND};
	return 0;
}

static struct switch_account accounts[NR];
static struct switch_cell cells[SWITCH_COLUMNS + 2 * NR];
static char paths[B + 1][CGROUP_PATH];
static struct switch_state state;
static struct attribution attribution;

static void open_place(uint32_t account)
{
	uint32_t generation = place_state(accounts[account].state, 0) + PLACE_PHASES + 1;

	accounts[account].state = place_state(generation, PLACE_OPEN);
}

static void open_cgroup(uint32_t account, const char *path)
{
	open_place(account);
	strcpy(paths[account], path);
}

static void open_process(uint32_t account, uint32_t cgroup, uint32_t tgid, const char *comm)
{
	static uint32_t order;

	open_place(account);
	accounts[account].cgroup = place_ticket(accounts[cgroup].state, cgroup);
	accounts[account].tgid = tgid;
	accounts[account].start_ns = accounts[account].order = ++order;
	strcpy(accounts[account].comm, comm);
}

static void use(uint32_t account, uint32_t column, uint64_t value)
{
	uint32_t cell = SWITCH_COLUMNS + 2 * account + column;

	accounts[account].cells[column] = cell;
	cells[cell].sum.value += value;
	cells[cell].sum.enabled += 10 * value;
	cells[cell].sum.running += 9 * value;
}

/* As accounts.c does: the counts go to another account, and the place is free. */
static void fold(uint32_t from, uint32_t to)
{
	for (uint32_t column = FAULTS; column <= CLOCK; column++) {
		struct switch_cell *cell = &cells[accounts[from].cells[column]];

		if (accounts[from].cells[column]) {
			use(to, column, cell->sum.value);
			memset(cell, 0, sizeof(*cell));
		}
		accounts[from].cells[column] = 0;
	}
	accounts[from].state = place_state(accounts[from].state, PLACE_FREE);
}

static int setup(void **data)
{
	now = 5 * SECOND;
	memset(accounts, 0, sizeof(accounts));
	memset(cells, 0, sizeof(cells));
	state = (struct switch_state){.columns = {{1, true}, {2, false}},
				      .ranges = {{.first = A, .nr = 2}, {.first = P, .nr = 3}}};
	attribution = (struct attribution){.nr_accounts = NR,
					   .nr_cells = sizeof(cells) / sizeof(*cells),
					   .accounts = accounts,
					   .cells = cells,
					   .paths = paths,
					   .state = &state,
					   .windows = windows_new()};
	open_cgroup(A, "/a");
	open_cgroup(B, "/b");
	open_process(P, A, 100, "p");
	open_process(Q, B, 200, "q");
	use(P, FAULTS, 1000);
	use(A, CLOCK, 2000);
	windows_tend(&attribution);
	return 0;
}

static int teardown(void **data)
{
	windows_free(attribution.windows);
	return 0;
}

/* What a cgroup, or a process if path is NULL, has in a minute; and it is there only once. */
static struct events_reading find(const struct accounts_minute *minute, uint32_t column,
				  const char *path, uint32_t tgid)
{
	const struct account_sums *sums = path ? &minute->cgroups : &minute->processes;
	struct events_reading found = {};
	uint32_t nr = 0;

	for (size_t i = 0; i < sums->nr; i++) {
		const struct account_sum *sum = &sums->sums[i];

		assert_int_equal(sum->kind, ACCOUNT_NAMED);
		if (sum->column != column || (path ? strcmp(sum->path, path) : sum->tgid != tgid) ||
		    (!path && !accounts_is_latest(sums, i)))
			continue;
		found = sum->sum;
		nr++;
	}
	assert_in_range(nr, 0, 1);
	return found;
}

/* In the current minute and in the last one. */
static void expect(uint32_t column, const char *path, uint32_t tgid, uint64_t current,
		   uint64_t last)
{
	struct accounts_look *look = accounts_look(&attribution);
	const struct accounts_minute *before;
	struct accounts_minute minute;
	struct events_reading sum;

	assert_int_equal(accounts_minutes(&attribution, look, &minute, &before), 0);
	sum = find(&minute, column, path, tgid);
	assert_int_equal(sum.value, current);
	assert_int_equal(sum.enabled, 10 * current);
	assert_int_equal(sum.running, 9 * current);
	sum = find(before, column, path, tgid);
	assert_int_equal(sum.value, last);
	assert_int_equal(sum.enabled, 10 * last);
	assert_int_equal(sum.running, 9 * last);
	accounts_minute_clear(&minute);
	accounts_look_free(look);
}

/* When they began, in seconds. */
static void expect_begin(uint64_t current, uint64_t last)
{
	struct accounts_look *look = accounts_look(&attribution);
	const struct accounts_minute *before;
	struct accounts_minute minute;

	assert_int_equal(accounts_minutes(&attribution, look, &minute, &before), 0);
	assert_int_equal(minute.start_ns, current * SECOND);
	assert_int_equal(before->start_ns, last * SECOND);
	accounts_minute_clear(&minute);
	accounts_look_free(look);
}

/* What was before the first one is in none; what is in one is in it alone. */
static void test_minutes(void **data)
{
	expect(FAULTS, "/a", 0, 0, 0);
	expect_begin(1005, 0);
	use(P, FAULTS, 5);
	use(A, CLOCK, 7);
	use(Q, FAULTS, 3);
	now += 59 * SECOND;
	windows_tend(&attribution);
	expect_begin(1005, 0);
	expect(FAULTS, "/a", 0, 5, 0);
	expect(CLOCK, "/a", 0, 7, 0);
	expect(FAULTS, "/b", 0, 3, 0);
	expect(FAULTS, NULL, 100, 5, 0);
	now += 3 * SECOND;
	windows_tend(&attribution);
	expect_begin(1067, 1005);
	expect(FAULTS, "/a", 0, 0, 5);
	use(P, FAULTS, 2);
	use(Q, FAULTS, 1);
	expect(FAULTS, "/a", 0, 2, 5);
	expect(CLOCK, "/a", 0, 0, 7);
	expect(FAULTS, NULL, 100, 2, 5);
	expect(FAULTS, NULL, 200, 1, 3);
	now += 60 * SECOND;
	windows_tend(&attribution);
	expect_begin(1127, 1067);
	expect(FAULTS, NULL, 100, 0, 2);
	expect(CLOCK, "/a", 0, 0, 0);
}

/* Who has ended is in its minute, without what it used before. */
static void test_ended(void **data)
{
	use(P, FAULTS, 5);
	use(A, CLOCK, 7);
	windows_end_cgroup(&attribution, A);
	windows_end_process(&attribution, P);
	fold(P, DEPARTED);
	fold(A, DEPARTED);
	expect(FAULTS, "/a", 0, 5, 0);
	expect(CLOCK, "/a", 0, 7, 0);
	expect(FAULTS, NULL, 100, 5, 0);
	now += 60 * SECOND;
	windows_tend(&attribution);
	expect(FAULTS, "/a", 0, 0, 5);
	expect(CLOCK, "/a", 0, 0, 7);
	expect(FAULTS, NULL, 100, 0, 5);
	now += 60 * SECOND;
	windows_tend(&attribution);
	expect(FAULTS, "/a", 0, 0, 0);
	expect(FAULTS, NULL, 100, 0, 0);
}

/* A place is another one's; a cgroup of the same path is the same one. */
static void test_places(void **data)
{
	use(P, FAULTS, 5);
	windows_end_cgroup(&attribution, A);
	windows_end_process(&attribution, P);
	fold(P, DEPARTED);
	fold(A, DEPARTED);
	open_cgroup(A, "/c");
	open_process(P, A, 300, "r");
	use(P, FAULTS, 4);
	expect(FAULTS, "/a", 0, 5, 0);
	expect(FAULTS, "/c", 0, 4, 0);
	expect(FAULTS, NULL, 100, 5, 0);
	expect(FAULTS, NULL, 300, 4, 0);
	windows_end_cgroup(&attribution, A);
	windows_end_process(&attribution, P);
	fold(P, DEPARTED);
	fold(A, DEPARTED);
	open_cgroup(A, "/a");
	open_process(P, A, 400, "s");
	use(P, FAULTS, 3);
	expect(FAULTS, "/a", 0, 8, 0);
	expect(FAULTS, NULL, 400, 3, 0);
	now += 60 * SECOND;
	windows_tend(&attribution);
	use(P, FAULTS, 1);
	expect(FAULTS, "/a", 0, 1, 8);
	expect(FAULTS, "/c", 0, 0, 4);
	expect(FAULTS, NULL, 400, 1, 3);
}

/* A process that was in two cgroups is one. */
static void test_moved(void **data)
{
	use(P, FAULTS, 5);
	open_process(R, B, 100, "p");
	accounts[R].start_ns = accounts[P].start_ns;
	use(R, FAULTS, 2);
	expect(FAULTS, NULL, 100, 7, 0);
	expect(FAULTS, "/a", 0, 5, 0);
	expect(FAULTS, "/b", 0, 2, 0);
	/* Its first cgroup goes, then the process. */
	windows_end_cgroup(&attribution, A);
	accounts[P].cgroup = SWITCH_DEPARTED;
	fold(A, DEPARTED);
	expect(FAULTS, NULL, 100, 7, 0);
	windows_end_process(&attribution, P);
	windows_end_process(&attribution, R);
	fold(P, DEPARTED);
	fold(R, DEPARTED);
	expect(FAULTS, NULL, 100, 7, 0);
	expect(FAULTS, "/a", 0, 5, 0);
}

/* A PID that is used again is that of the later process, before and after the earlier one is given
 * up; nothing is lost in all. */
static void test_pid_again(void **data)
{
	struct accounts_look *look;
	uint64_t all = 0;

	use(P, FAULTS, 5);
	open_process(R, B, 100, "r");
	use(R, FAULTS, 2);
	expect(FAULTS, NULL, 100, 2, 0);
	expect(FAULTS, "/a", 0, 5, 0);
	look = accounts_look(&attribution);
	for (size_t i = 0; i < look->processes.nr; i++) {
		const struct account_sum *sum = &look->processes.sums[i];

		assert_true(sum->kind != ACCOUNT_NAMED || strcmp(sum->comm, "p"));
		all += sum->sum.value;
	}
	assert_int_equal(all, 1000 + 5 + 2);
	assert_int_equal(look->totals[FAULTS].value, all);
	accounts_look_free(look);
	windows_end_process(&attribution, P);
	fold(P, A);
	expect(FAULTS, NULL, 100, 2, 0);
	expect(FAULTS, "/a", 0, 5, 0);
}

/* The column is another event's. */
static void test_column(void **data)
{
	use(P, FAULTS, 5);
	use(A, CLOCK, 7);
	now += 60 * SECOND;
	windows_tend(&attribution);
	use(P, FAULTS, 6);
	use(A, CLOCK, 8);
	use(Q, FAULTS, 4);
	windows_end_cgroup(&attribution, B);
	windows_end_process(&attribution, Q);
	fold(Q, DEPARTED);
	windows_forget(attribution.windows, FAULTS);
	memset(&cells[accounts[P].cells[FAULTS]], 0, sizeof(*cells));
	accounts[P].cells[FAULTS] = 0;
	expect(FAULTS, "/a", 0, 0, 0);
	expect(FAULTS, NULL, 100, 0, 0);
	expect(FAULTS, "/b", 0, 0, 0);
	expect(FAULTS, NULL, 200, 0, 0);
	expect(CLOCK, "/a", 0, 8, 7);
	use(P, FAULTS, 9);
	expect(FAULTS, "/a", 0, 9, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_minutes), TEST(test_ended),  TEST(test_places),
		TEST(test_moved),   TEST(test_column), TEST(test_pid_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

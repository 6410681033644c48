// SPDX-License-Identifier: GPL-2.0
#include "windows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../util/clock.h"
#include "accounts.h"
#include "places.h"
#include "sums.h"

#define MINUTE_NS 60000000000ULL

struct windows {
	uint64_t due_ns; /* CLOCK_MONOTONIC: when the current minute is over; 0: there is none */
	uint64_t start_ns;
	struct account_sums cgroups, processes;		    /* when the current minute began */
	struct account_sums ended_cgroups, ended_processes; /* since then, in all */
	struct accounts_minute last;
};

struct windows *windows_new(void)
{
	return calloc(1, sizeof(struct windows));
}

void windows_free(struct windows *windows)
{
	if (!windows)
		return;
	sums_clear(&windows->cgroups);
	sums_clear(&windows->processes);
	sums_clear(&windows->ended_cgroups);
	sums_clear(&windows->ended_processes);
	accounts_minute_clear(&windows->last);
	free(windows);
}

/* Looks */

/* Adds a cell to the sums of its cgroup. cgroup: a ticket, 0 or SWITCH_DEPARTED. */
static int add_to_cgroup(const struct attribution *attribution, struct account_sums *sums,
			 uint32_t cgroup, uint32_t column, const struct events_reading *reading)
{
	struct account_sum sum = {.column = column, .sum = *reading};
	uint32_t index = cgroup & PLACE_INDEX;

	if (cgroup == SWITCH_DEPARTED)
		sum.kind = ACCOUNT_DEPARTED;
	else if (!index || index > attribution->state->ranges[SWITCH_CGROUPS].nr)
		sum.kind = ACCOUNT_OTHER;
	else
		sum.path = attribution->paths[index];
	return sums_add(sums, &sum);
}

/* The same for a process; account NULL: not of one. */
static int add_to_process(struct account_sums *sums, const struct switch_account *account,
			  enum account_kind kind, uint32_t column,
			  const struct events_reading *reading)
{
	struct account_sum sum = {.column = column, .kind = kind, .sum = *reading};

	if (account && account->tgid == SWITCH_DEPARTED) {
		sum.kind = ACCOUNT_DEPARTED;
	} else if (account) {
		sum.tgid = account->tgid;
		sum.start_ns = account->start_ns;
		sum.order = account->order;
		memcpy(sum.comm, account->comm, sizeof(sum.comm));
		sum.comm[sizeof(sum.comm) - 1] = '\0';
	}
	return sums_add(sums, &sum);
}

/* Adds a cell of an account to both sums. */
static int add_cell(const struct attribution *attribution, struct accounts_look *look,
		    uint32_t index, uint32_t column, uint32_t cell)
{
	const struct switch_account *account = &attribution->accounts[index];
	const volatile struct events_reading *sum = &attribution->cells[cell].sum;
	const struct events_reading reading = {sum->value, sum->enabled, sum->running};
	uint32_t first = attribution->state->ranges[SWITCH_PROCESSES].first;
	bool is_last = index == attribution->nr_accounts - 1, process = index >= first && !is_last;
	int r;

	look->totals[column] = reader_sum(look->totals[column], &reading);
	r = add_to_cgroup(attribution, &look->cgroups,
			  is_last   ? SWITCH_DEPARTED
			  : process ? account->cgroup
				    : index,
			  column, &reading);
	if (r < 0 || !attribution->state->columns[column].by_process)
		return r;
	return add_to_process(&look->processes, process ? account : NULL,
			      process ? ACCOUNT_NAMED : ACCOUNT_OTHER, column, &reading);
}

/* Departed ones and others are always there, so that their series do not begin in the midst. */
static int add_unnamed(const struct attribution *attribution, struct accounts_look *look)
{
	static const struct events_reading none;
	int r = 0;

	for (uint32_t column = 0; column < SWITCH_COLUMNS && !r; column++) {
		if (!attribution->state->columns[column].event)
			continue;
		r = add_to_cgroup(attribution, &look->cgroups, SWITCH_DEPARTED, column, &none);
		if (r < 0 || !attribution->state->columns[column].by_process)
			continue;
		r = add_to_process(&look->processes, NULL, ACCOUNT_DEPARTED, column, &none)
			    ?: add_to_process(&look->processes, NULL, ACCOUNT_OTHER, column, &none);
	}
	return r;
}

/* A PID that is used again is that of the later process; the earlier one has departed. */
static void depart_earlier(struct account_sums *processes)
{
	for (size_t i = 0; i < processes->nr; i++)
		if (!accounts_is_latest(processes, i))
			processes->sums[i].kind = ACCOUNT_DEPARTED;
	sums_merge(processes);
}

struct accounts_look *accounts_look(const struct attribution *attribution)
{
	struct accounts_look *look = calloc(1, sizeof(*look));
	int r = look ? add_unnamed(attribution, look) : 0;

	for (uint32_t i = 0; look && i < attribution->nr_accounts && !r; i++) {
		const uint32_t *cells = attribution->accounts[i].cells;

		if (i && i + 1 < attribution->nr_accounts &&
		    place_phase(places_state(&attribution->accounts[i].state)) == PLACE_FREE)
			continue;
		for (uint32_t column = 0; column < SWITCH_COLUMNS && !r; column++) {
			uint32_t cell = i ? __atomic_load_n(&cells[column], __ATOMIC_ACQUIRE)
					  : column;

			if ((cell || !i) && attribution->state->columns[column].event)
				r = add_cell(attribution, look, i, column, cell);
		}
	}
	if (r < 0) {
		accounts_look_free(look);
		return NULL;
	}
	if (look) {
		sums_merge(&look->cgroups);
		sums_merge(&look->processes);
		depart_earlier(&look->processes);
	}
	return look;
}

void accounts_look_free(struct accounts_look *look)
{
	if (!look)
		return;
	sums_clear(&look->cgroups);
	sums_clear(&look->processes);
	free(look);
}

/* Windows */

void windows_end_cgroup(const struct attribution *attribution, uint32_t index)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];
	uint32_t ticket = place_ticket(attribution->accounts[index].state, index);

	for (uint32_t i = range->first - 1; i < range->first + range->nr; i++) {
		uint32_t account = i < range->first ? index : i;
		const uint32_t *cells = attribution->accounts[account].cells;

		if (account != index && attribution->accounts[i].cgroup != ticket)
			continue;
		for (uint32_t column = 0; column < SWITCH_COLUMNS; column++)
			if (cells[column])
				add_to_cgroup(attribution, &attribution->windows->ended_cgroups,
					      ticket, column,
					      &attribution->cells[cells[column]].sum);
	}
}

void windows_end_process(const struct attribution *attribution, uint32_t index)
{
	const struct switch_account *account = &attribution->accounts[index];

	for (uint32_t column = 0; column < SWITCH_COLUMNS; column++)
		if (account->cells[column])
			add_to_process(&attribution->windows->ended_processes, account,
				       ACCOUNT_NAMED, column,
				       &attribution->cells[account->cells[column]].sum);
}

static void forget(struct account_sums *sums, uint32_t column)
{
	size_t nr = 0;

	for (size_t i = 0; i < sums->nr; i++) {
		if (sums->sums[i].column == column)
			free(sums->sums[i].path);
		else
			sums->sums[nr++] = sums->sums[i];
	}
	sums->nr = nr;
}

void windows_forget(struct windows *windows, uint32_t column)
{
	forget(&windows->cgroups, column);
	forget(&windows->processes, column);
	forget(&windows->ended_cgroups, column);
	forget(&windows->ended_processes, column);
	forget(&windows->last.cgroups, column);
	forget(&windows->last.processes, column);
}

/* What is named now or has ended, minus what it had when the minute began. */
static int used(const struct account_sums *now, const struct account_sums *ended,
		const struct account_sums *before, struct account_sums *ret_used)
{
	int r = sums_add_all(ret_used, ended);

	for (size_t i = 0; i < now->nr && !r; i++)
		if (now->sums[i].kind == ACCOUNT_NAMED)
			r = sums_add(ret_used, &now->sums[i]);
	if (r < 0)
		return r;
	sums_merge(ret_used);
	sums_subtract(ret_used, before);
	return 0;
}

int accounts_minutes(const struct attribution *attribution, const struct accounts_look *look,
		     struct accounts_minute *ret_current, const struct accounts_minute **ret_last)
{
	const struct windows *windows = attribution->windows;
	int r;

	*ret_current = (struct accounts_minute){.start_ns = windows->start_ns};
	*ret_last = &windows->last;
	r = used(&look->cgroups, &windows->ended_cgroups, &windows->cgroups, &ret_current->cgroups);
	r = r
		    ?: used(&look->processes, &windows->ended_processes, &windows->processes,
			    &ret_current->processes);
	if (r < 0)
		accounts_minute_clear(ret_current);
	return r;
}

void accounts_minute_clear(struct accounts_minute *minute)
{
	sums_clear(&minute->cgroups);
	sums_clear(&minute->processes);
	minute->start_ns = 0;
}

void windows_tend(struct attribution *attribution)
{
	struct windows *windows = attribution->windows;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	const struct accounts_minute *last;
	struct accounts_minute current;
	struct accounts_look *look;

	if (now < windows->due_ns)
		return;
	look = accounts_look(attribution);
	if (!look)
		return;
	if (windows->due_ns && !accounts_minutes(attribution, look, &current, &last)) {
		accounts_minute_clear(&windows->last);
		windows->last = current;
	}
	sums_clear(&windows->cgroups);
	sums_clear(&windows->processes);
	sums_clear(&windows->ended_cgroups);
	sums_clear(&windows->ended_processes);
	windows->cgroups = look->cgroups;
	windows->processes = look->processes;
	free(look);
	windows->start_ns = clock_ns(CLOCK_REALTIME);
	windows->due_ns = now + MINUTE_NS;
}

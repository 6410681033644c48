// SPDX-License-Identifier: GPL-2.0
/* Frees the accounts of cgroups and processes that have departed, after whichever store a daemon
 * dies. windows.c copies them. */
#include "accounts.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../util/cleanup.h"
#include "../util/log.h"
#include "../util/namespaces.h"
#include "cgroup_root.h"
#include "places.h"
#include "windows.h"

static uint32_t nr_cgroups(const struct attribution *attribution)
{
	return attribution->state->ranges[SWITCH_CGROUPS].nr;
}

static bool is_process(const struct attribution *attribution, uint32_t index)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];

	return index >= range->first && index - range->first < range->nr;
}

static enum place_phase phase_of(const struct attribution *attribution, uint32_t index)
{
	return place_phase(places_state(&attribution->accounts[index].state));
}

/* Free bits */

static void set_free(struct attribution *attribution, enum switch_kind kind, uint32_t element)
{
	const struct switch_range *range = &attribution->state->ranges[kind];
	uint32_t bit = element - range->first;

	__atomic_fetch_or(&attribution->free[range->word + bit / 64], 1ULL << (bit & 63),
			  __ATOMIC_SEQ_CST);
}

static enum switch_kind kind_of_cell(const struct attribution *attribution, uint32_t cell)
{
	return cell < attribution->state->ranges[SWITCH_PROCESS_CELLS].first ? SWITCH_CGROUP_CELLS
									     : SWITCH_PROCESS_CELLS;
}

/* Frees a cell that no account refers to. */
static void free_cell(struct attribution *attribution, uint32_t cell)
{
	memset(&attribution->cells[cell].sum, 0, sizeof(attribution->cells[cell].sum));
	__atomic_store_n(&attribution->cells[cell].owner, 0, __ATOMIC_SEQ_CST);
	set_free(attribution, kind_of_cell(attribution, cell), cell);
}

static void free_place(struct attribution *attribution, uint32_t index)
{
	places_free(&attribution->accounts[index].state);
	set_free(attribution, is_process(attribution, index) ? SWITCH_PROCESSES : SWITCH_CGROUPS,
		 index);
}

/* Folding */

static void apply_journal(struct attribution *attribution)
{
	struct switch_journal *journal = &attribution->state->journal;

	if (!journal->active)
		return;
	if (journal->from < attribution->nr_cells && journal->to < attribution->nr_cells) {
		attribution->cells[journal->to].sum = journal->sum;
		memset(&attribution->cells[journal->from].sum, 0,
		       sizeof(attribution->cells[journal->from].sum));
	}
	__atomic_store_n(&journal->active, 0, __ATOMIC_SEQ_CST);
}

/* Adds a cell to another one; only the daemon writes to both. */
static void add_cell(struct attribution *attribution, uint32_t from, uint32_t to)
{
	struct switch_journal *journal = &attribution->state->journal;

	journal->from = from;
	journal->to = to;
	journal->sum = reader_sum(attribution->cells[from].sum, &attribution->cells[to].sum);
	reader_commit(&journal->active, 1);
	apply_journal(attribution);
}

/* Moves all counts of an account to another one; only the daemon writes to both. */
static void fold(struct attribution *attribution, uint32_t from, uint32_t to)
{
	struct switch_account *accounts = attribution->accounts;

	for (uint32_t column = 0; column < SWITCH_COLUMNS; column++) {
		uint32_t source = accounts[from].cells[column];
		uint32_t target = accounts[to].cells[column];

		if (!source)
			continue;
		if (target && target != source) {
			add_cell(attribution, source, target);
			reader_commit(&accounts[from].cells[column], 0);
			free_cell(attribution, source);
			continue;
		}
		/* At each of these stores its owner has it: sweep() does not free it. */
		reader_commit(&accounts[to].cells[column], source);
		__atomic_store_n(&attribution->cells[source].owner, switch_owner(to, column),
				 __ATOMIC_SEQ_CST);
		reader_commit(&accounts[from].cells[column], 0);
	}
}

/* The account of that name among those that only the daemon writes to, or 0. */
static uint32_t find_renamed(const struct attribution *attribution, uint32_t cgroup, uint32_t tgid,
			     uint64_t start_ns)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];

	for (uint32_t i = range->first; i < range->first + range->nr; i++) {
		const struct switch_account *account = &attribution->accounts[i];

		if (account->cgroup == cgroup && account->tgid == tgid &&
		    (account->start_ns == start_ns || tgid == SWITCH_DEPARTED) &&
		    phase_of(attribution, i) == PLACE_OPEN)
			return i;
	}
	return 0;
}

/* Gives the account of a process another name, or adds it to the one that has this name. Programs
 * do not find it. */
static void rename_process(struct attribution *attribution, uint32_t index, uint32_t cgroup,
			   uint32_t tgid)
{
	struct switch_account *account = &attribution->accounts[index];
	uint32_t same = find_renamed(attribution, cgroup, tgid, account->start_ns);
	uint32_t state = places_state(&account->state);

	if (same && same != index) {
		fold(attribution, index, same);
		free_place(attribution, index);
		return;
	}
	account->cgroup = cgroup;
	account->tgid = tgid;
	/* With the next generation no ticket finds it. */
	__atomic_store_n(&account->state, place_state(state + PLACE_PHASES + 1, PLACE_OPEN),
			 __ATOMIC_SEQ_CST);
}

/* Departures */

/* Has the cgroup of an account been removed? */
static bool is_cgroup_gone(const struct attribution *attribution, uint32_t index)
{
	const char *path = attribution->paths[index];
	struct stat st;

	return strnlen(path, CGROUP_PATH) < CGROUP_PATH && path[0] && path[1] &&
	       fstatat(attribution->cgroup_root, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

/* Has a process ended? Its PID may be that of a later one. What an earlier daemon left is nobody's
 * if this one cannot tell. */
static bool is_process_gone(const struct attribution *attribution, uint32_t index)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];
	const struct switch_account *account = &attribution->accounts[index];

	if (!account->tgid || account->tgid == SWITCH_DEPARTED)
		return false;
	if (!namespaces_pid_is_initial() || (kill(account->tgid, 0) < 0 && errno == ESRCH))
		return true;
	for (uint32_t i = range->first; i < range->first + range->nr; i++)
		if (attribution->accounts[i].tgid == account->tgid &&
		    attribution->accounts[i].start_ns > account->start_ns &&
		    phase_of(attribution, i) == PLACE_OPEN)
			return true;
	return false;
}

/* Are two accounts of the same process, in different cgroups? */
static bool is_same_process(const struct attribution *attribution, uint32_t i, uint32_t j)
{
	const struct switch_account *a = &attribution->accounts[i], *b = &attribution->accounts[j];

	return i != j && a->tgid == b->tgid && a->start_ns == b->start_ns &&
	       a->tgid != SWITCH_DEPARTED;
}

/* The first account of a process that has one at this index. All close together: what is served of
 * a process never goes back. */
static uint32_t first_of_process(const struct attribution *attribution, uint32_t index)
{
	uint32_t first = attribution->state->ranges[SWITCH_PROCESSES].first;

	for (uint32_t i = first; i < index; i++)
		if (is_same_process(attribution, i, index) &&
		    (phase_of(attribution, i) == PLACE_OPEN ||
		     phase_of(attribution, i) == PLACE_CLOSING))
			return i;
	return index;
}

/* Has a process ended, and does none of its accounts stay open? */
static bool departs_as_a_whole(const struct attribution *attribution, uint32_t index)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];

	if (!is_process_gone(attribution, index))
		return false;
	for (uint32_t i = range->first; i < range->first + range->nr; i++)
		if (is_same_process(attribution, i, index) &&
		    phase_of(attribution, i) == PLACE_OPEN)
			return false;
	return true;
}

static uint32_t count_free(const struct attribution *attribution, enum switch_kind kind)
{
	const struct switch_range *range = &attribution->state->ranges[kind];
	uint32_t nr = 0;

	for (uint32_t i = range->first; i < range->first + range->nr; i++)
		nr += phase_of(attribution, i) == PLACE_FREE;
	return nr;
}

/* Marks the places of a kind whose owners have departed as closing. Returns their number. */
static uint32_t close_places(struct attribution *attribution, enum switch_kind kind)
{
	const struct switch_range *range = &attribution->state->ranges[kind];
	bool few = 2 * count_free(attribution, kind) < range->nr;
	uint32_t nr = 0;

	for (uint32_t i = range->first; i < range->first + range->nr; i++) {
		uint32_t first = kind == SWITCH_PROCESSES ? first_of_process(attribution, i) : i;
		struct switch_account *account = &attribution->accounts[i];
		uint32_t state = places_state(&account->state);
		bool gone = place_phase(state) == PLACE_OPEN && first == i &&
			    (kind == SWITCH_CGROUPS ? is_cgroup_gone(attribution, i)
						    : is_process_gone(attribution, i));

		if ((gone && (few || attribution->absent[i] == state)) ||
		    (first != i && phase_of(attribution, first) == PLACE_CLOSING))
			places_close(&account->state);
		attribution->absent[i] = gone ? state : 0;
		nr += phase_of(attribution, i) == PLACE_CLOSING;
	}
	return nr;
}

/* Is the cgroup of a process departing? */
static bool departs(const struct attribution *attribution, uint32_t ticket)
{
	uint32_t index = ticket & PLACE_INDEX, state;

	if (ticket == SWITCH_DEPARTED || !index || index > nr_cgroups(attribution))
		return false;
	state = places_state(&attribution->accounts[index].state);
	return state == place_state(ticket, PLACE_CLOSING);
}

/* Closes the places of processes in a departing cgroup: they go on elsewhere. */
static void close_inside(struct attribution *attribution)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];

	for (uint32_t i = range->first; i < range->first + range->nr; i++)
		if (departs(attribution, attribution->accounts[i].cgroup))
			places_close(&attribution->accounts[i].state);
}

/* Removes the names of all closing places. 0 or a negative errno. */
static int forget(struct attribution *attribution)
{
	int names = bpf_map__fd(attribution->bpf->maps.switch_names);
	int procs = bpf_map__fd(attribution->bpf->maps.switch_procs);
	int r = 0;

	for (uint32_t i = 1; i + 1 < attribution->nr_accounts; i++) {
		const struct switch_account *account = &attribution->accounts[i];
		uint32_t ticket = place_ticket(account->state, i);
		struct switch_process process = {account->start_ns, account->tgid, account->cgroup};

		if (phase_of(attribution, i) != PLACE_CLOSING)
			continue;
		r = (is_process(attribution, i)
			     ? places_forget(procs, &process, ticket)
			     : places_forget(names, attribution->paths[i], ticket))
			    ?: r;
	}
	return r;
}

/* Moves the counts of all closing places, which no program finds any more, and frees them. */
static void settle_accounts(struct attribution *attribution)
{
	const struct switch_range *range = &attribution->state->ranges[SWITCH_PROCESSES];

	for (uint32_t i = 1; i <= nr_cgroups(attribution); i++)
		if (phase_of(attribution, i) == PLACE_CLOSING)
			windows_end_cgroup(attribution, i);
	for (uint32_t i = range->first; i < range->first + range->nr; i++) {
		struct switch_account *account = &attribution->accounts[i];
		uint32_t cgroup = departs(attribution, account->cgroup) ? SWITCH_DEPARTED
									: account->cgroup;
		bool gone;

		if (phase_of(attribution, i) != PLACE_CLOSING)
			continue;
		gone = departs_as_a_whole(attribution, i);
		if (gone)
			windows_end_process(attribution, i);
		rename_process(attribution, i, cgroup, gone ? SWITCH_DEPARTED : account->tgid);
	}
	for (uint32_t i = 1; i <= nr_cgroups(attribution); i++) {
		if (phase_of(attribution, i) != PLACE_CLOSING)
			continue;
		fold(attribution, i, attribution->nr_accounts - 1);
		free_place(attribution, i);
	}
	/* Programs that found nothing free look again. */
	places_free(&attribution->accounts[0].state);
}

static int release(struct attribution *attribution)
{
	int r;

	close_inside(attribution);
	r = forget(attribution) ?: places_settle();
	if (r < 0) {
		log_warning("%s: cannot free the places of who has departed: %s",
			    attribution->pins.name, strerror(-r));
		return r;
	}
	settle_accounts(attribution);
	return 0;
}

/* Removes cgroups from the cache that were not seen for some calls, before it is full. */
static void evict(struct attribution *attribution)
{
	int fd = bpf_map__fd(attribution->bpf->maps.switch_ids);
	uint32_t size = bpf_map__max_entries(attribution->bpf->maps.switch_ids), count = size;
	_cleanup_free_ struct switch_known *known = malloc(size * sizeof(*known));
	_cleanup_free_ uint64_t *ids = malloc(size * sizeof(*ids));
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint64_t epoch = attribution->state->epoch;
	uint32_t batch;
	int r;

	if (!known || !ids)
		return;
	r = bpf_map_lookup_batch(fd, NULL, &batch, ids, known, &count, &options);
	if ((r < 0 && r != -ENOENT) || 2 * count < size)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (epoch - known[i].epoch > 2)
			bpf_map_delete_elem(fd, &ids[i]);
}

void accounts_tend(struct attribution *attribution)
{
	uint32_t nr;

	if (!attribution->running)
		return;
	__atomic_store_n(&attribution->state->epoch, attribution->state->epoch + 1,
			 __ATOMIC_RELAXED);
	evict(attribution);
	/* What is pending is of who ran last. */
	attribution_read(attribution);
	nr = attribution->cgroup_root < 0 ? 0 : close_places(attribution, SWITCH_CGROUPS);
	nr += close_places(attribution, SWITCH_PROCESSES);
	if (nr)
		release(attribution);
	windows_tend(attribution);
}

/* Start */

/* Is this cell nobody's, although it has an owner? A daemon has died, or a program is about to give
 * it to an account. */
static bool is_orphan(const struct attribution *attribution, uint32_t cell)
{
	uint64_t owner = attribution->cells[cell].owner;
	uint32_t index = (owner >> 32) - 1, column = (uint32_t)owner;

	return owner && (index >= attribution->nr_accounts || column >= SWITCH_COLUMNS ||
			 attribution->accounts[index].cells[column] != cell);
}

/* Finds all that is free. */
static int sweep(struct attribution *attribution)
{
	uint8_t *orphans = calloc(1, attribution->nr_cells);
	int r;

	if (!orphans)
		return -ENOMEM;
	for (uint32_t i = SWITCH_COLUMNS; i < attribution->nr_cells; i++)
		orphans[i] = is_orphan(attribution, i);
	r = places_settle();
	for (uint32_t i = SWITCH_COLUMNS; i < attribution->nr_cells && !r; i++) {
		if (orphans[i] && is_orphan(attribution, i))
			free_cell(attribution, i);
		else if (!attribution->cells[i].owner)
			set_free(attribution, kind_of_cell(attribution, i), i);
	}
	free(orphans);
	for (uint32_t i = 1; i + 1 < attribution->nr_accounts && !r; i++)
		if (phase_of(attribution, i) == PLACE_FREE)
			set_free(attribution,
				 is_process(attribution, i) ? SWITCH_PROCESSES : SWITCH_CGROUPS, i);
	return r;
}

/* Makes sure that the daemon does not follow wrong numbers, whatever the maps contain. */
static void check(struct attribution *attribution)
{
	for (uint32_t i = 1; i < attribution->nr_accounts; i++)
		for (uint32_t column = 0; column < SWITCH_COLUMNS; column++)
			if (attribution->accounts[i].cells[column] < SWITCH_COLUMNS ||
			    attribution->accounts[i].cells[column] >= attribution->nr_cells)
				attribution->accounts[i].cells[column] = 0;
	for (uint32_t i = 1; i <= nr_cgroups(attribution); i++)
		attribution->paths[i][CGROUP_PATH - 1] = '\0';
}

int accounts_recover(struct attribution *attribution)
{
	int r;

	attribution->cgroup_root = cgroup_root_open();
	if (attribution->cgroup_root < 0)
		log_warning(
			"%s: the root of cgroup v2 is not at /sys/fs/cgroup or /sys/fs/cgroup/unified, so removed cgroups keep their places (in a container, mount that of the host there)",
			attribution->pins.name);
	attribution->absent = calloc(attribution->nr_accounts, sizeof(*attribution->absent));
	attribution->windows = windows_new();
	if (!attribution->absent || !attribution->windows)
		return -ENOMEM;
	check(attribution);
	apply_journal(attribution);
	r = sweep(attribution);
	return r < 0 || !attribution->reused ? r : release(attribution);
}

void accounts_free(struct attribution *attribution)
{
	if (attribution->cgroup_root >= 0)
		close(attribution->cgroup_root);
	windows_free(attribution->windows);
	free(attribution->absent);
}

void accounts_clear_column(struct attribution *attribution, uint32_t column)
{
	for (uint32_t i = 1; i < attribution->nr_accounts; i++) {
		uint32_t cell = attribution->accounts[i].cells[column];

		if (!cell)
			continue;
		reader_commit(&attribution->accounts[i].cells[column], 0);
		free_cell(attribution, cell);
	}
	memset(&attribution->cells[column].sum, 0, sizeof(attribution->cells[column].sum));
	places_free(&attribution->accounts[0].state);
	windows_forget(attribution->windows, column);
}

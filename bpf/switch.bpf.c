// SPDX-License-Identifier: GPL-2.0
/*
 * Charges what perf events count to the task that is switched out, and to its cgroup.
 *
 * switch_out runs at each context switch, before the switch: the current task is the one that
 * is switched out. The daemon runs switch_read and switch_set on a CPU with BPF_PROG_TEST_RUN.
 * They exclude each other on a CPU, because switch_out runs with interrupts off and the others
 * with preemption off: what belongs to a CPU needs no atomic operations. Cells do.
 *
 * The lock of the run queue is held: nothing here allocates memory, wakes anybody or loops
 * without a bound.
 */
#include "kernel.h"
#include "switch.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by the daemon before loading. */
const volatile struct switch_range ranges[SWITCH_NR_KINDS];
const volatile bool folds;	 /* transient scopes into their slice */
const volatile bool values_only; /* the time alone is not charged */

/* Those of the reader. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(map_flags, BPF_F_PRESERVE_ELEMS);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} events_array SEC(".maps");

/* The daemon sets max_entries: of switch_cpus to the highest CPU number plus 1, of switch_lasts
 * to the number of slots, of all others according to ranges. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct switch_cpu);
} switch_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct switch_last);
} switch_lasts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct switch_account);
} switch_accounts SEC(".maps");

/* Of accounts 1 to C. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, char[CGROUP_PATH]);
} switch_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct switch_cell);
} switch_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} switch_free SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, char[CGROUP_PATH]);
	__type(value, u32); /* ticket */
} switch_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64); /* id of the cgroup */
	__type(value, struct switch_known);
} switch_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct switch_process);
	__type(value, u32); /* ticket */
} switch_procs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct switch_state);
} switch_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cgroup_path);
} switch_scratch SEC(".maps");

#define MAX_ERRNO 4095ull
#define TRIES 8 /* of what another CPU may do at the same time */

static __always_inline struct switch_state *state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&switch_state, &zero);
}

static __always_inline struct switch_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&switch_cpus, &cpu);
}

static __always_inline struct switch_account *account_at(u32 index)
{
	return bpf_map_lookup_elem(&switch_accounts, &index);
}

/* The ticket of account 0. */
static __always_inline u32 ticket_of_others(void)
{
	struct switch_account *others = account_at(0);

	return others ? READ_ONCE(others->state) : 0;
}

/* Is this the ticket of an account that programs may use? */
static __always_inline bool is_valid(u32 ticket)
{
	struct switch_account *account = account_at(ticket & PLACE_INDEX);
	u32 state;

	if (!account)
		return false;
	state = READ_ONCE(account->state);
	return ticket & PLACE_INDEX ? place_is_of(state, ticket) : state == ticket;
}

/* The account of a ticket that may be stale. */
static __always_inline u32 account_of(u32 ticket)
{
	return is_valid(ticket) ? ticket & PLACE_INDEX : 0;
}

/* Free elements */

static __always_inline u64 *free_word(u32 kind, u32 element)
{
	u32 word = ranges[kind].word + (element - ranges[kind].first) / 64;

	return bpf_map_lookup_elem(&switch_free, &word);
}

static __always_inline u64 free_bit(u32 kind, u32 element)
{
	return 1ull << ((element - ranges[kind].first) & 63);
}

/* The index of the only bit that is set. */
static __always_inline u32 index_of(u64 bit)
{
	return !!(bit & 0xffffffff00000000ull) << 5 | !!(bit & 0xffff0000ffff0000ull) << 4 |
	       !!(bit & 0xff00ff00ff00ff00ull) << 3 | !!(bit & 0xf0f0f0f0f0f0f0f0ull) << 2 |
	       !!(bit & 0xccccccccccccccccull) << 1 | !!(bit & 0xaaaaaaaaaaaaaaaaull);
}

/* Takes the first bit of a word of switch_free: it, or 0. That other CPUs are faster does not mean
 * that there is none. */
__noinline u64 take_bit(u32 index)
{
	u64 *word = bpf_map_lookup_elem(&switch_free, &index);

	if (!word)
		return 0;
	for_up_to(i, TRIES, TRIES)
	{
		u64 bits = READ_ONCE(*word);

		if (!bits || atomic_cmpxchg(word, bits, bits & (bits - 1)) == bits)
			return bits & -bits;
	}
	return 0;
}

#define TAKE_STEP 32 /* square root of SWITCH_MAX_WORDS */

/* Takes a free bit of a kind, of some words from this one on: the index of its element, or 0. */
__noinline int take_from(u32 kind, u32 first)
{
	u32 found = 0;
	u64 bit = 0;

	kind = masked(kind, SWITCH_NR_KINDS - 1);
	for_up_to(i, ranges[kind].nr_words - first, TAKE_STEP)
	{
		found = first + i;
		bit = take_bit(ranges[kind].word + found);
		if (bit)
			break;
	}
	return bit ? ranges[kind].first + found * 64 + index_of(bit) : 0;
}

/* The same of all words. */
__noinline int take(u32 kind)
{
	struct switch_state *st = state();
	u32 others = ticket_of_others();
	int taken;

	kind = masked(kind, SWITCH_NR_KINDS - 1);
	if (!st || READ_ONCE(st->full[kind]) == others + 1)
		return 0;
	for_up_to(i, (ranges[kind].nr_words + TAKE_STEP - 1) / TAKE_STEP, TAKE_STEP)
	{
		taken = take_from(kind, i * TAKE_STEP);
		if (taken)
			return taken;
	}
	WRITE_ONCE(st->full[kind], others + 1);
	return 0;
}

static __always_inline void give_back(u32 kind, u32 element)
{
	u64 *word = free_word(kind, element);

	if (word)
		__sync_fetch_and_or(word, free_bit(kind, element));
}

static __always_inline void count_dropped(u32 kind)
{
	struct switch_state *st = state();

	if (st)
		atomic_inc(&st->dropped[kind]);
}

/* Takes a place: its state, with phase PLACE_TAKEN, or 0. */
static __always_inline u32 take_place(u32 kind, u32 *ret_index)
{
	u32 index = take(kind), state;
	struct switch_account *account = index ? account_at(index) : NULL;

	if (!account)
		return 0;
	state = READ_ONCE(account->state);
	*ret_index = index;
	return place_phase(state) == PLACE_FREE &&
			       atomic_cmpxchg(&account->state, state, state | PLACE_TAKEN) == state
		       ? state | PLACE_TAKEN
		       : 0;
}

/* Opens a taken place under a name, or frees it because another CPU has been faster: its ticket,
 * or -1. */
static __always_inline s64 open_place(u32 kind, u32 index, u32 state, void *names, const void *name)
{
	struct switch_account *account = account_at(index);
	u32 ticket = place_ticket(state, index);

	if (!account)
		return -1;
	if (bpf_map_update_elem(names, name, &ticket, BPF_NOEXIST)) {
		atomic_xchg(&account->state, place_state(state, PLACE_FREE));
		give_back(kind, index);
		return -1;
	}
	atomic_xchg(&account->state, place_state(state, PLACE_OPEN));
	return ticket;
}

/* Who */

/* The ticket of a path, if necessary of a new place; that of account 0 if there is no place; or -1
 * if it cannot be determined yet. */
static __noinline s64 ticket_of_path(const char *path, u32 others)
{
	u32 index = 0, state, ticket, *known;
	char *stored;
	s64 opened;

	for_up_to(i, TRIES, TRIES)
	{
		known = bpf_map_lookup_elem(&switch_names, path);
		if (known) {
			ticket = READ_ONCE(*known);
			index = ticket & PLACE_INDEX;
			stored = bpf_map_lookup_elem(&switch_paths, &index);
			/* The element may be another one's by now, and the place too. */
			if (is_valid(ticket) && stored && same_path((void *)stored, (void *)path))
				return ticket;
			continue;
		}
		state = take_place(SWITCH_CGROUPS, &index);
		if (!state)
			return others;
		stored = bpf_map_lookup_elem(&switch_paths, &index);
		if (stored)
			bpf_probe_read_kernel(stored, CGROUP_PATH, path);
		opened = open_place(SWITCH_CGROUPS, index, state, &switch_names, path);
		if (opened >= 0)
			return opened;
	}
	return -1;
}

/* The ticket of the current cgroup, and its id. */
__noinline int current_cgroup(u64 *ret_id)
{
	u64 id = bpf_get_current_cgroup_id();
	struct switch_known *known = bpf_map_lookup_elem(&switch_ids, &id), entry;
	struct switch_state *st = state();
	const struct kernfs_node *kn;
	struct cgroup_path *s;
	u32 others, zero = 0;
	u64 value;
	s64 ticket;

	if (!st || !ret_id)
		return 0;
	*ret_id = id;
	if (known) {
		value = READ_ONCE(known->ticket);
		if (value >> 32 == (u32)id && is_valid(value)) {
			if (known->epoch != st->epoch)
				WRITE_ONCE(known->epoch, st->epoch);
			if (!(value & PLACE_INDEX))
				atomic_inc(&st->dropped[SWITCH_CGROUPS]);
			return (u32)value;
		}
	}
	others = ticket_of_others();
	s = bpf_map_lookup_elem(&switch_scratch, &zero);
	if (!s)
		return others;
	kn = BPF_CORE_READ(bpf_get_current_task_btf(), cgroups, dfl_cgrp, kn);
	ticket = cgroup_path_of((u64)kn, s, folds) ? ticket_of_path(s->path, others) : others;
	if (ticket < 0 || !(ticket & PLACE_INDEX))
		atomic_inc(&st->dropped[SWITCH_CGROUPS]);
	if (ticket < 0)
		return others;
	id = BPF_CORE_READ(kn, id); /* the task may have been moved to another cgroup */
	*ret_id = id;
	entry.ticket = switch_known_ticket(id, (u32)ticket);
	entry.epoch = st->epoch;
	bpf_map_update_elem(&switch_ids, &id, &entry, BPF_ANY);
	return (u32)ticket;
}

/* The ticket of a cgroup that tasks were in before the current one; that of account 0 if it has
 * lost its place. */
static __always_inline u32 known_cgroup(u64 id)
{
	struct switch_known *known = bpf_map_lookup_elem(&switch_ids, &id);
	u64 value = known ? READ_ONCE(known->ticket) : 0;

	return known && value >> 32 == (u32)id && is_valid(value) ? (u32)value : ticket_of_others();
}

static __always_inline u32 next_order(void)
{
	struct switch_state *st = state();

	return st ? __sync_fetch_and_add(&st->order, 1) : 0;
}

static __always_inline struct switch_process process_of(struct task_struct *task, u32 cgroup)
{
	struct task_struct *leader = task->group_leader;
	struct switch_process id = {.tgid = leader->tgid, .cgroup = cgroup};

	id.start_ns = id.tgid ? leader->start_boottime : 0;
	return id;
}

static __always_inline bool is_owner(const struct switch_account *account,
				     const struct switch_process *id)
{
	return account->tgid == id->tgid && account->start_ns == id->start_ns &&
	       account->cgroup == id->cgroup;
}

/* The ticket of the current process in a cgroup; without a place, that of the cgroup. */
__noinline int current_process(u32 cgroup)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	struct switch_process id = process_of(leader, cgroup);
	struct switch_account *account;
	u32 *known, ticket, index = 0, state;
	s64 opened;

	for_up_to(i, TRIES, TRIES)
	{
		known = bpf_map_lookup_elem(&switch_procs, &id);
		if (known) {
			ticket = READ_ONCE(*known);
			account = account_at(ticket & PLACE_INDEX);
			if (!account || !is_valid(ticket) || !is_owner(account, &id))
				continue;
			bpf_probe_read_kernel(account->comm, sizeof(account->comm),
					      __builtin_preserve_access_index(&leader->comm));
			return ticket;
		}
		state = take_place(SWITCH_PROCESSES, &index);
		account = state ? account_at(index) : NULL;
		if (!account)
			break;
		account->cgroup = cgroup;
		account->start_ns = id.start_ns;
		account->tgid = id.tgid;
		account->order = next_order();
		bpf_probe_read_kernel(account->comm, sizeof(account->comm),
				      __builtin_preserve_access_index(&leader->comm));
		opened = open_place(SWITCH_PROCESSES, index, state, &switch_procs, &id);
		if (opened >= 0)
			return opened;
	}
	count_dropped(SWITCH_PROCESSES);
	return cgroup;
}

/* The accountant */

/* A new cell of an account for a column; without one, that of account 0. */
__noinline int take_cell(u32 index, u32 column)
{
	u32 kind = index < ranges[SWITCH_PROCESSES].first ? SWITCH_CGROUP_CELLS
							  : SWITCH_PROCESS_CELLS;
	struct switch_account *account = account_at(index);
	struct switch_cell *cell;
	u32 known, taken;

	column = masked(column, SWITCH_COLUMNS - 1);
	if (!account)
		return column;
	taken = take(kind);
	cell = taken ? bpf_map_lookup_elem(&switch_cells, &taken) : NULL;
	if (cell && atomic_cmpxchg(&cell->owner, 0ull, switch_owner(index, column)) == 0) {
		known = atomic_cmpxchg(&account->cells[column], 0, taken);
		if (!known)
			return taken;
		atomic_xchg(&cell->owner, 0ull);
		give_back(kind, taken);
		return known;
	}
	count_dropped(kind);
	return column;
}

/* The cell of an account for a column, if necessary a new one; without one, that of account 0. */
static __always_inline struct switch_cell *cell_of(u32 index, u32 column)
{
	struct switch_account *account = account_at(index);
	u32 known;

	column = masked(column, SWITCH_COLUMNS - 1);
	known = index && account ? READ_ONCE(account->cells[column]) : column;
	if (index && !known)
		known = take_cell(index, column);
	return bpf_map_lookup_elem(&switch_cells, &known);
}

/* Most is unchanged at most switches. */
static __always_inline void add(u64 *sum, u64 value)
{
	if (value)
		atomic_add(sum, value);
}

/* Is the count of the perf event in a slot still this one? Without its times this is quick, but
 * it may not tell: the highest counts could be errors. */
static __always_inline bool is_unchanged(u32 slot, struct switch_last *last)
{
	u64 value = bpf_perf_event_read(&events_array, slot);

	if (value != last->reading.value || value >= -MAX_ERRNO)
		return false;
	last->error = 0;
	return true;
}

/* Charges what the perf event in a slot has advanced to an account. A count that is smaller than
 * before has been reset. 0 or a negative errno: nothing is charged, and the next reading brings
 * it. */
__noinline int advance(u32 slot, u32 column, u32 account)
{
	struct switch_last *last = bpf_map_lookup_elem(&switch_lasts, &slot);
	struct bpf_perf_event_value now;
	struct switch_cell *cell;
	u64 value;
	long r;

	if (!last || (values_only && is_unchanged(slot, last)))
		return 0;
	r = bpf_perf_event_read_value(&events_array, slot, &now, sizeof(now));
	last->error = r;
	if (r)
		return r;
	value = now.counter < last->reading.value ? now.counter : now.counter - last->reading.value;
	if (!value && (values_only || now.enabled == last->reading.enabled))
		return 0;
	cell = cell_of(account, column);
	if (!cell)
		return 0;
	add(&cell->sum.value, value);
	add(&cell->sum.enabled, now.enabled - last->reading.enabled);
	add(&cell->sum.running, now.running - last->reading.running);
	last->reading.value = now.counter;
	last->reading.enabled = now.enabled;
	last->reading.running = now.running;
	return 0;
}

static __always_inline void count_failure(struct switch_cpu *c, long r)
{
	c->failed[r == -ENOENT	 ? SWITCH_ENOENT
		  : r == -EINVAL ? SWITCH_EINVAL
		  : r == -EBUSY	 ? SWITCH_EBUSY
				 : SWITCH_OTHER]++;
}

/* Who is charged on a CPU: the account of an entry is at index SWITCH_FLAGS(entry) & 3. */
struct who {
	u32 accounts[4];
	u32 cgroup, process; /* tickets */
	u64 id;		     /* of the cgroup */
};

static __always_inline void find_current(const struct switch_cpu *c, struct who *who)
{
	bool late = c->flags & SWITCH_FLAGS(SWITCH_LATE);
	bool by_process = c->flags & SWITCH_FLAGS(SWITCH_PROCESS);
	u32 cgroup, process;

	who->cgroup = current_cgroup(&who->id);
	who->process = by_process ? (u32)current_process(who->cgroup) : who->cgroup;
	cgroup = who->cgroup;
	process = who->process;
	if (c->out_id != who->id &&
	    (c->flags & SWITCH_SKIPPED_BITS) == SWITCH_SKIPPED(bpf_get_current_task_btf()->pid)) {
		/* The current task has gone to another cgroup since. (Any other task has come
		 * unseen.) */
		cgroup = known_cgroup(c->out_id);
		process = by_process ? (u32)current_process(cgroup) : cgroup;
	}
	who->accounts[0] = account_of(cgroup);
	who->accounts[SWITCH_FLAGS(SWITCH_PROCESS)] = account_of(process);
	who->accounts[SWITCH_FLAGS(SWITCH_LATE)] = late ? account_of(c->out_cgroup) : 0;
	who->accounts[SWITCH_FLAGS(SWITCH_LATE | SWITCH_PROCESS)] =
		late ? account_of(c->out_process) : 0;
}

/* Charges an entry of this CPU to the account that belongs to it. 0 or a negative errno. */
__noinline int advance_entry(struct switch_cpu *c, u32 column, const struct who *who)
{
	u64 entry;
	long r;

	if (!c || !who)
		return 0;
	column = masked(column, SWITCH_COLUMNS - 1);
	entry = c->entries[column];
	if (!entry || entry & SWITCH_GATE)
		return 0;
	r = advance((u32)entry - 1, column, who->accounts[SWITCH_FLAGS(entry) & 3]);
	if (r)
		count_failure(c, r);
	return r;
}

/* Charges all entries of this CPU. Returns the latest errno, or 0. */
static __always_inline long advance_all(struct switch_cpu *c, const struct who *who)
{
	long failed = 0, r;

	for_up_to(i, c->nr, SWITCH_COLUMNS)
	{
		r = advance_entry(c, i, who);
		if (r)
			failed = r;
	}
	return failed;
}

/* The reading of the gate, in column 0. */
struct gate {
	struct bpf_perf_event_value now;
	struct switch_last *last; /* NULL: there is none */
	bool failed;
};

/* Is there anything to charge, as far as the gate tells? Its times are of interest only to the
 * reader. */
static __always_inline bool read_gate(struct switch_cpu *c, struct gate *gate, bool with_times)
{
	u64 entry = READ_ONCE(c->entries[0]);
	u32 slot = (u32)entry - 1;
	long r;

	gate->last = entry & SWITCH_GATE ? bpf_map_lookup_elem(&switch_lasts, &slot) : NULL;
	if (!gate->last)
		return true;
	if (!with_times && is_unchanged(slot, gate->last))
		return false;
	r = bpf_perf_event_read_value(&events_array, slot, &gate->now, sizeof(gate->now));
	gate->last->error = r;
	if (!r) {
		gate->last->reading.enabled = gate->now.enabled;
		gate->last->reading.running = gate->now.running;
		return gate->now.counter != gate->last->reading.value;
	}
	count_failure(c, r);
	gate->failed = true;
	return true;
}

/* Charges this CPU. The count of the gate is stored last, so that what could not be read is read at
 * the next switch. */
static __always_inline void charge(struct switch_cpu *c, const struct who *who,
				   const struct gate *gate)
{
	if (!advance_all(c, who) && gate->last && !gate->failed)
		gate->last->reading.value = gate->now.counter;
}

/* Do two tasks have the same accounts? */
static __always_inline bool is_same(const struct switch_cpu *c, struct task_struct *prev,
				    struct task_struct *next)
{
	if (c->flags & SWITCH_FLAGS(SWITCH_PROCESS) && prev->group_leader != next->group_leader)
		return false;
	return prev->cgroups->dfl_cgrp == next->cgroups->dfl_cgrp;
}

/* Has a task the accounts of who was switched out last, which it may still use? */
static __always_inline bool is_out(const struct switch_cpu *c, struct task_struct *prev)
{
	struct switch_process id = process_of(prev, c->out_cgroup);
	struct switch_account *account = account_at(c->out_process & PLACE_INDEX);

	if (!(c->out_cgroup & PLACE_INDEX) || c->out_id != bpf_get_current_cgroup_id() ||
	    c->out_tickets != switch_tickets(c->out_cgroup, c->out_process) ||
	    !is_valid(c->out_cgroup) || !is_valid(c->out_process))
		return false;
	return !(c->flags & SWITCH_FLAGS(SWITCH_PROCESS)) || (account && is_owner(account, &id));
}

/*
 * May what has advanced be read later, since a task of the same accounts comes next? Events that
 * are counted late have advanced for who was switched out before. The next task may go to another
 * cgroup before it is read: the one that it is then charged to is remembered.
 */
static __always_inline bool may_skip(struct switch_cpu *c, struct task_struct *prev,
				     struct task_struct *next)
{
	u64 id = bpf_get_current_cgroup_id();

	if (c->flags & SWITCH_SKIPPED_BITS && c->out_id != id)
		return false;
	if (c->flags & SWITCH_FLAGS(SWITCH_LATE)) {
		if (!is_out(c, prev))
			return false;
	} else if (c->out_id != id) {
		/* Whoever has no place yet gets one by being read. */
		if (!bpf_map_lookup_elem(&switch_ids, &id))
			return false;
		c->out_id = id;
		c->out_tickets = ~0ull;
	}
	c->flags = (c->flags & ~SWITCH_SKIPPED_BITS) | SWITCH_SKIPPED(next->pid);
	return true;
}

/* Arguments: preempted or not, the task that is switched out, and the one that comes. */
SEC("tp_btf/sched_switch")
int switch_out(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	struct switch_cpu *c = this_cpu();
	struct gate gate = {};
	struct who who;

	in_variant();
	if (!c || !c->nr)
		return 0;
	if (is_same(c, prev, next) && may_skip(c, prev, next))
		return 0;
	if (!read_gate(c, &gate, false)) {
		c->flags &= ~SWITCH_SKIPPED_BITS;
		return 0;
	}
	find_current(c, &who);
	charge(c, &who, &gate);
	c->flags &= ~SWITCH_SKIPPED_BITS;
	c->out_cgroup = who.cgroup;
	c->out_process = who.process;
	c->out_id = who.id;
	c->out_tickets = switch_tickets(who.cgroup, who.process);
	return 0;
}

/* Charges what has advanced on this CPU to the current task. */
SEC("raw_tp")
int switch_read(void *ctx __attribute__((unused)))
{
	struct switch_cpu *c = this_cpu();
	struct gate gate = {};
	struct who who;

	if (!c || !c->nr)
		return 0;
	if (read_gate(c, &gate, true)) {
		find_current(c, &who);
		charge(c, &who, &gate);
	}
	c->flags &= ~SWITCH_SKIPPED_BITS;
	return 0;
}

/*
 * Replaces the entry of a column on this CPU; the old one is read for the last time. Arguments:
 * the column, the new entry or 0, and whether to begin now: what the perf event of the new entry
 * has counted before is then not charged, nor if it replaces another one; otherwise it is charged
 * to account 0. Returns 0, or the errno of reading the new one, and the entry is 0.
 */
SEC("raw_tp")
int switch_set(struct bpf_raw_tracepoint_args *ctx)
{
	u32 column = masked(ctx->args[0], SWITCH_COLUMNS - 1), slot = (u32)ctx->args[1] - 1;
	struct switch_last *last = bpf_map_lookup_elem(&switch_lasts, &slot);
	u64 entry = ctx->args[1], old;
	struct switch_cpu *c = this_cpu();
	struct bpf_perf_event_value now;
	struct who who;
	u32 flags;
	long r = 0;

	if (!c)
		return ENXIO;
	flags = c->nr ? c->flags & SWITCH_SKIPPED_BITS : 0;
	old = c->entries[column];
	if (old && !(old & SWITCH_GATE)) {
		find_current(c, &who);
		advance_entry(c, column, &who);
	}
	if (entry && last && (old || entry & SWITCH_GATE || ctx->args[2])) {
		r = bpf_perf_event_read_value(&events_array, slot, &now, sizeof(now));
		last->error = r;
		if (!r) {
			/* Whatever the gate was, what is behind it is read at the next switch. */
			last->reading.value = entry & SWITCH_GATE ? ~0ull : now.counter;
			last->reading.enabled = now.enabled;
			last->reading.running = now.running;
		}
	} else if (entry && last) {
		r = advance(slot, column, 0);
	}
	c->entries[column] = r ? 0 : entry;
	c->nr = 0;
	for_up_to(i, SWITCH_COLUMNS, SWITCH_COLUMNS)
	{
		if (!c->entries[i])
			continue;
		c->nr = i + 1;
		flags |= SWITCH_FLAGS(c->entries[i]);
	}
	c->flags = flags;
	return -r;
}

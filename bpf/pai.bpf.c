// SPDX-License-Identifier: GPL-2.0
/*
 * Aggregates samples of the PMU pai_ext in the kernel, by CPU, cgroup and process.
 *
 * Samples come from the tracepoint of paimon.ko, or as raw data of a perf event. As in
 * iopf.bpf.c, a dispatcher is attached and tail-calls the program that counts, so that
 * a program can be replaced without losing a sample.
 *
 * A sample is taken while its CPU schedules: the current task is the one that is being
 * scheduled out, and nothing else runs on this CPU until the program ends. The CPU's
 * own element and its scratch memory therefore need no atomic operations; cgroups and
 * processes do, because they run on several CPUs. One file of more than 500 lines,
 * because all programs share one inline path of a sample.
 */
#include "kernel.h"
#include "pai.h"

char LICENSE[] SEC("license") = "GPL";

/* The daemon sets max_entries: of pai_cpus to the highest CPU number plus 1, of
 * pai_cgroup_paths to max_cgroups, of pai_cgroups and pai_departed to max_cgroups plus 1,
 * for cgroups without a place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct pai_cpu);
} pai_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65);
	__type(key, u32);
	__type(value, struct pai_cgroup);
} pai_cgroups SEC(".maps");

/* The counts of departed owners of each place. Used by the daemon only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65);
	__type(key, u32);
	__type(value, struct pai_counts);
} pai_departed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, char[CGROUP_PATH]);
	__type(value, u32); /* ticket */
} pai_cgroup_paths SEC(".maps");

/* A cache, so that the path need not be built each time; evicted cgroups are looked up again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64); /* id of the cgroup */
	__type(value, u64);
} pai_cgroup_index SEC(".maps");

/* Wakes the daemon when few places are free. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} pai_wake SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PAI_MAX_TASKS + 1);
	__type(key, struct pai_task_id);
	__type(value, struct pai_task);
} pai_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pai_state);
} pai_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pai_made_up);
} pai_made_up SEC(".maps");

/* Two arrays, because the programs have two different types. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PAI_NR_PROGRAMS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} pai_programs SEC(".maps"), pai_overflow_programs SEC(".maps");

/* Data that is too large for the stack. */
struct scratch {
	struct paimon_pai_record records[PAI_COUNTERS];
	u64 nowhere[PAI_COUNTERS];
	u64 sum; /* over records */
	struct cgroup_path path;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} pai_scratch SEC(".maps");

static __always_inline struct scratch *scratch(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&pai_scratch, &zero);
}

#define PAI_TRIES 8 /* to find a path while another CPU assigns a place to it */

static const struct pai_task no_task;

static __always_inline struct pai_state *state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&pai_state, &zero);
}

static __always_inline struct pai_cpu *this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&pai_cpus, &cpu);
}

static __always_inline struct pai_cgroup *cgroup_at(u32 index)
{
	return bpf_map_lookup_elem(&pai_cgroups, &index);
}

/* Does the place of a ticket have this path? */
static __always_inline bool has_path(u32 ticket, const char *path)
{
	struct pai_cgroup *cgroup = cgroup_at(ticket & PLACE_INDEX);

	return cgroup && same_path((const void *)cgroup->path, (const void *)path);
}

#define TAKE_STEP 32 /* square root of PAI_MAX_CGROUPS */

/* The same as take_place(), among some places from this one on. */
__noinline int take_from(u32 first)
{
	int none = 0;

	for_up_to(i, TAKE_STEP, TAKE_STEP)
	{
		struct pai_cgroup *cgroup = cgroup_at(first + i);
		u32 state;

		if (!cgroup)
			break;
		state = READ_ONCE(cgroup->state);
		if (place_phase(state) == PLACE_FREE &&
		    atomic_cmpxchg(&cgroup->state, state, state | PLACE_TAKEN) == state)
			return first + i;
		if (place_phase(state) == PLACE_FREE || place_phase(state) == PLACE_TAKEN)
			none = -1;
	}
	return none;
}

/* Takes a free place: its index, 0 if there is none, or -1 if there may be one on a retry. */
__noinline int take_place(void)
{
	int none = 0, taken;

	for_up_to(i, PAI_MAX_CGROUPS / TAKE_STEP, PAI_MAX_CGROUPS / TAKE_STEP)
	{
		taken = take_from(1 + i * TAKE_STEP);
		if (taken > 0)
			return taken;
		if (taken < 0)
			none = -1;
	}
	return none;
}

static __always_inline void wake_daemon(void)
{
	u32 nothing = 0;

	bpf_ringbuf_output(&pai_wake, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

/* Opens a taken place for a path, unless another CPU was faster: its ticket, or -1. */
static __always_inline s64 open_place(u32 index, const char *path)
{
	struct pai_cgroup *cgroup = cgroup_at(index);
	u32 state, ticket;

	if (!cgroup)
		return -1;
	state = READ_ONCE(cgroup->state);
	ticket = place_ticket(state, index);
	bpf_probe_read_kernel(cgroup->path, CGROUP_PATH, path);
	if (bpf_map_update_elem(&pai_cgroup_paths, path, &ticket, BPF_NOEXIST)) {
		atomic_xchg(&cgroup->state, place_state(state, PLACE_FREE));
		return -1;
	}
	atomic_xchg(&cgroup->state, place_state(state, PLACE_OPEN));
	if (!cgroup_at(2 * index))
		wake_daemon();
	return ticket;
}

/*
 * The ticket of the cgroup whose path is in the scratch, if necessary of a new place; the ticket of
 * element 0 if all places are in use; or -1 if it cannot be determined yet. others: the ticket of
 * element 0, read before the lookup. A global function, which the verifier looks at once, not in
 * each state of its caller.
 */
__noinline s64 ticket_of_path(u32 others)
{
	struct scratch *s = scratch();
	struct pai_state *st = state();
	const char *path = s ? s->path.path : NULL;
	u32 *known, ticket;
	s64 opened;
	int index;

	if (!path)
		return -1;
	for_up_to(i, PAI_TRIES, PAI_TRIES)
	{
		known = bpf_map_lookup_elem(&pai_cgroup_paths, path);
		if (known) {
			ticket = READ_ONCE(*known);
			if (has_path(ticket, path))
				return ticket;
			continue;
		}
		if (!st || READ_ONCE(st->full) == others + 1)
			return others;
		index = take_place();
		if (!index) {
			WRITE_ONCE(st->full, others + 1);
			wake_daemon();
			return others;
		}
		opened = index > 0 ? open_place(index, path) : -1;
		if (opened >= 0)
			return opened;
	}
	return -1;
}

/* The ticket for cgroups without a place. */
static __always_inline u32 ticket_of_others(void)
{
	struct pai_cgroup *others = cgroup_at(0);

	return others ? READ_ONCE(others->state) : 0;
}

/* The cgroup of a ticket from the index, or NULL if the ticket is stale. */
static __always_inline struct pai_cgroup *cgroup_of_ticket(u32 ticket)
{
	struct pai_cgroup *cgroup = cgroup_at(ticket & PLACE_INDEX);
	u32 state;

	if (!cgroup)
		return NULL;
	state = READ_ONCE(cgroup->state);
	if (!(ticket & PLACE_INDEX))
		return state == ticket ? cgroup : NULL;
	return place_is_of(state, ticket) ? cgroup : NULL;
}

static __always_inline struct pai_cgroup *current_cgroup(struct scratch *s)
{
	u64 id = bpf_get_current_cgroup_id(), value;
	u64 *known = bpf_map_lookup_elem(&pai_cgroup_index, &id);
	u32 others = ticket_of_others();
	const struct kernfs_node *kn;
	struct pai_cgroup *cgroup;
	s64 ticket;

	if (known) {
		value = READ_ONCE(*known);
		cgroup = value >> 32 == (u32)id ? cgroup_of_ticket(value) : NULL;
		if (cgroup)
			return cgroup;
	}
	kn = BPF_CORE_READ(bpf_get_current_task_btf(), cgroups, dfl_cgrp, kn);
	ticket = cgroup_path_of((u64)kn, &s->path, 0) ? ticket_of_path(others) : others;
	if (ticket < 0)
		return cgroup_at(0);
	id = BPF_CORE_READ(kn, id); /* the task may have been moved to another cgroup */
	value = pai_index_value(id, (u32)ticket);
	bpf_map_update_elem(&pai_cgroup_index, &id, &value, BPF_ANY);
	return cgroup_at(ticket & PLACE_INDEX);
}

/* The element of a process, if necessary a new one; NULL if there is no room. */
static __always_inline struct pai_task *task_of(const struct pai_task_id *id)
{
	struct pai_task *task = bpf_map_lookup_elem(&pai_tasks, id);

	if (task)
		return task;
	bpf_map_update_elem(&pai_tasks, id, &no_task, BPF_NOEXIST);
	return bpf_map_lookup_elem(&pai_tasks, id);
}

/* The element for others. It is created before the table is full. */
static __always_inline struct pai_task *task_of_others(void)
{
	struct pai_task_id id = {.tgid = PAI_OTHER_TGID};

	return task_of(&id);
}

/* Read with casts, because the compiler would read packed fields byte by byte. */
static __always_inline u32 number_of(const struct paimon_pai_record *r)
{
	return *(const u16 *)r;
}

static __always_inline u64 value_of(const struct paimon_pai_record *r)
{
	return *(const u64 *)((const char *)r + sizeof(u16));
}

/* Are the records valid? If so, s->sum is the sum over them. */
__noinline int check_records(struct scratch *s, u32 nr, u32 max)
{
	u32 last = 0;
	u64 sum = 0;

	if (!s)
		return 0;
	for_up_to(i, nr, PAI_COUNTERS - 1)
	{
		u64 value = value_of(&s->records[i]);
		u32 number = number_of(&s->records[i]);

		if (number <= last || number > max || !value)
			return 0;
		last = number;
		sum += value;
	}
	s->sum = sum;
	return 1;
}

struct counters {
	u64 of[PAI_COUNTERS];
};

__noinline int add_records(struct scratch *s, u32 nr, struct counters *cpu, struct counters *cgroup,
			   struct counters *task)
{
	if (!s || !cpu || !cgroup || !task)
		return 0;
	for_up_to(i, nr, PAI_COUNTERS - 1)
	{
		u64 value = value_of(&s->records[i]);
		u32 number = masked(number_of(&s->records[i]), PAI_COUNTERS - 1);

		cpu->of[number] += value;
		atomic_add(&cgroup->of[number], value);
		atomic_add(&task->of[number], value);
	}
	return 0;
}

static __always_inline bool is_valid(struct scratch *s, u64 nr, const void *records, u32 max,
				     u64 *ret_events)
{
	if (nr == 0 || nr >= PAI_COUNTERS)
		return false;
	/* Copied once, so that the checked values are the added ones even if the memory changes. */
	if (bpf_probe_read_kernel(s->records, masked(nr, PAI_COUNTERS - 1) * sizeof(*s->records),
				  records))
		return false;
	if (!check_records(s, nr, max < PAI_COUNTERS ? max : PAI_COUNTERS - 1))
		return false;
	*ret_events = s->sum;
	return true;
}

/* Adds a sample of the current task, or a synthetic one. Returns the sum over its records, 0 if it
 * was not added. */
static __always_inline u64 take(u64 nr, const void *records, const struct pai_made_up *made_up)
{
	struct pai_cpu *cpu = this_cpu();
	struct pai_state *st = state();
	struct pai_cgroup *cgroup;
	struct pai_task_id id = {};
	struct task_struct *leader;
	struct pai_task *task;
	struct scratch *s = scratch();
	const void *comm;
	bool counts;
	u64 events;
	s64 ticket;

	if (!cpu || !st || !s)
		return 0;
	if (!is_valid(s, nr, records, st->max_number, &events)) {
		cpu->malformed++;
		return 0;
	}
	/* Read once, so that the counters of CPUs and those of cgroups have the same sum. */
	counts = READ_ONCE(cpu->counts);
	if (made_up) {
		bpf_probe_read_kernel(s->path.path, CGROUP_PATH, made_up->path);
		ticket = ticket_of_path(ticket_of_others());
		cgroup = cgroup_at(ticket < 0 ? 0 : ticket & PLACE_INDEX);
		id.start_ns = made_up->start_ns;
		id.tgid = made_up->tgid;
		comm = made_up->comm;
	} else {
		cgroup = current_cgroup(s);
		leader = bpf_get_current_task_btf()->group_leader;
		id.start_ns = leader->start_boottime;
		id.tgid = leader->tgid;
		comm = __builtin_preserve_access_index(&leader->comm);
	}
	if (!cgroup)
		return 0;
	if (cgroup == cgroup_at(0))
		atomic_inc(&st->dropped[PAI_DROPPED_CGROUPS]);
	task = bpf_map_lookup_elem(&pai_tasks, &id);
	if (!task && task_of_others())
		task = task_of(&id);
	if (task) {
		bpf_probe_read_kernel(task->comm, sizeof(task->comm), comm);
	} else {
		atomic_inc(&st->dropped[PAI_DROPPED_TASKS]);
		task = task_of_others();
	}
	add_records(s, nr, (void *)(counts ? cpu->counters : s->nowhere),
		    (void *)(counts ? cgroup->counts.counters : cgroup->counts.beside),
		    (void *)(task ? task->counters : s->nowhere));
	cpu->samples++;
	return events;
}

/* The same for a sample of a perf event, which also counts. */
static __always_inline void take_of_event(u64 nr, const void *records,
					  const struct pai_made_up *made_up)
{
	u64 events = take(nr, records, made_up);
	struct pai_cpu *cpu = this_cpu();

	if (cpu)
		cpu->events += events;
}

/* In kernels with sample_flags, raw is uninitialised if the sample has no raw data. */
static __always_inline void take_overflow(const struct bpf_perf_event_data_kern *ctx)
{
	const struct perf_sample_data *data = BPF_CORE_READ(ctx, data);
	const struct perf_raw_record *raw = NULL;
	struct pai_cpu *cpu = this_cpu();
	u32 size;

	if (!bpf_core_field_exists(data->sample_flags) ||
	    BPF_CORE_READ(data, sample_flags) & PERF_SAMPLE_RAW)
		raw = BPF_CORE_READ(data, raw);
	if (raw) {
		/* The kernel pads raw data to a multiple of 8 bytes. */
		size = BPF_CORE_READ(raw, frag.size);
		take_of_event(size % sizeof(struct paimon_pai_record) < 8
				      ? size / sizeof(struct paimon_pai_record)
				      : 0,
			      BPF_CORE_READ(raw, frag.data), NULL);
	} else if (cpu) {
		cpu->without_data++;
	}
}

SEC("raw_tp")
int pai_sample(struct bpf_raw_tracepoint_args *ctx)
{
	take(ctx->args[0], (const void *)ctx->args[1], NULL);
	return 0;
}

SEC("perf_event")
int pai_overflow(void *ctx)
{
	take_overflow(ctx);
	return 0;
}

/* Run by the daemon to add the sample in pai_made_up. */
SEC("?raw_tp")
int pai_play(void *ctx __attribute__((unused)))
{
	struct pai_made_up *made_up;
	u32 zero = 0;

	made_up = bpf_map_lookup_elem(&pai_made_up, &zero);
	if (made_up)
		take_of_event(made_up->nr, made_up->records, made_up);
	return 0;
}

static __always_inline int count_undispatched(void)
{
	struct pai_state *st = state();

	if (st)
		atomic_inc(&st->undispatched);
	return 0;
}

SEC("raw_tp/paimon_pai_sample")
int paimon_pai_sample(void *ctx)
{
	dispatch_to(ctx, &pai_programs, PAI_SAMPLE);
	return count_undispatched();
}

/* Returns 0, so that perf writes nothing to a ring buffer. */
SEC("perf_event")
int paimon_pai_overflow(void *ctx)
{
	dispatch_to(ctx, &pai_overflow_programs, PAI_SAMPLE);
	return count_undispatched();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Aggregates I/O page faults in the kernel: counts by device, and the time that a
 * group of page requests spends in each stage.
 *
 * Four dispatchers are attached to the tracepoints of paimon.ko. Each one only
 * tail-calls the program at its index in iopf_programs. A daemon with newer programs
 * replaces the array elements while the links stay attached, so that every event is
 * seen by exactly one program. Without the module, the dispatchers of
 * iopf_functions.h are attached to kernel functions.
 *
 * Requests of one device arrive one after the other (the tracepoint fires under
 * the queue's lock). Handling and response of a group follow its last request.
 * Different groups run on different CPUs concurrently. iopf.h describes the protocol
 * of a slot. One file of more than 500 lines, because all programs share the inline
 * functions that change a slot.
 */
#include "kernel.h"
#include "iopf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 iopf_max_devices = 64;

/* The daemon sets max_entries of the tables that depend on iopf_max_devices. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct iopf_device);
} iopf_devices SEC(".maps");

/* The counts of departed owners of each place. Used by the daemon only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct iopf_device);
} iopf_departed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64 * IOPF_SLOTS);
	__type(key, u32);
	__type(value, struct iopf_slot);
} iopf_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IOPF_MAX_SPILLED);
	__type(key, struct iopf_group_id);
	__type(value, struct iopf_slot);
} iopf_spilled SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, struct iopf_known);
} iopf_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, char[PAIMON_DEVICE_NAME_LEN]);
	__type(value, u32);
} iopf_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct iopf_state);
} iopf_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, IOPF_NR_PROGRAMS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} iopf_programs SEC(".maps");

static __always_inline struct iopf_state *state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&iopf_state, &zero);
}

static __always_inline void count_dropped(enum iopf_dropped what)
{
	struct iopf_state *st = state();

	if (st)
		atomic_inc(&st->dropped[what]);
}

static __always_inline struct iopf_device *device_at(u32 index)
{
	return bpf_map_lookup_elem(&iopf_devices, &index);
}

static __always_inline bool same_name(const char *a, const char *b)
{
	for (int i = 0; i < PAIMON_DEVICE_NAME_LEN / 8; i++)
		if (((const u64 *)a)[i] != ((const u64 *)b)[i])
			return false;
	return true;
}

#define IOPF_TRIES 4 /* to find a name while another CPU assigns a place to it */

#define TAKE_STEP 32 /* square root of IOPF_MAX_DEVICES */

/* The same as take_place(), among some places from this one on. */
__noinline int take_from(u32 first, u32 nr)
{
	int none = -1;

	for_up_to(i, nr - first, TAKE_STEP)
	{
		struct iopf_device *d = device_at(first + i);
		u32 state;

		if (!d)
			break;
		state = READ_ONCE(d->state);
		if (place_phase(state) == PLACE_FREE &&
		    atomic_cmpxchg(&d->state, state, state | PLACE_TAKEN) == state)
			return first + i;
		if (place_phase(state) == PLACE_FREE || place_phase(state) == PLACE_TAKEN)
			none = -2;
	}
	return none;
}

/* Takes a free place: its index, -1 if there is none, or -2 if there may be one on a retry. */
static __always_inline int take_place(u32 nr)
{
	int none = -1, taken;

	for_up_to(i, (nr + TAKE_STEP - 1) / TAKE_STEP, TAKE_STEP)
	{
		taken = take_from(i * TAKE_STEP, nr);
		if (taken >= 0)
			return taken;
		if (taken == -2)
			none = -2;
	}
	return none;
}

/* The device with a known address, or NULL: only requests have the name of the device. */
static __always_inline struct iopf_device *find_device(u64 dev, struct iopf_known **ret_known,
						       u32 *ret_index)
{
	struct iopf_known *known = bpf_map_lookup_elem(&iopf_index, &dev);
	u64 value = known ? READ_ONCE(known->value) : 0;
	u32 ticket = value;
	struct iopf_device *d = device_at(ticket & PLACE_INDEX);

	if (!known || !d || value != iopf_known_value(dev, ticket) ||
	    !place_is_of(READ_ONCE(d->state), ticket))
		return NULL;
	*ret_known = known;
	*ret_index = ticket & PLACE_INDEX;
	return d;
}

/* Opens a taken place for a device, unless another CPU was faster: its ticket, or -1. */
static __always_inline s64 open_place(u32 index, const char *name)
{
	struct iopf_device *d = device_at(index);
	u32 state, ticket;

	if (!d)
		return -1;
	state = READ_ONCE(d->state);
	ticket = place_ticket(state, index);
	__builtin_memcpy(d->name, name, PAIMON_DEVICE_NAME_LEN);
	if (bpf_map_update_elem(&iopf_names, name, &ticket, BPF_NOEXIST)) {
		atomic_xchg(&d->state, place_state(state, PLACE_FREE));
		return -1;
	}
	atomic_xchg(&d->state, place_state(state, PLACE_OPEN));
	return ticket;
}

/* The same for a device without a name, which is identified by its address only. */
static __always_inline s64 open_nameless(u32 index, u64 dev)
{
	struct iopf_device *d = device_at(index);
	struct iopf_known entry = {};
	u32 state, ticket;

	if (!d)
		return -1;
	state = READ_ONCE(d->state);
	ticket = place_ticket(state, index);
	__builtin_memset(d->name, 0, sizeof(d->name));
	BPF_SNPRINTF(d->name, sizeof(d->name), "dev%u", index + 1);
	entry.value = iopf_known_value(dev, ticket);
	if (bpf_map_update_elem(&iopf_names, d->name, &ticket, BPF_NOEXIST)) {
		atomic_xchg(&d->state, place_state(state, PLACE_FREE));
		return -1;
	}
	if (bpf_map_update_elem(&iopf_index, &dev, &entry, BPF_NOEXIST)) {
		bpf_map_delete_elem(&iopf_names, d->name);
		atomic_xchg(&d->state, place_state(state, PLACE_FREE));
		return -1;
	}
	atomic_xchg(&d->state, place_state(state, PLACE_OPEN));
	return ticket;
}

/* The ticket of a device that has or had a place, or -1. */
static __always_inline s64 known_ticket(const char *name, u64 dev)
{
	struct iopf_known *known = NULL;
	struct iopf_device *d;
	u32 *of_name, ticket;

	if (name[0]) {
		of_name = bpf_map_lookup_elem(&iopf_names, name);
		if (!of_name)
			return -1;
		ticket = READ_ONCE(*of_name);
		d = device_at(ticket & PLACE_INDEX);
		return d && same_name(d->name, name) ? (s64)ticket : -1;
	}
	if (!bpf_map_lookup_elem(&iopf_index, &dev))
		return -1;
	if (find_device(dev, &known, &ticket) && known)
		return (u32)READ_ONCE(known->value);
	/* A stale entry of a departed device. */
	bpf_map_delete_elem(&iopf_index, &dev);
	return -1;
}

/*
 * The ticket of a device by name, if necessary of a new place; or -1. A device that comes back
 * at another address continues in its place. A device without a name gets its own place.
 */
static __noinline s64 ticket_of_name(const char *name, u64 dev)
{
	struct iopf_state *st = state();
	s64 ticket;
	u32 freed;
	int index;

	if (!st)
		return -1;
	for_up_to(i, IOPF_TRIES, IOPF_TRIES)
	{
		ticket = known_ticket(name, dev);
		if (ticket >= 0)
			return ticket;
		freed = READ_ONCE(st->freed);
		if (READ_ONCE(st->full) == freed + 1)
			return -1;
		index = take_place(iopf_max_devices);
		if (index == -1) {
			WRITE_ONCE(st->full, freed + 1);
			return -1;
		}
		if (index < 0)
			continue;
		ticket = name[0] ? open_place(index, name) : open_nameless(index, dev);
		if (ticket >= 0)
			return ticket;
	}
	return -1;
}

/*
 * The index of the device that opens a group, or -1. The name is read each time,
 * because both addresses may belong to another device by now.
 */
__noinline s64 index_of_opener(u64 dev, u64 name, u64 now)
{
	char text[PAIMON_DEVICE_NAME_LEN] __attribute__((aligned(8))) = {};
	struct iopf_known *known = NULL, entry = {};
	struct iopf_device *d;
	u32 index = 0;
	s64 ticket;

	d = find_device(dev, &known, &index);
	if (name)
		bpf_probe_read_kernel_str(text, sizeof(text), (const void *)name);
	if (d && known && (!text[0] || same_name(d->name, text))) {
		known->seen_ns = now;
	} else {
		ticket = ticket_of_name(text, dev);
		if (ticket < 0)
			return -1;
		index = ticket & PLACE_INDEX;
		entry.value = iopf_known_value(dev, (u32)ticket);
		entry.seen_ns = now;
		d = device_at(index);
		if (!d || bpf_map_update_elem(&iopf_index, &dev, &entry, BPF_ANY))
			return -1;
		d->address = dev;
	}
	if (d->removed)
		d->removed = 0;
	return index;
}

static __always_inline struct iopf_slot *direct_slot(u32 device, u64 key)
{
	u32 index = device * IOPF_SLOTS + (u32)key % IOPF_SLOTS;

	return bpf_map_lookup_elem(&iopf_slots, &index);
}

/* The slot of a group in flight, or NULL. */
static __always_inline struct iopf_slot *find_group(u32 device, u64 key)
{
	struct iopf_group_id id = {.key = key, .device = device};
	struct iopf_slot *slot = direct_slot(device, key);
	struct iopf_state *st = state();

	/* While the direct slot is being freed, a later group with this key is a spilled one. */
	if (slot && READ_ONCE(slot->key) == key && READ_ONCE(slot->first_ns))
		return slot;
	if (!st || !READ_ONCE(st->spilled))
		return NULL;
	return bpf_map_lookup_elem(&iopf_spilled, &id);
}

static __always_inline void fill(struct iopf_slot *slot, const struct iopf_device *d, u64 now,
				 u32 closed)
{
	slot->last_ns = now;
	slot->handle_ns = 0;
	slot->nr = 1;
	slot->epoch = READ_ONCE(d->epoch);
	slot->closed = closed;
	slot->overlaps = 0;
	slot->untimed = 0;
	atomic_xchg(&slot->first_ns, now);
}

/* Opens a group in its direct slot, or in the hash if another group uses that slot. */
static __always_inline void open_group(const struct iopf_device *d, u32 device, u64 key, u64 now,
				       u32 closed)
{
	struct iopf_group_id id = {.key = key, .device = device};
	struct iopf_slot *slot = direct_slot(device, key);
	struct iopf_slot spill = {.key = key};
	struct iopf_state *st = state();

	if (slot && !READ_ONCE(slot->key) && !atomic_cmpxchg(&slot->key, 0, key)) {
		fill(slot, d, now, closed);
		return;
	}
	fill(&spill, d, now, closed);
	if (bpf_map_update_elem(&iopf_spilled, &id, &spill, BPF_NOEXIST))
		count_dropped(IOPF_DROPPED_GROUP);
	else if (st)
		atomic_inc(&st->spilled);
}

/* Frees a slot that the caller owns: first_ns is 0 already. */
static __always_inline void free_group(u32 device, struct iopf_slot *slot)
{
	struct iopf_group_id id = {.key = slot->key, .device = device};
	struct iopf_state *st = state();

	if (slot == direct_slot(device, id.key))
		atomic_xchg(&slot->key, 0);
	else if (!bpf_map_delete_elem(&iopf_spilled, &id) && st)
		__sync_fetch_and_sub(&st->spilled, 1);
}

/* Frees a group that was discarded with all others, has timed out, or whose device has departed. */
static __always_inline bool expire(struct iopf_device *d, u32 device, struct iopf_slot *slot,
				   u64 now)
{
	u64 first = READ_ONCE(slot->first_ns);
	struct iopf_state *st = state();
	bool discarded;

	if (!first || !st)
		return false;
	discarded = !slot->closed && slot->epoch != READ_ONCE(d->epoch);
	if (!discarded && place_phase(READ_ONCE(d->state)) != PLACE_CLOSING &&
	    (!st->group_timeout_ns || now - first <= st->group_timeout_ns))
		return false;
	if (atomic_cmpxchg(&slot->first_ns, first, 0) != first)
		return false;
	if (discarded)
		atomic_add(&d->discarded[masked(d->epoch_reason, 7)], slot->nr);
	else
		atomic_inc(&d->lost[IOPF_LOST_TIMEOUT]);
	free_group(device, slot);
	return true;
}

static __always_inline void observe(struct iopf_histogram *h, u64 from, u64 to)
{
	u64 ns = to > from ? to - from : 0;

	atomic_add(&h->sum_ns, ns);
	atomic_inc(&h->cells[paimon_hist_cell(ns) % PAIMON_HIST_CELLS]);
}

static __always_inline void observe_size(struct iopf_device *d, u32 nr)
{
	u32 cell = 0;

	for (u32 i = 0; i < IOPF_SIZE_CELLS - 1; i++)
		cell += nr > 1u << i;
	atomic_add(&d->size_sum, nr);
	atomic_inc(&d->size_cells[cell % 16 < IOPF_SIZE_CELLS ? cell % 16 : 0]);
}

/*
 * Records the times of a group. If handling started before the last request arrived
 * (requests can be handled immediately), the last request did not wait.
 */
static __always_inline void observe_group(struct iopf_device *d, const struct iopf_slot *slot,
					  u64 first, u64 now, u32 handler)
{
	u64 last = slot->last_ns, handle = slot->handle_ns;

	observe_size(d, slot->nr);
	observe(&d->stages[IOPF_STAGE_TOTAL + masked(handler, 1)], first, now);
	if (!handle)
		return;
	if (handle < last)
		handle = last;
	observe(&d->stages[IOPF_STAGE_QUEUE], last, handle);
	observe(&d->stages[IOPF_STAGE_SERVICE], handle, now);
}

/* The four events, with the arguments of the tracepoints. */

static __always_inline void on_request(u64 dev, u32 pasid, u32 grpid, u32 perm, bool closes,
				       const char *name)
{
	u64 key = iopf_slot_key(pasid, grpid), now = bpf_ktime_get_ns();
	struct iopf_known *known = NULL;
	struct iopf_slot *slot = NULL;
	struct iopf_device *d;
	u32 known_index = 0;
	s64 index = -1;

	d = find_device(dev, &known, &known_index);
	if (d) {
		index = known_index;
		slot = find_group(index, key);
		if (slot && expire(d, index, slot, now))
			slot = NULL;
	}
	if (!slot || !READ_ONCE(slot->first_ns)) {
		index = index_of_opener(dev, (u64)name, now);
		slot = NULL;
	}
	d = device_at(index);
	if (!d) {
		count_dropped(IOPF_DROPPED_DEVICE);
		return;
	}
	in_variant();
	atomic_inc(&d->requests[perm & 7]);
	if (!slot) {
		open_group(d, index, key, now, closes);
	} else if (slot->closed) {
		if (closes)
			__sync_fetch_and_add(&slot->overlaps, 1);
	} else {
		slot->nr++;
		slot->last_ns = now;
		slot->closed = closes;
	}
}

static __always_inline struct iopf_device *known_device(u64 dev, u32 *ret_index)
{
	struct iopf_known *known = NULL;
	struct iopf_device *d = find_device(dev, &known, ret_index);

	if (!d)
		count_dropped(IOPF_DROPPED_DEVICE);
	return d;
}

static __always_inline void on_handle(u64 dev, u32 pasid, u32 grpid)
{
	u64 now = bpf_ktime_get_ns();
	struct iopf_slot *slot;
	u32 index;

	if (!known_device(dev, &index))
		return;
	slot = find_group(index, iopf_slot_key(pasid, grpid));
	if (slot && !slot->overlaps && !slot->untimed)
		slot->handle_ns = now;
}

static __always_inline void on_response(u64 dev, u32 pasid, u32 grpid, u32 code)
{
	u64 now = bpf_ktime_get_ns(), first;
	u32 handler = code & PAIMON_IOPF_BY_USER ? IOPF_BY_USER : IOPF_BY_KERNEL;
	struct iopf_slot *slot;
	struct iopf_device *d;
	u32 index;

	d = known_device(dev, &index);
	if (!d)
		return;
	code &= ~PAIMON_IOPF_BY_USER;
	if (code > PAIMON_IOPF_NR_CODES)
		code = PAIMON_IOPF_NR_CODES;
	atomic_inc(&d->responses[masked(handler, 1)][masked(code, 3)]);
	slot = find_group(index, iopf_slot_key(pasid, grpid));
	first = slot ? atomic_xchg(&slot->first_ns, 0) : 0;
	if (!first) {
		atomic_inc(&d->lost[IOPF_LOST_UNSEEN]);
		return;
	}
	if (slot->untimed)
		atomic_inc(&d->lost[IOPF_LOST_OVERLAP]);
	else
		observe_group(d, slot, first, now, handler);
	if (slot->overlaps) {
		__sync_fetch_and_sub(&slot->overlaps, 1);
		slot->untimed = 1;
		atomic_xchg(&slot->first_ns, now);
	} else {
		free_group(index, slot);
	}
}

/* Discards partial groups lazily: those of an older epoch expire when they are next visited. */
static __always_inline void discard_all(struct iopf_device *d, u32 reason)
{
	d->epoch_reason = reason;
	__sync_fetch_and_add(&d->epoch, 1);
}

static __always_inline void on_discard(u64 dev, u32 pasid, u32 grpid, u32 nr, u32 reason)
{
	struct iopf_known *known = NULL;
	struct iopf_slot *slot;
	struct iopf_device *d;
	u32 index = 0;

	if (reason > PAIMON_IOPF_NR_REASONS)
		reason = PAIMON_IOPF_NR_REASONS;
	if (grpid == PAIMON_IOPF_ALL_GROUPS) {
		d = find_device(dev, &known, &index);
		if (!d) /* it never faulted */
			return;
		discard_all(d, reason);
		if (reason == PAIMON_IOPF_REMOVED)
			d->removed = 1;
		return;
	}
	d = known_device(dev, &index);
	if (!d)
		return;
	atomic_add(&d->discarded[masked(reason, 7)], nr);
	slot = find_group(index, iopf_slot_key(pasid, grpid));
	if (slot && !slot->closed && atomic_xchg(&slot->first_ns, 0))
		free_group(index, slot);
}

SEC("raw_tp")
int iopf_request(struct bpf_raw_tracepoint_args *ctx)
{
	on_request(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[4],
		   !!(ctx->args[5] & PAIMON_IOPF_CLOSES), (const char *)ctx->args[6]);
	return 0;
}

SEC("raw_tp")
int iopf_handle(struct bpf_raw_tracepoint_args *ctx)
{
	on_handle(ctx->args[0], ctx->args[1], ctx->args[2]);
	return 0;
}

SEC("raw_tp")
int iopf_response(struct bpf_raw_tracepoint_args *ctx)
{
	on_response(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3]);
	return 0;
}

SEC("raw_tp")
int iopf_discard(struct bpf_raw_tracepoint_args *ctx)
{
	on_discard(ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]);
	return 0;
}

/*
 * Run by the daemon, with the index of a device and a key, for a group that looked
 * expired when the daemon read its slot. Returns 1 if the group was expired and is freed.
 */
SEC("raw_tp")
int iopf_expire(struct bpf_raw_tracepoint_args *ctx)
{
	struct iopf_device *d = device_at(ctx->args[0]);
	struct iopf_slot *slot = find_group(ctx->args[0], ctx->args[1]);

	return d && slot && expire(d, ctx->args[0], slot, bpf_ktime_get_ns());
}

static __always_inline int count_undispatched(void)
{
	struct iopf_state *st = state();

	if (st)
		atomic_inc(&st->undispatched);
	return 0;
}

static __always_inline int dispatch(void *ctx, enum iopf_program program)
{
	dispatch_to(ctx, &iopf_programs, program);
	return count_undispatched();
}

SEC("raw_tp/paimon_iopf_request")
int paimon_request(void *ctx)
{
	return dispatch(ctx, IOPF_REQUEST);
}

SEC("raw_tp/paimon_iopf_handle")
int paimon_handle(void *ctx)
{
	return dispatch(ctx, IOPF_HANDLE);
}

SEC("raw_tp/paimon_iopf_response")
int paimon_response(void *ctx)
{
	return dispatch(ctx, IOPF_RESPONSE);
}

SEC("raw_tp/paimon_iopf_discard")
int paimon_discard(void *ctx)
{
	return dispatch(ctx, IOPF_DISCARD);
}

#include "iopf_functions.h"

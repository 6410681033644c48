// SPDX-License-Identifier: GPL-2.0
/*
 * I/O page faults, aggregated where they happen: counts by device, and the
 * time a group of page requests spends in each stage.
 *
 * Four dispatchers are attached to the tracepoints of paimon.ko. Each does
 * nothing but tail-call the program at its index of iopf_programs, so a daemon
 * with newer programs replaces an array element and every event is seen by
 * exactly one of the two, while the links stay attached. Without the module the
 * dispatchers of iopf_functions.h are attached to the kernel's functions.
 *
 * Requests of one device come one after the other (the tracepoint fires under
 * the queue's lock); handling and response of a group follow its last request;
 * different groups run on any CPU at once. iopf.h has the protocol of a slot.
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

/*
 * The index of a device by name, a new one for a new name: a device that comes
 * back at another address goes on where it was. Two CPUs may meet a new name at
 * once: the one that loses leaves an index without a name behind.
 */
static __always_inline s64 index_of_name(const char *name)
{
	struct iopf_state *st = state();
	struct iopf_device *d;
	u32 *known, index;

	known = bpf_map_lookup_elem(&iopf_names, name);
	if (known)
		return *known;
	if (!st || READ_ONCE(st->devices) >= iopf_max_devices)
		return -1;
	index = __sync_fetch_and_add(&st->devices, 1);
	d = device_at(index);
	if (!d)
		return -1;
	__builtin_memcpy(d->name, name, PAIMON_DEVICE_NAME_LEN);
	if (!bpf_map_update_elem(&iopf_names, name, &index, BPF_NOEXIST))
		return index;
	d->name[0] = 0;
	known = bpf_map_lookup_elem(&iopf_names, name);
	return known ? *known : -1;
}

/*
 * The index of the device that opens a group, or -1. The name is read each
 * time, since both addresses may belong to another device by now.
 */
static __noinline s64 index_of_opener(u64 dev, const char *name, u64 now)
{
	struct iopf_known *known = bpf_map_lookup_elem(&iopf_index, &dev), entry = {};
	char text[PAIMON_DEVICE_NAME_LEN] __attribute__((aligned(8))) = {};
	struct iopf_device *d = known ? device_at(known->device) : NULL;
	s64 index;

	if (name)
		bpf_probe_read_kernel_str(text, sizeof(text), name);
	if (d && (!name || same_name(d->name, text))) {
		known->seen_ns = now;
		return known->device;
	}
	if (!text[0])
		BPF_SNPRINTF(text, sizeof(text), "dev%llu", dev);
	index = index_of_name(text);
	if (index < 0)
		return -1;
	entry.device = index;
	entry.seen_ns = now;
	if (bpf_map_update_elem(&iopf_index, &dev, &entry, BPF_ANY))
		return -1;
	d = device_at(index);
	if (d)
		d->address = dev;
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

	if (slot && READ_ONCE(slot->key) == key)
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

/* Opens a group in its direct slot, or in the hash where another one has it. */
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

/* Frees a group that was discarded as one of all, or is too old. */
static __always_inline bool expire(struct iopf_device *d, u32 device, struct iopf_slot *slot,
				   u64 now)
{
	u64 first = READ_ONCE(slot->first_ns);
	struct iopf_state *st = state();
	bool discarded;

	if (!first || !st)
		return false;
	discarded = !slot->closed && slot->epoch != READ_ONCE(d->epoch);
	if (!discarded && (!st->group_timeout_ns || now - first <= st->group_timeout_ns))
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
 * The times of a group. Handling that began before the last request came (they
 * may be handled as they come) did not let that request wait.
 */
static __always_inline void observe_group(struct iopf_device *d, const struct iopf_slot *slot,
					  u64 first, u64 now)
{
	u64 last = slot->last_ns, handle = slot->handle_ns;

	observe_size(d, slot->nr);
	observe(&d->stages[IOPF_STAGE_TOTAL], first, now);
	if (!handle)
		return;
	if (handle < last)
		handle = last;
	observe(&d->stages[IOPF_STAGE_QUEUE], last, handle);
	observe(&d->stages[IOPF_STAGE_SERVICE], handle, now);
}

/* The four events; their arguments are those of the tracepoints. */

static __always_inline void on_request(u64 dev, u32 pasid, u32 grpid, u32 perm, bool closes,
				       const char *name)
{
	struct iopf_known *known = bpf_map_lookup_elem(&iopf_index, &dev);
	u64 key = iopf_slot_key(pasid, grpid), now = bpf_ktime_get_ns();
	struct iopf_slot *slot = NULL;
	struct iopf_device *d;
	s64 index = -1;

	if (known) {
		index = known->device;
		slot = find_group(index, key);
		d = device_at(index);
		if (d && slot && expire(d, index, slot, now))
			slot = NULL;
	}
	if (!slot || !READ_ONCE(slot->first_ns)) {
		index = index_of_opener(dev, name, now);
		slot = NULL;
	}
	d = device_at(index);
	if (!d) {
		count_dropped(IOPF_DROPPED_DEVICE);
		return;
	}
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

/* The device of a later event, or NULL; only a request names a device. */
static __always_inline struct iopf_device *find_device(u64 dev, u32 *ret_index)
{
	struct iopf_known *known = bpf_map_lookup_elem(&iopf_index, &dev);
	struct iopf_device *d = known ? device_at(known->device) : NULL;

	if (d)
		*ret_index = known->device;
	return d;
}

static __always_inline struct iopf_device *known_device(u64 dev, u32 *ret_index)
{
	struct iopf_device *d = find_device(dev, ret_index);

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
	struct iopf_slot *slot;
	struct iopf_device *d;
	u32 index;

	d = known_device(dev, &index);
	if (!d)
		return;
	if (code > PAIMON_IOPF_NR_CODES)
		code = PAIMON_IOPF_NR_CODES;
	atomic_inc(&d->responses[masked(code, 3)]);
	slot = find_group(index, iopf_slot_key(pasid, grpid));
	first = slot ? atomic_xchg(&slot->first_ns, 0) : 0;
	if (!first) {
		atomic_inc(&d->lost[IOPF_LOST_UNSEEN]);
		return;
	}
	if (slot->untimed)
		atomic_inc(&d->lost[IOPF_LOST_OVERLAP]);
	else
		observe_group(d, slot, first, now);
	if (slot->overlaps) {
		__sync_fetch_and_sub(&slot->overlaps, 1);
		slot->untimed = 1;
		atomic_xchg(&slot->first_ns, now);
	} else {
		free_group(index, slot);
	}
}

/* Open groups of an older epoch are expired when somebody looks at them. */
static __always_inline void discard_all(struct iopf_device *d, u32 reason)
{
	d->epoch_reason = reason;
	__sync_fetch_and_add(&d->epoch, 1);
}

static __always_inline void on_discard(u64 dev, u32 pasid, u32 grpid, u32 nr, u32 reason)
{
	struct iopf_slot *slot;
	struct iopf_device *d;
	u32 index;

	if (reason > PAIMON_IOPF_NR_REASONS)
		reason = PAIMON_IOPF_NR_REASONS;
	if (grpid == PAIMON_IOPF_ALL_GROUPS) {
		d = find_device(dev, &index);
		if (!d) /* it never faulted */
			return;
		discard_all(d, reason);
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
 * Run by the daemon, with the index of a device and a key, for a group that
 * looked expired when it read the slot. Returns 1 if it was and is gone.
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

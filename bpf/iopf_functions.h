/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events of iopf.bpf.c as the kernel's own handler of I/O page faults shows
 * them, where paimon.ko is absent: programs for its functions, by fentry or by
 * kprobe. Included by iopf.bpf.c, once.
 *
 * As there, a dispatcher is attached and tail-calls what counts. A PROG_ARRAY
 * takes fentry programs of one function only: so each has an array of its own.
 *
 * A fentry program runs with preemption on. Where the kernel can be preempted, a
 * second task on the same CPU finds the program running and is not counted; kprobe
 * programs run with preemption off, and miss nothing.
 *
 * The daemon finds the functions in the kernel's BTF. kmod/iopf_hook.c sees the
 * same functions, and says when they run and why at their entry.
 */

/* The response is iopf_group_response (6.9 and later), not iommu_page_response. */
const volatile __u32 iopf_group_response_is_there = 0;

#define IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE (1 << 1)
#define MAX_PENDING 2048 /* groups of a removed device that wait for an answer */

static __always_inline bool is_page_request(const struct iommu_fault *fault)
{
	return BPF_CORE_READ(fault, type) ==
	       bpf_core_enum_value(enum iommu_fault_type, IOMMU_FAULT_PAGE_REQ);
}

/* The fault leads the event, whatever the event is called. */
static __always_inline void on_report(const struct device *dev, const struct iommu_fault *fault)
{
	if (is_page_request(fault))
		on_request((u64)dev, BPF_CORE_READ(fault, prm.pasid),
			   BPF_CORE_READ(fault, prm.grpid), BPF_CORE_READ(fault, prm.perm),
			   !!(BPF_CORE_READ(fault, prm.flags) & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE),
			   BPF_CORE_READ(dev, kobj.name));
}

/* A request that was refused: the driver answers the last one of a group. */
static __always_inline void on_reported(const struct device *dev, const struct iommu_fault *fault,
					int r)
{
	u32 pasid, grpid;

	if (r >= 0 || !is_page_request(fault))
		return;
	pasid = BPF_CORE_READ(fault, prm.pasid);
	grpid = BPF_CORE_READ(fault, prm.grpid);
	if (BPF_CORE_READ(fault, prm.flags) & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		on_response((u64)dev, pasid, grpid, PAIMON_IOPF_INVALID);
	else
		on_discard((u64)dev, pasid, grpid, 1,
			   r == -12 /* ENOMEM */ ? PAIMON_IOPF_NOMEM : PAIMON_IOPF_REFUSED);
}

static __always_inline u64 group_device(const struct iopf_group *group)
{
	if (bpf_core_field_exists(group->fault_param))
		return (u64)BPF_CORE_READ(group, fault_param, dev);
	return (u64)BPF_CORE_READ(group, dev);
}

static __always_inline void on_work(const void *work)
{
	const struct iopf_group *group = work - bpf_core_field_offset(struct iopf_group, work);

	on_handle(group_device(group), BPF_CORE_READ(group, last_fault.fault.prm.pasid),
		  BPF_CORE_READ(group, last_fault.fault.prm.grpid));
}

static __always_inline bool is_answered(const struct iopf_group *group)
{
	const void *node = (const void *)group +
			   bpf_core_field_offset(struct iopf_group, pending_node);

	return BPF_CORE_READ(group, pending_node.next) == node;
}

/* iopf_group_response(group, code), or iommu_page_response(device, response). */
static __always_inline void on_answer(u64 first, u64 second)
{
	if (iopf_group_response_is_there) {
		const struct iopf_group *group = (const void *)first;

		/* It has got its answer when its device was removed. */
		if (is_answered(group))
			return;
		on_response(group_device(group), BPF_CORE_READ(group, last_fault.fault.prm.pasid),
			    BPF_CORE_READ(group, last_fault.fault.prm.grpid), second);
	} else {
		const struct iommu_page_response *response = (const void *)second;

		on_response(first, BPF_CORE_READ(response, pasid), BPF_CORE_READ(response, grpid),
			    BPF_CORE_READ(response, code));
	}
}

static __always_inline u64 queue_of(const struct device *dev)
{
	if (bpf_core_field_exists(struct iommu_fault_param, queue))
		return (u64)BPF_CORE_READ(dev, iommu, fault_param, queue);
	return (u64)BPF_CORE_READ(dev, iommu, iopf_param, queue);
}

/* The queue's devices are those that point to it, as far as they are known. */
static __always_inline void on_discard_partial(u64 queue)
{
	for_up_to(i, queue ? iopf_max_devices : 0, IOPF_MAX_DEVICES)
	{
		struct iopf_device *d = device_at(i);

		if (!d)
			break;
		if (d->address && queue_of((const void *)d->address) == queue)
			discard_all(d, PAIMON_IOPF_OVERFLOW);
	}
}

/* An argument of the function as a number: to the verifier ctx[n] may be a pointer, of which no
 * key can be made. */
static __always_inline u64 argument(void *ctx, u32 n)
{
	u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return value;
}

/* Verified by itself: the loop around it is long. */
__noinline int answer_removed(u64 dev, u32 pasid, u32 grpid)
{
	on_response(dev, pasid, grpid, PAIMON_IOPF_INVALID);
	return 0;
}

/*
 * Partial groups of the device go. From 6.9 on the removal answers what is pending;
 * before, a worker still does. Nothing happens if the queue is not the device's.
 */
static __always_inline void on_remove(u64 queue, const struct device *dev)
{
	struct iommu_fault_param *param = BPF_CORE_READ(dev, iommu, fault_param);
	const void *end, *node;

	if (!queue || queue_of(dev) != queue)
		return;
	if (bpf_core_field_exists(struct iopf_group, pending_node)) {
		end = (const void *)param + bpf_core_field_offset(struct iommu_fault_param, faults);
		node = BPF_CORE_READ(param, faults.next);
		for_up_to(i, MAX_PENDING, MAX_PENDING)
		{
			const struct iopf_group *group =
				node - bpf_core_field_offset(struct iopf_group, pending_node);

			if (!node || node == end)
				break;
			/* Of dev itself the verifier knows that it is no number. */
			answer_removed((u64)BPF_CORE_READ(param, dev),
				       BPF_CORE_READ(group, last_fault.fault.prm.pasid),
				       BPF_CORE_READ(group, last_fault.fault.prm.grpid));
			node = BPF_CORE_READ(group, pending_node.next);
		}
	}
	on_discard((u64)dev, 0, PAIMON_IOPF_ALL_GROUPS, 0, PAIMON_IOPF_REMOVED);
}

#define FENTRY(name, call)                                 \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);     \
		__uint(max_entries, 1);                    \
		__uint(key_size, sizeof(u32));             \
		__uint(value_size, sizeof(u32));           \
	} iopf_fn_##name SEC(".maps");                     \
                                                           \
	SEC("?fentry") int fentry_##name(u64 *ctx)         \
	{                                                  \
		call;                                      \
		return 0;                                  \
	}                                                  \
                                                           \
	SEC("?fentry") int paimon_fentry_##name(void *ctx) \
	{                                                  \
		dispatch_to(ctx, &iopf_fn_##name, 0);      \
		return count_undispatched();               \
	}

FENTRY(report, on_report((const void *)argument(ctx, 0), (const void *)argument(ctx, 1)))
FENTRY(reported,
       on_reported((const void *)argument(ctx, 0), (const void *)argument(ctx, 1), ctx[2]))
FENTRY(handle, on_work((const void *)argument(ctx, 0)))
FENTRY(response, on_answer(argument(ctx, 0), argument(ctx, 1)))
FENTRY(discard, on_discard_partial(argument(ctx, 0)))
FENTRY(remove, on_remove(argument(ctx, 0), (const void *)argument(ctx, 1)))

/* To the kernel kprobe.multi is another kind of program, which takes another array. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, IOPF_NR_FUNCTIONS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} iopf_kprobes SEC(".maps"), iopf_multi SEC(".maps");

/* A register of a kprobe, by what the kernel calls it. Read as memory: of loads from
 * the context clang would make one, of a pointer that the verifier refuses. */
#define REGISTER(x86, arm64, s390x)                                                \
	(bpf_core_field_exists(struct pt_regs___x86_64, x86)                       \
		 ? BPF_CORE_READ((const struct pt_regs___x86_64 *)ctx, x86)        \
	 : bpf_core_field_exists(struct pt_regs___arm64, regs)                     \
		 ? BPF_CORE_READ((const struct pt_regs___arm64 *)ctx, regs[arm64]) \
		 : BPF_CORE_READ((const struct pt_regs___s390x *)ctx, gprs[s390x]))
#define PARM0 REGISTER(di, 0, 2)
#define PARM1 REGISTER(si, 1, 3)
#define RESULT REGISTER(ax, 0, 2)

/* A report on its way, for its return, which does not see the arguments. */
struct report {
	const struct device *dev;
	const struct iommu_fault *fault;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256); /* devices' interrupt threads that report at once */
	__type(key, u64);	  /* the task */
	__type(value, struct report);
} iopf_reports SEC(".maps");

/* By itself: the stack of what opens a device is up without it, where each function takes
 * multiples of 32 bytes (before 6.9, and without a JIT). */
static __noinline void remember_report(const struct device *dev, const struct iommu_fault *fault)
{
	struct report report = {.dev = dev, .fault = fault};
	u64 task = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&iopf_reports, &task, &report, BPF_ANY);
}

static __always_inline void on_report_entry(const struct device *dev,
					    const struct iommu_fault *fault)
{
	remember_report(dev, fault);
	on_report(dev, fault);
}

static __always_inline void on_report_return(int r)
{
	u64 task = bpf_get_current_pid_tgid();
	struct report *report = bpf_map_lookup_elem(&iopf_reports, &task);

	if (!report)
		return;
	on_reported(report->dev, report->fault, r);
	bpf_map_delete_elem(&iopf_reports, &task);
}

#define KPROBE(name, index, call)                          \
	SEC("?kprobe") int kprobe_##name(void *ctx)        \
	{                                                  \
		call;                                      \
		return 0;                                  \
	}                                                  \
                                                           \
	SEC("?kprobe") int paimon_kprobe_##name(void *ctx) \
	{                                                  \
		dispatch_to(ctx, &iopf_kprobes, index);    \
		return count_undispatched();               \
	}                                                  \
                                                           \
	SEC("?kprobe") int paimon_multi_##name(void *ctx)  \
	{                                                  \
		dispatch_to(ctx, &iopf_multi, index);      \
		return count_undispatched();               \
	}

KPROBE(report, IOPF_FN_REPORT, on_report_entry((const void *)PARM0, (const void *)PARM1))
KPROBE(reported, IOPF_FN_REPORTED, on_report_return(RESULT))
KPROBE(handle, IOPF_FN_HANDLE, on_work((const void *)PARM0))
KPROBE(response, IOPF_FN_RESPONSE, on_answer(PARM0, PARM1))
KPROBE(discard, IOPF_FN_DISCARD, on_discard_partial(PARM0))
KPROBE(remove, IOPF_FN_REMOVE, on_remove(PARM0, (const void *)PARM1))

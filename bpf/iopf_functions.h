/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hooks on the kernel's own I/O page fault handler, for use without paimon.ko:
 * fentry and kprobe programs on its functions, which call the event functions of
 * iopf.bpf.c. Included only by iopf.bpf.c.
 *
 * Here too, a dispatcher is attached and tail-calls the program that counts. A
 * PROG_ARRAY accepts fentry programs of one function only, so each function has its
 * own array.
 *
 * fentry programs run with preemption enabled. In a preemptible kernel, if the task is
 * preempted inside a program, the kernel skips the program for another task on the
 * same CPU, whose event is not counted. kprobe programs run with preemption disabled
 * and are not skipped for this reason.
 *
 * The daemon looks up the functions in the kernel's BTF. kmod/iopf_hook.c probes the
 * same functions; it describes when they run, and why they are probed at entry.
 */

/* The response function is iopf_group_response (6.9 and later), not iommu_page_response. */
const volatile __u32 iopf_group_response_is_there = 0;

#define IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE (1 << 1)
#define __IOMMU_DOMAIN_SVA (1 << 4)
#define MAX_PENDING 2048 /* groups of a removed device that wait for a response */

static __always_inline bool is_page_request(const struct iommu_fault *fault)
{
	return BPF_CORE_READ(fault, type) ==
	       bpf_core_enum_value(enum iommu_fault_type, IOMMU_FAULT_PAGE_REQ);
}

/* The fault is the first member of the event structure, whose name depends on the kernel. */
static __always_inline void on_report(const struct device *dev, const struct iommu_fault *fault)
{
	if (is_page_request(fault))
		on_request((u64)dev, BPF_CORE_READ(fault, prm.pasid),
			   BPF_CORE_READ(fault, prm.grpid), BPF_CORE_READ(fault, prm.perm),
			   !!(BPF_CORE_READ(fault, prm.flags) & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE),
			   BPF_CORE_READ(dev, kobj.name));
}

/* The request was refused: if it is the last one of its group, the driver answers it. */
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

/*
 * PAIMON_IOPF_BY_USER or 0. Only SVA domains are handled by the kernel itself; the handler of any
 * other domain is iommufd's.
 */
static __always_inline u32 group_handler(const struct iopf_group *group)
{
	const struct iommu_domain *domain;

	if (!bpf_core_field_exists(group->attach_handle))
		return 0;
	domain = BPF_CORE_READ(group, attach_handle, domain);
	return domain && !(BPF_CORE_READ(domain, type) & __IOMMU_DOMAIN_SVA) ? PAIMON_IOPF_BY_USER
									     : 0;
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

		/* The removal of its device has already answered it. */
		if (is_answered(group))
			return;
		on_response(group_device(group), BPF_CORE_READ(group, last_fault.fault.prm.pasid),
			    BPF_CORE_READ(group, last_fault.fault.prm.grpid),
			    (u32)second | group_handler(group));
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

/* A global function, because the loop around it is long: it is verified only once. */
__noinline int discard_if_of_queue(u32 index, u64 queue)
{
	struct iopf_device *d = device_at(index);

	if (d && d->address && queue_of((const void *)d->address) == queue)
		discard_all(d, PAIMON_IOPF_OVERFLOW);
	return 0;
}

/* The devices of the queue are those known devices that point to it. */
static __always_inline void on_discard_partial(u64 queue)
{
	for_up_to(i, queue ? iopf_max_devices : 0, IOPF_MAX_DEVICES) discard_if_of_queue(i, queue);
}

/* An argument of the function as a scalar. For the verifier ctx[n] may be a pointer, which cannot
 * be used as a key. */
static __always_inline u64 argument(void *ctx, u32 n)
{
	u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return value;
}

/* A global function for the same reason. For the verifier addresses are scalars. It is the kernel
 * that answers; what the group was attached to may have gone before. */
__noinline int answer_removed(u64 dev, u64 address)
{
	const struct iopf_group *group = (const void *)address;

	on_response(dev, BPF_CORE_READ(group, last_fault.fault.prm.pasid),
		    BPF_CORE_READ(group, last_fault.fault.prm.grpid), PAIMON_IOPF_INVALID);
	return 0;
}

/*
 * Removal of a device discards its partial groups. From 6.9 on it also answers pending
 * groups; before, a worker still does. No effect if the queue is not that of the device.
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
			/* For the verifier dev itself is not a scalar. */
			answer_removed((u64)BPF_CORE_READ(param, dev), (u64)group);
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

/* kprobe.multi is a different attach type for the kernel, which needs its own array. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, IOPF_NR_FUNCTIONS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} iopf_kprobes SEC(".maps"), iopf_multi SEC(".maps");

/* A register of a kprobe, by its name in this kernel. It is read as memory: clang would merge
 * loads from the context into one with a modified pointer, which the verifier refuses. */
#define REGISTER(x86, arm64, s390x)                                                \
	(bpf_core_field_exists(struct pt_regs___x86_64, x86)                       \
		 ? BPF_CORE_READ((const struct pt_regs___x86_64 *)ctx, x86)        \
	 : bpf_core_field_exists(struct pt_regs___arm64, regs)                     \
		 ? BPF_CORE_READ((const struct pt_regs___arm64 *)ctx, regs[arm64]) \
		 : BPF_CORE_READ((const struct pt_regs___s390x *)ctx, gprs[s390x]))
#define PARM0 REGISTER(di, 0, 2)
#define PARM1 REGISTER(si, 1, 3)
#define RESULT REGISTER(ax, 0, 2)

/* The arguments of a report, for the probe at its return, which cannot read them. */
struct report {
	const struct device *dev;
	const struct iommu_fault *fault;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256); /* interrupt threads of devices that report concurrently */
	__type(key, u64);	  /* the task */
	__type(value, struct report);
} iopf_reports SEC(".maps");

/* Not inlined: the path that opens a device needs the whole BPF stack, because each function's
 * frame is rounded up to 32 bytes (before 6.9, and without a JIT). */
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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the modules depend on the kernel. The rest of them does not.
 *
 * First, the differences between kernels. Kbuild checks the kernel's headers; version
 * numbers are not used, because stable kernels backport changes.
 *
 * Second, what no kernel offers to modules, and why it is used all the same:
 *	in		what				why
 *	paimon.ko	kprobes on the functions of	The handler has no tracepoints for
 *			the fault handler		recoverable faults. (iopf_hook.c)
 *			layouts of the handler before	A worker gets the address of its
 *			Linux 6.9			group, a discard that of its queue,
 *							and neither names a device.
 *	paimon_pai.ko	perf_event_overflow()		No exported function gives a sample
 *							to a perf event.
 *			the tracepoint sched_switch	Its samples belong to the task that
 *							is scheduled out. (pai_ext.c)
 *	paimon_pai.ko,	the bus of PMUs			perf_pmu_register() answers a name
 *	paimon_cspmu.ko					that is taken with a stack trace.
 */
#ifndef PAIMON_COMPAT_H
#define PAIMON_COMPAT_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/perf_event.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <paimon/record.h>

/* Does this kernel have an I/O page fault handler that can be probed? */
#if IS_ENABLED(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API) && \
	(IS_ENABLED(CONFIG_IOMMU_SVA) || IS_ENABLED(CONFIG_IOMMU_IOPF))
#define PAIMON_IOPF_HOOK 1
#endif

#ifdef PAIMON_IOPF_HOOK

#ifdef PAIMON_PUBLIC_IOPF_GROUP

static inline struct device *paimon_group_device(const struct iopf_group *group)
{
	return group->fault_param->dev;
}

/*
 * PAIMON_IOPF_BY_USER or 0. Only SVA domains are handled by the kernel itself; the handler of any
 * other domain is iommufd's. Kernels without an attach handle (before 6.11) have no such handler.
 */
static inline u32 paimon_group_handler(const struct iopf_group *group)
{
#ifdef PAIMON_ATTACH_HANDLE
	struct iommu_domain *domain;
	unsigned int type;

	if (group->attach_handle && !get_kernel_nofault(domain, &group->attach_handle->domain) &&
	    domain && !get_kernel_nofault(type, &domain->type) && !(type & __IOMMU_DOMAIN_SVA))
		return PAIMON_IOPF_BY_USER;
#endif
	return 0;
}

/* The location of the pointer from a device to its queue. */
static inline const void *paimon_queue_field(const struct dev_iommu *iommu)
{
	return &iommu->fault_param;
}

#define PAIMON_QUEUE_OFFSET offsetof(struct iommu_fault_param, queue)

#else

/*
 * Private to io-pgfault.c in these kernels, so these layouts are not guaranteed.
 * Users read them with copy_from_kernel_nofault() or get_kernel_nofault(), and use a
 * group only if its device is one that was seen before.
 */
struct iopf_fault {
	struct iommu_fault fault;
	struct list_head list;
};

struct iopf_group {
	struct iopf_fault last_fault;
	struct list_head faults;
	struct work_struct work;
	struct device *dev;
};

struct paimon_iopf_device_param {
	struct device *dev;
	struct iopf_queue *queue;
};

static inline struct device *paimon_group_device(const struct iopf_group *group)
{
	return group->dev;
}

static inline const void *paimon_queue_field(const struct dev_iommu *iommu)
{
	return &iommu->iopf_param;
}

#define PAIMON_QUEUE_OFFSET offsetof(struct paimon_iopf_device_param, queue)

#endif

/* The flags of a request in the format of the tracepoint. */
static inline u32 paimon_request_flags(const struct iommu_fault_page_request *prm)
{
	u32 flags = 0;

	if (prm->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID)
		flags |= PAIMON_IOPF_PASID_VALID;
	if (prm->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		flags |= PAIMON_IOPF_LAST;
	if (prm->flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID)
		flags |= PAIMON_IOPF_NEEDS_PASID;
	return flags;
}

#endif

/* A mapping that is only read stays one, whatever mprotect(2) is asked for. */
static inline void paimon_never_write(struct vm_area_struct *vma)
{
#ifdef PAIMON_VM_FLAGS_CLEAR
	vm_flags_clear(vma, VM_MAYWRITE);
#else
	vma->vm_flags &= ~VM_MAYWRITE;
#endif
}

/* Attaches raw data to a sample. */
static inline void paimon_save_raw_data(struct perf_sample_data *data, struct perf_event *event,
					struct perf_raw_record *raw)
{
#if defined(PAIMON_SAVE_RAW_DATA_OF_EVENT)
	perf_sample_save_raw_data(data, event, raw);
#elif defined(PAIMON_SAVE_RAW_DATA)
	perf_sample_save_raw_data(data, raw);
#else
	raw->size = raw->frag.size;
	data->raw = raw;
	data->sample_flags |= PERF_SAMPLE_RAW;
#endif
}

/* 0, or a negative errno: the PMU stays. */
static inline int paimon_pmu_unregister(struct pmu *pmu)
{
#ifdef PAIMON_UNREGISTER_RETURNS
	return perf_pmu_unregister(pmu);
#else
	perf_pmu_unregister(pmu);
	return 0;
#endif
}

static inline u64 paimon_attr_config3(const struct perf_event_attr *attr)
{
#ifdef PAIMON_ATTR_CONFIG3
	return attr->config3;
#else
	return 0;
#endif
}

static inline void paimon_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef PAIMON_HRTIMER_SETUP
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/*
 * The address of a function of the kernel, for direct calls alone: it may lie behind
 * ENDBR. Or an ERR_PTR.
 */
static inline void *paimon_find_function(const char *name)
{
	/* Never armed: only its address is used. */
	struct kprobe probe = {.symbol_name = name, .flags = KPROBE_FLAG_DISABLED};
	int ret = register_kprobe(&probe);

	if (ret)
		return ERR_PTR(ret);
	unregister_kprobe(&probe);
	return probe.addr;
}

static inline void paimon_find_sched_switch_visit(struct tracepoint *tracepoint, void *ret_found)
{
	if (!strcmp(tracepoint->name, "sched_switch"))
		*(struct tracepoint **)ret_found = tracepoint;
}

/* The tracepoint, or NULL. */
static inline struct tracepoint *paimon_find_sched_switch(void)
{
	struct tracepoint *found = NULL;

	for_each_kernel_tracepoint(paimon_find_sched_switch_visit, &found);
	return found;
}

/* -EEXIST: the kernel has a PMU with this name. Any PMU gives access to the bus of all PMUs. */
static inline int paimon_check_pmu_name(const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
	};
	struct perf_event *event = perf_event_create_kernel_counter(&attr, -1, current, NULL, NULL);
	struct device *dev;

	if (IS_ERR(event))
		return PTR_ERR(event);
	dev = bus_find_device_by_name(event->pmu->dev->bus, NULL, name);
	perf_event_release_kernel(event);
	put_device(dev);
	return dev ? -EEXIST : 0;
}

#endif

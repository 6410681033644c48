/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that paimon.ko builds for, and nothing else
 * of the module does. Decided by what the kernel's headers have (Kbuild looks),
 * never by its version: stable kernels take changes back.
 */
#ifndef PAIMON_COMPAT_H
#define PAIMON_COMPAT_H

#include <linux/iommu.h>
#include <linux/perf_event.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

/* Is there a handler of I/O page faults in this kernel, and a way to see it? */
#if IS_ENABLED(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API) && \
	(IS_ENABLED(CONFIG_IOMMU_SVA) || IS_ENABLED(CONFIG_IOMMU_IOPF))
#define PAIMON_IOPF_HOOK 1
#endif

#ifdef PAIMON_IOPF_HOOK

/* The function that takes a group from the queue; its argument is the work in the group. */
#ifdef PAIMON_PUBLIC_IOPF_GROUP /* 6.9 and later */
#define PAIMON_IOPF_WORKER "iommu_sva_handle_iopf"
#else
#define PAIMON_IOPF_WORKER "iopf_handle_group"
#endif

#ifdef PAIMON_PUBLIC_IOPF_GROUP

static inline struct device *paimon_group_device(const struct iopf_group *group)
{
	return group->fault_param->dev;
}

/* Where a device's pointer to its queue lies. */
static inline const void *paimon_queue_field(const struct dev_iommu *iommu)
{
	return &iommu->fault_param;
}

#define PAIMON_QUEUE_OFFSET offsetof(struct iommu_fault_param, queue)

#else

/*
 * Private to io-pgfault.c in these kernels. Nothing vouches for these layouts:
 * whoever uses them reads without faulting and believes a group only if its
 * device is one that was seen.
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

/* The flags of a request, as the tracepoint has them. */
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

/* Hands raw data over with a sample. */
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

#endif

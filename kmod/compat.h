/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differences between the kernels that the modules build for. The rest of them does
 * not depend on the kernel. Kbuild checks the kernel's headers; version
 * numbers are not used, because stable kernels backport changes.
 */
#ifndef PAIMON_COMPAT_H
#define PAIMON_COMPAT_H

#include <linux/iommu.h>
#include <linux/perf_event.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

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

#endif

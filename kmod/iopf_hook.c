// SPDX-License-Identifier: GPL-2.0
/*
 * Probes in the kernel's own I/O page fault handler.
 *
 *   iommu_report_device_fault     a driver reports a request      -> request
 *   its return with an error      the request is refused; the
 *                                 driver answers the last one of
 *                                 a group                         -> response, discard
 *   the worker, if there is one   it starts to handle a group     -> handle
 *   iopf_group_response, or       the response                    -> response
 *   iommu_page_response (to 6.8)
 *   iopf_queue_discard_partial    partial faults are dropped; no
 *                                 group is named                  -> discard of all groups
 *   iopf_queue_remove_device      the same; pending groups are
 *                                 answered with INVALID (6.9 and
 *                                 later; before, a worker still
 *                                 answers)                        -> response, discard
 *
 * The response is probed at function entry: when the function returns, the device may
 * already have reused the number of the group.
 *
 * A discard only names a queue, and the layout of a worker's group is not guaranteed in
 * older kernels. Both cases use the table of devices seen so far. It is lockless, because
 * probes run in any context. There is no notification when a device is freed, so the memory
 * of a device in the table may have been reused: it is read without faulting.
 */
#include "iopf_hook.h"

#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/module.h>

#include <paimon/iopf_worker.h>
#include <paimon/record.h>

#include "compat.h"
#include "trace.h"

#ifdef PAIMON_IOPF_HOOK

#define SEEN_BITS 8
#define MAX_PENDING 4096 /* groups of a removed device that wait for a response */
#define MAX_REPORTS 64	 /* interrupt threads concurrently in iommu_report_device_fault */

static struct device *seen[1 << SEEN_BITS];

/* A device that was seen is at the index of its hash or, after a collision, anywhere. */
static bool is_seen(const struct device *dev)
{
	unsigned int i;

	if (READ_ONCE(seen[hash_ptr(dev, SEEN_BITS)]) == dev)
		return true;
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		if (READ_ONCE(seen[i]) == dev)
			return true;
	return false;
}

static void remember(struct device *dev)
{
	unsigned int start = hash_ptr(dev, SEEN_BITS), i;

	if (is_seen(dev))
		return;
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		if (!cmpxchg(&seen[(start + i) % ARRAY_SIZE(seen)], NULL, dev))
			return;
	pr_warn_once("paimon: more than %zu devices fault: discards of the others are not traced\n",
		     ARRAY_SIZE(seen));
}

static void forget(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seen); i++)
		cmpxchg(&seen[i], dev, NULL);
}

static void *argument(struct pt_regs *regs, unsigned int nr)
{
	return (void *)regs_get_kernel_argument(regs, nr);
}

static int on_report(struct kprobe *probe, struct pt_regs *regs)
{
	struct device *dev = argument(regs, 0);
	/* The fault is the first member of the event structure, whose name depends on the kernel.
	 */
	const struct iommu_fault *fault = argument(regs, 1);
	const struct iommu_fault_page_request *prm = &fault->prm;

	if (fault->type != IOMMU_FAULT_PAGE_REQ)
		return 0;
	remember(dev);
	paimon_fire(iopf_request, (u64)(uintptr_t)dev, prm->pasid, prm->grpid, prm->addr,
		    prm->perm & PAIMON_IOPF_PERM_ALL, paimon_request_flags(prm), dev_name(dev));
	return 0;
}

/* The data of a report that is needed if the function returns an error. */
struct report {
	u64 dev;
	u32 pasid, grpid;
	bool last;
};

static int on_report_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct iommu_fault *fault = argument(regs, 1);

	if (fault->type != IOMMU_FAULT_PAGE_REQ)
		return 1;
	*(struct report *)instance->data = (struct report){
		.dev = (u64)(uintptr_t)argument(regs, 0),
		.pasid = fault->prm.pasid,
		.grpid = fault->prm.grpid,
		.last = fault->prm.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
	};
	return 0;
}

static int on_report_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct report *report = (const void *)instance->data;
	int r = regs_return_value(regs);

	if (r >= 0)
		return 0;
	if (report->last)
		paimon_fire(iopf_response, report->dev, report->pasid, report->grpid,
			    PAIMON_IOPF_INVALID);
	else
		paimon_fire(iopf_discard, report->dev, report->pasid, report->grpid, 1,
			    r == -ENOMEM ? PAIMON_IOPF_NOMEM : PAIMON_IOPF_REFUSED);
	return 0;
}

static int on_work(struct kprobe *probe, struct pt_regs *regs)
{
	const struct iopf_group *group = container_of((struct work_struct *)argument(regs, 0),
						      struct iopf_group, work);
	const struct iommu_fault_page_request *prm;
	struct iopf_group copy;
	struct device *dev;
	u32 nr = 0;

	if (!trace_paimon_iopf_handle_enabled() ||
	    copy_from_kernel_nofault(&copy, group, sizeof(copy)))
		return 0;
	dev = paimon_group_device(&copy);
	if (!is_seen(dev))
		return 0;
	prm = &copy.last_fault.fault.prm;
#ifdef PAIMON_PUBLIC_IOPF_GROUP
	{
		const struct list_head *node;

		list_for_each(node, &group->faults) nr++;
	}
#endif
	paimon_fire(iopf_handle, (u64)(uintptr_t)dev, prm->pasid, prm->grpid, nr);
	return 0;
}

#ifdef PAIMON_PUBLIC_IOPF_GROUP
#define RESPONSE "iopf_group_response"
static int on_response(struct kprobe *probe, struct pt_regs *regs)
{
	const struct iopf_group *group = argument(regs, 0);
	const struct iommu_fault_page_request *prm = &group->last_fault.fault.prm;

	/* The removal of its device has already answered it. */
	if (list_empty(&group->pending_node))
		return 0;
	paimon_fire(iopf_response, (u64)(uintptr_t)paimon_group_device(group), prm->pasid,
		    prm->grpid, (u32)(uintptr_t)argument(regs, 1) | paimon_group_handler(group));
	return 0;
}
#else
#define RESPONSE "iommu_page_response"
static int on_response(struct kprobe *probe, struct pt_regs *regs)
{
	const struct iommu_page_response *response = argument(regs, 1);

	paimon_fire(iopf_response, (u64)(uintptr_t)argument(regs, 0), response->pasid,
		    response->grpid, response->code);
	return 0;
}
#endif

/* The structure of a device that has the pointer to its queue, or NULL. */
static const char *queue_param(const struct device *dev)
{
	struct dev_iommu *iommu;
	const char *param;

	if (!dev || get_kernel_nofault(iommu, &dev->iommu) || !iommu ||
	    get_kernel_nofault(param, (const char **)paimon_queue_field(iommu)))
		return NULL;
	return param;
}

static bool has_queue(const struct device *dev, const void *queue)
{
	const char *param = queue_param(dev);
	const void *found;

	return param && !get_kernel_nofault(found, (const void **)(param + PAIMON_QUEUE_OFFSET)) &&
	       found == queue;
}

/* Reports the responses that the removal of a device is about to send: the kernel's, whoever was to
 * answer. What a group was attached to may have gone before. */
static void answer_pending(struct device *dev)
{
#ifdef PAIMON_PUBLIC_IOPF_GROUP
	const struct iommu_fault_param *param = (const void *)queue_param(dev);
	struct iopf_group group;
	struct list_head *node;
	unsigned int i;

	if (get_kernel_nofault(node, &param->faults.next))
		return;
	for (i = 0; i < MAX_PENDING && node != &param->faults; i++) {
		const struct iommu_fault_page_request *prm = &group.last_fault.fault.prm;

		if (copy_from_kernel_nofault(&group,
					     container_of(node, struct iopf_group, pending_node),
					     sizeof(group)))
			return;
		paimon_fire(iopf_response, (u64)(uintptr_t)dev, prm->pasid, prm->grpid,
			    PAIMON_IOPF_INVALID);
		node = group.pending_node.next;
	}
#endif
}

static int on_discard(struct kprobe *probe, struct pt_regs *regs)
{
	const void *queue = argument(regs, 0);
	unsigned int i;

	for (i = 0; queue && i < ARRAY_SIZE(seen); i++) {
		const struct device *dev = READ_ONCE(seen[i]);

		if (has_queue(dev, queue))
			paimon_fire(iopf_discard, (u64)(uintptr_t)dev, 0, PAIMON_IOPF_ALL_GROUPS, 0,
				    PAIMON_IOPF_OVERFLOW);
	}
	return 0;
}

static int on_remove(struct kprobe *probe, struct pt_regs *regs)
{
	const void *queue = argument(regs, 0);
	struct device *dev = argument(regs, 1);

	/* The kernel refuses to remove a device from a queue that is not its own. */
	if (!has_queue(dev, queue))
		return 0;
	answer_pending(dev);
	paimon_fire(iopf_discard, (u64)(uintptr_t)dev, 0, PAIMON_IOPF_ALL_GROUPS, 0,
		    PAIMON_IOPF_REMOVED);
	forget(dev);
	return 0;
}

/* The first NEEDED of these are required. */
#define NEEDED 2
static struct kprobe probes[] = {
	{.symbol_name = "iommu_report_device_fault", .pre_handler = on_report},
	{.symbol_name = RESPONSE, .pre_handler = on_response},
	{.pre_handler = on_work}, /* its name: PAIMON_IOPF_WORKERS */
	{.symbol_name = "iopf_queue_discard_partial", .pre_handler = on_discard},
	{.symbol_name = "iopf_queue_remove_device", .pre_handler = on_remove},
};
static bool probed[ARRAY_SIZE(probes)];

static struct kretprobe refusal = {
	.kp.symbol_name = "iommu_report_device_fault",
	.entry_handler = on_report_entry,
	.handler = on_report_return,
	.data_size = sizeof(struct report),
	.maxactive = MAX_REPORTS,
};
static bool refusal_probed;

static int register_probe(struct kprobe *probe)
{
	static const char *const workers[] = {PAIMON_IOPF_WORKERS};
	unsigned int i;
	int r = -ENOENT;

	if (probe->pre_handler != on_work)
		return register_kprobe(probe);
	for (i = 0; i < ARRAY_SIZE(workers) && r == -ENOENT; i++) {
		probe->symbol_name = workers[i];
		r = register_kprobe(probe);
	}
	return r;
}

void paimon_iopf_hook_init(void)
{
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		r = register_probe(&probes[i]);
		probed[i] = !r;
		if (!r)
			continue;
		if (i < NEEDED) {
			pr_info("paimon: cannot probe %s (error %d): hardware page faults are not traced\n",
				probes[i].symbol_name, r);
			paimon_iopf_hook_exit();
			return;
		}
		pr_info("paimon: cannot probe %s (error %d)\n", probes[i].symbol_name, r);
	}
	if (!IS_ENABLED(PAIMON_REPORT_RETURNS))
		return;
	r = register_kretprobe(&refusal);
	refusal_probed = !r;
	if (r)
		pr_info("paimon: cannot probe the return of %s (error %d)\n",
			refusal.kp.symbol_name, r);
}

void paimon_iopf_hook_exit(void)
{
	unsigned int i;

	if (refusal_probed)
		unregister_kretprobe(&refusal);
	refusal_probed = false;
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (probed[i])
			unregister_kprobe(&probes[i]);
	memset(probed, 0, sizeof(probed));
}

#else

void paimon_iopf_hook_init(void)
{
	pr_info("paimon: this kernel has no I/O page fault handler that can be probed\n");
}

void paimon_iopf_hook_exit(void)
{
}

#endif

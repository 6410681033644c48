// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_bench.ko: what ./dev bench iopf times in a guest. Each write to a
 * parameter runs one round, in the writer's context; results are read back.
 *
 *	groups	  N groups of one request through the fault queue, paimon_iopf.ko,
 *		  whose tracepoints fire; group_ns is the median time of one
 *	partials  N partial faults of other groups are outstanding, and a group is
 *		  completed: queue_ns by the fault queue, scan_ns by one that scans
 *		  a list of all partial faults, as the kernel's first handler did
 *
 * Nobody but the benchmark loads it; the lock of the parameters keeps rounds apart.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "iopf_queue/iopf_queue.h"

#define BATCH 64	  /* groups in flight */
#define MAX_SAMPLES 1024U /* a round's times */
#define COMPLETIONS 501	  /* samples of one number of partial faults */
#define MAX_PARTIALS 512
#define PASID 7

static struct paimon_iopf_queue *queue;
static struct paimon_iopf_device device;
static u64 samples[2][MAX_SAMPLES];
static u64 group_ns, queue_ns, scan_ns;
module_param(group_ns, ullong, 0444);
module_param(queue_ns, ullong, 0444);
module_param(scan_ns, ullong, 0444);

static int bench_handle(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault)
{
	return PAIMON_IOPF_SUCCESS;
}

static void bench_respond(struct paimon_iopf_device *dev,
			  const struct paimon_iopf_response *response)
{
}

static const struct paimon_iopf_ops bench_ops = {
	.handle = bench_handle,
	.respond = bench_respond,
};

static struct paimon_iopf_fault make_fault(u32 grpid, bool last)
{
	return (struct paimon_iopf_fault){
		.type = PAIMON_IOPF_PAGE_REQUEST,
		.flags = PAIMON_IOPF_PASID_VALID | (last ? PAIMON_IOPF_LAST : 0),
		.perm = PAIMON_IOPF_PERM_READ,
		.pasid = PASID,
		.grpid = grpid,
		.addr = 4096ULL * grpid,
	};
}

static int queue_report(u32 grpid, bool last)
{
	struct paimon_iopf_fault fault = make_fault(grpid, last);

	return paimon_iopf_report(&device, &fault);
}

/* The peer: every partial fault of the device is in one list. */
struct scan_fault {
	struct paimon_iopf_fault fault;
	struct list_head entry;
};

struct scan_group {
	struct scan_fault last;
	struct list_head faults;
	struct work_struct work;
};

static struct workqueue_struct *scan_wq;
static DEFINE_MUTEX(scan_lock);
static LIST_HEAD(scan_partial);

static void scan_free(struct list_head *faults)
{
	struct scan_fault *fault, *next;

	list_for_each_entry_safe(fault, next, faults, entry)
		kfree(fault);
	INIT_LIST_HEAD(faults);
}

static void scan_work(struct work_struct *work)
{
	struct scan_group *group = container_of(work, struct scan_group, work);
	struct paimon_iopf_response response = {
		.pasid = group->last.fault.pasid,
		.grpid = group->last.fault.grpid,
	};
	struct scan_fault *fault;

	list_for_each_entry(fault, &group->faults, entry)
		if (response.code == PAIMON_IOPF_SUCCESS)
			response.code = bench_ops.handle(&device, &fault->fault);
	bench_ops.respond(&device, &response);
	list_del(&group->last.entry);
	scan_free(&group->faults);
	kfree(group);
}

static int scan_report(u32 grpid, bool last)
{
	struct scan_fault *fault, *next;
	struct scan_group *group;

	if (!last) {
		fault = kzalloc(sizeof(*fault), GFP_KERNEL);
		if (!fault)
			return -ENOMEM;
		fault->fault = make_fault(grpid, false);
		mutex_lock(&scan_lock);
		list_add(&fault->entry, &scan_partial);
		mutex_unlock(&scan_lock);
		return 0;
	}
	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return -ENOMEM;
	group->last.fault = make_fault(grpid, true);
	INIT_LIST_HEAD(&group->faults);
	list_add(&group->last.entry, &group->faults);
	INIT_WORK(&group->work, scan_work);
	mutex_lock(&scan_lock);
	list_for_each_entry_safe(fault, next, &scan_partial, entry)
		if (fault->fault.grpid == grpid)
			list_move(&fault->entry, &group->faults);
	queue_work(scan_wq, &group->work);
	mutex_unlock(&scan_lock);
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(u64 *values, unsigned int nr)
{
	sort(values, nr, sizeof(*values), compare, NULL);
	return values[nr / 2];
}

static int run_groups(const char *value, const struct kernel_param *param)
{
	unsigned int groups, nr = 0;
	int ret = kstrtouint(value, 0, &groups);

	if (ret || groups < BATCH || groups / BATCH > MAX_SAMPLES)
		return ret ?: -ERANGE;
	for (; nr < groups / BATCH; nr++) {
		u64 start = ktime_get_ns();

		for (u32 grpid = 0; grpid < BATCH && !ret; grpid++)
			ret = queue_report(grpid, true);
		paimon_iopf_flush_device(&device);
		if (ret)
			return ret;
		samples[0][nr] = (ktime_get_ns() - start) / BATCH;
	}
	group_ns = median(samples[0], nr);
	return 0;
}

/* Completes a group of two requests, and times the report of the second one. */
static int time_completion(int (*report)(u32 grpid, bool last), u32 grpid, u64 *ret_ns)
{
	int ret = report(grpid, false);
	u64 start = ktime_get_ns();

	ret = ret ?: report(grpid, true);
	*ret_ns = ktime_get_ns() - start;
	return ret;
}

static int run_partials(const char *value, const struct kernel_param *param)
{
	unsigned int nr;
	int ret = kstrtouint(value, 0, &nr);

	if (ret || !nr || nr > MAX_PARTIALS)
		return ret ?: -ERANGE;
	for (u32 grpid = 1; grpid <= nr && !ret; grpid++)
		ret = queue_report(grpid, false) ?: scan_report(grpid, false);
	for (int i = 0; i < COMPLETIONS && !ret; i++) {
		u32 grpid = MAX_PARTIALS + 1 + i;

		ret = time_completion(queue_report, grpid, &samples[0][i]);
		paimon_iopf_flush_device(&device);
		ret = ret ?: time_completion(scan_report, grpid, &samples[1][i]);
		flush_workqueue(scan_wq);
	}
	paimon_iopf_queue_discard_partial(queue);
	mutex_lock(&scan_lock);
	scan_free(&scan_partial);
	mutex_unlock(&scan_lock);
	if (ret)
		return ret;
	queue_ns = median(samples[0], COMPLETIONS);
	scan_ns = median(samples[1], COMPLETIONS);
	return 0;
}

static const struct kernel_param_ops groups_ops = {.set = run_groups};
static const struct kernel_param_ops partials_ops = {.set = run_partials};
module_param_cb(groups, &groups_ops, NULL, 0200);
module_param_cb(partials, &partials_ops, NULL, 0200);

static int __init bench_init(void)
{
	int ret;

	queue = paimon_iopf_queue_alloc("paimon-bench", 0);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	scan_wq = alloc_workqueue("paimon-bench-scan", WQ_UNBOUND, 0);
	paimon_iopf_device_init(&device, "bench0", &bench_ops);
	ret = scan_wq ? paimon_iopf_queue_add_device(queue, &device) : -ENOMEM;
	if (ret) {
		if (scan_wq)
			destroy_workqueue(scan_wq);
		paimon_iopf_queue_free(queue);
	}
	return ret;
}

static void __exit bench_exit(void)
{
	destroy_workqueue(scan_wq);
	paimon_iopf_queue_free(queue);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmarks of the tracepoints and fault queue of paimon");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_iopf.ko, the I/O page fault queue: collects the page requests of a group, lets
 * a worker handle them on the address space of their PASID, and sends the device one
 * response per group. The interface and its contract are in iopf_queue.h; "cN" names the
 * invariant for which a line is needed. This file is long, because it is one subject with
 * one set of locks.
 *
 * A group is open from its first request to the one that closes it, and is in the
 * table of its device for exactly that time. After that it belongs to the worker
 * alone. Each request has room for a group: a request is one allocation, made
 * before any lock is taken, so there is only one point where it can fail.
 *
 * Locking order:
 *	queue->lock	mutex: the list of devices
 *	  dev->lock	spinlock: dev->queue, the table, the state of open groups
 *	    the driver's own, in ops->discard
 * Requests, handling and discards are traced under dev->lock, so that a probe
 * sees them in the order in which they take effect. Workers take dev->lock and,
 * with no lock held, the mmap_lock of the address space they work on; therefore no
 * lock is held while the workqueue is flushed.
 *
 * Lifetime: a worker uses its group and its device. remove_device() first makes the
 * device unreachable and then flushes, so no worker uses it afterwards; and only
 * workers call the driver (c23). Code that has found a queue through a device
 * uses it under dev->lock, which removal takes too, or with a reference (c22).
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iopf_queue.h"
#include "trace.h"

struct paimon_iopf_queue {
	struct workqueue_struct *wq;
	refcount_t users; /* its owner, and those that flush it */
	unsigned int flags;
	struct mutex lock;
	struct list_head devices;
#ifdef PAIMON_DEBUG
	atomic_t fail_alloc;   /* number of the allocation that fails, counted down; 0: none */
	atomic_long_t visited; /* groups that reports compared to find theirs (c18) */
#endif
};

enum iopf_state {
	IOPF_OPEN,
	IOPF_CLOSED,	/* out of the table; the worker responds */
	IOPF_DISCARDED, /* out of the table; a worker that handles it only frees it */
};

struct iopf_group {
	struct paimon_iopf_device *dev;
	struct hlist_node node;	  /* in dev->partial, while open */
	struct list_head open;	  /* in dev->open, while open */
	struct list_head waiting; /* not yet picked up, in order of arrival (c3) */
	struct list_head handled; /* used by the worker only */
	struct work_struct work;
	enum paimon_iopf_code code; /* set by the worker: the first error, or success (c5, c15) */
	enum iopf_state state;
	u32 nr;			     /* requests */
	u32 picked;		     /* requests that the worker has taken */
	bool busy;		     /* a worker handles it, or is queued */
	struct completion *answered; /* a report waits for the response; or NULL */
};

struct iopf_request {
	struct list_head entry; /* in waiting or handled of its group */
	struct paimon_iopf_fault fault;
	struct iopf_group group; /* used only in the request that opened the group */
};

static u64 iopf_id(const struct paimon_iopf_device *dev)
{
	return (uintptr_t)dev;
}

static u32 iopf_pasid(const struct paimon_iopf_fault *fault)
{
	return fault->flags & PAIMON_IOPF_PASID_VALID ? fault->pasid : 0;
}

/* The request that opened a group; its key is that of the group. */
static const struct paimon_iopf_fault *iopf_first(const struct iopf_group *group)
{
	return &container_of(group, struct iopf_request, group)->fault;
}

static bool iopf_same_group(const struct paimon_iopf_fault *a, const struct paimon_iopf_fault *b)
{
	return a->grpid == b->grpid && iopf_pasid(a) == iopf_pasid(b) && a->owner == b->owner &&
	       !((a->flags ^ b->flags) & PAIMON_IOPF_PASID_VALID);
}

static struct hlist_head *iopf_bucket(struct paimon_iopf_device *dev,
				      const struct paimon_iopf_fault *fault)
{
	u32 hash = jhash_3words(fault->grpid, iopf_pasid(fault), hash_ptr(fault->owner, 32), 0);

	return &dev->partial[hash % PAIMON_IOPF_BUCKETS];
}

#ifdef PAIMON_DEBUG
/* Is this the allocation that fails for a test? */
static bool iopf_fails(struct paimon_iopf_queue *queue)
{
	return atomic_read(&queue->fail_alloc) && !atomic_dec_if_positive(&queue->fail_alloc);
}

static void iopf_visit(struct paimon_iopf_queue *queue)
{
	atomic_long_inc(&queue->visited); /* under the locks of several devices */
}

/**
 * paimon_iopf_queue_fail_alloc - make an allocation fail, to test c8 and c9
 * @queue: the queue
 * @nth: which one from now on, 1 is the next; 0: cancel
 *
 * A request is one allocation. Any context.
 */
void paimon_iopf_queue_fail_alloc(struct paimon_iopf_queue *queue, unsigned int nth)
{
	atomic_set(&queue->fail_alloc, min_t(unsigned int, nth, INT_MAX));
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_fail_alloc);

/**
 * paimon_iopf_queue_visited - what reports take to find their groups, to test c18
 * @queue: the queue
 *
 * Exact if only one of its devices reports, and not at the moment. Any context.
 *
 * Return: the number of groups that the reports of all devices have compared with theirs.
 */
unsigned long paimon_iopf_queue_visited(const struct paimon_iopf_queue *queue)
{
	return atomic_long_read(&queue->visited);
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_visited);
#else
static bool iopf_fails(struct paimon_iopf_queue *queue)
{
	return false;
}

static void iopf_visit(struct paimon_iopf_queue *queue)
{
}
#endif

/* The open group that a request belongs to, or NULL (c16, c18). */
static struct iopf_group *iopf_find(struct paimon_iopf_device *dev,
				    const struct paimon_iopf_fault *fault)
{
	struct iopf_group *group;

	hlist_for_each_entry(group, iopf_bucket(dev, fault), node) {
		iopf_visit(dev->queue);
		if (iopf_same_group(iopf_first(group), fault))
			return group;
	}
	return NULL;
}

static bool iopf_has_handler(const struct paimon_iopf_device *dev)
{
	return dev->ops->handle || dev->ops->get_mm;
}

static void iopf_put_queue(struct paimon_iopf_queue *queue)
{
	if (!refcount_dec_and_test(&queue->users))
		return;
	destroy_workqueue(queue->wq);
	kfree(queue);
}

static void iopf_free_requests(struct list_head *requests)
{
	struct iopf_request *request, *next;

	list_for_each_entry_safe(request, next, requests, entry)
		kfree(request);
}

/* Frees a group with all its requests; one of them contains the group itself. */
static void iopf_free_group(struct iopf_group *group)
{
	LIST_HEAD(requests);

	list_splice(&group->waiting, &requests);
	list_splice(&group->handled, &requests);
	iopf_free_requests(&requests);
}

static void iopf_unlink(struct iopf_group *group, enum iopf_state state)
{
	hlist_del(&group->node);
	list_del(&group->open);
	group->state = state;
}

/*
 * Drops an open group, under dev->lock. Requests that can be freed after unlocking
 * are moved to dropped; a group that a worker handles is freed by that worker.
 */
static void iopf_drop(struct iopf_group *group, const struct paimon_iopf_fault *fault,
		      enum paimon_iopf_reason reason, struct list_head *dropped)
{
	const struct paimon_iopf_fault *first = iopf_first(group);
	struct paimon_iopf_device *dev = group->dev;

	iopf_unlink(group, IOPF_DISCARDED);
	paimon_fire(iopf_discard, iopf_id(dev), iopf_pasid(first), first->grpid, group->nr, reason);
	if (dev->ops->discard)
		dev->ops->discard(dev, fault, group->nr, reason);
	if (group->busy)
		return;
	list_splice(&group->waiting, dropped);
	list_splice(&group->handled, dropped);
}

/* Drops the open groups of an owner, or of all if owner is NULL. */
static void iopf_drop_all(struct paimon_iopf_device *dev, const void *owner,
			  enum paimon_iopf_reason reason, struct list_head *dropped)
{
	struct iopf_group *group, *next;

	list_for_each_entry_safe(group, next, &dev->open, open)
		if (!owner || iopf_first(group)->owner == owner)
			iopf_drop(group, iopf_first(group), reason, dropped);
}

/*
 * Makes the page present for the access that the device requested. The lock is held
 * throughout: without FAULT_FLAG_ALLOW_RETRY handle_mm_fault() never drops it.
 */
static enum paimon_iopf_code iopf_handle_mm(struct mm_struct *mm,
					    const struct paimon_iopf_fault *fault)
{
	enum paimon_iopf_code code = PAIMON_IOPF_INVALID;
	unsigned int flags = FAULT_FLAG_REMOTE;
	struct vm_area_struct *vma;
	unsigned long access = 0;

	if (fault->perm & PAIMON_IOPF_PERM_READ)
		access |= VM_READ;
	if (fault->perm & PAIMON_IOPF_PERM_WRITE) {
		access |= VM_WRITE;
		flags |= FAULT_FLAG_WRITE;
	}
	if (fault->perm & PAIMON_IOPF_PERM_EXEC) {
		access |= VM_EXEC;
		flags |= FAULT_FLAG_INSTRUCTION;
	}
	if (!(fault->perm & PAIMON_IOPF_PERM_PRIV))
		flags |= FAULT_FLAG_USER;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, fault->addr);
	if (vma && access && !(access & ~vma->vm_flags) &&
	    !(handle_mm_fault(vma, fault->addr, flags, NULL) & VM_FAULT_ERROR))
		code = PAIMON_IOPF_SUCCESS;
	mmap_read_unlock(mm);
	return code;
}

static enum paimon_iopf_code iopf_handle(struct paimon_iopf_device *dev,
					 const struct paimon_iopf_fault *fault)
{
	enum paimon_iopf_code code;
	struct mm_struct *mm;

	if (dev->ops->handle) {
		int ret = dev->ops->handle(dev, fault);

		return ret < 0 ? PAIMON_IOPF_FAILURE : ret;
	}
	if (!(fault->flags & PAIMON_IOPF_PASID_VALID))
		return PAIMON_IOPF_INVALID;
	mm = dev->ops->get_mm(dev, fault);
	if (!mm)
		return PAIMON_IOPF_INVALID;
	code = iopf_handle_mm(mm, fault);
	/* It may be the last one: taking down the address space is not for this
	 * worker, whose group waits for a response. */
	mmput_async(mm);
	return code;
}

/* Sends the response of a closed group after all its requests are handled (c4, c7). */
static void iopf_respond(struct iopf_group *group)
{
	const struct iopf_request *last = list_last_entry(&group->handled, struct iopf_request,
							  entry);
	const struct paimon_iopf_fault *fault = &last->fault;
	struct paimon_iopf_device *dev = group->dev;
	struct paimon_iopf_response response = {
		.grpid = fault->grpid,
		.code = group->code,
		.nr = group->nr,
		.owner = fault->owner,
		.cookie = fault->cookie,
	};

	if (fault->flags & PAIMON_IOPF_PASID_VALID && fault->flags & PAIMON_IOPF_NEEDS_PASID) {
		response.flags = PAIMON_IOPF_PASID_VALID;
		response.pasid = fault->pasid;
	}
	paimon_fire(iopf_response, iopf_id(dev), iopf_pasid(fault), fault->grpid, group->code);
	dev->ops->respond(dev, &response);
}

/*
 * Handles a group until it is done or, with immediate handling, until no request is
 * waiting. In that case the group belongs to the next request, and the worker must not
 * access it again.
 */
static void iopf_work(struct work_struct *work)
{
	struct iopf_group *group = container_of(work, struct iopf_group, work);
	const struct paimon_iopf_fault *first = iopf_first(group);
	struct paimon_iopf_device *dev = group->dev;
	struct completion *answered;
	struct iopf_request *request;
	enum iopf_state state;
	LIST_HEAD(batch);

	do {
		spin_lock(&dev->lock);
		state = group->state;
		if (state == IOPF_OPEN && list_empty(&group->waiting)) {
			group->busy = false;
			spin_unlock(&dev->lock);
			return;
		}
		if (state != IOPF_DISCARDED) {
			list_splice_init(&group->waiting, &batch);
			paimon_fire(iopf_handle, iopf_id(dev), iopf_pasid(first), first->grpid,
				    group->nr - group->picked);
			group->picked = group->nr;
		}
		spin_unlock(&dev->lock);

		list_for_each_entry(request, &batch, entry)
			if (group->code == PAIMON_IOPF_SUCCESS)
				group->code = iopf_handle(dev, &request->fault);
		list_splice_tail_init(&batch, &group->handled);
	} while (state == IOPF_OPEN);

	if (state == IOPF_CLOSED)
		iopf_respond(group);
	answered = group->answered;
	iopf_free_group(group);
	if (answered)
		complete(answered);
}

/* Opens a group in its first request, under dev->lock. */
static struct iopf_group *iopf_open(struct paimon_iopf_device *dev, struct iopf_request *request)
{
	struct iopf_group *group = &request->group;

	group->dev = dev;
	group->state = IOPF_OPEN;
	group->code = iopf_has_handler(dev) ? PAIMON_IOPF_SUCCESS : PAIMON_IOPF_INVALID;
	INIT_LIST_HEAD(&group->waiting);
	INIT_LIST_HEAD(&group->handled);
	INIT_WORK(&group->work, iopf_work);
	hlist_add_head(&group->node, iopf_bucket(dev, &request->fault));
	list_add_tail(&group->open, &dev->open);
	return group;
}

/**
 * paimon_iopf_device_init - prepare a device that has not been added to a queue
 * @dev: the device
 * @name: its name in traces; must exist as long as @dev
 * @ops: its callbacks; respond is required
 */
void paimon_iopf_device_init(struct paimon_iopf_device *dev, const char *name,
			     const struct paimon_iopf_ops *ops)
{
	unsigned int i;

	memset(dev, 0, sizeof(*dev));
	dev->name = name;
	dev->ops = ops;
	spin_lock_init(&dev->lock);
	INIT_LIST_HEAD(&dev->open);
	for (i = 0; i < PAIMON_IOPF_BUCKETS; i++)
		INIT_HLIST_HEAD(&dev->partial[i]);
}
EXPORT_SYMBOL_GPL(paimon_iopf_device_init);

/**
 * paimon_iopf_queue_alloc - allocate a queue with its own workqueue
 * @name: a unique name, for the workqueue
 * @flags: 0 or PAIMON_IOPF_QUEUE_IMMEDIATE
 *
 * Return: the queue, or an ERR_PTR: -EINVAL for an unknown flag, -ENOMEM.
 */
struct paimon_iopf_queue *paimon_iopf_queue_alloc(const char *name, unsigned int flags)
{
	struct paimon_iopf_queue *queue;

	if (flags & ~PAIMON_IOPF_QUEUE_IMMEDIATE)
		return ERR_PTR(-EINVAL);
	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	/* Groups may be handled in any order (c15); a group has one worker. */
	queue->wq = alloc_workqueue("paimon_iopf/%s", WQ_UNBOUND, 0, name);
	if (!queue->wq) {
		kfree(queue);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&queue->users, 1);
	queue->flags = flags;
	mutex_init(&queue->lock);
	INIT_LIST_HEAD(&queue->devices);
	return queue;
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_alloc);

/**
 * paimon_iopf_queue_free - remove the remaining devices, and free the queue
 * @queue: the queue, or NULL
 *
 * The caller ensures that nobody else uses a pointer to the queue. A report or a
 * flush of a device that was in it may still be running. Not from a callback.
 */
void paimon_iopf_queue_free(struct paimon_iopf_queue *queue)
{
	struct paimon_iopf_device *dev, *next;

	if (!queue)
		return;
	list_for_each_entry_safe(dev, next, &queue->devices, entry)
		paimon_iopf_queue_remove_device(queue, dev);
	iopf_put_queue(queue);
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_free);

/**
 * paimon_iopf_queue_add_device - let a device report to a queue
 * @queue: the queue
 * @dev: an initialised device
 *
 * Return: 0; -EBUSY if the device has a queue already, this one or another
 * (c13); -EINVAL for a NULL queue.
 */
int paimon_iopf_queue_add_device(struct paimon_iopf_queue *queue, struct paimon_iopf_device *dev)
{
	int ret = 0;

	if (!queue)
		return -EINVAL;
	mutex_lock(&queue->lock);
	spin_lock(&dev->lock);
	if (dev->queue) {
		ret = -EBUSY;
	} else {
		list_add_tail(&dev->entry, &queue->devices);
		dev->queue = queue;
	}
	spin_unlock(&dev->lock);
	mutex_unlock(&queue->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_add_device);

/**
 * paimon_iopf_queue_remove_device - take a device from its queue
 * @queue: the queue it was added to
 * @dev: the device
 *
 * Partial groups are discarded (PAIMON_IOPF_REMOVED), closed ones get their
 * response. Once this has returned no callback of the device runs or will run (c23).
 * A concurrent report is taken before, or gets -ENODEV. Not from a callback.
 *
 * Return: 0, or -EINVAL if the device is not in this queue, or @queue is NULL
 * (c14).
 */
int paimon_iopf_queue_remove_device(struct paimon_iopf_queue *queue, struct paimon_iopf_device *dev)
{
	LIST_HEAD(dropped);

	if (!queue)
		return -EINVAL;
	mutex_lock(&queue->lock);
	spin_lock(&dev->lock);
	if (dev->queue != queue) {
		spin_unlock(&dev->lock);
		mutex_unlock(&queue->lock);
		return -EINVAL;
	}
	dev->queue = NULL;
	list_del(&dev->entry);
	iopf_drop_all(dev, NULL, PAIMON_IOPF_REMOVED, &dropped);
	spin_unlock(&dev->lock);
	mutex_unlock(&queue->lock);

	iopf_free_requests(&dropped);
	flush_workqueue(queue->wq);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_remove_device);

/**
 * paimon_iopf_report - queue a page request
 * @dev: the device it comes from
 * @fault: the request; copied
 *
 * Requests of one group must be reported one after the other, in their order.
 * The first one opens a group, one with PAIMON_IOPF_LAST or
 * PAIMON_IOPF_PRIV_DATA closes it (c2, c3, c17); later requests with the same
 * number are another group (c4). The driver must drop PASID stop markers (c10).
 * May sleep; not while the mmap_lock of any bound address space is held.
 *
 * Return:
 * * 0 - taken; if the request closes its group, there will be a response.
 * * -EOPNOTSUPP - not a page request (c1).
 * * -ENODEV - the device has no queue (c1).
 * * -EINVAL - there is no handler; returned for the request that closes its group.
 *   The response INVALID is sent before this returns (c20).
 * * -ENOMEM - the request was not taken. If it would have closed its group, the
 *   group's other requests are discarded, and the caller sends the response
 *   (c8); otherwise they continue to wait (c9).
 */
int paimon_iopf_report(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault)
{
	bool closes = fault->flags & PAIMON_IOPF_CLOSES;
	bool handler = iopf_has_handler(dev);
	DECLARE_COMPLETION_ONSTACK(answered);
	struct paimon_iopf_queue *queue;
	struct iopf_request *request;
	struct iopf_group *group;
	LIST_HEAD(dropped);

	if (fault->type != PAIMON_IOPF_PAGE_REQUEST)
		return -EOPNOTSUPP;
	request = kzalloc(sizeof(*request), GFP_KERNEL);
	if (request)
		request->fault = *fault;

	spin_lock(&dev->lock);
	queue = dev->queue;
	if (!queue) {
		spin_unlock(&dev->lock);
		kfree(request);
		return -ENODEV;
	}
	group = iopf_find(dev, fault);
	if (iopf_fails(queue) || !request) {
		if (group && closes)
			iopf_drop(group, fault, PAIMON_IOPF_NOMEM, &dropped);
		spin_unlock(&dev->lock);
		iopf_free_requests(&dropped);
		kfree(request);
		return -ENOMEM;
	}
	if (!group)
		group = iopf_open(dev, request);
	list_add_tail(&request->entry, &group->waiting);
	group->nr++;
	paimon_fire(iopf_request, iopf_id(dev), iopf_pasid(fault), fault->grpid, fault->addr,
		    fault->perm, fault->flags, dev->name);
	if (closes) {
		iopf_unlink(group, IOPF_CLOSED);
		group->answered = handler ? NULL : &answered;
	}
	if (!group->busy && (closes || (handler && queue->flags & PAIMON_IOPF_QUEUE_IMMEDIATE))) {
		group->busy = true;
		queue_work(queue->wq, &group->work);
	}
	spin_unlock(&dev->lock);

	if (handler || !closes)
		return 0;
	wait_for_completion(&answered);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(paimon_iopf_report);

/**
 * paimon_iopf_flush_device - wait until all queued requests are done
 * @dev: the device
 *
 * When this returns, every group that was closed before has got its response, and
 * requests with immediate handling are handled. This includes requests of all devices
 * of the queue. A PASID may be freed only after it (c11). May sleep for as long as
 * page faults take; the caller must not hold a lock that get_mm, handle or respond
 * takes, nor the mmap_lock of a bound address space. Not from a callback.
 *
 * Return: 0, or -ENODEV if the device has no queue.
 */
int paimon_iopf_flush_device(struct paimon_iopf_device *dev)
{
	struct paimon_iopf_queue *queue;

	spin_lock(&dev->lock);
	queue = dev->queue;
	if (queue)
		refcount_inc(&queue->users);
	spin_unlock(&dev->lock);
	if (!queue)
		return -ENODEV;
	flush_workqueue(queue->wq);
	iopf_put_queue(queue);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_iopf_flush_device);

/**
 * paimon_iopf_queue_discard_partial - drop all groups that are not complete
 * @queue: the queue
 *
 * For use when page requests were lost, possibly including closing ones. Groups
 * of all devices are dropped (PAIMON_IOPF_OVERFLOW) and never answered; complete
 * ones are not touched. A concurrent report takes effect before or after.
 *
 * Return: 0, or -EINVAL for a NULL queue (c12).
 */
int paimon_iopf_queue_discard_partial(struct paimon_iopf_queue *queue)
{
	struct paimon_iopf_device *dev;
	LIST_HEAD(dropped);

	if (!queue)
		return -EINVAL;
	mutex_lock(&queue->lock);
	list_for_each_entry(dev, &queue->devices, entry) {
		spin_lock(&dev->lock);
		iopf_drop_all(dev, NULL, PAIMON_IOPF_OVERFLOW, &dropped);
		spin_unlock(&dev->lock);
	}
	mutex_unlock(&queue->lock);
	iopf_free_requests(&dropped);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_iopf_queue_discard_partial);

/**
 * paimon_iopf_discard_owner - drop an owner's groups that are not complete
 * @dev: the device
 * @owner: the owner, not NULL
 *
 * For use when the owner of requests goes away before its device does
 * (PAIMON_IOPF_REMOVED). With immediate handling a worker may still handle such
 * a group; flush before the owner is freed.
 *
 * Return: 0, or -EINVAL for a NULL owner.
 */
int paimon_iopf_discard_owner(struct paimon_iopf_device *dev, const void *owner)
{
	LIST_HEAD(dropped);

	if (!owner)
		return -EINVAL;
	spin_lock(&dev->lock);
	iopf_drop_all(dev, owner, PAIMON_IOPF_REMOVED, &dropped);
	spin_unlock(&dev->lock);
	iopf_free_requests(&dropped);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_iopf_discard_owner);

MODULE_DESCRIPTION("I/O page fault queue of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

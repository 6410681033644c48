// SPDX-License-Identifier: GPL-2.0
/*
 * PASIDs and the address spaces behind them.
 *
 * A binding belongs to the file through which it was made. It ends with UNBIND,
 * with the release of the file, or when its address space is torn down (exit,
 * exec). The code that changes ending from false to true ends the binding, exactly
 * once. The PASID stays in the table until the queue was flushed, so that requests
 * queued before are handled and the number is not reused (c11).
 *
 * The lock of the table, xa_lock, protects the table, ending and the lists of
 * the files. It is taken in ioctls, in workers of the queue (soft_get_mm) and in
 * the notifier. Under it, only the allocator of the table takes another lock.
 *
 * The notifier must not flush, because it may run while a worker waits for it. It
 * queues the binding on soft_wq. The registration of the notifier holds mm_count.
 */
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "soft.h"

struct soft_binding {
	struct mmu_notifier notifier; /* notifier.mm is the address space */
	struct soft_file *file;
	struct list_head entry; /* in file->bindings */
	struct work_struct work;
	u32 pasid;
	bool ending;
};

static DEFINE_XARRAY_ALLOC1(bindings);
static u32 next_pasid; /* allocated cyclically, so that a late request meets no other binding */
static struct workqueue_struct *soft_wq;

/* Frees a binding that the caller has ended, after a flush of the queue. */
static void binding_free(struct soft_binding *binding)
{
	xa_lock(&bindings);
	__xa_erase(&bindings, binding->pasid);
	list_del(&binding->entry);
	xa_unlock(&bindings);
	mmu_notifier_unregister(&binding->notifier, binding->notifier.mm);
	kfree(binding);
}

static void binding_work(struct work_struct *work)
{
	soft_endpoint_flush();
	binding_free(container_of(work, struct soft_binding, work));
}

static void binding_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct soft_binding *binding = container_of(notifier, struct soft_binding, notifier);

	xa_lock(&bindings);
	if (!binding->ending) {
		binding->ending = true;
		queue_work(soft_wq, &binding->work);
	}
	xa_unlock(&bindings);
}

static const struct mmu_notifier_ops binding_ops = {
	.release = binding_release,
};

/* Binds the caller's address space. -ENOSPC: no PASID is free. */
int soft_bind(struct soft_file *file, u32 *ret_pasid)
{
	struct soft_binding *binding = kzalloc(sizeof(*binding), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!binding)
		return -ENOMEM;
	binding->file = file;
	binding->notifier.ops = &binding_ops;
	INIT_WORK(&binding->work, binding_work);
	ret = mmu_notifier_register(&binding->notifier, current->mm);
	if (ret) {
		kfree(binding);
		return ret;
	}
	xa_lock(&bindings);
	ret = __xa_alloc_cyclic(&bindings, &binding->pasid, binding, XA_LIMIT(1, SOFT_MAX_PASID),
				&next_pasid, GFP_KERNEL);
	if (ret < 0) {
		binding->ending = true;
	} else {
		list_add_tail(&binding->entry, &file->bindings);
		/* After unlocking, another thread may end the binding. */
		*ret_pasid = binding->pasid;
	}
	xa_unlock(&bindings);
	if (ret < 0) {
		mmu_notifier_unregister(&binding->notifier, binding->notifier.mm);
		kfree(binding);
		return ret == -EBUSY ? -ENOSPC : ret;
	}
	return 0;
}

/* -ENOENT: the file has no such PASID, or the address space was torn down. */
int soft_unbind(struct soft_file *file, u32 pasid)
{
	struct soft_binding *binding;
	bool mine;

	xa_lock(&bindings);
	binding = xa_load(&bindings, pasid);
	mine = binding && binding->file == file && !binding->ending;
	if (mine)
		binding->ending = true;
	xa_unlock(&bindings);
	if (!mine)
		return -ENOENT;
	soft_endpoint_flush();
	binding_free(binding);
	return 0;
}

/* Called by the release of a file, after its flush, when no other call can use the file. */
void soft_unbind_all(struct soft_file *file)
{
	struct soft_binding *binding, *next;
	LIST_HEAD(mine);

	xa_lock(&bindings);
	list_for_each_entry_safe(binding, next, &file->bindings, entry) {
		if (!binding->ending) {
			binding->ending = true;
			list_move_tail(&binding->entry, &mine);
		}
	}
	xa_unlock(&bindings);
	list_for_each_entry_safe(binding, next, &mine, entry)
		binding_free(binding);
	/* The notifier has queued the other bindings under the lock. */
	flush_workqueue(soft_wq);
}

/* The address space of a PASID of this file with a reference on mm_users, or NULL. */
struct mm_struct *soft_get_mm(const struct soft_file *file, u32 pasid)
{
	struct soft_binding *binding;
	struct mm_struct *mm = NULL;

	xa_lock(&bindings);
	binding = xa_load(&bindings, pasid);
	if (binding && binding->file == file && mmget_not_zero(binding->notifier.mm))
		mm = binding->notifier.mm;
	xa_unlock(&bindings);
	return mm;
}

int soft_bindings_init(void)
{
	soft_wq = alloc_workqueue("paimon_soft", WQ_UNBOUND, 0);
	return soft_wq ? 0 : -ENOMEM;
}

void soft_bindings_exit(void)
{
	destroy_workqueue(soft_wq);
	xa_destroy(&bindings);
}

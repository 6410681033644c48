// SPDX-License-Identifier: GPL-2.0
/*
 * A test module: an IOMMU driver without an IOMMU, and a device behind it, that
 * hands page requests to the kernel's own io-pgfault.c as a hardware driver does.
 * It knows nothing of paimon.
 *
 * Before 6.9 the kernel's worker handles them in the mm of a PASID. Later that is
 * done by SVA domains, which these kernels refuse to make on x86: then reporting,
 * grouping and response are the kernel's, and handling is done here, in a worker
 * of the name that the kernel's would have. A PASID can also be bound to a domain
 * that is not SVA, whose handler hands its groups to user space, as iommufd does.
 *
 * The device is bound to the IOMMU for good: the module stays until the guest ends.
 */
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "mock.h"

#define NR_GRPIDS 65536
#define IDLE 0
#define WAITING 1
#define ANSWERED 2 /* and the code on top */

static struct platform_device *endpoint;
static struct iommu_device mock_iommu = {.max_pasids = 65536};
static struct iopf_queue *queue;
static DEFINE_MUTEX(queue_lock); /* the device goes off the queue, or faults */
static u8 answers[NR_GRPIDS];
static DECLARE_WAIT_QUEUE_HEAD(answered);

static void answer(u32 grpid, u32 code)
{
	if (cmpxchg(&answers[grpid % NR_GRPIDS], WAITING, ANSWERED + code) == WAITING)
		wake_up_all(&answered);
}

#ifdef PUBLIC_IOPF_GROUP

struct binding {
	struct iommu_domain domain;
	struct iommu_attach_handle handle;
	u32 pasid;
};

typedef struct iopf_fault mock_event;

static void mock_page_response(struct device *dev, struct iopf_fault *event,
			       struct iommu_page_response *response)
{
	if (event->fault.prm.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		answer(response->grpid, response->code);
}

/* Kernels differ in whether these get the old domain too, which is of no use here. */
static int mock_set_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid)
{
	return 0;
}

#ifdef REMOVE_DEV_PASID
static void mock_remove_pasid(struct device *dev, ioasid_t pasid)
{
}
#endif

static void mock_free_binding(struct iommu_domain *domain)
{
}

static const struct iommu_domain_ops binding_ops = {
	.set_dev_pasid = (void *)mock_set_pasid,
	.free = mock_free_binding,
};

static enum iommu_page_response_code handle_fault(struct mm_struct *mm,
						  const struct iommu_fault_page_request *prm)
{
	unsigned int flags = FAULT_FLAG_REMOTE | FAULT_FLAG_USER;
	enum iommu_page_response_code code = IOMMU_PAGE_RESP_INVALID;
	struct vm_area_struct *vma;
	unsigned long access = 0;

	if (!mmget_not_zero(mm))
		return code;
	if (prm->perm & IOMMU_FAULT_PERM_READ)
		access |= VM_READ;
	if (prm->perm & IOMMU_FAULT_PERM_WRITE) {
		access |= VM_WRITE;
		flags |= FAULT_FLAG_WRITE;
	}
	mmap_read_lock(mm);
	vma = vma_lookup(mm, prm->addr);
	if (vma && !(access & ~vma->vm_flags) &&
	    !(handle_mm_fault(vma, prm->addr, flags, NULL) & VM_FAULT_ERROR))
		code = IOMMU_PAGE_RESP_SUCCESS;
	mmap_read_unlock(mm);
	mmput(mm);
	return code;
}

static noinline void iommu_sva_handle_iopf(struct work_struct *work)
{
	struct iopf_group *group = container_of(work, struct iopf_group, work);
	enum iommu_page_response_code code = IOMMU_PAGE_RESP_SUCCESS;
	struct iopf_fault *fault;

	list_for_each_entry(fault, &group->faults, list)
		if (code == IOMMU_PAGE_RESP_SUCCESS)
			code = handle_fault(group->attach_handle->domain->mm, &fault->fault.prm);
	iopf_group_response(group, code);
	iopf_free_group(group);
}

static int queue_group(struct iopf_group *group)
{
	if (group->last_fault.fault.prm.grpid >= MOCK_HELD)
		return 0;
	INIT_WORK(&group->work, iommu_sva_handle_iopf);
	return queue_work(group->fault_param->queue->wq, &group->work) ? 0 : -EBUSY;
}

/* What waits for user space, in the order in which it came. */
static LIST_HEAD(for_user);
static DEFINE_MUTEX(for_user_lock);

static int hand_to_user(struct iopf_group *group)
{
	mutex_lock(&for_user_lock);
	list_add_tail(&group->node, &for_user);
	mutex_unlock(&for_user_lock);
	return 0;
}

/* grpid NULL: any group of the binding. */
static int answer_one(const struct binding *binding, const u32 *grpid, u32 code)
{
	struct iopf_group *group, *found = NULL;

	mutex_lock(&for_user_lock);
	list_for_each_entry(group, &for_user, node)
		if (!found && group->attach_handle == &binding->handle &&
		    (!grpid || group->last_fault.fault.prm.grpid == *grpid))
			found = group;
	if (found)
		list_del(&found->node);
	mutex_unlock(&for_user_lock);
	if (!found)
		return -ENOENT;
	iopf_group_response(found, code);
	iopf_free_group(found);
	return 0;
}

static int answer_for_user(struct file *file, const struct mock_answer *answer)
{
	return file->private_data ? answer_one(file->private_data, &answer->grpid, answer->code)
				  : -EINVAL;
}

static const struct iommu_ops mock_ops;

static int bind(struct file *file, bool to_user, u32 *ret_pasid)
{
	struct binding *binding;
	int r;

	if (file->private_data)
		return -EBUSY;
	binding = kzalloc(sizeof(*binding), GFP_KERNEL);
	if (!binding)
		return -ENOMEM;
	binding->domain.type = to_user ? IOMMU_DOMAIN_UNMANAGED : IOMMU_DOMAIN_SVA;
	binding->domain.ops = &binding_ops;
	binding->domain.owner = &mock_ops;
	binding->domain.iopf_handler = to_user ? hand_to_user : queue_group;
	binding->domain.mm = current->mm;
	binding->pasid = iommu_alloc_global_pasid(&endpoint->dev);
	r = binding->pasid == IOMMU_PASID_INVALID ? -ENOSPC : 0;
	if (!r)
		r = iommu_attach_device_pasid(&binding->domain, &endpoint->dev, binding->pasid,
					      &binding->handle);
	if (r) {
		kfree(binding);
		return r;
	}
	mmgrab(current->mm);
	file->private_data = binding;
	*ret_pasid = binding->pasid;
	return 0;
}

static void unbind(struct file *file)
{
	struct binding *binding = file->private_data;

	if (!binding)
		return;
	iopf_queue_flush_dev(&endpoint->dev);
	while (!answer_one(binding, NULL, IOMMU_PAGE_RESP_INVALID))
		;
	iommu_detach_device_pasid(&binding->domain, &endpoint->dev, binding->pasid);
	iommu_free_global_pasid(binding->pasid);
	mmdrop(binding->domain.mm);
	kfree(binding);
}

static int start_faults(void)
{
	return iopf_queue_add_device(queue, &endpoint->dev);
}

static void stop_faults(void)
{
	iopf_queue_flush_dev(&endpoint->dev);
	iopf_queue_remove_device(queue, &endpoint->dev);
}

#else

/* Exported for IOMMU drivers, declared in a header of theirs. */
int iommu_sva_alloc_pasid(struct mm_struct *mm, ioasid_t min, ioasid_t max);
int iommu_queue_iopf(struct iommu_fault *fault, void *cookie);
struct iopf_queue *iopf_queue_alloc(const char *name);
int iopf_queue_add_device(struct iopf_queue *queue, struct device *dev);
int iopf_queue_remove_device(struct iopf_queue *queue, struct device *dev);
int iopf_queue_flush_dev(struct device *dev);
int iopf_queue_discard_partial(struct iopf_queue *queue);
void iopf_queue_free(struct iopf_queue *queue);

typedef struct iommu_fault_event mock_event;

static int mock_page_response(struct device *dev, struct iommu_fault_event *event,
			      struct iommu_page_response *response)
{
	answer(response->grpid, response->code);
	return 0;
}

static int bind(struct file *file, bool to_user, u32 *ret_pasid)
{
	int r = to_user ? -EOPNOTSUPP : iommu_sva_alloc_pasid(current->mm, 1, 0xfffff);

	if (!r)
		*ret_pasid = current->mm->pasid;
	return r;
}

static int answer_for_user(struct file *file, const struct mock_answer *answer)
{
	return -EOPNOTSUPP;
}

static void unbind(struct file *file)
{
}

static int start_faults(void)
{
	struct device *dev = &endpoint->dev;

	return iopf_queue_add_device(queue, dev)
		       ?: iommu_register_device_fault_handler(dev, iommu_queue_iopf, dev);
}

static void stop_faults(void)
{
	iopf_queue_flush_dev(&endpoint->dev);
	iommu_unregister_device_fault_handler(&endpoint->dev);
	iopf_queue_remove_device(queue, &endpoint->dev);
}

#endif

/* The IOMMU driver: one device, which it leaves alone. */

static struct iommu_device *mock_probe_device(struct device *dev)
{
	return dev == &endpoint->dev ? &mock_iommu : ERR_PTR(-ENODEV);
}

static void mock_release_device(struct device *dev)
{
}

static int mock_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

static int mock_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	return 0;
}

#ifdef PUBLIC_IOPF_GROUP

/* Of newer kernels the ends of a PASID too: it goes over to the domain that blocks. */
static const struct iommu_domain_ops static_ops = {
	.attach_dev = (void *)mock_attach_dev,
	.set_dev_pasid = (void *)mock_set_pasid,
};

static struct iommu_domain identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &static_ops,
};

static struct iommu_domain blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &static_ops,
};

#else

static void mock_free_domain(struct iommu_domain *domain)
{
	kfree(domain);
}

static const struct iommu_domain_ops identity_ops = {
	.attach_dev = mock_attach_dev,
	.free = mock_free_domain,
};

static struct iommu_domain *mock_domain_alloc(unsigned int type)
{
	struct iommu_domain *domain = NULL;

	if (type == IOMMU_DOMAIN_IDENTITY)
		domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (domain)
		domain->ops = &identity_ops;
	return domain;
}

#endif

static const struct iommu_ops mock_ops = {
	.probe_device = mock_probe_device,
	.release_device = mock_release_device,
	.device_group = generic_device_group,
	.def_domain_type = mock_domain_type,
	.page_response = mock_page_response,
#ifdef PUBLIC_IOPF_GROUP
	.identity_domain = &identity_domain,
	.blocked_domain = &blocked_domain,
#else
	.domain_alloc = mock_domain_alloc,
	.default_domain_ops = &identity_ops,
	.pgsize_bitmap = PAGE_SIZE,
#endif
#ifdef REMOVE_DEV_PASID
	.remove_dev_pasid = (void *)mock_remove_pasid,
#endif
	.owner = THIS_MODULE,
};

/* The device: reports what it is told to. */

static int report(struct mock_group *group, unsigned int i)
{
	mock_event event = {.fault.type = IOMMU_FAULT_PAGE_REQ};
	struct iommu_fault_page_request *prm = &event.fault.prm;
	int r;

	prm->flags = IOMMU_FAULT_PAGE_REQUEST_PASID_VALID | IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	if (i == group->nr - 1 && !group->open)
		prm->flags |= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	prm->pasid = group->pasid;
	prm->grpid = group->grpid;
	prm->perm = group->requests[i].perm;
	prm->addr = group->requests[i].addr;
	r = iommu_report_device_fault(&endpoint->dev, &event);
	group->requests[i].result = r;
	/* What the handler refuses, the driver answers, if it has to be. */
	if (r && prm->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		answer(group->grpid, IOMMU_PAGE_RESP_INVALID);
	return r;
}

static int report_group(struct mock_group __user *arg)
{
	struct mock_group *group = memdup_user(arg, sizeof(*group));
	unsigned int i;
	bool waits;
	int r = 0;
	u8 *state;

	if (IS_ERR(group))
		return PTR_ERR(group);
	waits = !group->open && !group->by_user && group->grpid < MOCK_HELD;
	if (group->grpid >= NR_GRPIDS || !group->nr || group->nr > MOCK_MAX_REQUESTS) {
		r = -EINVAL;
		goto out;
	}
	state = &answers[group->grpid];
	if (waits && cmpxchg(state, IDLE, WAITING) != IDLE) {
		r = -EBUSY;
		goto out;
	}
	for (i = 0; i < group->nr; i++)
		report(group, i);
	if (waits) {
		wait_event(answered, READ_ONCE(*state) >= ANSWERED);
		group->code = READ_ONCE(*state) - ANSWERED;
		WRITE_ONCE(*state, IDLE);
	}
	if (copy_to_user(arg, group, sizeof(*group)))
		r = -EFAULT;
out:
	kfree(group);
	return r;
}

static long mock_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct mock_answer answer;
	u32 pasid;
	int r;

	switch (command) {
	case MOCK_BIND:
	case MOCK_BIND_USER:
		r = bind(file, command == MOCK_BIND_USER, &pasid);
		return r ?: put_user(pasid, (u32 __user *)arg);
	case MOCK_ANSWER:
		if (copy_from_user(&answer, (void __user *)arg, sizeof(answer)))
			return -EFAULT;
		return answer_for_user(file, &answer);
	case MOCK_GROUP:
		return report_group((void __user *)arg);
	case MOCK_FLUSH:
		return iopf_queue_flush_dev(&endpoint->dev);
	case MOCK_DISCARD:
		return iopf_queue_discard_partial(queue);
	case MOCK_REMOVE:
		mutex_lock(&queue_lock);
		stop_faults();
		r = start_faults();
		mutex_unlock(&queue_lock);
		return r;
	default:
		return -ENOTTY;
	}
}

static int mock_release(struct inode *inode, struct file *file)
{
	unbind(file);
	return 0;
}

static int mock_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return 0;
}

static const struct file_operations mock_file = {
	.owner = THIS_MODULE,
	.open = mock_open,
	.release = mock_release,
	.unlocked_ioctl = mock_ioctl,
};

static struct miscdevice mock_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paimon-mock",
	.fops = &mock_file,
};

static int __init mock_init(void)
{
	static const struct property_entry properties[] = {
		PROPERTY_ENTRY_U32("pasid-num-bits", 16),
		{},
	};
	const struct platform_device_info info = {
		.name = "paimon-mock",
		.id = 0,
		.properties = properties,
	};
	int r;

	endpoint = platform_device_register_full(&info);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	r = iommu_device_sysfs_add(&mock_iommu, NULL, NULL, "paimon-mock");
	if (r)
		goto no_sysfs;
	queue = iopf_queue_alloc("paimon-mock");
	r = queue ? iommu_device_register(&mock_iommu, &mock_ops, NULL) : -ENOMEM;
	if (r)
		goto no_iommu;
	/* From here on the module cannot go, nor may its init fail: its device is behind its
	 * IOMMU. Without what fails there are no faults, as tests will see. */
	WARN_ON(start_faults() ?: misc_register(&mock_device));
	return 0;

no_iommu:
	iopf_queue_free(queue);
	iommu_device_sysfs_remove(&mock_iommu);
no_sysfs:
	platform_device_unregister(endpoint);
	return r;
}

module_init(mock_init);
MODULE_DESCRIPTION("An IOMMU driver without an IOMMU, for the tests of paimon");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * An open file of /dev/paimon-soft: its ioctls, and the queue of its unread
 * responses. Called from system calls on the file, and from workers of the fault
 * queue, which add responses.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "soft.h"

void soft_file_reply(struct soft_file *file, struct soft_reply *reply)
{
	spin_lock(&file->lock);
	list_add_tail(&reply->entry, &file->replies);
	spin_unlock(&file->lock);
	wake_up_interruptible_poll(&file->wait, EPOLLIN | EPOLLRDNORM);
}

static struct soft_reply *file_pop(struct soft_file *file)
{
	struct soft_reply *reply;

	spin_lock(&file->lock);
	reply = list_first_entry_or_null(&file->replies, struct soft_reply, entry);
	if (reply)
		list_del(&reply->entry);
	spin_unlock(&file->lock);
	return reply;
}

/* Puts back a response that could not be copied to the reader: it is the next one again. */
static void file_push_back(struct soft_file *file, struct soft_reply *reply)
{
	spin_lock(&file->lock);
	list_add(&reply->entry, &file->replies);
	spin_unlock(&file->lock);
	wake_up_interruptible_poll(&file->wait, EPOLLIN | EPOLLRDNORM);
}

static bool file_readable(struct soft_file *file)
{
	return !list_empty_careful(&file->replies);
}

static ssize_t soft_read(struct file *filp, char __user *buf, size_t count, loff_t *pos)
{
	struct soft_file *file = filp->private_data;
	struct soft_reply *reply;
	size_t done = 0;

	if (count < sizeof(reply->record))
		return -EINVAL;
	while (count - done >= sizeof(reply->record)) {
		reply = file_pop(file);
		if (!reply) {
			if (done)
				break;
			if (filp->f_flags & O_NONBLOCK)
				return -EAGAIN;
			if (wait_event_interruptible(file->wait, file_readable(file)))
				return -ERESTARTSYS;
			continue;
		}
		if (copy_to_user(buf + done, &reply->record, sizeof(reply->record))) {
			file_push_back(file, reply);
			return done ? done : -EFAULT;
		}
		done += sizeof(reply->record);
		soft_reply_free(reply);
	}
	return done;
}

static __poll_t soft_poll(struct file *filp, poll_table *table)
{
	struct soft_file *file = filp->private_data;

	poll_wait(filp, &file->wait, table);
	return file_readable(file) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long soft_ioctl_info(struct soft_file *file, void __user *arg)
{
	struct paimon_soft_info info;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.size != sizeof(info))
		return -EINVAL;
	soft_endpoint_info(&info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long soft_ioctl_bind(struct soft_file *file, void __user *arg, bool bind)
{
	struct paimon_soft_bind data;
	int ret;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.size != sizeof(data) || data.flags || data.reserved)
		return -EINVAL;
	if (!bind)
		return soft_unbind(file, data.pasid);
	ret = soft_bind(file, &data.pasid);
	if (ret)
		return ret;
	if (copy_to_user(arg, &data, sizeof(data))) {
		/* Undo. It may fail if another thread has guessed the PASID and unbound it. */
		soft_unbind(file, data.pasid);
		return -EFAULT;
	}
	return 0;
}

static long soft_ioctl_submit(struct soft_file *file, void __user *arg)
{
	struct paimon_soft_submit __user *user = arg;
	const struct paimon_soft_request __user *requests;
	struct paimon_soft_submit data;
	u32 done = 0;
	int ret = 0;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.size != sizeof(data) || data.flags || data.nr > PAIMON_SOFT_MAX_REQUESTS)
		ret = -EINVAL;
	requests = u64_to_user_ptr(data.requests);
	while (!ret && done < data.nr) {
		struct paimon_soft_request request;

		if (copy_from_user(&request, &requests[done], sizeof(request)))
			ret = -EFAULT;
		else
			ret = soft_endpoint_request(file, &request);
		if (!ret)
			done++;
		cond_resched();
	}
	if (put_user(done, &user->done))
		return -EFAULT;
	return ret;
}

static long soft_ioctl_stats(struct soft_file *file, void __user *arg)
{
	struct paimon_soft_stats stats;
	int ret;

	if (copy_from_user(&stats, arg, sizeof(stats)))
		return -EFAULT;
	if (stats.size != sizeof(stats) || stats.flags)
		return -EINVAL;
	ret = soft_endpoint_stats(stats.device, &stats);
	if (ret)
		return ret;
	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long soft_ioctl_fail_alloc(struct soft_file *file, void __user *arg)
{
	struct paimon_soft_fail fail;

	if (!soft_debug)
		return -EPERM;
	if (copy_from_user(&fail, arg, sizeof(fail)))
		return -EFAULT;
	if (fail.size != sizeof(fail))
		return -EINVAL;
	soft_endpoint_fail_alloc(fail.nth);
	return 0;
}

static long soft_ioctl_nnpa(void __user *arg)
{
	struct paimon_soft_nnpa call;
	int ret;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call) || call.flags)
		return -EINVAL;
	ret = soft_nnpa_execute(&call);
	if (ret)
		return ret;
	return copy_to_user(arg, &call, sizeof(call)) ? -EFAULT : 0;
}

static long soft_ioctl_cspmu_count(void __user *arg)
{
	struct paimon_soft_cspmu_count call;
	int ret;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call) || call.flags || call.reserved)
		return -EINVAL;
	ret = soft_cspmu_count(&call);
	return copy_to_user(arg, &call, sizeof(call)) ? -EFAULT : ret;
}

static long soft_ioctl_cspmu_register(void __user *arg)
{
	struct paimon_soft_cspmu_register call;
	int ret;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call) || call.flags || call.reserved)
		return -EINVAL;
	ret = soft_cspmu_register(&call);
	if (ret)
		return ret;
	return copy_to_user(arg, &call, sizeof(call)) ? -EFAULT : 0;
}

static long soft_ioctl_cspmu_fault(void __user *arg)
{
	struct paimon_soft_cspmu_fault call;

	if (!soft_debug)
		return -EPERM;
	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call) || call.flags || call.reserved)
		return -EINVAL;
	return soft_cspmu_fault(&call);
}

static long soft_ioctl_cspmu_plug(void __user *arg)
{
	struct paimon_soft_cspmu_plug call;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call) || call.flags)
		return -EINVAL;
	return soft_cspmu_plug(&call);
}

static int soft_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return soft_cspmu_mmap(vma);
}

static long soft_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct soft_file *file = filp->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case PAIMON_SOFT_INFO:
		return soft_ioctl_info(file, user);
	case PAIMON_SOFT_BIND:
		return soft_ioctl_bind(file, user, true);
	case PAIMON_SOFT_UNBIND:
		return soft_ioctl_bind(file, user, false);
	case PAIMON_SOFT_SUBMIT:
		return soft_ioctl_submit(file, user);
	case PAIMON_SOFT_STATS:
		return soft_ioctl_stats(file, user);
	case PAIMON_SOFT_FAIL_ALLOC:
		return soft_ioctl_fail_alloc(file, user);
	case PAIMON_SOFT_NNPA:
		return soft_ioctl_nnpa(user);
	case PAIMON_SOFT_CSPMU_COUNT:
		return soft_ioctl_cspmu_count(user);
	case PAIMON_SOFT_CSPMU_REGISTER:
		return soft_ioctl_cspmu_register(user);
	case PAIMON_SOFT_CSPMU_FAULT:
		return soft_ioctl_cspmu_fault(user);
	case PAIMON_SOFT_CSPMU_PLUG:
		return soft_ioctl_cspmu_plug(user);
	default:
		return -ENOTTY;
	}
}

static int soft_open(struct inode *inode, struct file *filp)
{
	struct soft_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	spin_lock_init(&file->lock);
	INIT_LIST_HEAD(&file->replies);
	INIT_LIST_HEAD(&file->bindings);
	init_waitqueue_head(&file->wait);
	filp->private_data = file;
	return stream_open(inode, filp);
}

/*
 * The last reference is gone, so there are no more requests. After the flush there are
 * neither workers nor groups of this file, and no more responses.
 */
static int soft_release(struct inode *inode, struct file *filp)
{
	struct soft_file *file = filp->private_data;
	struct soft_reply *reply;

	soft_endpoint_discard(file);
	soft_endpoint_flush();
	soft_unbind_all(file);
	while ((reply = file_pop(file)))
		soft_reply_free(reply);
	kfree(file);
	return 0;
}

const struct file_operations soft_fops = {
	.owner = THIS_MODULE,
	.open = soft_open,
	.release = soft_release,
	.read = soft_read,
	.poll = soft_poll,
	.mmap = soft_mmap,
	.unlocked_ioctl = soft_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

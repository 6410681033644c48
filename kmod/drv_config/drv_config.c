// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_drv_config.ko: /dev/paimon (include/paimon/uapi.h), which replaces the configuration
 * of a live perf event of paimon's PMUs (drv_config.h).
 *
 * An event is found by comparing its address with what a descriptor refers to, which is never
 * followed (e1): the list says whether an event lives, not the file. Newer kernels destroy the
 * events of a PMU that goes while their descriptors are open.
 *
 * A running event is stopped, swapped and started by an interrupt on its CPU, as perf itself
 * would restart it. perf_event_disable() and _enable() would undo what its user does with
 * these two meanwhile, and stop its siblings (e3).
 *
 * Inherited events (e5) do not exist: PMUs that use this refuse events of tasks.
 *
 * Lifetime: an event pins its PMU's module, which pins this one because it uses its functions.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "drv_config.h"

#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include <paimon/record.h>

#include "trace.h"

/*
 * Locking order (e7): cpu_hotplug_lock, the mutex of a perf context (ctx->mutex), this one.
 * perf calls event_init of a sibling, and on newer kernels destroy, with ctx->mutex held, and
 * hot-plug takes ctx->mutex (perf_pmu_migrate_context()). So neither of the two is taken under
 * this mutex, nor mmap_lock, under which perf takes ctx->mutex: user memory is accessed before
 * and after.
 */
static DEFINE_MUTEX(drv_lock);
static LIST_HEAD(drv_events);

void paimon_drv_config_lock(void)
{
	mutex_lock(&drv_lock);
}
EXPORT_SYMBOL_GPL(paimon_drv_config_lock);

void paimon_drv_config_unlock(void)
{
	mutex_unlock(&drv_lock);
}
EXPORT_SYMBOL_GPL(paimon_drv_config_unlock);

void paimon_drv_config_add(struct paimon_drv_event *event)
{
	lockdep_assert_held(&drv_lock);
	list_add(&event->entry, &drv_events);
}
EXPORT_SYMBOL_GPL(paimon_drv_config_add);

void paimon_drv_config_remove(struct paimon_drv_event *event)
{
	lockdep_assert_held(&drv_lock);
	list_del(&event->entry);
}
EXPORT_SYMBOL_GPL(paimon_drv_config_remove);

/* The event of a file, or NULL. */
static struct paimon_drv_event *drv_find(const struct file *file)
{
	struct paimon_drv_event *event;

	list_for_each_entry(event, &drv_events, entry)
		if (file->private_data == event->event)
			return event;
	return NULL;
}

struct drv_swap {
	struct paimon_drv_event *event;
	void *config; /* the new one, then the old one */
};

static void drv_swap(void *arg)
{
	struct drv_swap *swap = arg;

	swap->event->ops->replace(swap->event, &swap->config);
}

/* With the lock, and without CPU hot-plug, so that the event stays on its CPU. */
static void drv_swap_on_cpu(struct drv_swap *swap)
{
	unsigned long flags;

	if (!smp_call_function_single(swap->event->event->cpu, drv_swap, swap, true))
		return;
	/* The CPU is off, so the event does not run. */
	local_irq_save(flags);
	drv_swap(swap);
	local_irq_restore(flags);
}

static int drv_set(const struct file *file, const struct paimon_drv_config *values)
{
	const struct paimon_drv_ops *ops = NULL;
	struct module *owner = NULL;
	struct drv_swap swap = {};
	int ret = -EOPNOTSUPP;

	cpus_read_lock();
	mutex_lock(&drv_lock);
	swap.event = drv_find(file);
	if (swap.event) {
		/* The event may be gone before its old configuration is. */
		ops = swap.event->ops;
		owner = swap.event->owner;
		__module_get(owner);
		ret = ops->validate(swap.event, values, &swap.config);
		if (!ret)
			drv_swap_on_cpu(&swap);
		paimon_fire(drv_config, swap.event->pmu, swap.event->event->id,
			    PAIMON_DRV_CONFIG_SET, ret);
	}
	mutex_unlock(&drv_lock);
	cpus_read_unlock();
	if (swap.config)
		ops->free(swap.config);
	module_put(owner);
	return ret;
}

static int drv_get(const struct file *file, struct paimon_drv_config *ret_values)
{
	struct paimon_drv_event *event;

	mutex_lock(&drv_lock);
	event = drv_find(file);
	if (event) {
		event->ops->get(event, ret_values);
		paimon_fire(drv_config, event->pmu, event->event->id, PAIMON_DRV_CONFIG_GET, 0);
	}
	mutex_unlock(&drv_lock);
	return event ? 0 : -EOPNOTSUPP;
}

static long drv_ioctl(struct file *filp, unsigned int command, unsigned long arg)
{
	struct paimon_drv_config __user *user = (void __user *)arg;
	struct paimon_drv_config values;
	struct file *file;
	int ret;

	if (command != PAIMON_SET_DRV_CONFIG && command != PAIMON_GET_DRV_CONFIG)
		return -ENOTTY;
	if (copy_from_user(&values, user, sizeof(values)))
		return -EFAULT;
	if (values.size != sizeof(values) || values.flags || values.reserved)
		return -EINVAL;
	file = fget(values.fd);
	if (!file)
		return -EBADF;
	if (command == PAIMON_SET_DRV_CONFIG)
		ret = drv_set(file, &values);
	else
		ret = drv_get(file, &values);
	fput(file);
	if (!ret && command == PAIMON_GET_DRV_CONFIG && copy_to_user(user, &values, sizeof(values)))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations drv_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = drv_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice drv_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paimon",
	.fops = &drv_fops,
	.mode = 0660, /* the group paimon: see udev.rules */
};

static int __init drv_init(void)
{
	return misc_register(&drv_misc);
}

static void __exit drv_exit(void)
{
	misc_deregister(&drv_misc);
}

module_init(drv_init);
module_exit(drv_exit);
MODULE_DESCRIPTION("Live configuration of perf events, /dev/paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

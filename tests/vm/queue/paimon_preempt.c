// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_preempt.ko, for c21: watches the events of paimon.ko while it is loaded, and
 * whether whoever fires one has disabled preemption. Older kernels do so in every
 * tracepoint, which does not count. When it is unloaded the kernel log has a line for
 * each event: its name, how often it was fired, and how often with preemption enabled.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#define MAX_EVENTS 16

struct watched {
	struct tracepoint *event;
	atomic_t fired, bare;
};

static struct watched watched[MAX_EVENTS];
static unsigned int nr_watched;
static struct module *owner; /* of the events; stays while they are watched */
static struct tracepoint *kfree_event;
static int of_tracepoint = -1; /* times that a tracepoint itself disables preemption */

static int disabled(void)
{
	return preempt_count() & PREEMPT_MASK;
}

/* For an event with any arguments. */
static void on_event(void *data)
{
	struct watched *w = data;

	atomic_inc(&w->fired);
	if (disabled() <= of_tracepoint)
		atomic_inc(&w->bare);
}

/* One that is fired where preemption is enabled, by the task in data. */
static void on_kfree(void *data)
{
	if (current == data && in_task())
		of_tracepoint = disabled();
}

static void find_kfree(struct tracepoint *event, void *unused)
{
	if (!strcmp(event->name, "kfree"))
		kfree_event = event;
}

static int __init measure(void)
{
	int ret;

	for_each_kernel_tracepoint(find_kfree, NULL);
	if (!kfree_event)
		return -ENOENT;
	ret = tracepoint_probe_register(kfree_event, on_kfree, current);
	if (ret)
		return ret;
	kfree(kmalloc(8, GFP_KERNEL));
	tracepoint_probe_unregister(kfree_event, on_kfree, current);
	tracepoint_synchronize_unregister();
	return of_tracepoint < 0 ? -ENOENT : 0;
}

static int on_module(struct notifier_block *self, unsigned long state, void *data)
{
	const struct tp_module *module = data;
	int i;

	if (state != MODULE_STATE_COMING || strcmp(module->mod->name, "paimon") ||
	    !try_module_get(module->mod))
		return NOTIFY_DONE;
	owner = module->mod;
	for (i = 0; i < owner->num_tracepoints && nr_watched < MAX_EVENTS; i++)
		watched[nr_watched++].event = tracepoint_ptr_deref(&owner->tracepoints_ptrs[i]);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {.notifier_call = on_module};

static void unwatch(void)
{
	while (nr_watched) {
		struct watched *w = &watched[--nr_watched];

		if (tracepoint_probe_unregister(w->event, on_event, w))
			continue;
		pr_info("%s %d %d\n", w->event->name, atomic_read(&w->fired),
			atomic_read(&w->bare));
	}
	tracepoint_synchronize_unregister();
	if (owner)
		module_put(owner);
}

static int __init preempt_init(void)
{
	unsigned int i;
	int ret = measure();

	if (ret)
		return ret;
	/* Also calls for the modules that there are. */
	ret = register_tracepoint_module_notifier(&notifier);
	if (ret)
		return ret;
	unregister_tracepoint_module_notifier(&notifier);
	if (!owner)
		ret = -ENODEV;
	for (i = 0; i < nr_watched && !ret; i++)
		ret = tracepoint_probe_register(watched[i].event, on_event, &watched[i]);
	if (ret)
		unwatch();
	return ret;
}

static void __exit preempt_exit(void)
{
	unwatch();
}

module_init(preempt_init);
module_exit(preempt_exit);
MODULE_DESCRIPTION("Whether the events of paimon are fired with preemption disabled");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu.ko, the core of CoreSight system PMUs: devices and backends, and which of them
 * belong together. <paimon/cspmu.h> says what drivers and backends see of it. "bN" names the
 * invariant for which a line is needed.
 *
 * A device moves between WAITING, BOUND and FAILED (core.h). Whoever moves it makes it MOVING
 * under cspmu_lock, registers or removes the PMU without any lock, and takes cspmu_lock again
 * to say what came of it. Those who meet a device that moves wait for the end of the move, and
 * then look at everything anew: so a backend and a device that go at once do not both remove
 * the PMU, and the second one finds it gone.
 *
 * The module of a backend is asked for without waiting: from the registration of a device,
 * which may be an init or an asynchronous probe, for which the init of that module would wait
 * in turn. The core's own init registers no device.
 *
 * Lifetime of a PMU (b2 to b5). An event pins the module of its backend (pmu.module; the core
 * for the generic operations, b7), which pins the core because it uses its functions, and the
 * owner of the accessor. Each PMU counts its events under cspmu_lock, which event_init takes.
 * Removal finds events and gives up with -EBUSY, or makes the PMU dead, so that no event comes
 * any more. The count drops as the last act of destroy; but perf goes on to use the PMU after
 * destroy, without sleeping: synchronize_rcu_tasks() waits for that. So release never waits
 * for a user, and nothing is ever removed from within destroy.
 *
 * Locking order: cpu_hotplug_lock, perf's own, that of paimon_drv_config.ko, cspmu_lock,
 * cspmu.lock. The last two and that of paimon_drv_config.ko are not held while a PMU is
 * registered or removed, for newer kernels call destroy from there, under ctx->mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "core.h"

#include <linux/bitops.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kmod.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include <paimon/record.h>

#include "compat.h"
#include "trace.h"

/* Devices of these wait for the module (b1). */
static const struct {
	u32 implementer;
	const char *module;
} known[] = {
	{PAIMON_CSPMU_NVIDIA, "paimon_cspmu_nvidia"},
};

static DEFINE_MUTEX(cspmu_lock); /* all of the below, and core.h */
static LIST_HEAD(devices);	 /* struct cspmu */
static LIST_HEAD(backends);	 /* struct backend */
static unsigned int moves;	 /* that have ended */
static DECLARE_WAIT_QUEUE_HEAD(moved);
static enum cpuhp_state hotplug_state;

struct backend {
	struct list_head entry;
	const struct paimon_cspmu_impl *impl;
};

/* Counts an event that is being opened. -ENODEV: the PMU goes. */
int cspmu_get_event(struct cspmu_pmu *pmu)
{
	int ret = -ENODEV;

	mutex_lock(&cspmu_lock);
	if (!pmu->dead && try_module_get(pmu->cspmu->registers->owner)) {
		pmu->events++;
		ret = 0;
	}
	mutex_unlock(&cspmu_lock);
	return ret;
}

/* The owner's exit, which may start with the module_put(), finds the count without the event. */
void cspmu_put_event(struct cspmu_pmu *pmu)
{
	mutex_lock(&cspmu_lock);
	module_put(pmu->cspmu->registers->owner);
	pmu->events--;
	mutex_unlock(&cspmu_lock);
}

static void end_move(struct cspmu *cspmu, enum cspmu_state state)
{
	lockdep_assert_held(&cspmu_lock);
	cspmu->state = state;
	moves++;
	wake_up_all(&moved);
}

/* Drops the lock meanwhile. */
static void wait_for_move(void)
{
	unsigned int seen = moves;

	lockdep_assert_held(&cspmu_lock);
	mutex_unlock(&cspmu_lock);
	wait_event(moved, READ_ONCE(moves) != seen);
	mutex_lock(&cspmu_lock);
}

static bool matches(const struct paimon_cspmu_impl *impl, const struct cspmu *cspmu)
{
	return (cspmu->face.pmiidr & impl->mask) == impl->pmiidr;
}

static const char *known_module(const struct cspmu *cspmu)
{
	u32 implementer = cspmu->face.pmiidr & PAIMON_CSPMU_PMIIDR_IMPLEMENTER;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].implementer == implementer)
			return known[i].module;
	return NULL;
}

/*
 * What a new device, or one that waits, is to run on, with its module pinned: the registered
 * backend that matches in most bits, or the generic operations. NULL: it waits for waits_for.
 */
static const struct paimon_cspmu_impl *choose(struct cspmu *cspmu)
{
	const struct paimon_cspmu_impl *best = NULL;
	const struct backend *backend;
	const char *module;

	lockdep_assert_held(&cspmu_lock);
	list_for_each_entry(backend, &backends, entry) {
		const struct paimon_cspmu_impl *impl = backend->impl;

		if (!matches(impl, cspmu) ||
		    (best && hweight32(best->mask) >= hweight32(impl->mask)))
			continue;
		if (!try_module_get(impl->owner))
			continue; /* it goes */
		if (best)
			module_put(best->owner);
		best = impl;
	}
	if (best || cspmu->waits_for[0])
		return best;
	module = known_module(cspmu);
	if (module) {
		strscpy(cspmu->waits_for, module, sizeof(cspmu->waits_for));
		return NULL;
	}
	__module_get(cspmu_generic.owner);
	return &cspmu_generic;
}

/*
 * Makes the PMU of a device that is MOVING, visible as the last step; without locks. The
 * module of the backend is pinned.
 */
static struct cspmu_pmu *bind(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl)
{
	struct cspmu_pmu *pmu = cspmu_pmu_new(cspmu, impl);
	int ret;

	if (IS_ERR(pmu))
		return pmu;
	ret = paimon_check_pmu_name(pmu->name);
	if (!ret) {
		cspmu_enable(cspmu, true);
		/* So that an event cannot be opened, and its CPU go, before it would migrate. */
		cpus_read_lock();
		ret = perf_pmu_register(&pmu->pmu, pmu->name, -1);
		if (!ret)
			cspmu->visible = pmu;
		cpus_read_unlock();
	}
	if (!ret) {
		paimon_fire(cspmu_impl, pmu->name, impl->name, PAIMON_CSPMU_BOUND);
		return pmu;
	}
	pr_err("%s: cannot register the PMU %s on the backend %s (error %d)%s\n", cspmu->face.name,
	       pmu->name, impl->name, ret, ret == -EEXIST ? ": there is one of this name" : "");
	cspmu_enable(cspmu, false);
	cspmu_pmu_free(pmu);
	return ERR_PTR(ret);
}

/* After bind(), with the lock: what the device is now. Unpins the module. */
static void bound(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl, struct cspmu_pmu *pmu)
{
	cspmu->pmu = IS_ERR(pmu) ? NULL : pmu;
	end_move(cspmu, IS_ERR(pmu) ? CSPMU_FAILED : CSPMU_BOUND);
	module_put(impl->owner);
}

/*
 * Removes a PMU that is dead and without events, of a device that is MOVING; without locks.
 */
static void release(struct cspmu *cspmu, struct cspmu_pmu *pmu)
{
	cpus_read_lock();
	cspmu->visible = NULL;
	cpus_read_unlock();
	/* Whoever closed the last event may still be between destroy and the last use of the PMU;
	 * nothing there sleeps. */
	synchronize_rcu_tasks();
	if (WARN_ON(paimon_pmu_unregister(&pmu->pmu)))
		return; /* perf keeps using it, so its memory stays */
	/* Kernels up to 6.12 forget the number of the PMU after their grace periods: someone who
	 * found it by that may still be about to be told -ENODEV. */
	synchronize_rcu_tasks();
	cspmu_enable(cspmu, false);
	paimon_fire(cspmu_impl, pmu->name, pmu->impl->name, PAIMON_CSPMU_RELEASED);
	cspmu_pmu_free(pmu);
}

/* Takes the PMU from a device that is BOUND, for release(). With the lock. */
static struct cspmu_pmu *take_pmu(struct cspmu *cspmu)
{
	struct cspmu_pmu *pmu = cspmu->pmu;

	cspmu->pmu = NULL;
	cspmu->state = CSPMU_MOVING;
	return pmu;
}

static bool impl_valid(const struct paimon_cspmu_impl *impl)
{
	unsigned int callbacks = !!impl->validate + !!impl->apply + !!impl->free;

	return impl->name && impl->owner && impl->mask && !(impl->pmiidr & ~impl->mask) &&
	       (!callbacks || callbacks == 3);
}

static struct backend *find_backend(const struct paimon_cspmu_impl *impl)
{
	struct backend *backend;

	list_for_each_entry(backend, &backends, entry)
		if (backend->impl->pmiidr == impl->pmiidr && backend->impl->mask == impl->mask)
			return backend;
	return NULL;
}

/* A device that waits and that this backend matches, or NULL. */
static struct cspmu *find_waiting(const struct paimon_cspmu_impl *impl)
{
	struct cspmu *cspmu;

	list_for_each_entry(cspmu, &devices, entry)
		if (cspmu->state == CSPMU_WAITING && matches(impl, cspmu))
			return cspmu;
	return NULL;
}

int paimon_cspmu_impl_register(const struct paimon_cspmu_impl *impl)
{
	struct backend *backend;
	struct cspmu *cspmu;
	struct cspmu_pmu *pmu;

	if (!impl_valid(impl))
		return -EINVAL;
	backend = kzalloc(sizeof(*backend), GFP_KERNEL);
	if (!backend)
		return -ENOMEM;
	backend->impl = impl;
	mutex_lock(&cspmu_lock);
	if (find_backend(impl)) {
		mutex_unlock(&cspmu_lock);
		kfree(backend);
		return -EEXIST;
	}
	list_add_tail(&backend->entry, &backends);
	paimon_fire(cspmu_impl, NULL, impl->name, PAIMON_CSPMU_REGISTERED);
	while ((cspmu = find_waiting(impl))) {
		const struct paimon_cspmu_impl *chosen = choose(cspmu);

		if (!chosen)
			break; /* this module goes already */
		cspmu->impl = chosen;
		cspmu->state = CSPMU_MOVING;
		mutex_unlock(&cspmu_lock);
		pmu = bind(cspmu, chosen);
		mutex_lock(&cspmu_lock);
		bound(cspmu, chosen, pmu);
	}
	mutex_unlock(&cspmu_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_cspmu_impl_register);

/* A device of the backend in this state, or NULL. */
static struct cspmu *find_device(const struct paimon_cspmu_impl *impl, enum cspmu_state state)
{
	struct cspmu *cspmu;

	list_for_each_entry(cspmu, &devices, entry)
		if (cspmu->impl == impl && cspmu->state == state)
			return cspmu;
	return NULL;
}

static bool has_events(const struct paimon_cspmu_impl *impl)
{
	const struct cspmu *cspmu;

	list_for_each_entry(cspmu, &devices, entry)
		if (cspmu->impl == impl && cspmu->pmu && cspmu->pmu->events)
			return true;
	return false;
}

/* The device waits for the same module again, whatever its name. */
static void wait_again(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl)
{
	strscpy(cspmu->waits_for, module_name(impl->owner), sizeof(cspmu->waits_for));
	cspmu->impl = NULL;
	end_move(cspmu, CSPMU_WAITING);
}

int paimon_cspmu_impl_unregister(const struct paimon_cspmu_impl *impl)
{
	struct backend *backend;
	struct cspmu *cspmu;
	struct cspmu_pmu *pmu;
	int ret = 0;

	mutex_lock(&cspmu_lock);
	while (find_device(impl, CSPMU_MOVING))
		wait_for_move();
	backend = find_backend(impl);
	if (!backend || backend->impl != impl)
		goto out; /* was not registered */
	if (has_events(impl)) {
		ret = -EBUSY;
		goto out;
	}
	list_for_each_entry(cspmu, &devices, entry)
		if (cspmu->impl == impl && cspmu->pmu)
			WRITE_ONCE(cspmu->pmu->dead, true);
	list_del(&backend->entry);
	kfree(backend);
	while ((cspmu = find_device(impl, CSPMU_BOUND))) {
		pmu = take_pmu(cspmu);
		mutex_unlock(&cspmu_lock);
		release(cspmu, pmu);
		mutex_lock(&cspmu_lock);
		wait_again(cspmu, impl);
	}
	while ((cspmu = find_device(impl, CSPMU_FAILED)))
		wait_again(cspmu, impl);
	/* A device that its driver removes at the same time. */
	while (find_device(impl, CSPMU_MOVING))
		wait_for_move();
out:
	mutex_unlock(&cspmu_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(paimon_cspmu_impl_unregister);

static struct cspmu *cspmu_of_dev(struct device *dev)
{
	return container_of(dev, struct cspmu, dev);
}

static ssize_t pmu_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const struct cspmu *cspmu = cspmu_of_dev(dev);
	ssize_t ret;

	mutex_lock(&cspmu_lock);
	ret = sysfs_emit(page, "%s\n", cspmu->pmu ? cspmu->pmu->name : "");
	mutex_unlock(&cspmu_lock);
	return ret;
}
static DEVICE_ATTR_RO(pmu);

static ssize_t backend_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const struct cspmu *cspmu = cspmu_of_dev(dev);
	ssize_t ret;

	mutex_lock(&cspmu_lock);
	ret = sysfs_emit(page, "%s\n", cspmu->pmu ? cspmu->pmu->impl->name : "");
	mutex_unlock(&cspmu_lock);
	return ret;
}
static DEVICE_ATTR_RO(backend);

static ssize_t waits_for_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const struct cspmu *cspmu = cspmu_of_dev(dev);
	ssize_t ret;

	mutex_lock(&cspmu_lock);
	ret = sysfs_emit(page, "%s\n", cspmu->state == CSPMU_WAITING ? cspmu->waits_for : "");
	mutex_unlock(&cspmu_lock);
	return ret;
}
static DEVICE_ATTR_RO(waits_for);

static ssize_t implementer_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%x\n",
			  cspmu_of_dev(dev)->face.pmiidr & PAIMON_CSPMU_PMIIDR_IMPLEMENTER);
}
static DEVICE_ATTR_RO(implementer);

static ssize_t pmiidr_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%08x\n", cspmu_of_dev(dev)->face.pmiidr);
}
static DEVICE_ATTR_RO(pmiidr);

static ssize_t counters_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", cspmu_of_dev(dev)->face.counters);
}
static DEVICE_ATTR_RO(counters);

static ssize_t counters_used_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "%u\n", cspmu_counters_used(cspmu_of_dev(dev)));
}
static DEVICE_ATTR_RO(counters_used);

static ssize_t read_errors_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "%lld\n", atomic64_read(&cspmu_of_dev(dev)->read_errors));
}
static DEVICE_ATTR_RO(read_errors);

static ssize_t socket_show(struct device *dev, struct device_attribute *attr, char *page)
{
	int socket = cspmu_of_dev(dev)->face.socket;

	return socket == PAIMON_CSPMU_NO_SOCKET ? sysfs_emit(page, "\n")
						: sysfs_emit(page, "%d\n", socket);
}
static DEVICE_ATTR_RO(socket);

static struct attribute *device_attrs[] = {
	&dev_attr_pmu.attr,	      &dev_attr_backend.attr,
	&dev_attr_waits_for.attr,     &dev_attr_implementer.attr,
	&dev_attr_pmiidr.attr,	      &dev_attr_counters.attr,
	&dev_attr_counters_used.attr, &dev_attr_read_errors.attr,
	&dev_attr_socket.attr,	      NULL,
};
ATTRIBUTE_GROUPS(device);

static void device_release(struct device *dev)
{
	kfree(cspmu_of_dev(dev));
}

static struct class cspmu_class = {
	.name = "paimon_cspmu",
	.dev_groups = device_groups,
	.dev_release = device_release,
};

/* The events are on one CPU of the device: at first that of its driver, if it may count. */
static int cpu_comes(unsigned int cpu, struct hlist_node *node)
{
	struct cspmu *cspmu = hlist_entry_safe(node, struct cspmu, node);
	bool none = cspmu->cpu >= nr_cpu_ids || !cpu_online(cspmu->cpu);

	if (none && cpumask_test_cpu(cpu, &cspmu->cpus))
		WRITE_ONCE(cspmu->cpu, cpu);
	return 0;
}

static int cpu_goes(unsigned int cpu, struct hlist_node *node)
{
	struct cspmu *cspmu = hlist_entry_safe(node, struct cspmu, node);
	unsigned int target;

	if (cspmu->cpu != cpu)
		return 0;
	target = cpumask_first_and(&cspmu->cpus, cpu_online_mask);
	if (target == cpu)
		target = cpumask_next_and(cpu, &cspmu->cpus, cpu_online_mask);
	WRITE_ONCE(cspmu->cpu, target);
	if (cspmu->visible && target < nr_cpu_ids)
		perf_pmu_migrate_context(&cspmu->visible->pmu, cpu, target);
	return 0;
}

static struct cspmu *find_name(const char *name)
{
	struct cspmu *cspmu;

	list_for_each_entry(cspmu, &devices, entry)
		if (!strcmp(cspmu->face.name, name))
			return cspmu;
	return NULL;
}

static struct cspmu *cspmu_new(const struct paimon_cspmu_device *device)
{
	struct cspmu *cspmu = kzalloc(sizeof(*cspmu), GFP_KERNEL);
	int ret;

	if (!cspmu)
		return ERR_PTR(-ENOMEM);
	device_initialize(&cspmu->dev);
	cspmu->dev.class = &cspmu_class;
	cspmu->dev.parent = device->parent;
	cspmu->registers = device->registers;
	cspmu->context = device->context;
	cspmu->face.socket = device->socket;
	INIT_LIST_HEAD(&cspmu->face.events);
	cpumask_copy(&cspmu->cpus, device->cpus ?: cpu_possible_mask);
	cspmu->cpu = raw_smp_processor_id();
	if (!cpumask_test_cpu(cspmu->cpu, &cspmu->cpus))
		cspmu->cpu = nr_cpu_ids;
	cspmu_init_counters(cspmu);
	ret = dev_set_name(&cspmu->dev, "%s", device->name);
	if (!ret) {
		cspmu->face.name = dev_name(&cspmu->dev);
		ret = cspmu_identify(cspmu);
	}
	/* Also calls cpu_comes(), for the CPUs that are. */
	if (!ret)
		ret = cpuhp_state_add_instance(hotplug_state, &cspmu->node);
	if (ret) {
		put_device(&cspmu->dev);
		return ERR_PTR(ret);
	}
	return cspmu;
}

/* Of a device that is in no list and not in sysfs. */
static void cspmu_drop(struct cspmu *cspmu)
{
	cpuhp_state_remove_instance_nocalls(hotplug_state, &cspmu->node);
	cspmu_exit_counters(cspmu);
	put_device(&cspmu->dev);
}

static void forget(struct cspmu *cspmu)
{
	mutex_lock(&cspmu_lock);
	list_del(&cspmu->entry);
	end_move(cspmu, CSPMU_FAILED);
	mutex_unlock(&cspmu_lock);
}

struct paimon_cspmu *paimon_cspmu_register(const struct paimon_cspmu_device *device)
{
	const struct paimon_cspmu_impl *impl;
	char waits_for[MODULE_NAME_LEN];
	struct cspmu *cspmu;
	int ret;

	if (!device->name || !device->name[0] || strchr(device->name, '/') || !device->registers ||
	    !device->registers->owner || !device->registers->read32 ||
	    !device->registers->write32 || device->socket < PAIMON_CSPMU_NO_SOCKET)
		return ERR_PTR(-EINVAL);
	cspmu = cspmu_new(device);
	if (IS_ERR(cspmu))
		return ERR_CAST(cspmu);

	/* It moves until it is in sysfs, and bound if it is to be. */
	mutex_lock(&cspmu_lock);
	if (find_name(cspmu->face.name)) {
		mutex_unlock(&cspmu_lock);
		cspmu_drop(cspmu);
		return ERR_PTR(-EEXIST);
	}
	cspmu->state = CSPMU_MOVING;
	list_add_tail(&cspmu->entry, &devices);
	mutex_unlock(&cspmu_lock);
	ret = device_add(&cspmu->dev);
	if (ret) {
		forget(cspmu);
		cspmu_drop(cspmu);
		return ERR_PTR(ret);
	}

	mutex_lock(&cspmu_lock);
	impl = choose(cspmu);
	cspmu->impl = impl;
	if (!impl)
		end_move(cspmu, CSPMU_WAITING);
	strscpy(waits_for, cspmu->waits_for, sizeof(waits_for));
	mutex_unlock(&cspmu_lock);
	if (impl) {
		struct cspmu_pmu *pmu = bind(cspmu, impl);

		mutex_lock(&cspmu_lock);
		bound(cspmu, impl, pmu);
		mutex_unlock(&cspmu_lock);
	} else {
		request_module_nowait("%s", waits_for);
	}
	return &cspmu->face;
}
EXPORT_SYMBOL_GPL(paimon_cspmu_register);

int paimon_cspmu_unregister(struct paimon_cspmu *face)
{
	struct cspmu *cspmu = cspmu_of(face);
	struct cspmu_pmu *pmu = NULL;

	mutex_lock(&cspmu_lock);
	while (cspmu->state == CSPMU_MOVING)
		wait_for_move();
	if (cspmu->state == CSPMU_BOUND) {
		if (cspmu->pmu->events) {
			mutex_unlock(&cspmu_lock);
			return -EBUSY;
		}
		WRITE_ONCE(cspmu->pmu->dead, true);
		pmu = take_pmu(cspmu);
	}
	cspmu->state = CSPMU_MOVING;
	mutex_unlock(&cspmu_lock);
	if (pmu)
		release(cspmu, pmu);
	device_del(&cspmu->dev);
	forget(cspmu);
	cspmu_drop(cspmu);
	return 0;
}
EXPORT_SYMBOL_GPL(paimon_cspmu_unregister);

static int __init cspmu_init(void)
{
	int ret = class_register(&cspmu_class);

	if (ret)
		return ret;
	ret = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "perf/paimon_cspmu:online", cpu_comes,
				      cpu_goes);
	if (ret < 0) {
		class_unregister(&cspmu_class);
		return ret;
	}
	hotplug_state = ret;
	return 0;
}

static void __exit cspmu_exit(void)
{
	cpuhp_remove_multi_state(hotplug_state);
	class_unregister(&cspmu_class);
}

module_init(cspmu_init);
module_exit(cspmu_exit);
MODULE_DESCRIPTION("CoreSight system PMUs of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

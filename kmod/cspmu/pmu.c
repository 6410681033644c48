// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu.ko, the perf PMU of a system PMU: its events, which count for the machine on one
 * CPU, which user space finds in cpumask; their configuration; the generic operations; sysfs.
 * "bN" and "eN" name the invariant for which a line is needed.
 *
 * Contexts: event_init and destroy are in process context, under the locks of core.c and of
 * paimon_drv_config.ko, one after the other. counters.c has what is called with interrupts off.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "core.h"

#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat.h"

static void free_config(void *arg)
{
	struct cspmu_config *config = arg;

	if (config->object)
		config->impl->free(config->object);
	kfree(config);
}

/* The configuration of an event that is open, or that is being opened. */
static int new_config(const struct cspmu_event *event, const struct paimon_cspmu_config *values,
		      struct cspmu_config **ret_config)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;
	struct cspmu_config *config = kzalloc(sizeof(*config), GFP_KERNEL);
	int ret = 0;

	if (!config)
		return -ENOMEM;
	config->values = *values;
	config->impl = impl;
	if (impl->validate)
		ret = impl->validate(&event->face, values, &config->object);
	if (ret)
		kfree(config);
	else
		*ret_config = config;
	return ret;
}

static struct cspmu_event *event_of_live(const struct paimon_drv_event *live)
{
	return container_of(live, struct cspmu_event, live);
}

static int live_validate(struct paimon_drv_event *live, const struct paimon_drv_config *values,
			 void **ret_config)
{
	const struct paimon_cspmu_config wanted = {
		.config1 = values->config1,
		.config2 = values->config2,
		.config3 = values->config3,
	};
	struct cspmu_config *config;
	int ret = new_config(event_of_live(live), &wanted, &config);

	if (!ret)
		*ret_config = config;
	return ret;
}

static void live_replace(struct paimon_drv_event *live, void **config)
{
	struct cspmu_event *event = event_of_live(live);
	struct cspmu_config *old = event->config;

	cspmu_replace_config(event, *config);
	*config = old;
}

static void live_get(const struct paimon_drv_event *live, struct paimon_drv_config *ret_values)
{
	const struct paimon_cspmu_config *values = &event_of_live(live)->face.values;

	ret_values->config1 = values->config1;
	ret_values->config2 = values->config2;
	ret_values->config3 = values->config3;
}

static const struct paimon_drv_ops live_ops = {
	.validate = live_validate,
	.replace = live_replace,
	.get = live_get,
	.free = free_config,
};

struct needed {
	unsigned int counters;
	unsigned int cycle_counters;
};

/* false: an event of another hardware PMU. Software events need nothing. */
static bool add_needed(const struct cspmu_event *event, struct perf_event *other,
		       struct needed *needed)
{
	if (is_software_event(other))
		return true;
	if (other->pmu != &event->pmu->pmu)
		return false;
	if (is_cycles(event_of(other)))
		needed->cycle_counters++;
	else
		needed->counters++;
	return true;
}

/* A group must be of this PMU, and have enough counters. */
static bool group_fits(const struct cspmu_event *event)
{
	struct perf_event *leader = event->event->group_leader;
	const struct cspmu *cspmu = event->pmu->cspmu;
	struct perf_event *sibling;
	struct needed needed = {};

	add_needed(event, event->event, &needed);
	if (leader != event->event) {
		if (!add_needed(event, leader, &needed))
			return false;
		for_each_sibling_event(sibling, leader)
			if (sibling != event->event && !add_needed(event, sibling, &needed))
				return false;
	}
	return needed.counters <= event_counters(cspmu) &&
	       needed.cycle_counters <= cspmu->face.has_cycle_counter;
}

/* With the lock of paimon_drv_config.ko. */
static int admit(struct cspmu_event *event, const struct paimon_cspmu_config *values)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;
	struct cspmu_config *config;
	int ret;

	if (!group_fits(event))
		return -EINVAL;
	ret = new_config(event, values, &config);
	if (ret)
		return ret;
	cspmu_put_config(event, config);
	ret = (impl->validate_event ?: cspmu_generic.validate_event)(&event->face);
	if (ret) {
		free_config(config);
		return ret;
	}
	list_add_tail(&event->face.entry, &event->pmu->cspmu->face.events);
	if (impl->validate)
		paimon_drv_config_add(&event->live);
	return 0;
}

static void cspmu_destroy(struct perf_event *perf_event)
{
	struct cspmu_event *event = event_of(perf_event);
	struct cspmu_pmu *pmu = event->pmu;

	paimon_drv_config_lock();
	list_del(&event->face.entry);
	if (pmu->impl->validate)
		paimon_drv_config_remove(&event->live);
	paimon_drv_config_unlock();

	cspmu_end_counting(event);
	free_config(event->config);
	kfree(event);
	cspmu_put_event(pmu);
}

static int cspmu_event_init(struct perf_event *perf_event)
{
	struct cspmu_pmu *pmu = container_of(perf_event->pmu, struct cspmu_pmu, pmu);
	struct perf_event_attr *attr = &perf_event->attr;
	const struct paimon_cspmu_config values = {
		.config1 = attr->config1,
		.config2 = attr->config2,
		.config3 = paimon_attr_config3(attr),
	};
	struct cspmu_event *event;
	int ret;

	if (attr->type != perf_event->pmu->type)
		return -ENOENT;
	/* Before anything that sleeps: see release() in core.c. */
	if (READ_ONCE(pmu->dead))
		return -ENODEV;
	if (is_sampling_event(perf_event) || has_branch_stack(perf_event))
		return -EOPNOTSUPP;
	if (perf_event->hw.target || perf_event->attach_state & PERF_ATTACH_TASK)
		return -EINVAL;
	if (perf_event->cpu < 0 || perf_event->cpu != READ_ONCE(pmu->cspmu->cpu))
		return -EINVAL;

	event = kzalloc(sizeof(*event), GFP_KERNEL);
	if (!event)
		return -ENOMEM;
	event->face.cspmu = &pmu->cspmu->face;
	event->face.config = attr->config;
	event->face.index = -1;
	event->event = perf_event;
	event->pmu = pmu;
	event->live = (struct paimon_drv_event){
		.event = perf_event,
		.ops = &live_ops,
		.owner = pmu->impl->owner,
		.pmu = pmu->name,
	};
	ret = cspmu_get_event(pmu);
	if (ret)
		goto err_free;
	perf_event->pmu_private = event;
	paimon_drv_config_lock();
	ret = admit(event, &values);
	paimon_drv_config_unlock();
	if (ret)
		goto err_put;
	perf_event->hw.idx = -1;
	perf_event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	/* The last act: newer kernels also call it for an event whose init has failed. */
	perf_event->destroy = cspmu_destroy;
	return 0;

err_put:
	perf_event->pmu_private = NULL;
	cspmu_put_event(pmu);
err_free:
	kfree(event);
	return ret;
}

/* The generic operations. */

static int generic_pmu_name(const struct paimon_cspmu *face, char *ret_name, size_t size)
{
	return snprintf(ret_name, size, "arm_cspmu_%s", face->name) < size ? 0 : -ENAMETOOLONG;
}

static struct attribute *generic_event_attrs[] = {
	PAIMON_CSPMU_EVENT_ATTR(cycles, PAIMON_CSPMU_CYCLES),
	NULL,
};

static struct attribute *generic_format_attrs[] = {
	PAIMON_CSPMU_FORMAT_ATTR(event, "config:0-32"),
	PAIMON_CSPMU_FORMAT_ATTR(filter, "config1:0-31"),
	NULL,
};

static struct attribute **generic_events(const struct paimon_cspmu *face)
{
	return generic_event_attrs;
}

static struct attribute **generic_formats(const struct paimon_cspmu *face)
{
	return generic_format_attrs;
}

static int generic_validate_event(const struct paimon_cspmu_event *event)
{
	return event->config <= PAIMON_CSPMU_CYCLES ? 0 : -EINVAL;
}

static int generic_validate(const struct paimon_cspmu_event *event,
			    const struct paimon_cspmu_config *values, void **ret_object)
{
	return values->config1 >> 32 || values->config2 || values->config3 ? -EINVAL : 0;
}

static void generic_free(void *object)
{
}

/* Its owner is the core, which does not unload while there are devices (b7). */
const struct paimon_cspmu_impl cspmu_generic = {
	.name = "generic",
	.owner = THIS_MODULE,
	.pmu_name = generic_pmu_name,
	.event_attrs = generic_events,
	.format_attrs = generic_formats,
	.validate_event = generic_validate_event,
	.validate = generic_validate,
	.apply = paimon_cspmu_apply_filter,
	.free = generic_free,
};

/* sysfs of the PMU. */

ssize_t paimon_cspmu_event_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "event=0x%llx\n",
			  container_of(attr, struct perf_pmu_events_attr, attr)->id);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_event_show);

ssize_t paimon_cspmu_format_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const char *bits = container_of(attr, struct dev_ext_attribute, attr)->var;

	return sysfs_emit(page, "%s\n", bits);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_format_show);

static const struct cspmu_pmu *pmu_of_dev(struct device *dev)
{
	return container_of((struct pmu *)dev_get_drvdata(dev), struct cspmu_pmu, pmu);
}

static umode_t event_visible(struct kobject *kobj, struct attribute *attr, int number)
{
	const struct cspmu_pmu *pmu = pmu_of_dev(kobj_to_dev(kobj));
	u64 config = container_of(attr, struct perf_pmu_events_attr, attr.attr)->id;

	if (config == PAIMON_CSPMU_CYCLES && !pmu->cspmu->face.has_cycle_counter)
		return 0;
	if (pmu->impl->is_visible && !pmu->impl->is_visible(&pmu->cspmu->face, config))
		return 0;
	return attr->mode;
}

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr, char *page)
{
	unsigned int cpu = READ_ONCE(pmu_of_dev(dev)->cspmu->cpu);

	return cpu < nr_cpu_ids ? sysfs_emit(page, "%u\n", cpu) : sysfs_emit(page, "\n");
}
static DEVICE_ATTR_RO(cpumask);

static ssize_t identifier_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%08x\n", pmu_of_dev(dev)->cspmu->face.pmiidr);
}
static DEVICE_ATTR_RO(identifier);

static struct attribute *device_attrs[] = {
	&dev_attr_cpumask.attr,
	&dev_attr_identifier.attr,
	NULL,
};

static const struct attribute_group device_group = {
	.attrs = device_attrs,
};

/* perf(1) takes a PMU by its name if this has letters, digits and _ alone. */
static void make_nameable(char *name)
{
	for (; *name; name++)
		if (!isascii(*name) || !isalnum(*name))
			*name = '_';
}

/* The PMU of a device, not yet registered; an ERR_PTR is logged. */
struct cspmu_pmu *cspmu_pmu_new(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl)
{
	struct cspmu_pmu *pmu = kzalloc(sizeof(*pmu), GFP_KERNEL);
	int ret;

	if (!pmu)
		return ERR_PTR(-ENOMEM);
	pmu->cspmu = cspmu;
	pmu->impl = impl;
	ret = (impl->pmu_name ?: generic_pmu_name)(&cspmu->face, pmu->name, sizeof(pmu->name));
	if (ret) {
		pr_err("%s: the backend %s has no name for the PMU (error %d)\n", cspmu->face.name,
		       impl->name, ret);
		kfree(pmu);
		return ERR_PTR(ret);
	}
	make_nameable(pmu->name);
	pmu->events_group = (struct attribute_group){
		.name = "events",
		.attrs = (impl->event_attrs ?: generic_events)(&cspmu->face),
		.is_visible = event_visible,
	};
	pmu->format_group = (struct attribute_group){
		.name = "format",
		.attrs = (impl->format_attrs ?: generic_formats)(&cspmu->face),
	};
	pmu->groups[0] = &pmu->events_group;
	pmu->groups[1] = &pmu->format_group;
	pmu->groups[2] = &device_group;
	pmu->pmu = (struct pmu){
		.module = impl->owner,
		.task_ctx_nr = perf_invalid_context,
		.capabilities = PERF_PMU_CAP_NO_EXCLUDE,
		.attr_groups = pmu->groups,
		.event_init = cspmu_event_init,
		.add = cspmu_add,
		.del = cspmu_del,
		.start = cspmu_start,
		.stop = cspmu_stop,
		.read = cspmu_read,
	};
	return pmu;
}

void cspmu_pmu_free(struct cspmu_pmu *pmu)
{
	kfree(pmu);
}

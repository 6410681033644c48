// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_config_test: a backend of the CoreSight PMU core for the tests of live configuration,
 * which a software device with its PMIIDR runs on. Its configuration has all that there can be: a
 * value of each counter (filter, config1), one that all counters of a device share (mode, config2:
 * -EBUSY while another event has another one), and an object for each configuration (size,
 * config3). It watches what the core does with them, and says so in its parameters.
 *
 * A second backend, for another PMIIDR, has none of this.
 *
 * With cpu=N it also registers a device of its own, which counts on CPU N only: registers in memory
 * that do not advance. So a test can take the CPU of an event away.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <paimon/cspmu.h>

#define IMPLEMENTER 0x7c5u
#define PLAIN_IMPLEMENTER 0x7c6u
#define MAX_MODE 3u
#define MAX_SIZE 0xffffu
#define ALIVE 0x5a17f00dce11ed00ull

struct config_object {
	u64 alive;
	struct paimon_cspmu_config values;
	u8 bytes[];
};

static DEFINE_SPINLOCK(watch_lock); /* the following; taken with interrupts off */
static unsigned int objects, freed, applied, locked, bad, fail;
module_param(objects, uint, 0444);
MODULE_PARM_DESC(objects, "objects that exist");
module_param(freed, uint, 0444);
MODULE_PARM_DESC(freed, "objects that were freed since the module was loaded");
module_param(applied, uint, 0444);
MODULE_PARM_DESC(applied, "calls of apply");
module_param(locked, uint, 0444);
MODULE_PARM_DESC(locked, "objects that were freed with a lock held, where the kernel has lockdep");
module_param(bad, uint, 0444);
MODULE_PARM_DESC(bad, "things that the core may not do");
module_param(fail, uint, 0644);
MODULE_PARM_DESC(fail, "so many calls of validate from now on find no memory");

static int cpu = -1;
module_param(cpu, int, 0444);
MODULE_PARM_DESC(cpu, "registers a device for this CPU (default -1: none)");

/* Reports what may not be, to the test and in the log. */
static void complain(const char *what)
{
	unsigned long flags;

	pr_err("paimon_config_test: %s\n", what);
	spin_lock_irqsave(&watch_lock, flags);
	bad++;
	spin_unlock_irqrestore(&watch_lock, flags);
}

static bool may_sleep_here(void)
{
	return !in_atomic() && !irqs_disabled();
}

static bool takes_fail(void)
{
	unsigned long flags;
	bool fails;

	spin_lock_irqsave(&watch_lock, flags);
	fails = fail;
	fail -= fails;
	spin_unlock_irqrestore(&watch_lock, flags);
	return fails;
}

static int config_validate(const struct paimon_cspmu_event *event,
			   const struct paimon_cspmu_config *values, void **ret_object)
{
	const struct paimon_cspmu_event *other;
	struct config_object *object;
	unsigned long flags;

	if (!may_sleep_here())
		complain("validate where it cannot sleep");
	if (values->config1 > U32_MAX || values->config2 > MAX_MODE || values->config3 > MAX_SIZE)
		return -EINVAL;
	paimon_cspmu_for_each_other(other, event)
		if (other->values.config2 != values->config2)
			return -EBUSY;
	object = takes_fail() ? NULL : kzalloc(sizeof(*object) + values->config3, GFP_KERNEL);
	if (!object)
		return -ENOMEM;
	object->alive = ALIVE;
	object->values = *values;
	spin_lock_irqsave(&watch_lock, flags);
	objects++;
	spin_unlock_irqrestore(&watch_lock, flags);
	*ret_object = object;
	return 0;
}

static void config_apply(const struct paimon_cspmu_event *event)
{
	const struct config_object *object = event->object;
	unsigned long flags;
	u32 enabled;

	if (!irqs_disabled())
		complain("apply with interrupts on");
	if (!object || object->alive != ALIVE)
		complain("apply of an object that does not exist");
	else if (memcmp(&object->values, &event->values, sizeof(object->values)))
		complain("apply of an object with other values");
	if (paimon_cspmu_read32(event->cspmu, PAIMON_CSPMU_PMCNTENSET, &enabled) ||
	    enabled & BIT(event->index))
		complain("apply while the counter is enabled");
	paimon_cspmu_apply_filter(event);
	spin_lock_irqsave(&watch_lock, flags);
	applied++;
	spin_unlock_irqrestore(&watch_lock, flags);
}

static unsigned int held_locks(void)
{
#ifdef CONFIG_LOCKDEP
	return debug_locks ? current->lockdep_depth : 0;
#else
	return 0;
#endif
}

static void config_free(void *data)
{
	struct config_object *object = data;
	unsigned long flags;

	if (!may_sleep_here())
		complain("free where it cannot sleep");
	if (object->alive != ALIVE) {
		complain("free of an object that does not exist");
		return;
	}
	object->alive = 0;
	spin_lock_irqsave(&watch_lock, flags);
	objects--;
	freed++;
	locked += held_locks() > 1; /* with watch_lock */
	spin_unlock_irqrestore(&watch_lock, flags);
	kfree(object);
}

static int config_pmu_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	return snprintf(ret_name, size, "paimon_config_%s", cspmu->name) < size ? 0 : -ENAMETOOLONG;
}

static struct attribute *config_formats[] = {
	PAIMON_CSPMU_FORMAT_ATTR(event, "config:0-32"),
	PAIMON_CSPMU_FORMAT_ATTR(filter, "config1:0-31"),
	PAIMON_CSPMU_FORMAT_ATTR(mode, "config2:0-1"),
	PAIMON_CSPMU_FORMAT_ATTR(size, "config3:0-15"),
	NULL,
};

static struct attribute **config_format_attrs(const struct paimon_cspmu *cspmu)
{
	return config_formats;
}

static const struct paimon_cspmu_impl config_impl = {
	.name = "config_test",
	.owner = THIS_MODULE,
	.pmiidr = IMPLEMENTER,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.pmu_name = config_pmu_name,
	.format_attrs = config_format_attrs,
	.validate = config_validate,
	.apply = config_apply,
	.free = config_free,
};

static const struct paimon_cspmu_impl plain_impl = {
	.name = "config_test_plain",
	.owner = THIS_MODULE,
	.pmiidr = PLAIN_IMPLEMENTER,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.pmu_name = config_pmu_name,
	.format_attrs = config_format_attrs,
};

/* The registers of the device for one CPU: one counter and the cycle counter, which stand still. */

static u32 still[0x1000 / 4];

static int still_read(void *context, u32 offset, u32 *ret_value)
{
	switch (offset) {
	case PAIMON_CSPMU_PMCFGR:
		*ret_value = PAIMON_CSPMU_PMCFGR_CC | 31 << PAIMON_CSPMU_PMCFGR_SIZE_SHIFT | 1;
		return 0;
	case PAIMON_CSPMU_PMIIDR:
		*ret_value = IMPLEMENTER;
		return 0;
	case PAIMON_CSPMU_PMOVSSET:
	case PAIMON_CSPMU_PMOVSCLR:
		*ret_value = 0;
		return 0;
	}
	*ret_value = offset < sizeof(still) ? READ_ONCE(still[offset / 4]) : 0;
	return 0;
}

static void still_write(void *context, u32 offset, u32 value)
{
	if (offset == PAIMON_CSPMU_PMCNTENCLR)
		still[PAIMON_CSPMU_PMCNTENSET / 4] &= ~value;
	else if (offset == PAIMON_CSPMU_PMCNTENSET)
		still[offset / 4] |= value;
	else if (offset < sizeof(still))
		WRITE_ONCE(still[offset / 4], value);
}

static const struct paimon_cspmu_registers still_registers = {
	.owner = THIS_MODULE,
	.read32 = still_read,
	.write32 = still_write,
};

static struct paimon_cspmu *still_cspmu;

/* Where the device cannot be had, its test says so. Nothing may fail after the backend is there. */
static void register_device(void)
{
	const struct paimon_cspmu_device device = {
		.name = "still",
		.socket = PAIMON_CSPMU_NO_SOCKET,
		.cpus = cpumask_of(cpu),
		.registers = &still_registers,
	};
	struct paimon_cspmu *cspmu = paimon_cspmu_register(&device);

	if (IS_ERR(cspmu))
		pr_err("paimon_config_test: no device: error %ld\n", PTR_ERR(cspmu));
	else
		still_cspmu = cspmu;
}

static int __init config_test_init(void)
{
	int ret;

	if (cpu >= (int)nr_cpu_ids || cpu < -1)
		return -EINVAL;
	ret = paimon_cspmu_impl_register(&plain_impl);
	if (ret)
		return ret;
	ret = paimon_cspmu_impl_register(&config_impl);
	if (ret)
		paimon_cspmu_impl_unregister(&plain_impl);
	else if (cpu >= 0)
		register_device();
	return ret;
}

static void __exit config_test_exit(void)
{
	if (still_cspmu)
		WARN_ON(paimon_cspmu_unregister(still_cspmu));
	WARN_ON(paimon_cspmu_impl_unregister(&config_impl));
	WARN_ON(paimon_cspmu_impl_unregister(&plain_impl));
	if (objects)
		complain("objects are left");
}

module_init(config_test_init);
module_exit(config_test_exit);
MODULE_DESCRIPTION("A backend that watches live configuration, for paimon's tests");
MODULE_LICENSE("GPL");

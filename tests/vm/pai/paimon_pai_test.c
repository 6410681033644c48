// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_pai_test.ko: the other side of pai_ext. Tries providers, of which the last
 * one must be answered with the error that expected says, and prints "ok NAME" or
 * "not ok NAME - why" to the kernel log. With name_taken=1 it has a PMU pai_ext of its
 * own while it is loaded, as the kernel of a machine that has the hardware.
 *
 * With no_device=1 it tries none. Instead paimon_soft does not get its device, so that
 * it cannot be loaded, and pmus counts how often a PMU pai_ext was about to appear.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/string.h>

#include "pai_ext.h"

static bool name_taken;
module_param(name_taken, bool, 0);
MODULE_PARM_DESC(name_taken, "have a PMU of the name pai_ext");

static bool no_device;
module_param(no_device, bool, 0);
MODULE_PARM_DESC(no_device, "let paimon_soft have no device, and try no providers");

static int expected;
module_param(expected, int, 0);
MODULE_PARM_DESC(expected, "what a good provider gets");

static unsigned int pmus;
module_param(pmus, uint, 0444);
MODULE_PARM_DESC(pmus, "with no_device: registrations of a PMU pai_ext that were seen");

static void set_control(const struct paimon_pai_control *control)
{
}

static const struct paimon_pai_provider without_counters = {
	.owner = THIS_MODULE,
	.set_control = set_control,
};

static const struct paimon_pai_provider with_too_many = {
	.owner = THIS_MODULE,
	.counters = PAIMON_PAI_MAX_COUNTERS + 1,
	.set_control = set_control,
};

static const struct paimon_pai_provider without_control = {
	.owner = THIS_MODULE,
	.counters = 1,
};

static const struct paimon_pai_provider good = {
	.owner = THIS_MODULE,
	.counters = PAIMON_PAI_MAX_COUNTERS,
	.set_control = set_control,
};

/* One that is taken stays until the module goes: there may be events from now on. */
static void try(const char *name, const struct paimon_pai_provider *provider, int wanted)
{
	int ret = paimon_pai_register(provider);

	if (ret == wanted)
		pr_info("ok %s\n", name);
	else
		pr_info("not ok %s - %d instead of %d\n", name, ret, wanted);
}

static int no_event(struct perf_event *event)
{
	return -ENOENT;
}

static struct pmu pmu = {
	.module = THIS_MODULE,
	.task_ctx_nr = perf_invalid_context,
	.event_init = no_event,
};

static int on_pmu(struct kprobe *probe, struct pt_regs *regs)
{
	if (!strcmp((const char *)regs_get_kernel_argument(regs, 1), "pai_ext"))
		pmus++;
	return 0;
}

static noinline void just_return(void)
{
	barrier();
}

/* Entered instead of misc_register(), which hence returns at once. */
static int on_device(struct kprobe *probe, struct pt_regs *regs)
{
	const struct miscdevice *device = (const void *)regs_get_kernel_argument(regs, 0);

	if (strcmp(device->name, "paimon-soft"))
		return 0;
	regs_set_return_value(regs, -EBUSY);
	instruction_pointer_set(regs, (unsigned long)just_return);
	return 1;
}

static struct kprobe pmu_probe = {
	.symbol_name = "perf_pmu_register",
	.pre_handler = on_pmu,
};

static struct kprobe device_probe = {
	.symbol_name = "misc_register",
	.pre_handler = on_device,
};

static struct kprobe *probes[] = {&pmu_probe, &device_probe};

static int __init pai_test_init(void)
{
	int ret;

	if (no_device)
		return register_kprobes(probes, ARRAY_SIZE(probes));
	ret = name_taken ? perf_pmu_register(&pmu, "pai_ext", -1) : 0;
	if (ret)
		return ret;
	/* Nothing from here on makes the init fail (a19). */
	try("provider-without-counters", &without_counters, -ENODEV);
	try("provider-with-too-many", &with_too_many, -EINVAL);
	try("provider-without-control", &without_control, -EINVAL);
	try("provider-good", &good, expected);
	return 0;
}

static void __exit pai_test_exit(void)
{
	if (no_device)
		unregister_kprobes(probes, ARRAY_SIZE(probes));
	paimon_pai_unregister(&good);
	if (name_taken)
		perf_pmu_unregister(&pmu);
}

module_init(pai_test_init);
module_exit(pai_test_exit);
MODULE_DESCRIPTION("Tests of the providers of pai_ext");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_pai_test.ko: the other side of pai_ext. Tries providers, of which the last
 * one must be answered with the error that expected says, and prints "ok NAME" or
 * "not ok NAME - why" to the kernel log. With name_taken=1 it has a PMU pai_ext of its
 * own while it is loaded, as the kernel of a machine that has the hardware.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/perf_event.h>

#include "pai_ext.h"

static bool name_taken;
module_param(name_taken, bool, 0);
MODULE_PARM_DESC(name_taken, "have a PMU of the name pai_ext");

static int expected;
module_param(expected, int, 0);
MODULE_PARM_DESC(expected, "what a good provider gets");

static void set_control(const struct paimon_pai_control *control)
{
}

static void try(const char *name, unsigned int counters, bool can_set, int wanted)
{
	const struct paimon_pai_provider provider = {
		.owner = THIS_MODULE,
		.counters = counters,
		.set_control = can_set ? set_control : NULL,
	};
	int ret = paimon_pai_register(&provider);

	if (!ret)
		paimon_pai_unregister(&provider);
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

static int __init pai_test_init(void)
{
	int ret = name_taken ? perf_pmu_register(&pmu, "pai_ext", -1) : 0;

	if (ret)
		return ret;
	try("provider-without-counters", 0, true, -ENODEV);
	try("provider-with-too-many", PAIMON_PAI_MAX_COUNTERS + 1, true, -EINVAL);
	try("provider-without-control", 1, false, -EINVAL);
	try("provider-good", PAIMON_PAI_MAX_COUNTERS, true, expected);
	return 0;
}

static void __exit pai_test_exit(void)
{
	if (name_taken)
		perf_pmu_unregister(&pmu);
}

module_init(pai_test_init);
module_exit(pai_test_exit);
MODULE_DESCRIPTION("Tests of the providers of pai_ext");
MODULE_LICENSE("GPL");

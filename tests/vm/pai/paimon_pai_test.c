// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_pai_test.ko: the other side of pai_ext. Tries providers, of which the last
 * one must be answered with the error that expected says, and prints "ok NAME" or
 * "not ok NAME - why" to the kernel log. With name_taken=1 it has a PMU pai_ext of its
 * own while it is loaded, as the kernel of a machine that has the hardware.
 *
 * The rules a20 to a22 are tested with the counters of the good provider, when the
 * type of the PMU is written to the parameter type.
 *
 * With no_device=1 it tries none. Instead paimon_soft does not get its device, so that
 * it cannot be loaded, and pmus counts how often a PMU pai_ext was about to appear.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/hw_breakpoint.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <paimon/nnpa.h>
#include <paimon/record.h>

#include "pai/pai_ext.h"

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

static u64 *area; /* the counters of the CPU that a test runs on, while in force */

static void set_control(const struct paimon_pai_control *control)
{
	WRITE_ONCE(area,
		   control ? (u64 *)(uintptr_t)(control->counters & ~PAIMON_PAI_VALID) : NULL);
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

#define SWITCHES 50
static u64 sampled;	      /* of all counters */
static unsigned int readings; /* by on_write() */

/* In place of a ring buffer. */
static void on_sample(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	const struct paimon_pai_record *record = data->raw->frag.data;
	unsigned int i;

	for (i = 0; i < data->raw->frag.size / sizeof(*record); i++)
		sampled += record[i].value;
}

/* After each instruction that writes to counter 1: reads the event as an NMI would. */
static void on_write(struct perf_event *breakpoint, struct perf_sample_data *data,
		     struct pt_regs *regs)
{
	struct perf_event *event = breakpoint->overflow_handler_context;

	event->pmu->read(event);
	readings++;
}

static u64 count_of(struct perf_event *event)
{
	u64 enabled, running;

	return perf_event_read_value(event, &enabled, &running);
}

/* A reading from an NMI at any instruction: nothing is counted twice or lost. */
static const char *test_a20(struct perf_event *event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.sample_period = 1,
	};
	struct perf_event *breakpoint;
	u64 executed = 0;
	unsigned int i;

	perf_event_enable(event);
	if (!area)
		return "no counters in force";
	attr.bp_addr = (uintptr_t)&area[1];
	breakpoint = perf_event_create_kernel_counter(&attr, event->cpu, NULL, on_write, event);
	if (IS_ERR(breakpoint))
		return "no breakpoint";
	sampled = readings = 0;
	for (i = 1; i <= SWITCHES; i++) {
		local_irq_disable();
		area[1] += i;
		area[PAIMON_PAI_MAX_COUNTERS] += i;
		local_irq_enable();
		executed += 2 * i;
		usleep_range(100, 200); /* switches */
	}
	perf_event_release_kernel(breakpoint);
	if (readings < SWITCHES)
		return "the breakpoint was not hit";
	if (sampled != executed)
		return "samples";
	if (count_of(event) != executed)
		return "count";
	return NULL;
}

/* An event that is not added is stopped and has nothing to update, whatever perf calls. */
static const char *test_a21(struct perf_event *event)
{
	const int stopped = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	struct pmu *pmu = event->pmu;
	int i;

	for (i = 0; i < 2; i++) {
		if (event->hw.state != stopped)
			return i ? "state when removed" : "state when new";
		local_irq_disable();
		pmu->start(event, PERF_EF_RELOAD);
		pmu->read(event);
		pmu->stop(event, PERF_EF_UPDATE);
		pmu->start(event, 0);
		local_irq_enable();
		if (event->hw.state != stopped)
			return "state after start";
		perf_event_enable(event);
		if (event->hw.state)
			return "state when it runs";
		perf_event_disable(event);
	}
	return NULL;
}

/* A reading from an NMI while an event starts: what was executed before is not the event's. */
static const char *test_a22(struct perf_event *event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_len = HW_BREAKPOINT_LEN_4,
		.bp_addr = (uintptr_t)&event->hw.state,
		.sample_period = 1,
	};
	struct perf_event *breakpoint;

	perf_event_enable(event);
	if (!area)
		return "no counters in force";
	breakpoint = perf_event_create_kernel_counter(&attr, event->cpu, NULL, on_write, event);
	if (IS_ERR(breakpoint))
		return "no breakpoint";
	readings = 0;
	local_irq_disable();
	event->pmu->stop(event, PERF_EF_UPDATE);
	area[1] += 5;
	event->pmu->start(event, 0);
	local_irq_enable();
	perf_event_release_kernel(breakpoint);
	if (readings < 2)
		return "the breakpoint was not hit";
	return count_of(event) ? "count" : NULL;
}

static void run_test(const char *name, const char *(*test)(struct perf_event *), u32 type,
		     u64 period)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = PAIMON_NNPA_BASE + PAIMON_NNPA_ALL,
		.sample_period = period,
		.disabled = 1,
	};
	struct perf_event *event;
	const char *wrong;

	event = perf_event_create_kernel_counter(&attr, raw_smp_processor_id(), NULL,
						 period ? on_sample : NULL, NULL);
	wrong = IS_ERR(event) ? "no event" : test(event);
	if (!IS_ERR(event))
		perf_event_release_kernel(event);
	if (wrong)
		pr_info("not ok %s - %s\n", name, wrong);
	else
		pr_info("ok %s\n", name);
}

static long run_tests(void *type)
{
	run_test("a20", test_a20, *(u32 *)type, 1);
	run_test("a21", test_a21, *(u32 *)type, 1);
	run_test("a22", test_a22, *(u32 *)type, 0);
	return 0;
}

static int set_type(const char *text, const struct kernel_param *param)
{
	u32 type;

	return kstrtou32(text, 0, &type) ?: work_on_cpu(0, run_tests, &type);
}

static const struct kernel_param_ops type_ops = {.set = set_type};
module_param_cb(type, &type_ops, NULL, 0200);
MODULE_PARM_DESC(type, "type of pai_ext: run the tests of its events");

static int no_event(struct perf_event *event)
{
	return -ENOENT;
}

static struct pmu pmu = {
	.module = THIS_MODULE,
	.task_ctx_nr = perf_invalid_context,
	.event_init = no_event,
};

/* regs_get_kernel_argument() calls what the kernel for s390x does not export. */
static const void *argument(struct pt_regs *regs, unsigned int nr)
{
#ifdef CONFIG_S390
	return (const void *)regs->gprs[2 + nr];
#else
	return (const void *)regs_get_kernel_argument(regs, nr);
#endif
}

static int on_pmu(struct kprobe *probe, struct pt_regs *regs)
{
	if (!strcmp(argument(regs, 1), "pai_ext"))
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
	const struct miscdevice *device = argument(regs, 0);

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

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_revoke: a PMU for the machine, whose events count 5 more at each reading. It goes
 * when something is written to the parameter "gone", its events or not. Only for kernels that
 * take a PMU from under its events.
 */
#include <linux/module.h>
#include <linux/perf_event.h>

static bool scope;
module_param(scope, bool, 0444);
MODULE_PARM_DESC(scope, "has the PMU a scope?");

static bool registered;

static int revoke_event_init(struct perf_event *event)
{
	return event->attr.type == event->pmu->type && event->cpu >= 0 ? 0 : -ENOENT;
}

static int revoke_add(struct perf_event *event, int flags)
{
	return 0;
}

static void revoke_nothing(struct perf_event *event, int flags)
{
}

static void revoke_read(struct perf_event *event)
{
	local64_add(5, &event->count);
}

static struct pmu revoke_pmu = {
	.task_ctx_nr = perf_invalid_context,
	.event_init = revoke_event_init,
	.add = revoke_add,
	.del = revoke_nothing,
	.start = revoke_nothing,
	.stop = revoke_nothing,
	.read = revoke_read,
};

static void unregister(void)
{
	if (registered)
		perf_pmu_unregister(&revoke_pmu);
	registered = false;
}

static int set_gone(const char *text, const struct kernel_param *parameter)
{
	unregister();
	return 0;
}

static const struct kernel_param_ops gone_ops = {.set = set_gone};
module_param_cb(gone, &gone_ops, NULL, 0200);

static int __init revoke_init(void)
{
	int r;

#ifdef HAS_SCOPE
	if (scope)
		revoke_pmu.scope = PERF_PMU_SCOPE_SYS_WIDE;
#endif
	r = perf_pmu_register(&revoke_pmu, "paimon_revoke", -1);
	registered = !r;
	return r;
}

static void __exit revoke_exit(void)
{
	unregister();
}

module_init(revoke_init);
module_exit(revoke_exit);
MODULE_DESCRIPTION("A PMU that goes under its events, for paimon's tests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon.ko: the tracepoints (trace.h), the fault queue (iopf_queue.h) and the
 * PMU pai_ext (pai_ext.h) for other modules, and the hook on the kernel's own
 * fault handler (iopf_hook.h).
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/tracepoint.h>

#include "iopf_hook.h"

static siphash_key_t trace_key;

/* What users of perf and tracefs tell devices apart by: their addresses are not for them. */
static u64 paimon_trace_id(u64 dev)
{
	return siphash_1u64(dev, &trace_key);
}

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Tracepoints may be in use before this is called, so it must not fail. */
static int __init paimon_init(void)
{
	get_random_bytes(&trace_key, sizeof(trace_key));
	paimon_iopf_hook_init();
	return 0;
}

static void __exit paimon_exit(void)
{
	paimon_iopf_hook_exit();
	/* A probe function may still be running. */
	tracepoint_synchronize_unregister();
}

module_init(paimon_init);
module_exit(paimon_exit);
MODULE_DESCRIPTION("Tracepoints, I/O page-fault queue and PAI PMU of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

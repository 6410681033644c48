// SPDX-License-Identifier: GPL-2.0
/*
 * paimon.ko: the tracepoints (trace.h), which the other modules of paimon fire too, and
 * the hook on the kernel's own fault handler (iopf_hook.h). It is the only module that a
 * production machine loads.
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

EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_iopf_request);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_iopf_handle);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_iopf_response);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_iopf_discard);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_pai_sample);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_pai_mode);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_cspmu_impl);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_cspmu_event);
EXPORT_TRACEPOINT_SYMBOL_GPL(paimon_drv_config);

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
MODULE_DESCRIPTION("Tracepoints of paimon, and hooks on the I/O page fault handler");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

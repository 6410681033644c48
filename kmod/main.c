// SPDX-License-Identifier: GPL-2.0
/*
 * paimon.ko: the tracepoints (trace.h), the fault queue (iopf_queue.h) and the
 * PMU pai_ext (pai_ext.h) for other modules, and the hook on the kernel's own
 * fault handler (iopf_hook.h).
 */
#include <linux/module.h>
#include <linux/tracepoint.h>

#include "iopf_hook.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init paimon_init(void)
{
	paimon_iopf_hook_init();
	return 0;
}

static void __exit paimon_exit(void)
{
	paimon_iopf_hook_exit();
	/* A probe may still be on its way out of a tracepoint. */
	tracepoint_synchronize_unregister();
}

module_init(paimon_init);
module_exit(paimon_exit);
MODULE_DESCRIPTION("Tracepoints, I/O page-fault queue and PAI PMU of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

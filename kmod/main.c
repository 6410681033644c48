// SPDX-License-Identifier: GPL-2.0
/*
 * paimon.ko: the tracepoints (trace.h), the fault queue (iopf_queue.h) for
 * other modules, and the hook on the kernel's own fault handler (iopf_hook.h).
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
MODULE_DESCRIPTION("Tracepoints and the I/O page-fault queue of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

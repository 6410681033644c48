/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hook on the kernel's own handler of I/O page faults (io-pgfault.c): it
 * fires the paimon_iopf_* tracepoints for devices behind a hardware IOMMU.
 * Called by main.c, when the module is loaded and unloaded.
 */
#ifndef PAIMON_IOPF_HOOK_H
#define PAIMON_IOPF_HOOK_H

/*
 * Probes the handler's functions. A kernel without a handler, or without
 * kprobes, is no failure: the kernel log says so and nothing is hooked.
 */
void paimon_iopf_hook_init(void);

/* Takes the probes away and waits until none of them runs. */
void paimon_iopf_hook_exit(void);

#endif

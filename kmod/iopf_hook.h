/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hook on the kernel's own I/O page fault handler (io-pgfault.c). It fires the
 * paimon_iopf_* tracepoints for devices behind a hardware IOMMU. Called by main.c when
 * the module is loaded and unloaded.
 */
#ifndef PAIMON_IOPF_HOOK_H
#define PAIMON_IOPF_HOOK_H

/*
 * Probes the functions of the handler. If the kernel has no handler or no kprobes,
 * this is not an error: the kernel log says so, and nothing is hooked.
 */
void paimon_iopf_hook_init(void);

/* Removes the probes and waits until none of them runs. */
void paimon_iopf_hook_exit(void);

#endif

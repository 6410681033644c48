/* SPDX-License-Identifier: GPL-2.0 */
/* Properties of the running kernel's build and boot options. Any thread. */
#ifndef PAIMON_KERNEL_H
#define PAIMON_KERNEL_H

#include <stdbool.h>

/*
 * Can the kernel preempt a task inside a BPF program? Then fentry programs miss events
 * (bpf/iopf_functions.h). True if it is unknown.
 */
bool kernel_preempts(void);

#endif

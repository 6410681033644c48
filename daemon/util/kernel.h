/* SPDX-License-Identifier: GPL-2.0 */
/* What the running kernel was built and booted as. Any thread. */
#ifndef PAIMON_KERNEL_H
#define PAIMON_KERNEL_H

#include <stdbool.h>

/*
 * May the kernel preempt a task inside a BPF program? Then fentry misses events
 * (bpf/iopf_functions.h). If nothing says that it may not: yes.
 */
bool kernel_preempts(void);

#endif

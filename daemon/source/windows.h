/* SPDX-License-Identifier: GPL-2.0 */
/* What was used in the current and in the last minute, also by those that have departed. For
 * accounts.c; the daemon's one thread. */
#ifndef PAIMON_WINDOWS_H
#define PAIMON_WINDOWS_H

#include <stdint.h>

struct attribution;
struct windows;

struct windows *windows_new(void);
void windows_free(struct windows *windows);

/* Before the account of a cgroup, or of a process, is given up: what it has used is kept for the
 * current minute. */
void windows_end_cgroup(const struct attribution *attribution, uint32_t index);
void windows_end_process(const struct attribution *attribution, uint32_t index);
/* The column gets another event. */
void windows_forget(struct windows *windows, uint32_t column);
/* Begins a new minute when the current one is over. */
void windows_tend(struct attribution *attribution);

#endif

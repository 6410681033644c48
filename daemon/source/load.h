/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Explains in one message why BPF programs cannot be loaded: what is missing, if that can be
 * determined, otherwise the message of the verifier or libbpf. Called before and after an
 * object is loaded, on the daemon's one thread.
 */
#ifndef PAIMON_LOAD_H
#define PAIMON_LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct source;

/*
 * Before an object is opened: is there BTF of the kernel? What libbpf says from here on
 * is kept for load_failed(), and not printed. 0, or a negative errno and the source's
 * reason; source may be NULL.
 */
int load_begin(struct source *source);

/* Why it failed, as "Invalid argument (prog 'x': ...)". */
void load_why(int error, char *ret_text, size_t size);

/* Writes that to the source's reason, and returns error. */
int load_failed(struct source *source, int error);

/* Are programs that are loaded now compiled (by the JIT)? 1, 0 (they are interpreted), or -1:
 * that cannot be found out. net.core.bpf_jit_enable may change at any time. */
int load_compiled(void);

/*
 * Would a program array take programs that are loaded now? It takes only such as its first
 * one, compiled or not. Also true if that cannot be found out.
 */
bool load_fits(int array);

#endif

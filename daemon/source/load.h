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

#define LOAD_CAPABILITIES_NEXT \
	": paimond.service gives it both; a container needs both added, as by docker --cap-add"

#define LOAD_LOCKED_DOWN \
	"lockdown=confidentiality forbids BPF programs to read kernel memory: boot with lockdown=integrity"

/* Has the kernel refused a program because it reads kernel memory? So it will until it is booted
 * again, with a line in its log each time: such programs are not loaded again. */
bool load_is_locked_down(void);

/*
 * Called before an object is opened; checks that the kernel has BTF. From here on, messages of
 * libbpf are stored for load_failed(), and not printed. 0, or a negative errno and the source's
 * reason; source may be NULL.
 */
int load_begin(struct source *source);

/* The cause of the failure, as "Invalid argument (prog 'x': ...)". */
void load_why(int error, char *ret_text, size_t size);

/* Writes the cause to the source's reason, and returns error. */
int load_failed(struct source *source, int error);

/* Does the kernel compile programs that are loaded now (JIT)? 1, 0 (it interprets them), or -1:
 * unknown. net.core.bpf_jit_enable may change at any time. */
int load_compiled(void);

/*
 * Does a program array accept programs that are loaded now? It accepts only programs like its
 * first one: either compiled or interpreted. Also true if this is unknown.
 */
bool load_fits(int array);

#endif

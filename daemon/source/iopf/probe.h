/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How I/O page faults can be counted on this machine. Nothing is attached, pinned or kept open,
 * and no daemon is needed: paimonctl check uses it too.
 */
#ifndef PAIMON_IOPF_PROBE_H
#define PAIMON_IOPF_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../config/config.h"
#include "iopf.h"

extern const char *const iopf_backend_names[IOPF_NR_BACKENDS];

/* The tracepoints of paimon.ko. */
extern const char *const iopf_tracepoints[IOPF_NR_PROGRAMS];

bool iopf_module_loaded(void);

#define IOPF_NR_FUNCTION_BACKENDS 3
/* The backends that use functions of the kernel, the best one first. */
const enum iopf_backend *iopf_backend_order(bool preempts);

/* Does the kernel's BTF have the functions of the I/O page fault handler? The result is cached. */
bool iopf_functions_found(void);

/* A function of the handler. */
struct iopf_kernel_function {
	const char *names[3]; /* all its names, in the order in which they are tried */
	bool needed;
	const char *found; /* its name in this kernel, or NULL */
	uint32_t id;	   /* in the kernel's BTF */
};

const struct iopf_kernel_function *iopf_kernel_function(enum iopf_function function);

/* The maximum size of the maps in bytes. */
uint64_t iopf_map_bytes(const struct config *config);

/* Do the programs load that this backend attaches? 0 or a negative errno. */
int iopf_try_load(const struct config *config, enum iopf_backend backend);

#endif

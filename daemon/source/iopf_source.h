/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one thing of the IOPF source that replay.c needs beside the source itself.
 */
#ifndef PAIMON_IOPF_SOURCE_H
#define PAIMON_IOPF_SOURCE_H

#include <stdint.h>

#include "iopf.h"

struct source;

/*
 * Runs a dispatcher on made-up arguments, those of its tracepoint, through
 * test_run on the live kernel. 0 or a negative errno.
 */
int iopf_source_run(struct source *source, enum iopf_program program, uint64_t args[8]);

#endif

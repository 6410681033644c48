/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers and names of the NNPA counters, the PAI extension 1 counters of IBM z.
 *
 * Shared by the kernel module, whose PMU pai_ext lists them in events/, the tests
 * and the daemon. The number of a counter is that of its function; the config of its
 * perf event is PAIMON_NNPA_BASE + number. Machines have the counters 1 to N, without
 * gaps.
 *
 * Most counters count a function that was executed. Those of conditions count functions once
 * more, each that met the condition: small or large operands, page sizes, an access exception.
 * So only the others can be summed.
 */
#ifndef PAIMON_NNPA_H
#define PAIMON_NNPA_H

#define PAIMON_NNPA_BASE 0x1800u
#define PAIMON_NNPA_ALL 0 /* not a counter: the event that is the sum of all */

/* N on the first machines with NNPA, and on later ones. */
#define PAIMON_NNPA_COUNTERS_1ST 27
#define PAIMON_NNPA_COUNTERS_2ND 36

/* The counters of conditions, both included: NNPA_SMALLBATCH to NNPA_ACCESSEXCEPT. */
#define PAIMON_NNPA_CONDITIONS_FIRST 22
#define PAIMON_NNPA_CONDITIONS_LAST 27

/* Initializers of an array of names, indexed by number. */
/* clang-format off */
#define PAIMON_NNPA_NAMES \
	[0] = "NNPA_ALL", [1] = "NNPA_ADD", [2] = "NNPA_SUB", [3] = "NNPA_MUL", [4] = "NNPA_DIV", \
	[5] = "NNPA_MIN", [6] = "NNPA_MAX", [7] = "NNPA_LOG", [8] = "NNPA_EXP", \
	[9] = "NNPA_IBM_RESERVED_9", [10] = "NNPA_RELU", [11] = "NNPA_TANH", \
	[12] = "NNPA_SIGMOID", [13] = "NNPA_SOFTMAX", [14] = "NNPA_BATCHNORM", \
	[15] = "NNPA_MAXPOOL2D", [16] = "NNPA_AVGPOOL2D", [17] = "NNPA_LSTMACT", \
	[18] = "NNPA_GRUACT", [19] = "NNPA_CONVOLUTION", [20] = "NNPA_MATMUL_OP", \
	[21] = "NNPA_MATMUL_OP_BCAST23", [22] = "NNPA_SMALLBATCH", [23] = "NNPA_LARGEDIM", \
	[24] = "NNPA_SMALLTENSOR", [25] = "NNPA_1MFRAME", [26] = "NNPA_2GFRAME", \
	[27] = "NNPA_ACCESSEXCEPT", [28] = "NNPA_TRANSFORM", [29] = "NNPA_GELU", \
	[30] = "NNPA_MOMENTS", [31] = "NNPA_LAYERNORM", [32] = "NNPA_MATMUL_OP_BCAST1", \
	[33] = "NNPA_SQRT", [34] = "NNPA_INVSQRT", [35] = "NNPA_NORM", [36] = "NNPA_REDUCE"
/* clang-format on */

#endif

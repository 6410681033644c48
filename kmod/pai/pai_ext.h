/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PMU pai_ext of paimon_pai.ko: the interface for a provider, which executes and
 * counts NNPA functions in place of the hardware. "aN" refers to the invariant with
 * this number; the test with the same number checks it.
 *
 * The PMU exists from paimon_pai_register() to paimon_pai_unregister(). While there
 * are events, the provider's module cannot be unloaded. But an event does not pin a
 * module whose init fails: the init must register the PMU last, and only the exit may
 * unregister it (a19). Both functions may sleep.
 *
 * The PMU has a control block for each CPU and tells the provider which one is in
 * force on the current CPU. While one is in force, the provider adds to the counters
 * it points to, on that CPU and with interrupts off. The PMU reads them under the same
 * conditions, so nothing is counted while it takes a sample (a15).
 */
#ifndef PAIMON_PAI_EXT_H
#define PAIMON_PAI_EXT_H

#include <linux/module.h>
#include <linux/types.h>

/* Number of elements of a counter block; element 0 is not a counter. */
#define PAIMON_PAI_BLOCK 128
#define PAIMON_PAI_MAX_COUNTERS (PAIMON_PAI_BLOCK - 1)

/* As in the hardware: 512 bytes, aligned to its size. */
struct paimon_pai_control {
	u64 header;
	u64 reserved1;
	u64 counters; /* address of u64[PAIMON_PAI_BLOCK], aligned to its size, and VALID */
	u64 reserved2[61];
} __aligned(512);
_Static_assert(sizeof(struct paimon_pai_control) == 512, "as the hardware has it");
#define PAIMON_PAI_VALID 1ul

struct paimon_pai_provider {
	struct module *owner;
	unsigned int counters; /* the numbers are 1 to this; at most PAIMON_PAI_MAX_COUNTERS */
	/* Puts a control block into force on this CPU; NULL: none. Called with
	 * interrupts off. */
	void (*set_control)(const struct paimon_pai_control *control);
};

int paimon_pai_register(const struct paimon_pai_provider *provider);
void paimon_pai_unregister(const struct paimon_pai_provider *provider);

#endif

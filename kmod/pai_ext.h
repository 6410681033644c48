/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PMU pai_ext of paimon.ko, for whoever executes NNPA functions and counts
 * them: the side of the hardware. "aN" names the rule of the same number that a
 * test of the same number holds the PMU to.
 *
 * A provider registers, and the PMU appears; it unregisters, and the PMU is gone.
 * While there are events, the provider's module cannot be unloaded: the provider
 * need not expect that. But an event does not keep a module whose init fails: the PMU
 * is the last thing that an init makes appear, and only the exit takes it away (a19).
 * Both functions may sleep.
 *
 * The PMU keeps a control block for each CPU and tells the provider which one is
 * in force on the CPU it runs on. As long as one is, the provider adds to the
 * counters it points to, on that CPU and with interrupts off: so does the PMU read
 * them, and nothing is counted while it takes a sample (a15).
 */
#ifndef PAIMON_PAI_EXT_H
#define PAIMON_PAI_EXT_H

#include <linux/module.h>
#include <linux/types.h>

/* Counters that a counter block has room for; number 0 is none. */
#define PAIMON_PAI_BLOCK 128
#define PAIMON_PAI_MAX_COUNTERS (PAIMON_PAI_BLOCK - 1)

/* As the hardware has it: 512 bytes, aligned to that. */
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
	unsigned int counters; /* 1 to this, without gaps; at most PAIMON_PAI_MAX_COUNTERS */
	/* Puts a control block in force on this CPU, or with NULL none. Interrupts
	 * are off: must not sleep. */
	void (*set_control)(const struct paimon_pai_control *control);
};

int paimon_pai_register(const struct paimon_pai_provider *provider);
void paimon_pai_unregister(const struct paimon_pai_provider *provider);

#endif

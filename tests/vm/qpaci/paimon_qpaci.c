// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_qpaci.ko: the processor's part in processor activity instrumentation on
 * s390x, which QEMU lacks. It raises the counters in the memory that the kernel's own
 * drivers pai_ext and pai_crypto have named to the processor, as an instruction would:
 * of the CPU that writes to the parameter run, and only while the driver has counting
 * enabled there.
 *
 *	echo "ext NUMBER TIMES" or "crypto NUMBER TIMES" >/sys/module/paimon_qpaci/parameters/run
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/preempt.h>

#include <asm/lowcore.h>

/* The control block of the extension: the third word has the address of its counters, with a bit
 * that tells whether they are valid.
 */
#define EXTENSION_COUNTERS 2
#define VALID 1UL

static u64 *counters_of(bool extension)
{
	struct lowcore *lowcore = get_lowcore();
	unsigned long address = extension ? lowcore->aicd : lowcore->ccd & PAGE_MASK;

	if (!address || !extension)
		return address ? phys_to_virt(address) : NULL;
	address = ((u64 *)phys_to_virt(address))[EXTENSION_COUNTERS];
	return address & VALID ? phys_to_virt(address & ~VALID) : NULL;
}

static int run(const char *text, const struct kernel_param *param)
{
	unsigned int number;
	char pmu[8];
	u64 *counters, times;

	if (sscanf(text, "%7s %u %llu", pmu, &number, &times) != 3 || !number || number > 255 ||
	    (strcmp(pmu, "ext") && strcmp(pmu, "crypto")))
		return -EINVAL;
	preempt_disable();
	counters = counters_of(!strcmp(pmu, "ext"));
	if (counters)
		counters[number] += times;
	preempt_enable();
	return 0;
}

static const struct kernel_param_ops run_ops = {.set = run};
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "ext or crypto, the number of the counter, how often");

MODULE_DESCRIPTION("Counts for the kernel's PMUs pai_ext and pai_crypto");
MODULE_LICENSE("GPL");

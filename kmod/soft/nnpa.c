// SPDX-License-Identifier: GPL-2.0
/*
 * The software NNPA unit. Each CPU executes functions and, while the PMU of paimon_pai.ko
 * has a control block in force, counts them in the counters of this block.
 *
 * The control block is per CPU: it is set and used on its CPU with interrupts off.
 */
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include <paimon/nnpa.h>

#include "pai/pai_ext.h"
#include "soft.h"

/* Stands for a control register of the CPU. */
static DEFINE_PER_CPU(const struct paimon_pai_control *, control);

static void nnpa_set_control(const struct paimon_pai_control *new)
{
	__this_cpu_write(control, new);
}

static struct paimon_pai_provider nnpa = {
	.owner = THIS_MODULE,
	.set_control = nnpa_set_control,
};

/* Executes a call, and returns in it the CPU and the number of executions counted. */
int soft_nnpa_execute(struct paimon_soft_nnpa *call)
{
	const struct paimon_pai_control *block;
	unsigned long flags;

	if (!nnpa.counters)
		return -ENODEV;
	if (call->function > nnpa.counters)
		return -EINVAL;
	local_irq_save(flags);
	block = __this_cpu_read(control);
	call->cpu = smp_processor_id();
	call->counted = 0;
	if (block && block->counters & PAIMON_PAI_VALID) {
		u64 *counters = (u64 *)(uintptr_t)(block->counters & ~PAIMON_PAI_VALID);

		counters[call->function] += call->count;
		call->counted = call->count;
	}
	local_irq_restore(flags);
	return 0;
}

/* If the PMU cannot be registered, the unit works without being counted. */
void soft_nnpa_init(unsigned int counters)
{
	int ret;

	nnpa.counters = counters;
	ret = paimon_pai_register(&nnpa);
	if (ret == -EEXIST)
		pr_info("paimon_soft: there is a PMU pai_ext already, which does not count this unit\n");
	else if (ret && ret != -ENODEV)
		pr_err("paimon_soft: no PMU pai_ext, so nothing counts the NNPA unit (error %d): load paimon_soft again\n",
		       ret);
}

void soft_nnpa_exit(void)
{
	paimon_pai_unregister(&nnpa);
}

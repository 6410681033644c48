// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu_pages.ko: the part of the hardware of the system PMUs of tests/vm/cspmu/pages.dts
 *and apmt.c, whose registers are memory. Loading it gives them their identities, before there is a
 *driver; then
 *
 *	echo "PAGE EVENT TIMES" >/sys/module/paimon_cspmu_pages/parameters/count
 *
 * has the counters of this event advance, "cycles" for the cycle counter, and parameter registers
 * shows what the driver has written. In memory the last write to a set or clear register is all
 *that there is of it, so that counters that are off count too, which no driver may notice. Where a
 * counter of 32 bits wraps, the device signals its overflow, as a pending interrupt of the GIC.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include <paimon/cspmu.h>

#define PAGE_BYTES 4096
#define COUNTERS 6

static const struct {
	unsigned int counters; /* the page of the counters */
	unsigned int bits;
	u32 pmiidr;
} pages[] = {
	{0, 64, 0x0000043b}, {2, 32, 0x0000043b}, {2, 32, 0},	       {3, 64, 0x2cf0036b},
	{4, 64, 0x1030036b}, {5, 64, 0x1040036b}, {6, 64, 0x1060036b}, {7, 40, 0x1ff0036b},
};

static unsigned long address = 0x7ff00000;
module_param(address, ulong, 0400);
MODULE_PARM_DESC(address, "of the memory");

static void __iomem *base;
static int irq;

static void __iomem *at(unsigned int page, u32 offset)
{
	return base + page * PAGE_BYTES + offset;
}

/* true: it has wrapped. */
static bool advance(unsigned int page, unsigned int index, u64 times)
{
	void __iomem *counter = at(pages[page].counters, 0);
	u32 before;

	if (pages[page].bits > 32) {
		counter += 8 * index;
		writeq((readq(counter) + times) & GENMASK_ULL(pages[page].bits - 1, 0), counter);
		return false;
	}
	counter += 4 * index;
	before = readl(counter);
	writel(before + times, counter);
	return before + (u32)times < before;
}

static void overflow(unsigned int page, u32 overflown)
{
	void __iomem *clear = at(pages[page].counters, PAIMON_CSPMU_PMOVSCLR);
	void __iomem *set = at(pages[page].counters, PAIMON_CSPMU_PMOVSSET);

	writel(overflown, set);
	writel(overflown, clear);
	WARN_ON(irq_set_irqchip_state(irq, IRQCHIP_STATE_PENDING, true));
	msleep(200);
	writel(0, set);
	writel(0, clear);
}

static int count(const char *text, const struct kernel_param *param)
{
	unsigned int page, event, index;
	u32 overflown = 0;
	char name[16];
	u64 times;

	if (sscanf(text, "%u %15s %llu", &page, name, &times) != 3 || page >= ARRAY_SIZE(pages) ||
	    !pages[page].pmiidr)
		return -EINVAL;
	if (!strcmp(name, "cycles")) {
		if (advance(page, PAIMON_CSPMU_CYCLE_COUNTER, times))
			overflown = BIT(PAIMON_CSPMU_CYCLE_COUNTER);
	} else if (kstrtouint(name, 0, &event)) {
		return -EINVAL;
	} else {
		for (index = 0; index < COUNTERS; index++)
			if (readl(at(page, PAIMON_CSPMU_PMEVTYPER + 4 * index)) == event &&
			    advance(page, index, times))
				overflown |= BIT(index);
	}
	if (overflown)
		overflow(page, overflown);
	return 0;
}

static int show(char *text, const struct kernel_param *param)
{
	unsigned int page, index;
	int length = 0;

	for (page = 0; page < ARRAY_SIZE(pages); page++) {
		if (!pages[page].pmiidr)
			continue;
		length += sysfs_emit_at(text, length, "%u: cycles,filter=0x%x", page,
					readl(at(page, PAIMON_CSPMU_PMCCFILTR)));
		for (index = 0; index < COUNTERS; index++)
			length +=
				sysfs_emit_at(text, length, " event=0x%x,filter=0x%x",
					      readl(at(page, PAIMON_CSPMU_PMEVTYPER + 4 * index)),
					      readl(at(page, PAIMON_CSPMU_PMEVFILTR + 4 * index)));
		length += sysfs_emit_at(text, length, "\n");
	}
	return length;
}

static const struct kernel_param_ops count_ops = {.set = count};
static const struct kernel_param_ops registers_ops = {.get = show};
module_param_cb(count, &count_ops, NULL, 0200);
MODULE_PARM_DESC(count, "page, event or cycles, how often");
module_param_cb(registers, &registers_ops, NULL, 0400);
MODULE_PARM_DESC(registers, "what the driver has written");

static int __init pages_init(void)
{
	/* Of the device with an interrupt. */
	static const char *const names[] = {"7ff01000.pmu", "arm-cs-arch-pmu.1.auto"};
	unsigned int page;

	base = ioremap(address, ARRAY_SIZE(pages) * PAGE_BYTES);
	if (!base)
		return -ENOMEM;
	for (page = 0; page < ARRAY_SIZE(names); page++) {
		struct device *dev = bus_find_device_by_name(&platform_bus_type, NULL, names[page]);

		if (dev)
			irq = platform_get_irq_optional(to_platform_device(dev), 0);
		put_device(dev);
	}
	memset_io(base, 0, ARRAY_SIZE(pages) * PAGE_BYTES);
	for (page = 0; page < ARRAY_SIZE(pages); page++) {
		if (!pages[page].pmiidr)
			continue;
		writel(PAIMON_CSPMU_PMCFGR_CC |
			       (pages[page].bits - 1) << PAIMON_CSPMU_PMCFGR_SIZE_SHIFT | COUNTERS,
		       at(page, PAIMON_CSPMU_PMCFGR));
		writel(pages[page].pmiidr, at(page, PAIMON_CSPMU_PMIIDR));
	}
	return 0;
}

static void __exit pages_exit(void)
{
	iounmap(base);
}

module_init(pages_init);
module_exit(pages_exit);
MODULE_DESCRIPTION("System PMUs whose registers are memory");
MODULE_LICENSE("GPL");

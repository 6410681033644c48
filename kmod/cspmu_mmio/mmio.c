// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu_mmio.ko, the driver of CoreSight system PMUs whose registers are in memory: of the
 * platform devices that the kernel makes from the ACPI table APMT (Arm DEN0117, arm-cs-arch-pmu)
 * and of the nodes arm,coresight-pmu of a device tree. It registers them with paimon_cspmu.ko.
 *
 * The driver core decides who owns a device: it asks the drivers in the order in which they are
 * loaded. This one has no alias, so that udev never loads it beside the kernel's own driver.
 *
 * Lifetime: an event pins this module, and suppress_bind_attrs keeps devices from being unbound
 * by hand. One can still go while it has events, with an overlay of the device tree: whoever
 * removes it waits for their end.
 */
#include <linux/acpi.h>
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/topology.h>

#include <paimon/cspmu.h>

struct mmio {
	struct paimon_cspmu *cspmu;
	void __iomem *pages[2]; /* the second one is the first if there is only one */
	u32 pmiidr;		/* that firmware has instead of the register, or 0 */
	bool atomic;		/* 64 bits in one access */
	int irq;		/* or 0 */
	struct cpumask cpus;
	char name[32];
};

/* Counters and their overflows are in the second page, all else is in the first. */
static void __iomem *address(const struct mmio *mmio, u32 offset)
{
	bool second = offset < PAIMON_CSPMU_PMEVTYPER ||
		      (offset >= PAIMON_CSPMU_PMOVSCLR && offset < PAIMON_CSPMU_PMCFGR);

	return mmio->pages[second] + offset;
}

static int mmio_read32(void *context, u32 offset, u32 *ret_value)
{
	const struct mmio *mmio = context;

	if (offset == PAIMON_CSPMU_PMIIDR && mmio->pmiidr)
		*ret_value = mmio->pmiidr;
	else
		*ret_value = readl(address(mmio, offset));
	return 0;
}

static void mmio_write32(void *context, u32 offset, u32 value)
{
	writel(value, address(context, offset));
}

static int mmio_read64(void *context, u32 offset, u64 *ret_value)
{
	*ret_value = readq(address(context, offset));
	return 0;
}

static const struct paimon_cspmu_registers halves = {
	.owner = THIS_MODULE,
	.read32 = mmio_read32,
	.write32 = mmio_write32,
};

static const struct paimon_cspmu_registers whole = {
	.owner = THIS_MODULE,
	.read32 = mmio_read32,
	.write32 = mmio_write32,
	.read64 = mmio_read64,
};

#ifdef CONFIG_ACPI_APMT

#include <acpi/processor.h>

/* The kernel keeps the node of the table, and gives its address to the device. */
static const struct acpi_apmt_node *apmt_node(struct device *dev)
{
	const struct acpi_apmt_node *const *node = dev_get_platdata(dev);

	return node ? *node : NULL;
}

static bool in_container(unsigned int cpu, u32 uid)
{
	struct device *dev = get_cpu_device(cpu);
	struct acpi_device *acpi = dev ? ACPI_COMPANION(dev) : NULL;
	u64 found;

	for (; acpi; acpi = acpi_dev_parent(acpi))
		if (!strcmp(acpi_device_hid(acpi), ACPI_PROCESSOR_CONTAINER_HID) &&
		    !acpi_dev_uid_to_integer(acpi, &found) && found == uid)
			return true;
	return false;
}

/* false: there is no such node. */
static bool describe_apmt(struct mmio *mmio, struct device *dev)
{
	/* What the kernel's driver calls them. */
	static const char *const types[] = {"mc", "smmu", "pcie", "acpi", "cache"};
	static atomic_t numbers[ARRAY_SIZE(types)];
	const struct acpi_apmt_node *node = apmt_node(dev);
	unsigned int cpu;

	if (!node)
		return false;
	if (node->type >= ARRAY_SIZE(types))
		return true; /* without a name */
	if (node->type == ACPI_APMT_NODE_TYPE_ACPI)
		snprintf(mmio->name, sizeof(mmio->name), "acpi_%.8s_%u",
			 (const char *)&node->inst_primary, node->inst_secondary);
	else
		snprintf(mmio->name, sizeof(mmio->name), "%s_%d", types[node->type],
			 atomic_fetch_inc(&numbers[node->type]));
	mmio->atomic = node->flags & ACPI_APMT_FLAGS_ATOMIC;
	mmio->pmiidr = node->impl_id;
	for_each_possible_cpu(cpu)
		if (node->flags & ACPI_APMT_FLAGS_AFFINITY
			    ? in_container(cpu, node->proc_affinity)
			    : get_acpi_id_for_cpu(cpu) == node->proc_affinity)
			cpumask_set_cpu(cpu, &mmio->cpus);
	return true;
}

#else

static bool describe_apmt(struct mmio *mmio, struct device *dev)
{
	return false;
}

#endif

static void describe_node(struct mmio *mmio, struct device *dev)
{
	static atomic_t number;
	struct device_node *node;
	u32 width = 4;
	int i, cpu;

	snprintf(mmio->name, sizeof(mmio->name), "%d", atomic_fetch_inc(&number));
	device_property_read_u32(dev, "reg-io-width", &width);
	mmio->atomic = width == 8;
	if (!device_property_present(dev, "cpus"))
		cpumask_copy(&mmio->cpus, cpu_possible_mask);
	for (i = 0; (node = of_parse_phandle(dev->of_node, "cpus", i)); i++) {
		cpu = of_cpu_node_to_id(node);
		if (cpu >= 0)
			cpumask_set_cpu(cpu, &mmio->cpus);
		of_node_put(node);
	}
}

static int map_pages(struct mmio *mmio, struct platform_device *pdev)
{
	const struct resource *resource;
	int i;

	for (i = 0; i < ARRAY_SIZE(mmio->pages); i++) {
		resource = platform_get_resource(pdev, IORESOURCE_MEM, i);
		if (!resource && i) {
			mmio->pages[i] = mmio->pages[0];
			break;
		}
		if (!resource || resource_size(resource) < SZ_4K)
			return -EINVAL;
		mmio->pages[i] = devm_platform_ioremap_resource(pdev, i);
		if (IS_ERR(mmio->pages[i]))
			return PTR_ERR(mmio->pages[i]);
	}
	return 0;
}

static irqreturn_t on_interrupt(int irq, void *arg)
{
	struct mmio *mmio = arg;

	if (!readl(address(mmio, PAIMON_CSPMU_PMOVSCLR)))
		return IRQ_NONE;
	paimon_cspmu_overflow(mmio->cspmu);
	return IRQ_HANDLED;
}

/* It stays off until the device is registered. */
static int request_interrupt(struct mmio *mmio, struct platform_device *pdev)
{
	int ret = platform_get_irq_optional(pdev, 0);

	if (ret < 0)
		return ret == -ENXIO ? 0 : ret;
	mmio->irq = ret;
	return devm_request_irq(&pdev->dev, mmio->irq, on_interrupt,
				IRQF_NO_AUTOEN | IRQF_NO_THREAD, dev_name(&pdev->dev), mmio);
}

static void unregister(void *arg)
{
	struct mmio *mmio = arg;

	for (;; msleep(100)) {
		if (mmio->irq)
			disable_irq(mmio->irq);
		if (!paimon_cspmu_unregister(mmio->cspmu))
			return;
		if (mmio->irq)
			enable_irq(mmio->irq);
	}
}

static int mmio_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct mmio *mmio = devm_kzalloc(dev, sizeof(*mmio), GFP_KERNEL);
	struct paimon_cspmu_device device;
	int ret;

	if (!mmio)
		return -ENOMEM;
	ret = map_pages(mmio, pdev);
	if (ret)
		return dev_err_probe(dev, ret, "its registers cannot be mapped\n");
	if (!describe_apmt(mmio, dev))
		describe_node(mmio, dev);
	if (!mmio->name[0])
		return dev_err_probe(dev, -EINVAL, "APMT has a type of PMU that is not known\n");
	if (cpumask_empty(&mmio->cpus))
		return dev_err_probe(dev, -ENODEV, "there are no CPUs for this PMU\n");
	/* Whatever firmware has counted, nobody waits for it. */
	writel(~0u, address(mmio, PAIMON_CSPMU_PMINTENCLR));
	ret = request_interrupt(mmio, pdev);
	if (ret)
		return dev_err_probe(dev, ret, "its interrupt cannot be requested\n");

	/* The kernel's driver names PMUs of a socket by the node of their first CPU. */
	device = (struct paimon_cspmu_device){
		.name = mmio->name,
		.parent = dev,
		.socket = cpu_to_node(cpumask_first(&mmio->cpus)),
		.cpus = &mmio->cpus,
		.registers = mmio->atomic ? &whole : &halves,
		.context = mmio,
	};
	mmio->cspmu = paimon_cspmu_register(&device);
	if (IS_ERR(mmio->cspmu))
		return dev_err_probe(dev, PTR_ERR(mmio->cspmu), "it cannot be registered\n");
	if (mmio->irq)
		enable_irq(mmio->irq);
	return devm_add_action_or_reset(dev, unregister, mmio);
}

static const struct platform_device_id apmt_ids[] = {
	{.name = "arm-cs-arch-pmu"},
	{},
};

static const struct of_device_id node_ids[] = {
	{.compatible = "arm,coresight-pmu"},
	{},
};

static struct platform_driver mmio_driver = {
	.driver =
		{
			.name = KBUILD_MODNAME,
			.of_match_table = node_ids,
			.suppress_bind_attrs = true,
		},
	.probe = mmio_probe,
	.id_table = apmt_ids,
};

/* Nothing may fail after the registration: there may be events from then on. */
module_platform_driver(mmio_driver);
MODULE_DESCRIPTION("Driver of CoreSight system PMUs with registers in memory, for paimon_cspmu");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu_test.ko: the other side of paimon_cspmu.ko. Registers backends and devices, good
 * and bad ones, and prints "ok NAME" or "not ok NAME - why" to the kernel log. All that is
 * good stays registered until the module goes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>

#include <paimon/cspmu.h>

/* Of vendors that do not exist. */
#define VENDOR 0x5b5u
#define OTHER_VENDOR 0x5b6u
#define PRODUCT(product, vendor) ((product) << PAIMON_CSPMU_PMIIDR_PRODUCT_SHIFT | (vendor))
#define BOTH (PAIMON_CSPMU_PMIIDR_PRODUCT | PAIMON_CSPMU_PMIIDR_IMPLEMENTER)

/* A device without anything but what says who it is; context is its PMIIDR. */
static int read_register(void *context, u32 offset, u32 *ret_value)
{
	*ret_value = 0;
	if (offset == PAIMON_CSPMU_PMIIDR)
		*ret_value = (uintptr_t)context;
	else if (offset == PAIMON_CSPMU_PMCFGR)
		*ret_value = 31 << PAIMON_CSPMU_PMCFGR_SIZE_SHIFT | 3;
	return 0;
}

static int fail_to_read(void *context, u32 offset, u32 *ret_value)
{
	return -EIO;
}

static void write_register(void *context, u32 offset, u32 value)
{
}

static const struct paimon_cspmu_registers registers = {
	.owner = THIS_MODULE,
	.read32 = read_register,
	.write32 = write_register,
};

static const struct paimon_cspmu_registers broken = {
	.owner = THIS_MODULE,
	.read32 = fail_to_read,
	.write32 = write_register,
};

static const struct paimon_cspmu_registers without_owner = {
	.read32 = read_register,
	.write32 = write_register,
};

static const struct paimon_cspmu_registers without_write = {
	.owner = THIS_MODULE,
	.read32 = read_register,
};

/* Each backend notes the last device that was bound to it. */
static const char *subset_got = "", *vendor_got = "", *twin_got = "";

static int subset_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	subset_got = cspmu->name;
	snprintf(ret_name, size, "paimon_test_subset");
	return 0;
}

static int vendor_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	vendor_got = cspmu->name;
	/* What perf gives a meaning, a path too, and a letter of Latin-1. */
	snprintf(ret_name, size, "paimon-test.vendor:1/%%,\xe9");
	return 0;
}

static int twin_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	twin_got = cspmu->name;
	return -EINVAL;
}

static const struct paimon_cspmu_impl vendor = {
	.name = "vendor",
	.owner = THIS_MODULE,
	.pmiidr = VENDOR,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.pmu_name = vendor_name,
};

static const struct paimon_cspmu_impl subset = {
	.name = "subset",
	.owner = THIS_MODULE,
	.pmiidr = PRODUCT(1u, VENDOR),
	.mask = BOTH,
	.pmu_name = subset_name,
};

static const struct paimon_cspmu_impl twin = {
	.name = "twin",
	.owner = THIS_MODULE,
	.pmiidr = PRODUCT(1u, VENDOR),
	.mask = BOTH,
	.pmu_name = twin_name,
};

static const struct paimon_cspmu_impl without_mask = {
	.name = "without_mask",
	.owner = THIS_MODULE,
};

static const struct paimon_cspmu_impl outside_mask = {
	.name = "outside_mask",
	.owner = THIS_MODULE,
	.pmiidr = PRODUCT(1u, OTHER_VENDOR),
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
};

static const struct paimon_cspmu_impl nobodys = {
	.name = "nobodys",
	.pmiidr = OTHER_VENDOR,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
};

static void no_free(void *object)
{
}

static const struct paimon_cspmu_impl one_callback = {
	.name = "one_callback",
	.owner = THIS_MODULE,
	.pmiidr = OTHER_VENDOR,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.free = no_free,
};

static struct paimon_cspmu *devices[8];
static unsigned int nr_devices;

/* 0, or the error. */
static int add_device(const char *name, u32 pmiidr, const struct paimon_cspmu_registers *accessor)
{
	const struct paimon_cspmu_device device = {
		.name = name,
		.socket = PAIMON_CSPMU_NO_SOCKET,
		.registers = accessor,
		.context = (void *)(uintptr_t)pmiidr,
	};
	struct paimon_cspmu *cspmu = paimon_cspmu_register(&device);

	if (IS_ERR(cspmu))
		return PTR_ERR(cspmu);
	devices[nr_devices++] = cspmu;
	return 0;
}

static void result(const char *name, const char *wrong)
{
	if (wrong)
		pr_info("not ok %s - %s\n", name, wrong);
	else
		pr_info("ok %s\n", name);
}

/* A backend may claim a subset of a vendor's devices, and the one that says most gets them. */
static const char *test_b8(void)
{
	if (paimon_cspmu_impl_register(&subset) || paimon_cspmu_impl_register(&vendor))
		return "a good backend was refused";
	if (add_device("test-product1", PRODUCT(1u, VENDOR), &registers) ||
	    strcmp(subset_got, "test-product1") || *vendor_got)
		return "product 1 is not the subset's";
	if (add_device("test-product2", PRODUCT(2u, VENDOR), &registers) ||
	    strcmp(vendor_got, "test-product2") || strcmp(subset_got, "test-product1"))
		return "product 2 is not the vendor's";
	if (add_device("test-other", PRODUCT(1u, OTHER_VENDOR), &registers) ||
	    strcmp(vendor_got, "test-product2") || strcmp(subset_got, "test-product1"))
		return "a device of another vendor was taken";
	return NULL;
}

static const char *test_b9(void)
{
	if (paimon_cspmu_impl_register(&subset) != -EEXIST)
		return "a backend was registered twice";
	if (paimon_cspmu_impl_register(&twin) != -EEXIST)
		return "a second backend for the same match was registered";
	if (paimon_cspmu_impl_unregister(&twin))
		return "what was never registered cannot be unregistered";
	/* A new device finds all as it was. The name of its PMU is taken, so it has none. */
	if (add_device("test-product1-again", PRODUCT(1u, VENDOR), &registers) ||
	    strcmp(subset_got, "test-product1-again") || *twin_got)
		return "it changed something";
	return NULL;
}

static const char *test_bad_backends(void)
{
	if (paimon_cspmu_impl_register(&without_mask) != -EINVAL)
		return "without a mask";
	if (paimon_cspmu_impl_register(&outside_mask) != -EINVAL)
		return "bits outside the mask";
	if (paimon_cspmu_impl_register(&nobodys) != -EINVAL)
		return "without an owner";
	if (paimon_cspmu_impl_register(&one_callback) != -EINVAL)
		return "one of three callbacks";
	return NULL;
}

static const char *test_bad_devices(void)
{
	if (add_device("test-product1", OTHER_VENDOR, &registers) != -EEXIST)
		return "a name that is taken";
	if (add_device("", OTHER_VENDOR, &registers) != -EINVAL ||
	    add_device("test/3", OTHER_VENDOR, &registers) != -EINVAL)
		return "no name";
	if (add_device("test-4", OTHER_VENDOR, &without_owner) != -EINVAL ||
	    add_device("test-4", OTHER_VENDOR, &without_write) != -EINVAL ||
	    add_device("test-4", OTHER_VENDOR, NULL) != -EINVAL)
		return "an incomplete accessor";
	if (add_device("test-5", OTHER_VENDOR, &broken) != -EIO)
		return "registers that cannot be read";
	return NULL;
}

static int __init cspmu_test_init(void)
{
	result("b8", test_b8());
	result("b9", test_b9());
	result("bad-backends", test_bad_backends());
	result("bad-devices", test_bad_devices());
	return 0;
}

static void __exit cspmu_test_exit(void)
{
	WARN_ON(paimon_cspmu_impl_unregister(&subset));
	while (nr_devices)
		WARN_ON(paimon_cspmu_unregister(devices[--nr_devices]));
	WARN_ON(paimon_cspmu_impl_unregister(&vendor));
}

module_init(cspmu_test_init);
module_exit(cspmu_test_exit);
MODULE_DESCRIPTION("Tests of the backends and devices of paimon_cspmu");
MODULE_LICENSE("GPL");

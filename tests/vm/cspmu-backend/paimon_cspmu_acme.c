// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu_acme.ko: a backend for the memory controllers of a vendor that does not exist.
 * docs/driver.md explains it line by line.
 */
#include <linux/module.h>
#include <paimon/cspmu.h>

#define ACME 0x5a5u	     /* its number in PMIIDR */
#define ACME_MEMORY 0x042u   /* and that of the product */
#define ACME_CHANNELS 0xfull /* filter: a bitmap of four channels */

static struct attribute *acme_events[] = {
	PAIMON_CSPMU_EVENT_ATTR(reads, 0x10),
	PAIMON_CSPMU_EVENT_ATTR(writes, 0x11),
	PAIMON_CSPMU_EVENT_ATTR(cycles, PAIMON_CSPMU_CYCLES),
	NULL,
};

static struct attribute *acme_formats[] = {
	PAIMON_CSPMU_FORMAT_ATTR(event, "config:0-32"),
	PAIMON_CSPMU_FORMAT_ATTR(channel, "config1:0-3"),
	NULL,
};

static int acme_pmu_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	return snprintf(ret_name, size, "acme_memory_%d", cspmu->socket) < size ? 0 : -EINVAL;
}

static struct attribute **acme_event_attrs(const struct paimon_cspmu *cspmu)
{
	return acme_events;
}

static struct attribute **acme_format_attrs(const struct paimon_cspmu *cspmu)
{
	return acme_formats;
}

static int acme_validate_event(const struct paimon_cspmu_event *event)
{
	return event->values.config1 & ~ACME_CHANNELS ? -EINVAL : 0;
}

static const struct paimon_cspmu_impl acme = {
	.name = "acme",
	.owner = THIS_MODULE,
	.pmiidr = ACME_MEMORY << PAIMON_CSPMU_PMIIDR_PRODUCT_SHIFT | ACME,
	.mask = PAIMON_CSPMU_PMIIDR_PRODUCT | PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.pmu_name = acme_pmu_name,
	.event_attrs = acme_event_attrs,
	.format_attrs = acme_format_attrs,
	.validate_event = acme_validate_event,
};

static int __init acme_init(void)
{
	return paimon_cspmu_impl_register(&acme);
}

static void __exit acme_exit(void)
{
	paimon_cspmu_impl_unregister(&acme);
}

module_init(acme_init);
module_exit(acme_exit);
MODULE_DESCRIPTION("System PMUs of a vendor that does not exist, for paimon_cspmu");
MODULE_LICENSE("GPL");

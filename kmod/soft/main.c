// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload of paimon_soft.ko: its parameters and its misc device. Unload
 * is refused while a file is open; soft.h describes the lifetimes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include <paimon/nnpa.h>

#include "soft.h"

static unsigned int devices = 1;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "number of devices, 1 to 64 (default 1)");

static unsigned int depth = 512;
module_param(depth, uint, 0444);
MODULE_PARM_DESC(depth, "requests and unread responses a device may have, 1 to 4096 (default 512)");

static bool immediate;
module_param(immediate, bool, 0444);
MODULE_PARM_DESC(immediate, "handle each request on arrival, not with the last one of its group");

static unsigned int nnpa_counters = PAIMON_NNPA_COUNTERS_1ST;
module_param(nnpa_counters, uint, 0444);
MODULE_PARM_DESC(
	nnpa_counters,
	"counters of the NNPA unit, 1 to 36, 0: no unit (default 27; 36 as on newer machines)");

bool soft_debug;
#ifdef PAIMON_DEBUG
module_param_named(debug, soft_debug, bool, 0444);
MODULE_PARM_DESC(debug, "allow to make allocations of the fault queue fail");
#endif

static struct miscdevice soft_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paimon-soft",
	.fops = &soft_fops,
	.mode = 0600,
};

static bool __init param_ok(const char *name, unsigned int value, unsigned int min,
			    unsigned int max)
{
	if (value >= min && value <= max)
		return true;
	pr_err("%s=%u is out of range: load with %s=%u to %u\n", name, value, name, min, max);
	return false;
}

/*
 * The device and the PMU may be used as soon as they are registered, and a user does not
 * pin a module whose init fails: so nothing may fail after the first of the two (a19).
 */
static int __init soft_init(void)
{
	int ret;

	if (!param_ok("devices", devices, 1, PAIMON_SOFT_MAX_DEVICES) ||
	    !param_ok("depth", depth, 1, SOFT_MAX_DEPTH) ||
	    !param_ok("nnpa_counters", nnpa_counters, 0, PAIMON_NNPA_COUNTERS_2ND))
		return -EINVAL;
	ret = soft_bindings_init();
	if (ret)
		return ret;
	ret = soft_endpoint_init(devices, depth, immediate);
	if (ret)
		goto err_bindings;
	ret = misc_register(&soft_misc);
	if (ret)
		goto err_endpoint;
	soft_nnpa_init(nnpa_counters);
	return 0;

err_endpoint:
	soft_endpoint_exit();
err_bindings:
	soft_bindings_exit();
	return ret;
}

static void __exit soft_exit(void)
{
	soft_nnpa_exit();
	misc_deregister(&soft_misc);
	soft_endpoint_exit();
	soft_bindings_exit();
}

module_init(soft_init);
module_exit(soft_exit);
MODULE_DESCRIPTION("Software page-requesting endpoint and NNPA unit of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

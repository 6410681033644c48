// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload of paimon_soft.ko: its parameters and its misc device. Unload
 * is refused while a file is open; soft.h describes the lifetimes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include <paimon/cspmu.h>
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

static struct soft_cspmu_parameters cspmu = {
	.counters = 8,
	.width = 32,
	.seed = 1,
};
module_param_named(cspmu, cspmu.devices, uint, 0444);
MODULE_PARM_DESC(cspmu, "number of system PMUs, 0 to 16 (default 0)");

static unsigned int nr_pmiidr;
module_param_array_named(cspmu_pmiidr, cspmu.pmiidr, uint, &nr_pmiidr, 0444);
MODULE_PARM_DESC(cspmu_pmiidr, "PMIIDR of each system PMU; the last one is that of all further "
			       "ones (default 0x2cf0036b: NVIDIA's SCF)");

static unsigned int nr_sockets;
module_param_array_named(cspmu_socket, cspmu.socket, int, &nr_sockets, 0444);
MODULE_PARM_DESC(
	cspmu_socket,
	"socket of each system PMU; further ones count up from the last (default 0,1,...)");

module_param_named(cspmu_counters, cspmu.counters, uint, 0444);
MODULE_PARM_DESC(cspmu_counters,
		 "counters of a system PMU with its cycle counter, 2 to 32 (default 8)");

module_param_named(cspmu_width, cspmu.width, uint, 0444);
MODULE_PARM_DESC(cspmu_width,
		 "bits of a counter of a system PMU, 32 (default) to 64 in steps of 4");

module_param_named(cspmu_rate, cspmu.rate, ullong, 0444);
MODULE_PARM_DESC(
	cspmu_rate,
	"events per second of each counter that counts, up to 1000000000 (default 0: none)");

module_param_named(cspmu_seed, cspmu.seed, uint, 0444);
MODULE_PARM_DESC(cspmu_seed, "start of the random numbers that cspmu_rate uses (default 1)");

module_param_named(cspmu_pidr, cspmu.pidr_only, bool, 0444);
MODULE_PARM_DESC(cspmu_pidr, "system PMUs have no PMIIDR: only PMPIDR identifies them");

bool soft_debug;
#ifdef PAIMON_DEBUG
module_param_named(debug, soft_debug, bool, 0444);
MODULE_PARM_DESC(debug,
		 "allow to make allocations of the fault queue, and reads of counters, fail");
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

/* What the lists do not say. */
static void __init complete_lists(void)
{
	unsigned int i;

	for (i = 0; i < PAIMON_SOFT_MAX_CSPMU; i++) {
		if (i >= nr_pmiidr)
			cspmu.pmiidr[i] = i ? cspmu.pmiidr[i - 1] : 0x2cf0036b;
		if (i >= nr_sockets)
			cspmu.socket[i] = i ? cspmu.socket[i - 1] + 1 : 0;
	}
}

static bool __init width_ok(void)
{
	if (cspmu.width >= 32 && cspmu.width <= 64 && cspmu.width % 4 == 0)
		return true;
	pr_err("cspmu_width=%u is no width of a counter: load with cspmu_width=32 to 64 in steps of 4\n",
	       cspmu.width);
	return false;
}

/*
 * The device and the PMUs may be used as soon as they are registered, and a user does not
 * pin a module whose init fails: so nothing may fail after the first of them (a19).
 */
static int __init soft_init(void)
{
	int ret;

	if (!param_ok("devices", devices, 1, PAIMON_SOFT_MAX_DEVICES) ||
	    !param_ok("depth", depth, 1, SOFT_MAX_DEPTH) ||
	    !param_ok("nnpa_counters", nnpa_counters, 0, PAIMON_NNPA_COUNTERS_2ND) ||
	    !param_ok("cspmu", cspmu.devices, 0, PAIMON_SOFT_MAX_CSPMU) ||
	    !param_ok("cspmu_counters", cspmu.counters, 2, PAIMON_CSPMU_MAX_COUNTERS) ||
	    !param_ok("cspmu_rate", min_t(u64, cspmu.rate, U32_MAX), 0, 1000000000) || !width_ok())
		return -EINVAL;
	complete_lists();
	ret = soft_bindings_init();
	if (ret)
		return ret;
	ret = soft_endpoint_init(devices, depth, immediate);
	if (ret)
		goto err_bindings;
	ret = soft_cspmu_init(&cspmu);
	if (ret)
		goto err_endpoint;
	ret = misc_register(&soft_misc);
	if (ret)
		goto err_cspmu;
	soft_nnpa_init(nnpa_counters);
	soft_cspmu_start();
	return 0;

err_cspmu:
	soft_cspmu_exit();
err_endpoint:
	soft_endpoint_exit();
err_bindings:
	soft_bindings_exit();
	return ret;
}

static void __exit soft_exit(void)
{
	soft_cspmu_stop();
	soft_nnpa_exit();
	misc_deregister(&soft_misc);
	soft_cspmu_exit();
	soft_endpoint_exit();
	soft_bindings_exit();
}

module_init(soft_init);
module_exit(soft_exit);
MODULE_DESCRIPTION("Software page-requesting endpoint, NNPA unit and system PMUs of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

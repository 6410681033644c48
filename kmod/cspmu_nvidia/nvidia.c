// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu_nvidia.ko: the backend for system PMUs of NVIDIA (Grace and its family), for
 * the CoreSight PMU core of paimon_cspmu.ko.
 *
 * The product number in PMIIDR says which unit a PMU belongs to: the coherency fabric (SCF),
 * PCIe, the two NVLink-C2C links to GPUs, or CNVLink to other sockets. All but the fabric
 * count the traffic of ports, and have a bitmap of them as the filter of each counter.
 * With none of them a counter sees nothing, so no bitmap means all ports.
 *
 * A PMU has the name of its unit and the id of its socket, which may be a number such as 36
 * or 2364. A product that is not known here has its cycles, any event by number, and a
 * filter of 32 bits.
 */
#include <linux/bits.h>
#include <linux/module.h>

#include <paimon/cspmu.h>

/* Of each of the four sockets, in events that follow each other. */
#define SOCKET_EVENTS(event, config)                                   \
	PAIMON_CSPMU_EVENT_ATTR(socket_0_##event, config),             \
		PAIMON_CSPMU_EVENT_ATTR(socket_1_##event, config + 1), \
		PAIMON_CSPMU_EVENT_ATTR(socket_2_##event, config + 2), \
		PAIMON_CSPMU_EVENT_ATTR(socket_3_##event, config + 3)

#define EVENT PAIMON_CSPMU_EVENT_ATTR
#define CYCLES EVENT(cycles, PAIMON_CSPMU_CYCLES)

/* *_data count transfers of 32 bytes; cmem is CPU memory, gmem that of GPUs. */
static struct attribute *scf_events[] = {
	EVENT(bus_cycles, 0x1d),
	EVENT(scf_cache_allocate, 0xf0),
	EVENT(scf_cache_refill, 0xf1),
	EVENT(scf_cache, 0xf2),
	EVENT(scf_cache_wb, 0xf3),
	SOCKET_EVENTS(rd_data, 0x101),
	SOCKET_EVENTS(wb_data, 0x109),
	SOCKET_EVENTS(rd_outstanding, 0x115),
	SOCKET_EVENTS(rd_access, 0x12d),
	SOCKET_EVENTS(wb_access, 0x135),
	SOCKET_EVENTS(wr_access, 0x139),
	EVENT(gmem_rd_data, 0x16d),
	EVENT(gmem_rd_access, 0x16e),
	EVENT(gmem_rd_outstanding, 0x16f),
	EVENT(gmem_wb_data, 0x173),
	EVENT(gmem_wb_access, 0x174),
	EVENT(gmem_wr_data, 0x179),
	EVENT(gmem_wr_access, 0x17b),
	SOCKET_EVENTS(wr_data, 0x17c),
	EVENT(gmem_wr_total_bytes, 0x1a0),
	EVENT(remote_socket_wr_total_bytes, 0x1a1),
	EVENT(remote_socket_rd_data, 0x1a2),
	EVENT(remote_socket_rd_outstanding, 0x1a3),
	EVENT(remote_socket_rd_access, 0x1a4),
	EVENT(cmem_rd_data, 0x1a5),
	EVENT(cmem_rd_access, 0x1a6),
	EVENT(cmem_rd_outstanding, 0x1a7),
	EVENT(cmem_wb_data, 0x1ab),
	EVENT(cmem_wb_access, 0x1ac),
	EVENT(cmem_wr_data, 0x1b1),
	EVENT(cmem_wr_access, 0x1ca),
	EVENT(cmem_wr_total_bytes, 0x1db),
	CYCLES,
	NULL,
};

/* loc: between the ports and memory of this socket; rem: of another one. */
static struct attribute *port_events[] = {
	EVENT(rd_bytes_loc, 0x0),
	EVENT(rd_bytes_rem, 0x1),
	EVENT(wr_bytes_loc, 0x2),
	EVENT(wr_bytes_rem, 0x3),
	EVENT(total_bytes_loc, 0x4),
	EVENT(total_bytes_rem, 0x5),
	EVENT(rd_req_loc, 0x6),
	EVENT(rd_req_rem, 0x7),
	EVENT(wr_req_loc, 0x8),
	EVENT(wr_req_rem, 0x9),
	EVENT(total_req_loc, 0xa),
	EVENT(total_req_rem, 0xb),
	EVENT(rd_cum_outs_loc, 0xc),
	EVENT(rd_cum_outs_rem, 0xd),
	CYCLES,
	NULL,
};

static struct attribute *unknown_events[] = {
	CYCLES,
	NULL,
};

#define FORMAT PAIMON_CSPMU_FORMAT_ATTR
#define EVENT_FORMAT FORMAT(event, "config:0-32")

static struct attribute *scf_formats[] = {
	EVENT_FORMAT,
	NULL,
};

static struct attribute *pcie_formats[] = {
	EVENT_FORMAT,
	FORMAT(root_port, "config1:0-9"),
	NULL,
};

static struct attribute *c2c_formats[] = {
	EVENT_FORMAT,
	FORMAT(port, "config1:0-1"),
	NULL,
};

static struct attribute *cnvlink_formats[] = {
	EVENT_FORMAT,
	FORMAT(rem_socket, "config1:0-3"),
	NULL,
};

static struct attribute *unknown_formats[] = {
	EVENT_FORMAT,
	FORMAT(filter, "config1:0-31"),
	NULL,
};

struct nvidia_unit {
	u32 product;
	const char *pmu; /* its socket follows */
	struct attribute **events, **formats;
	u32 filter; /* the bits of config1 that there are, all of them without config1 */
};

static const struct nvidia_unit units[] = {
	{0x103, "nvidia_pcie_pmu", port_events, pcie_formats, GENMASK(9, 0)},
	{0x104, "nvidia_nvlink_c2c1_pmu", port_events, c2c_formats, GENMASK(1, 0)},
	{0x105, "nvidia_nvlink_c2c0_pmu", port_events, c2c_formats, GENMASK(1, 0)},
	{0x106, "nvidia_cnvlink_pmu", port_events, cnvlink_formats, GENMASK(3, 0)},
	{0x2cf, "nvidia_scf_pmu", scf_events, scf_formats, 0},
};

static const struct nvidia_unit unknown_unit = {
	.pmu = "nvidia_uncore_pmu",
	.events = unknown_events,
	.formats = unknown_formats,
	.filter = GENMASK(31, 0),
};

static const struct nvidia_unit *unit_of(const struct paimon_cspmu *cspmu)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].product == cspmu->pmiidr >> PAIMON_CSPMU_PMIIDR_PRODUCT_SHIFT)
			return &units[i];
	return &unknown_unit;
}

/* Of an unknown product there may be several on a socket, so its name is that of the device. */
static int nvidia_pmu_name(const struct paimon_cspmu *cspmu, char *ret_name, size_t size)
{
	const struct nvidia_unit *unit = unit_of(cspmu);
	int length;

	if (unit == &unknown_unit)
		length = snprintf(ret_name, size, "%s_%s", unit->pmu, cspmu->name);
	else if (cspmu->socket == PAIMON_CSPMU_NO_SOCKET)
		length = snprintf(ret_name, size, "%s", unit->pmu);
	else
		length = snprintf(ret_name, size, "%s_%d", unit->pmu, cspmu->socket);
	return length < size ? 0 : -ENAMETOOLONG;
}

static struct attribute **nvidia_event_attrs(const struct paimon_cspmu *cspmu)
{
	return unit_of(cspmu)->events;
}

static struct attribute **nvidia_format_attrs(const struct paimon_cspmu *cspmu)
{
	return unit_of(cspmu)->formats;
}

static u32 filter_of(const struct paimon_cspmu_event *event)
{
	u32 ports = event->values.config1;

	return ports ? ports : unit_of(event->cspmu)->filter;
}

static void nvidia_set_ev_filter(const struct paimon_cspmu_event *event)
{
	paimon_cspmu_write32(event->cspmu, PAIMON_CSPMU_PMEVFILTR + 4 * event->index,
			     filter_of(event));
}

static void nvidia_set_cc_filter(const struct paimon_cspmu_event *event)
{
	paimon_cspmu_write32(event->cspmu, PAIMON_CSPMU_PMCCFILTR, filter_of(event));
}

static int nvidia_validate(const struct paimon_cspmu_event *event,
			   const struct paimon_cspmu_config *values, void **ret_object)
{
	if (values->config1 & ~(u64)unit_of(event->cspmu)->filter || values->config2 ||
	    values->config3)
		return -EINVAL;
	return 0;
}

/* There is no object, the values are all of it. */
static void nvidia_free(void *object)
{
}

static const struct paimon_cspmu_impl nvidia = {
	.name = "nvidia",
	.owner = THIS_MODULE,
	.pmiidr = PAIMON_CSPMU_NVIDIA,
	.mask = PAIMON_CSPMU_PMIIDR_IMPLEMENTER,
	.pmu_name = nvidia_pmu_name,
	.event_attrs = nvidia_event_attrs,
	.format_attrs = nvidia_format_attrs,
	.set_ev_filter = nvidia_set_ev_filter,
	.set_cc_filter = nvidia_set_cc_filter,
	.validate = nvidia_validate,
	.apply = paimon_cspmu_apply_filter,
	.free = nvidia_free,
};

/* Nothing may fail after the registration: there may be events from then on. */
static int __init nvidia_init(void)
{
	return paimon_cspmu_impl_register(&nvidia);
}

static void __exit nvidia_exit(void)
{
	WARN_ON(paimon_cspmu_impl_unregister(&nvidia));
}

module_init(nvidia_init);
module_exit(nvidia_exit);
MODULE_DESCRIPTION("System PMUs of NVIDIA, for paimon_cspmu");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

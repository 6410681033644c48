/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of paimon.ko. include/paimon/record.h describes their arguments and
 * when they fire. perf, bpftrace and tracefs use the fields; raw_tp programs use the
 * arguments.
 *
 * The record of an event has a number instead of the address of a device (c24).
 *
 * Included by main.c, which instantiates them, and by the files that fire them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM paimon

#if !defined(PAIMON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PAIMON_TRACE_H

#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <paimon/record.h>

/*
 * Modules fire events only with paimon_fire(iopf_handle, ...), which disables preemption
 * (c21). Newer kernels no longer do that in the tracepoint: while a BPF program on an
 * event is preempted, the kernel skips this program for other events on that CPU.
 */
#define paimon_fire(event, ...)                        \
	do {                                           \
		if (!trace_paimon_##event##_enabled()) \
			break;                         \
		preempt_disable();                     \
		trace_paimon_##event(__VA_ARGS__);     \
		preempt_enable();                      \
	} while (0)

/* For a string that may be NULL. Not __assign_str(): the number of its arguments depends on
 * the kernel. */
#define paimon_assign_str(field, string) \
	memcpy(__get_str(field), (string) ? (string) : "(null)", __get_dynamic_array_len(field))

TRACE_EVENT(paimon_iopf_request,
	    TP_PROTO(u64 dev, u32 pasid, u32 grpid, u64 addr, u32 perm, u32 flags,
		     const char *name),
	    TP_ARGS(dev, pasid, grpid, addr, perm, flags, name),
	    TP_STRUCT__entry(__field(u64, dev) __field(u32, pasid) __field(u32, grpid)
				     __field(u64, addr) __field(u32, perm) __field(u32, flags)
					     __string(name, name)),
	    TP_fast_assign(__entry->dev = paimon_trace_id(dev); __entry->pasid = pasid;
			   __entry->grpid = grpid; __entry->addr = addr; __entry->perm = perm;
			   __entry->flags = flags; paimon_assign_str(name, name);),
	    TP_printk("dev=%llx name=%s pasid=%u grpid=%u addr=%llx perm=%x flags=%x", __entry->dev,
		      __get_str(name), __entry->pasid, __entry->grpid, __entry->addr, __entry->perm,
		      __entry->flags));

TRACE_EVENT(paimon_iopf_handle, TP_PROTO(u64 dev, u32 pasid, u32 grpid, u32 nr),
	    TP_ARGS(dev, pasid, grpid, nr),
	    TP_STRUCT__entry(__field(u64, dev) __field(u32, pasid) __field(u32, grpid)
				     __field(u32, nr)),
	    TP_fast_assign(__entry->dev = paimon_trace_id(dev); __entry->pasid = pasid;
			   __entry->grpid = grpid; __entry->nr = nr;),
	    TP_printk("dev=%llx pasid=%u grpid=%u nr=%u", __entry->dev, __entry->pasid,
		      __entry->grpid, __entry->nr));

/* The code has PAIMON_IOPF_BY_USER too; the record has both apart. */
TRACE_EVENT(paimon_iopf_response, TP_PROTO(u64 dev, u32 pasid, u32 grpid, u32 code),
	    TP_ARGS(dev, pasid, grpid, code),
	    TP_STRUCT__entry(__field(u64, dev) __field(u32, pasid) __field(u32, grpid)
				     __field(u32, code) __field(u32, handler)),
	    TP_fast_assign(__entry->dev = paimon_trace_id(dev); __entry->pasid = pasid;
			   __entry->grpid = grpid; __entry->code = code & ~PAIMON_IOPF_BY_USER;
			   __entry->handler = !!(code & PAIMON_IOPF_BY_USER);),
	    TP_printk("dev=%llx pasid=%u grpid=%u code=%u handler=%u", __entry->dev, __entry->pasid,
		      __entry->grpid, __entry->code, __entry->handler));

TRACE_EVENT(paimon_iopf_discard, TP_PROTO(u64 dev, u32 pasid, u32 grpid, u32 nr, u32 reason),
	    TP_ARGS(dev, pasid, grpid, nr, reason),
	    TP_STRUCT__entry(__field(u64, dev) __field(u32, pasid) __field(u32, grpid)
				     __field(u32, nr) __field(u32, reason)),
	    TP_fast_assign(__entry->dev = paimon_trace_id(dev); __entry->pasid = pasid;
			   __entry->grpid = grpid; __entry->nr = nr; __entry->reason = reason;),
	    TP_printk("dev=%llx pasid=%u grpid=%u nr=%u reason=%u", __entry->dev, __entry->pasid,
		      __entry->grpid, __entry->nr, __entry->reason));

TRACE_EVENT(paimon_pai_sample, TP_PROTO(u32 nr, const struct paimon_pai_record *records),
	    TP_ARGS(nr, records),
	    TP_STRUCT__entry(__field(u32, nr) __dynamic_array(u8, records, nr * sizeof(*records))),
	    TP_fast_assign(__entry->nr = nr;
			   memcpy(__get_dynamic_array(records), records, nr * sizeof(*records));),
	    TP_printk("nr=%u records=%s", __entry->nr,
		      __print_hex(__get_dynamic_array(records), __get_dynamic_array_len(records))));

TRACE_EVENT(paimon_pai_mode, TP_PROTO(u32 cpu, u32 mode), TP_ARGS(cpu, mode),
	    TP_STRUCT__entry(__field(u32, cpu) __field(u32, mode)),
	    TP_fast_assign(__entry->cpu = cpu; __entry->mode = mode;),
	    TP_printk("cpu=%u mode=%u", __entry->cpu, __entry->mode));

TRACE_EVENT(paimon_cspmu_impl, TP_PROTO(const char *pmu, const char *impl, u32 op),
	    TP_ARGS(pmu, impl, op),
	    TP_STRUCT__entry(__string(pmu, pmu) __string(impl, impl) __field(u32, op)),
	    TP_fast_assign(__entry->op = op; paimon_assign_str(pmu, pmu);
			   paimon_assign_str(impl, impl);),
	    TP_printk("pmu=%s impl=%s op=%u", __get_str(pmu), __get_str(impl), __entry->op));

TRACE_EVENT(paimon_cspmu_event, TP_PROTO(const char *pmu, u64 config, u64 delta, u32 op),
	    TP_ARGS(pmu, config, delta, op),
	    TP_STRUCT__entry(__field(u64, config) __field(u64, delta) __field(u32, op)
				     __string(pmu, pmu)),
	    TP_fast_assign(__entry->config = config; __entry->delta = delta; __entry->op = op;
			   paimon_assign_str(pmu, pmu);),
	    TP_printk("pmu=%s config=%llx delta=%llu op=%u", __get_str(pmu), __entry->config,
		      __entry->delta, __entry->op));

TRACE_EVENT(paimon_drv_config, TP_PROTO(const char *pmu, u64 event_id, u32 op, int ret),
	    TP_ARGS(pmu, event_id, op, ret),
	    TP_STRUCT__entry(__field(u64, event_id) __field(u32, op) __field(int, ret)
				     __string(pmu, pmu)),
	    TP_fast_assign(__entry->event_id = event_id; __entry->op = op; __entry->ret = ret;
			   paimon_assign_str(pmu, pmu);),
	    TP_printk("pmu=%s event_id=%llu op=%u ret=%d", __get_str(pmu), __entry->event_id,
		      __entry->op, __entry->ret));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

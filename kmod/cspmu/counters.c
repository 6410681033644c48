// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu.ko, the counters of a device: who has which, what starts, stops and reads them,
 * and what becomes of overflows and of readings that fail. pmu.c and core.c call this, and perf
 * calls what it finds in struct pmu.
 *
 * A counter starts at half its range, and goes back there when it overflows, while it is
 * disabled: so an overflow is noticed half a range before a difference would be ambiguous, and
 * nothing that the counter counts is missed. The difference of two readings is taken modulo
 * the range.
 *
 * A reading can fail. pmu->read cannot: the count and the value that it includes stay as they
 * are, the error is counted and traced, and the next good reading has the difference. Two
 * cases need more. At stop the counter is disabled before it is read, so that it is stable.
 * If that fails, the event is pending: it keeps its counter, even after del, until a reading
 * succeeds, at start, at the next event that needs a counter, or from the retry timer. And if
 * a reading fails at an overflow, the counter goes on where it is, and the timer rearms it.
 *
 * Contexts: add, del, start, stop, read, overflow, timer and replace are on the CPU of the
 * events, with interrupts off and cspmu.lock held. The lock serves destroy, which takes the
 * counter of a pending event from any CPU, and replace while its CPU is off.
 *
 * BPF programs may read an event from anywhere, also while this CPU holds the lock: from an
 * NMI or a probe. Such a reading changes nothing. Tracepoints fire after the lock is dropped.
 */
#include "core.h"

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include <paimon/record.h>

#include "compat.h"
#include "trace.h"

/* Readings of a counter in halves until it counts as one that tears for ever. */
#define MAX_TRIES 16
/* A device that goes on failing is asked less and less often. */
#define RETRY_NS (200 * NSEC_PER_USEC)
#define RETRY_MAX_NS (100 * NSEC_PER_MSEC)

/* What is traced after the lock is dropped. */
struct traced {
	u64 config;
	u64 delta;
	u32 op;
};

static void fire(const struct cspmu_pmu *pmu, const struct traced *traced)
{
	paimon_fire(cspmu_event, pmu->name, traced->config, traced->delta, traced->op);
}

static bool locked_here(const struct cspmu *cspmu)
{
	return READ_ONCE(cspmu->locked_by) == raw_smp_processor_id();
}

static void lock_counters(struct cspmu *cspmu) __acquires(&cspmu->lock)
{
	lockdep_assert_irqs_disabled();
	raw_spin_lock(&cspmu->lock);
	WRITE_ONCE(cspmu->locked_by, smp_processor_id());
}

static void unlock_counters(struct cspmu *cspmu) __releases(&cspmu->lock)
{
	WRITE_ONCE(cspmu->locked_by, -1);
	raw_spin_unlock(&cspmu->lock);
}

static int read32(const struct cspmu *cspmu, u32 offset, u32 *ret_value)
{
	return cspmu->registers->read32(cspmu->context, offset, ret_value);
}

static void write32(const struct cspmu *cspmu, u32 offset, u32 value)
{
	cspmu->registers->write32(cspmu->context, offset, value);
}

int paimon_cspmu_read32(const struct paimon_cspmu *face, u32 offset, u32 *ret_value)
{
	return read32(cspmu_of(face), offset, ret_value);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_read32);

void paimon_cspmu_write32(const struct paimon_cspmu *face, u32 offset, u32 value)
{
	write32(cspmu_of(face), offset, value);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_write32);

static u64 counter_mask(const struct cspmu *cspmu)
{
	return GENMASK_ULL(cspmu->face.bits - 1, 0);
}

static u32 counter_offset(const struct cspmu *cspmu, int index)
{
	return PAIMON_CSPMU_PMEVCNTR + index * (cspmu->face.bits > 32 ? 8 : 4);
}

/* Reads the low half between two equal readings of the high one. */
static int read_halves(const struct cspmu *cspmu, u32 offset, u64 *ret_value)
{
	u32 low, high, again;
	int tries, ret;

	ret = read32(cspmu, offset + 4, &high);
	for (tries = 0; !ret && tries < MAX_TRIES; tries++) {
		ret = read32(cspmu, offset, &low);
		if (!ret)
			ret = read32(cspmu, offset + 4, &again);
		if (!ret && high == again) {
			*ret_value = (u64)high << 32 | low;
			return 0;
		}
		high = again;
	}
	return ret ?: -EAGAIN;
}

static int read_counter(const struct cspmu *cspmu, int index, u64 *ret_value)
{
	u32 offset = counter_offset(cspmu, index);
	u32 value;
	int ret;

	if (cspmu->face.bits > 32)
		return cspmu->registers->read64
			       ? cspmu->registers->read64(cspmu->context, offset, ret_value)
			       : read_halves(cspmu, offset, ret_value);
	ret = read32(cspmu, offset, &value);
	if (!ret)
		*ret_value = value;
	return ret;
}

/* Takes what the counter has counted; false: it could not be read, and nothing has changed. */
static bool update(struct cspmu_event *event, struct traced *ret_traced)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	u64 now;

	ret_traced->config = event->face.config;
	if (read_counter(cspmu, event->face.index, &now)) {
		atomic64_inc(&cspmu->read_errors);
		ret_traced->delta = 0;
		ret_traced->op = PAIMON_CSPMU_READ_ERROR;
		return false;
	}
	ret_traced->delta = (now - event->previous) & counter_mask(cspmu);
	event->previous = now & counter_mask(cspmu);
	local64_add(ret_traced->delta, &event->event->count);
	return true;
}

/* To half the range, and ready to overflow; the counter is disabled, and the count includes its
 * value. */
static void rearm(struct cspmu_event *event)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	u32 offset = counter_offset(cspmu, event->face.index);

	event->previous = BIT_ULL(cspmu->face.bits - 1);
	write32(cspmu, offset, lower_32_bits(event->previous));
	if (cspmu->face.bits > 32)
		write32(cspmu, offset + 4, upper_32_bits(event->previous));
	write32(cspmu, PAIMON_CSPMU_PMOVSCLR, BIT(event->face.index));
	event->rearm = false;
}

static void retry_later(struct cspmu *cspmu)
{
	if (!hrtimer_is_queued(&cspmu->retry))
		hrtimer_start(&cspmu->retry, ns_to_ktime(cspmu->retry_ns),
			      HRTIMER_MODE_REL_PINNED_HARD);
}

static void generic_set_ev_filter(const struct paimon_cspmu_event *event)
{
	write32(cspmu_of(event->cspmu), PAIMON_CSPMU_PMEVFILTR + 4 * event->index,
		lower_32_bits(event->values.config1));
}

static void generic_set_cc_filter(const struct paimon_cspmu_event *event)
{
	write32(cspmu_of(event->cspmu), PAIMON_CSPMU_PMCCFILTR,
		lower_32_bits(event->values.config1));
}

void paimon_cspmu_apply_filter(const struct paimon_cspmu_event *face)
{
	const struct cspmu_event *event = container_of(face, struct cspmu_event, face);
	const struct paimon_cspmu_impl *impl = event->pmu->impl;

	if (is_cycles(event))
		(impl->set_cc_filter ?: generic_set_cc_filter)(face);
	else
		(impl->set_ev_filter ?: generic_set_ev_filter)(face);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_apply_filter);

static bool runs(const struct cspmu_event *event)
{
	return event->added && !(event->event->hw.state & PERF_HES_STOPPED);
}

/* The counter of a stopped event starts. */
static void start_counter(struct cspmu_event *event)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;
	struct cspmu *cspmu = event->pmu->cspmu;
	int index = event->face.index;
	struct traced traced;

	if (event->pending && update(event, &traced))
		event->pending = false;
	if (!is_cycles(event))
		write32(cspmu, PAIMON_CSPMU_PMEVTYPER + 4 * index,
			impl->event_type ? impl->event_type(&event->face)
					 : lower_32_bits(event->face.config));
	(impl->apply ?: paimon_cspmu_apply_filter)(&event->face);
	if (!event->pending) {
		rearm(event);
	} else {
		/* It goes on from where it stopped, with its overflow if there is one. */
		event->pending = false;
		event->rearm = true;
		retry_later(cspmu);
	}
	event->event->hw.state = 0;
	write32(cspmu, PAIMON_CSPMU_PMINTENSET, BIT(index));
	write32(cspmu, PAIMON_CSPMU_PMCNTENSET, BIT(index));
}

/* The counter of a running event stops. */
static void stop_counter(struct cspmu_event *event, struct traced *ret_traced)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	int index = event->face.index;

	write32(cspmu, PAIMON_CSPMU_PMCNTENCLR, BIT(index));
	write32(cspmu, PAIMON_CSPMU_PMINTENCLR, BIT(index));
	ret_traced->op = PAIMON_CSPMU_STOP;
	event->pending = !update(event, ret_traced);
	event->rearm = false;
	event->event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

/* An event that was removed and is not pending any more gives its counter up. */
static void give_up_counter(struct cspmu_event *event)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;

	if (impl->reset_ev_filter)
		impl->reset_ev_filter(&event->face);
	event->pmu->cspmu->counters[event->face.index] = NULL;
	event->face.index = -1;
}

/* Takes what events that were removed have left in their counters; true: all of it. */
static bool settle(struct cspmu *cspmu)
{
	struct cspmu_event *event;
	struct traced traced;
	bool all = true;
	int index;

	for (index = 0; index < PAIMON_CSPMU_MAX_COUNTERS; index++) {
		event = cspmu->counters[index];
		if (!event || event->added)
			continue;
		event->pending = !update(event, &traced);
		if (event->pending)
			all = false;
		else
			give_up_counter(event);
	}
	return all;
}

static bool take_counter(struct cspmu_event *event)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	int index = 0, end = event_counters(cspmu);

	if (event->face.index >= 0)
		return true; /* it has kept it */
	settle(cspmu);
	if (is_cycles(event)) {
		index = PAIMON_CSPMU_CYCLE_COUNTER;
		end = index + 1;
	}
	for (; index < end; index++) {
		if (cspmu->counters[index])
			continue;
		cspmu->counters[index] = event;
		event->face.index = index;
		return true;
	}
	return false;
}

void cspmu_start(struct perf_event *perf_event, int flags)
{
	struct cspmu_event *event = event_of(perf_event);
	struct traced traced = {.config = event->face.config, .op = PAIMON_CSPMU_START};
	bool started = false;

	lock_counters(event->pmu->cspmu);
	if (event->added && !runs(event)) {
		start_counter(event);
		started = true;
	}
	unlock_counters(event->pmu->cspmu);
	if (started)
		fire(event->pmu, &traced);
}

void cspmu_stop(struct perf_event *perf_event, int flags)
{
	struct cspmu_event *event = event_of(perf_event);
	bool stopped = false;
	struct traced traced;

	lock_counters(event->pmu->cspmu);
	if (runs(event)) {
		stop_counter(event, &traced);
		stopped = true;
	}
	unlock_counters(event->pmu->cspmu);
	if (stopped)
		fire(event->pmu, &traced);
}

int cspmu_add(struct perf_event *perf_event, int flags)
{
	struct cspmu_event *event = event_of(perf_event);
	bool taken;

	lock_counters(event->pmu->cspmu);
	taken = take_counter(event);
	event->added = taken;
	unlock_counters(event->pmu->cspmu);
	if (!taken)
		return -EAGAIN;
	if (flags & PERF_EF_START)
		cspmu_start(perf_event, PERF_EF_RELOAD);
	perf_event_update_userpage(perf_event);
	return 0;
}

void cspmu_del(struct perf_event *perf_event, int flags)
{
	struct cspmu_event *event = event_of(perf_event);

	cspmu_stop(perf_event, PERF_EF_UPDATE);
	lock_counters(event->pmu->cspmu);
	event->added = false;
	if (event->pending)
		retry_later(event->pmu->cspmu);
	else
		give_up_counter(event);
	unlock_counters(event->pmu->cspmu);
	perf_event_update_userpage(perf_event);
}

void cspmu_read(struct perf_event *perf_event)
{
	struct cspmu_event *event = event_of(perf_event);
	struct cspmu *cspmu = event->pmu->cspmu;
	struct traced traced = {.op = PAIMON_CSPMU_READ};
	bool counts;

	if (in_nmi() || locked_here(cspmu))
		return;
	lock_counters(cspmu);
	counts = runs(event);
	if (counts)
		update(event, &traced);
	else if (event->pending)
		event->pending = !update(event, &traced);
	unlock_counters(cspmu);
	if (counts)
		fire(event->pmu, &traced);
}

/*
 * A running counter is read and goes back to half its range; true: it is there. If not, its
 * overflow stays: the device may hold its breath until it is handled.
 */
static bool rearm_running(struct cspmu_event *event, struct traced *ret_traced)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	u32 bit = BIT(event->face.index);
	bool good;

	write32(cspmu, PAIMON_CSPMU_PMCNTENCLR, bit);
	ret_traced->op = PAIMON_CSPMU_OVERFLOW;
	good = update(event, ret_traced);
	if (good)
		rearm(event);
	event->rearm = !good;
	write32(cspmu, PAIMON_CSPMU_PMCNTENSET, bit);
	return good;
}

/* Looks after all counters, on the CPU of their events. */
static void service(struct cspmu *cspmu)
{
	struct traced traced[PAIMON_CSPMU_MAX_COUNTERS];
	const struct cspmu_pmu *pmu = NULL;
	unsigned int i, nr = 0;
	u32 overflown = 0;
	bool good = true;
	int index;

	lock_counters(cspmu);
	if (read32(cspmu, PAIMON_CSPMU_PMOVSSET, &overflown)) {
		atomic64_inc(&cspmu->read_errors);
		overflown = 0;
		good = false;
	}
	for (index = 0; index < PAIMON_CSPMU_MAX_COUNTERS; index++) {
		struct cspmu_event *event = cspmu->counters[index];

		if (!event || !runs(event) || !(event->rearm || overflown & BIT(index)))
			continue;
		pmu = event->pmu;
		if (!rearm_running(event, &traced[nr++]))
			good = false;
	}
	if (!settle(cspmu))
		good = false;
	if (good) {
		cspmu->retry_ns = RETRY_NS;
	} else {
		retry_later(cspmu);
		cspmu->retry_ns = min_t(u64, 2 * cspmu->retry_ns, RETRY_MAX_NS);
	}
	unlock_counters(cspmu);
	for (i = 0; i < nr; i++)
		fire(pmu, &traced[i]);
}

/*
 * On the CPU of the events: directly, unless a register access caused this; else by an
 * interrupt there. With interrupts off that CPU cannot go meanwhile.
 */
void paimon_cspmu_overflow(struct paimon_cspmu *face)
{
	struct cspmu *cspmu = cspmu_of(face);
	unsigned long flags;
	unsigned int cpu;

	local_irq_save(flags);
	cpu = READ_ONCE(cspmu->cpu);
	if (cpu == smp_processor_id()) {
		if (locked_here(cspmu))
			irq_work_queue(&cspmu->overflow);
		else
			service(cspmu);
	} else if (cpu < nr_cpu_ids && !atomic_xchg(&cspmu->called, true)) {
		if (smp_call_function_single_async(cpu, &cspmu->call))
			atomic_set(&cspmu->called, false);
	}
	local_irq_restore(flags);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_overflow);

static void overflow_work(struct irq_work *work)
{
	paimon_cspmu_overflow(&container_of(work, struct cspmu, overflow)->face);
}

static void overflow_call(void *arg)
{
	struct cspmu *cspmu = arg;

	/* An overflow after this needs another call. */
	atomic_set(&cspmu->called, false);
	paimon_cspmu_overflow(&cspmu->face);
}

static enum hrtimer_restart retry_timer(struct hrtimer *timer)
{
	paimon_cspmu_overflow(&container_of(timer, struct cspmu, retry)->face);
	return HRTIMER_NORESTART;
}

/* What is in force, before the event starts or while its counter is stopped. */
void cspmu_put_config(struct cspmu_event *event, struct cspmu_config *config)
{
	event->config = config;
	event->face.values = config->values;
	event->face.object = config->object;
}

/* Another configuration comes into force, while no counter counts for the event (e3). */
void cspmu_replace_config(struct cspmu_event *event, struct cspmu_config *config)
{
	struct traced traced;
	bool running;

	lock_counters(event->pmu->cspmu);
	running = runs(event);
	if (running)
		stop_counter(event, &traced);
	cspmu_put_config(event, config);
	if (running)
		start_counter(event);
	unlock_counters(event->pmu->cspmu);
}

/* The event ends. What was pending has no reader any more. */
void cspmu_end_counting(struct cspmu_event *event)
{
	struct cspmu *cspmu = event->pmu->cspmu;
	unsigned long flags;

	local_irq_save(flags);
	lock_counters(cspmu);
	if (event->face.index >= 0)
		give_up_counter(event);
	unlock_counters(cspmu);
	local_irq_restore(flags);
}

/* Before the PMU is visible, and after it is gone: no counter counts. */
void cspmu_enable(struct cspmu *cspmu, bool enable)
{
	unsigned long flags;

	local_irq_save(flags);
	lock_counters(cspmu);
	write32(cspmu, PAIMON_CSPMU_PMCNTENCLR, ~0u);
	write32(cspmu, PAIMON_CSPMU_PMINTENCLR, ~0u);
	write32(cspmu, PAIMON_CSPMU_PMOVSCLR, ~0u);
	write32(cspmu, PAIMON_CSPMU_PMCR, enable ? PAIMON_CSPMU_PMCR_E : 0);
	unlock_counters(cspmu);
	local_irq_restore(flags);
}

unsigned int cspmu_counters_used(struct cspmu *cspmu)
{
	unsigned int used = 0;
	int index;

	for (index = 0; index < PAIMON_CSPMU_MAX_COUNTERS; index++)
		used += !!READ_ONCE(cspmu->counters[index]);
	return used;
}

/* PMIIDR as it would be if the device had it: who made it, and what, from PMPIDR. */
static int rebuild_pmiidr(struct cspmu *cspmu, u32 *ret_pmiidr)
{
	u32 id[5];
	int i, ret;

	ret = read32(cspmu, PAIMON_CSPMU_PMPIDR4, &id[4]);
	for (i = 0; !ret && i < 4; i++)
		ret = read32(cspmu, PAIMON_CSPMU_PMPIDR0 + 4 * i, &id[i]);
	if (ret)
		return ret;
	*ret_pmiidr = (id[1] & 0xf) << 28 | (id[0] & 0xff) << 20 | /* part number */
		      (id[2] >> 4 & 0xf) << 16 |		   /* revision */
		      (id[3] >> 4 & 0xf) << 12 |		   /* minor revision */
		      (id[4] & 0xf) << 8 | (id[2] & 0x7) << 4 | (id[1] >> 4 & 0xf);
	return 0;
}

static int read_identity(struct cspmu *cspmu)
{
	struct paimon_cspmu *face = &cspmu->face;
	int ret = read32(cspmu, PAIMON_CSPMU_PMCFGR, &face->pmcfgr);

	if (!ret)
		ret = read32(cspmu, PAIMON_CSPMU_PMIIDR, &face->pmiidr);
	if (!ret && !face->pmiidr)
		ret = rebuild_pmiidr(cspmu, &face->pmiidr);
	return ret;
}

/* Reads who made a new device, and what counters it has. */
int cspmu_identify(struct cspmu *cspmu)
{
	struct paimon_cspmu *face = &cspmu->face;
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	lock_counters(cspmu);
	ret = read_identity(cspmu);
	unlock_counters(cspmu);
	local_irq_restore(flags);
	if (ret)
		return ret;
	if (!face->pmcfgr)
		return -ENODEV; /* nobody answers there */
	face->has_cycle_counter = face->pmcfgr & PAIMON_CSPMU_PMCFGR_CC;
	face->counters = (face->pmcfgr & PAIMON_CSPMU_PMCFGR_N) + 1;
	face->bits = ((face->pmcfgr & PAIMON_CSPMU_PMCFGR_SIZE) >> PAIMON_CSPMU_PMCFGR_SIZE_SHIFT) +
		     1;
	/* Without a cycle counter, index 31 is a counter like the others. */
	face->counters = min_t(unsigned int, face->counters, PAIMON_CSPMU_MAX_COUNTERS);
	return 0;
}

void cspmu_init_counters(struct cspmu *cspmu)
{
	raw_spin_lock_init(&cspmu->lock);
	cspmu->locked_by = -1;
	cspmu->retry_ns = RETRY_NS;
	paimon_hrtimer_setup(&cspmu->retry, retry_timer, CLOCK_MONOTONIC,
			     HRTIMER_MODE_REL_PINNED_HARD);
	cspmu->overflow = IRQ_WORK_INIT_HARD(overflow_work);
	INIT_CSD(&cspmu->call, overflow_call, cspmu);
}

/* No counter is in use, and hot-plug does not know the device any more. */
void cspmu_exit_counters(struct cspmu *cspmu)
{
	WRITE_ONCE(cspmu->cpu, nr_cpu_ids);
	/* What found a CPU before that has interrupts off, or is on its way to it. */
	synchronize_rcu();
	while (atomic_read(&cspmu->called))
		msleep(1);
	synchronize_rcu();
	irq_work_sync(&cspmu->overflow);
	hrtimer_cancel(&cspmu->retry);
}

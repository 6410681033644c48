// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_cspmu.ko, the perf PMU of a system PMU: its counters as perf events that count for
 * the machine, on one CPU, which user space finds in cpumask. "bN" and "eN" name the invariant
 * for which a line is needed.
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
 * Contexts:
 *	event_init, destroy	process context, under the locks of core.c and of
 *				paimon_drv_config.ko, one after the other
 *	add, del, start, stop,	on the CPU of the events, with interrupts off and cspmu.lock
 *	read, overflow, timer,	held. The lock serves destroy, which takes the counter of a
 *	swap			pending event from any CPU, and replace while its CPU is off.
 *
 * BPF programs may read an event from anywhere, also while this CPU holds the lock: from an
 * NMI or a probe. Such a reading changes nothing. Tracepoints fire after the lock is dropped.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "core.h"

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/sysfs.h>

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

static struct cspmu_event *event_of(const struct perf_event *event)
{
	return event->pmu_private;
}

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

static bool is_cycles(const struct cspmu_event *event)
{
	return event->face.config == PAIMON_CSPMU_CYCLES;
}

/* Without the cycle counter. */
static unsigned int event_counters(const struct cspmu *cspmu)
{
	return cspmu->face.counters - cspmu->face.has_cycle_counter;
}

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

static void cspmu_start(struct perf_event *perf_event, int flags)
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

static void cspmu_stop(struct perf_event *perf_event, int flags)
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

static int cspmu_add(struct perf_event *perf_event, int flags)
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

static void cspmu_del(struct perf_event *perf_event, int flags)
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

static void cspmu_read(struct perf_event *perf_event)
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

static void put_config(struct cspmu_event *event, struct cspmu_config *config)
{
	event->config = config;
	event->face.values = config->values;
	event->face.object = config->object;
}

static void free_config(void *arg)
{
	struct cspmu_config *config = arg;

	if (config->object)
		config->impl->free(config->object);
	kfree(config);
}

/* The configuration of an event that is open, or that is being opened. */
static int new_config(const struct cspmu_event *event, const struct paimon_cspmu_config *values,
		      struct cspmu_config **ret_config)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;
	struct cspmu_config *config = kzalloc(sizeof(*config), GFP_KERNEL);
	int ret = 0;

	if (!config)
		return -ENOMEM;
	config->values = *values;
	config->impl = impl;
	if (impl->validate)
		ret = impl->validate(&event->face, values, &config->object);
	if (ret)
		kfree(config);
	else
		*ret_config = config;
	return ret;
}

static struct cspmu_event *event_of_live(const struct paimon_drv_event *live)
{
	return container_of(live, struct cspmu_event, live);
}

static int live_validate(struct paimon_drv_event *live, const struct paimon_drv_config *values,
			 void **ret_config)
{
	const struct paimon_cspmu_config wanted = {
		.config1 = values->config1,
		.config2 = values->config2,
		.config3 = values->config3,
	};
	struct cspmu_config *config;
	int ret = new_config(event_of_live(live), &wanted, &config);

	if (!ret)
		*ret_config = config;
	return ret;
}

static void live_replace(struct paimon_drv_event *live, void **config)
{
	struct cspmu_event *event = event_of_live(live);
	struct cspmu_config *old = event->config;
	struct traced traced;
	bool running;

	lock_counters(event->pmu->cspmu);
	running = runs(event);
	if (running)
		stop_counter(event, &traced);
	put_config(event, *config);
	if (running)
		start_counter(event);
	unlock_counters(event->pmu->cspmu);
	*config = old;
}

static void live_get(const struct paimon_drv_event *live, struct paimon_drv_config *ret_values)
{
	const struct paimon_cspmu_config *values = &event_of_live(live)->face.values;

	ret_values->config1 = values->config1;
	ret_values->config2 = values->config2;
	ret_values->config3 = values->config3;
}

static const struct paimon_drv_ops live_ops = {
	.validate = live_validate,
	.replace = live_replace,
	.get = live_get,
	.free = free_config,
};

struct needed {
	unsigned int counters;
	unsigned int cycle_counters;
};

/* false: an event of another hardware PMU. Software events need nothing. */
static bool add_needed(const struct cspmu_event *event, struct perf_event *other,
		       struct needed *needed)
{
	if (is_software_event(other))
		return true;
	if (other->pmu != &event->pmu->pmu)
		return false;
	if (is_cycles(event_of(other)))
		needed->cycle_counters++;
	else
		needed->counters++;
	return true;
}

/* A group must be of this PMU, and have enough counters. */
static bool group_fits(const struct cspmu_event *event)
{
	struct perf_event *leader = event->event->group_leader;
	const struct cspmu *cspmu = event->pmu->cspmu;
	struct perf_event *sibling;
	struct needed needed = {};

	add_needed(event, event->event, &needed);
	if (leader != event->event) {
		if (!add_needed(event, leader, &needed))
			return false;
		for_each_sibling_event(sibling, leader)
			if (sibling != event->event && !add_needed(event, sibling, &needed))
				return false;
	}
	return needed.counters <= event_counters(cspmu) &&
	       needed.cycle_counters <= cspmu->face.has_cycle_counter;
}

/* With the lock of paimon_drv_config.ko. */
static int admit(struct cspmu_event *event, const struct paimon_cspmu_config *values)
{
	const struct paimon_cspmu_impl *impl = event->pmu->impl;
	struct cspmu_config *config;
	int ret;

	if (!group_fits(event))
		return -EINVAL;
	ret = new_config(event, values, &config);
	if (ret)
		return ret;
	put_config(event, config);
	ret = (impl->validate_event ?: cspmu_generic.validate_event)(&event->face);
	if (ret) {
		free_config(config);
		return ret;
	}
	list_add_tail(&event->face.entry, &event->pmu->cspmu->face.events);
	if (impl->validate)
		paimon_drv_config_add(&event->live);
	return 0;
}

static void cspmu_destroy(struct perf_event *perf_event)
{
	struct cspmu_event *event = event_of(perf_event);
	struct cspmu_pmu *pmu = event->pmu;
	unsigned long flags;

	paimon_drv_config_lock();
	list_del(&event->face.entry);
	if (pmu->impl->validate)
		paimon_drv_config_remove(&event->live);
	paimon_drv_config_unlock();

	local_irq_save(flags);
	lock_counters(pmu->cspmu);
	if (event->face.index >= 0)
		give_up_counter(event); /* what was pending has no reader any more */
	unlock_counters(pmu->cspmu);
	local_irq_restore(flags);

	free_config(event->config);
	kfree(event);
	cspmu_put_event(pmu);
}

static int cspmu_event_init(struct perf_event *perf_event)
{
	struct cspmu_pmu *pmu = container_of(perf_event->pmu, struct cspmu_pmu, pmu);
	struct perf_event_attr *attr = &perf_event->attr;
	const struct paimon_cspmu_config values = {
		.config1 = attr->config1,
		.config2 = attr->config2,
		.config3 = paimon_attr_config3(attr),
	};
	struct cspmu_event *event;
	int ret;

	if (attr->type != perf_event->pmu->type)
		return -ENOENT;
	/* Before anything that sleeps: see release() in core.c. */
	if (READ_ONCE(pmu->dead))
		return -ENODEV;
	if (is_sampling_event(perf_event) || has_branch_stack(perf_event))
		return -EOPNOTSUPP;
	if (perf_event->hw.target || perf_event->attach_state & PERF_ATTACH_TASK)
		return -EINVAL;
	if (perf_event->cpu < 0 || perf_event->cpu != READ_ONCE(pmu->cspmu->cpu))
		return -EINVAL;

	event = kzalloc(sizeof(*event), GFP_KERNEL);
	if (!event)
		return -ENOMEM;
	event->face.cspmu = &pmu->cspmu->face;
	event->face.config = attr->config;
	event->face.index = -1;
	event->event = perf_event;
	event->pmu = pmu;
	event->live = (struct paimon_drv_event){
		.event = perf_event,
		.ops = &live_ops,
		.owner = pmu->impl->owner,
		.pmu = pmu->name,
	};
	ret = cspmu_get_event(pmu);
	if (ret)
		goto err_free;
	perf_event->pmu_private = event;
	paimon_drv_config_lock();
	ret = admit(event, &values);
	paimon_drv_config_unlock();
	if (ret)
		goto err_put;
	perf_event->hw.idx = -1;
	perf_event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	/* The last act: newer kernels also call it for an event whose init has failed. */
	perf_event->destroy = cspmu_destroy;
	return 0;

err_put:
	perf_event->pmu_private = NULL;
	cspmu_put_event(pmu);
err_free:
	kfree(event);
	return ret;
}

/* The generic operations. */

static int generic_pmu_name(const struct paimon_cspmu *face, char *ret_name, size_t size)
{
	char *letter;

	if (snprintf(ret_name, size, "arm_cspmu_%s", face->name) >= size)
		return -ENAMETOOLONG;
	/* perf's syntax for events gives other characters a meaning. */
	for (letter = ret_name; *letter; letter++)
		if (!isalnum(*letter))
			*letter = '_';
	return 0;
}

static struct attribute *generic_event_attrs[] = {
	PAIMON_CSPMU_EVENT_ATTR(cycles, PAIMON_CSPMU_CYCLES),
	NULL,
};

static struct attribute *generic_format_attrs[] = {
	PAIMON_CSPMU_FORMAT_ATTR(event, "config:0-32"),
	PAIMON_CSPMU_FORMAT_ATTR(filter, "config1:0-31"),
	NULL,
};

static struct attribute **generic_events(const struct paimon_cspmu *face)
{
	return generic_event_attrs;
}

static struct attribute **generic_formats(const struct paimon_cspmu *face)
{
	return generic_format_attrs;
}

static int generic_validate_event(const struct paimon_cspmu_event *event)
{
	return event->config <= PAIMON_CSPMU_CYCLES ? 0 : -EINVAL;
}

static int generic_validate(const struct paimon_cspmu_event *event,
			    const struct paimon_cspmu_config *values, void **ret_object)
{
	return values->config1 >> 32 || values->config2 || values->config3 ? -EINVAL : 0;
}

static void generic_free(void *object)
{
}

/* Its owner is the core, which does not unload while there are devices (b7). */
const struct paimon_cspmu_impl cspmu_generic = {
	.name = "generic",
	.owner = THIS_MODULE,
	.pmu_name = generic_pmu_name,
	.event_attrs = generic_events,
	.format_attrs = generic_formats,
	.validate_event = generic_validate_event,
	.validate = generic_validate,
	.apply = paimon_cspmu_apply_filter,
	.free = generic_free,
};

/* sysfs of the PMU. */

ssize_t paimon_cspmu_event_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "event=0x%llx\n",
			  container_of(attr, struct perf_pmu_events_attr, attr)->id);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_event_show);

ssize_t paimon_cspmu_format_show(struct device *dev, struct device_attribute *attr, char *page)
{
	const char *bits = container_of(attr, struct dev_ext_attribute, attr)->var;

	return sysfs_emit(page, "%s\n", bits);
}
EXPORT_SYMBOL_GPL(paimon_cspmu_format_show);

static const struct cspmu_pmu *pmu_of_dev(struct device *dev)
{
	return container_of((struct pmu *)dev_get_drvdata(dev), struct cspmu_pmu, pmu);
}

static umode_t event_visible(struct kobject *kobj, struct attribute *attr, int number)
{
	const struct cspmu_pmu *pmu = pmu_of_dev(kobj_to_dev(kobj));
	u64 config = container_of(attr, struct perf_pmu_events_attr, attr.attr)->id;

	if (config == PAIMON_CSPMU_CYCLES && !pmu->cspmu->face.has_cycle_counter)
		return 0;
	if (pmu->impl->is_visible && !pmu->impl->is_visible(&pmu->cspmu->face, config))
		return 0;
	return attr->mode;
}

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr, char *page)
{
	unsigned int cpu = READ_ONCE(pmu_of_dev(dev)->cspmu->cpu);

	return cpu < nr_cpu_ids ? sysfs_emit(page, "%u\n", cpu) : sysfs_emit(page, "\n");
}
static DEVICE_ATTR_RO(cpumask);

static ssize_t identifier_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%08x\n", pmu_of_dev(dev)->cspmu->face.pmiidr);
}
static DEVICE_ATTR_RO(identifier);

static struct attribute *device_attrs[] = {
	&dev_attr_cpumask.attr,
	&dev_attr_identifier.attr,
	NULL,
};

static const struct attribute_group device_group = {
	.attrs = device_attrs,
};

/* The PMU of a device, not yet registered; an ERR_PTR is logged. */
struct cspmu_pmu *cspmu_pmu_new(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl)
{
	struct cspmu_pmu *pmu = kzalloc(sizeof(*pmu), GFP_KERNEL);
	int ret;

	if (!pmu)
		return ERR_PTR(-ENOMEM);
	pmu->cspmu = cspmu;
	pmu->impl = impl;
	ret = (impl->pmu_name ?: generic_pmu_name)(&cspmu->face, pmu->name, sizeof(pmu->name));
	if (ret) {
		pr_err("%s: the backend %s has no name for the PMU (error %d)\n", cspmu->face.name,
		       impl->name, ret);
		kfree(pmu);
		return ERR_PTR(ret);
	}
	pmu->events_group = (struct attribute_group){
		.name = "events",
		.attrs = (impl->event_attrs ?: generic_events)(&cspmu->face),
		.is_visible = event_visible,
	};
	pmu->format_group = (struct attribute_group){
		.name = "format",
		.attrs = (impl->format_attrs ?: generic_formats)(&cspmu->face),
	};
	pmu->groups[0] = &pmu->events_group;
	pmu->groups[1] = &pmu->format_group;
	pmu->groups[2] = &device_group;
	pmu->pmu = (struct pmu){
		.module = impl->owner,
		.task_ctx_nr = perf_invalid_context,
		.capabilities = PERF_PMU_CAP_NO_EXCLUDE,
		.attr_groups = pmu->groups,
		.event_init = cspmu_event_init,
		.add = cspmu_add,
		.del = cspmu_del,
		.start = cspmu_start,
		.stop = cspmu_stop,
		.read = cspmu_read,
	};
	return pmu;
}

void cspmu_pmu_free(struct cspmu_pmu *pmu)
{
	kfree(pmu);
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

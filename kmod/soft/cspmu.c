// SPDX-License-Identifier: GPL-2.0
/*
 * The software system PMUs: devices with the registers of a CoreSight PMU in memory,
 * which the PMU driver of paimon_cspmu.ko programs through read and write as it would
 * through MMIO.
 *
 * A device counts when an ioctl says that an event occurs, and, with the parameter
 * cspmu_rate, by itself: then each enabled counter advances by that many events a second,
 * in portions that a seeded generator of random numbers makes. What a counter counts
 * also goes into the record of the device, which user space can map: the driver writes to
 * counters, nothing but the device to its record.
 *
 * Counting happens in process context, on any CPU: in ioctls and in a work item. They
 * deliver the interrupt too, on whichever CPU they are. A counter that has overflowed waits
 * until the driver has handled that and cleared its bit in PMOVSCLR. Only a torn read
 * (PAIMON_SOFT_CSPMU_FAULT) counts in the context of the driver; its interrupt is
 * delivered with the next count.
 *
 * Locks: soft_cspmu.mutex serialises what counts and what plugs a device in or out; the
 * accessor does not take it. soft_cspmu.lock protects the registers and the record; it is
 * innermost and taken with interrupts off.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include <paimon/cspmu.h>

#include "compat.h"
#include "soft.h"

#define TICK_MS 10

struct soft_counter {
	u64 value;
	u64 due; /* in units of 1 / NSEC_PER_SEC: counted by rate, not yet given out */
	u32 event;
	u32 filter;
};

struct soft_cspmu {
	struct paimon_cspmu *cspmu; /* of paimon_cspmu.ko, while present */
	char name[16];
	u32 pmiidr;
	bool pidr_only; /* PMIIDR reads as zero */
	int socket;

	struct mutex mutex;
	bool present;		  /* under mutex: paimon_cspmu.ko has it */
	struct delayed_work tick; /* while present and with a rate */
	u64 ticked_ns;
	struct rnd_state dice;

	raw_spinlock_t lock; /* all below */
	struct soft_counter counters[PAIMON_CSPMU_MAX_COUNTERS];
	u32 enabled, interrupting, overflowed; /* bitmaps of counters */
	u32 control;			       /* PMCR */
	u32 torn, failing;		       /* reads that are to go wrong */
	struct paimon_soft_cspmu_record *record;
};

static struct soft_cspmu *cspmus;
static unsigned int nr_cspmus, nr_counters, width;
static u64 rate;
static struct workqueue_struct *cspmu_wq;

static u64 width_mask(void)
{
	return GENMASK_ULL(width - 1, 0);
}

/* Counters that exist: event counters from 0 on, and the cycle counter. */
static u32 all_counters(void)
{
	return GENMASK(nr_counters - 2, 0) | BIT(PAIMON_CSPMU_CYCLE_COUNTER);
}

static bool counts(const struct soft_cspmu *soft, unsigned int index)
{
	return soft->control & PAIMON_CSPMU_PMCR_E && soft->enabled & BIT(index);
}

/* Adds to the entry of the record, which the first count makes. */
static void record_count(struct soft_cspmu *soft, u32 event, u32 filter, u64 count)
{
	struct paimon_soft_cspmu_record *record = soft->record;
	struct paimon_soft_cspmu_entry *entry = record->entries;

	for (; entry < &record->entries[record->nr]; entry++)
		if (entry->event == event && entry->filter == filter)
			break;
	if (entry == &record->entries[PAIMON_SOFT_CSPMU_ENTRIES]) {
		record->lost += count;
		return;
	}
	if (entry == &record->entries[record->nr]) {
		entry->event = event;
		entry->filter = filter;
		/* A reader that sees the number sees the entry. */
		smp_store_release(&record->nr, record->nr + 1);
	}
	WRITE_ONCE(entry->count, entry->count + count);
}

/* An enabled counter advances. */
static void advance(struct soft_cspmu *soft, unsigned int index, u64 count)
{
	struct soft_counter *counter = &soft->counters[index];
	u64 before = counter->value;

	counter->value = (before + count) & width_mask();
	if (counter->value < before || count > width_mask()) {
		WRITE_ONCE(soft->overflowed, soft->overflowed | BIT(index));
		soft->record->overflows++;
	}
	record_count(soft, counter->event, counter->filter, count);
}

/* Bits of a set and of a clear register are two ways to the same bits. */
static u32 *bits_at(struct soft_cspmu *soft, u32 offset)
{
	switch (offset) {
	case PAIMON_CSPMU_PMCNTENSET:
	case PAIMON_CSPMU_PMCNTENCLR:
		return &soft->enabled;
	case PAIMON_CSPMU_PMINTENSET:
	case PAIMON_CSPMU_PMINTENCLR:
		return &soft->interrupting;
	case PAIMON_CSPMU_PMOVSSET:
	case PAIMON_CSPMU_PMOVSCLR:
		return &soft->overflowed;
	default:
		return NULL;
	}
}

static bool offset_clears(u32 offset)
{
	return offset == PAIMON_CSPMU_PMCNTENCLR || offset == PAIMON_CSPMU_PMINTENCLR ||
	       offset == PAIMON_CSPMU_PMOVSCLR;
}

/* The counter, and whether the offset is that of its upper half; or NULL. */
static struct soft_counter *counter_at(struct soft_cspmu *soft, u32 offset, bool *ret_upper)
{
	unsigned int index = offset / (width > 32 ? 8 : 4);

	if (index >= PAIMON_CSPMU_MAX_COUNTERS || !(all_counters() & BIT(index)))
		return NULL;
	*ret_upper = width > 32 && offset & 4;
	return &soft->counters[index];
}

/* An array of registers, one for each event counter: the index, or a negative value. */
static int index_in(u32 offset, u32 first)
{
	u32 index = (offset - first) / 4;

	return offset >= first && index < nr_counters - 1 ? index : -1;
}

/* PMPIDR0 to 4: part, designer in JEP106 (with a continuation code), variant and revision. */
static u32 peripheral_id(const struct soft_cspmu *soft, unsigned int number)
{
	u32 part = soft->pmiidr >> 20, variant = soft->pmiidr >> 16 & 0xf,
	    revision = soft->pmiidr >> 12 & 0xf, designer = soft->pmiidr & 0x7f,
	    continuation = soft->pmiidr >> 8 & 0xf;

	switch (number) {
	case 0:
		return part & 0xff;
	case 1:
		return (designer & 0xf) << 4 | part >> 8;
	case 2:
		return variant << 4 | BIT(3) | designer >> 4;
	case 3:
		return revision << 4;
	default:
		return continuation;
	}
}

/* -EINVAL: no register is there, or none of 32 bits. Has no effect. */
static int register_value(struct soft_cspmu *soft, u32 offset, u32 *ret_value)
{
	const struct soft_counter *counter;
	const u32 *bits = bits_at(soft, offset);
	bool upper;
	int index;

	if (offset % 4)
		return -EINVAL;
	counter = counter_at(soft, offset, &upper);
	if (counter) {
		*ret_value = upper ? upper_32_bits(counter->value) : lower_32_bits(counter->value);
		return 0;
	}
	if (bits) {
		*ret_value = *bits;
		return 0;
	}
	index = index_in(offset, PAIMON_CSPMU_PMEVTYPER);
	if (index >= 0) {
		*ret_value = soft->counters[index].event;
		return 0;
	}
	index = index_in(offset, PAIMON_CSPMU_PMEVFILTR);
	if (index >= 0) {
		*ret_value = soft->counters[index].filter;
		return 0;
	}
	switch (offset) {
	case PAIMON_CSPMU_PMCCFILTR:
		*ret_value = soft->counters[PAIMON_CSPMU_CYCLE_COUNTER].filter;
		return 0;
	case PAIMON_CSPMU_PMCFGR:
		*ret_value = PAIMON_CSPMU_PMCFGR_CC |
			     (width - 1) << PAIMON_CSPMU_PMCFGR_SIZE_SHIFT | (nr_counters - 1);
		return 0;
	case PAIMON_CSPMU_PMCR:
		*ret_value = soft->control;
		return 0;
	case PAIMON_CSPMU_PMIIDR:
		*ret_value = soft->pidr_only ? 0 : soft->pmiidr;
		return 0;
	case PAIMON_CSPMU_PMPIDR4:
		*ret_value = peripheral_id(soft, 4);
		return 0;
	case PAIMON_CSPMU_PMPIDR0:
	case PAIMON_CSPMU_PMPIDR0 + 4:
	case PAIMON_CSPMU_PMPIDR0 + 8:
	case PAIMON_CSPMU_PMPIDR0 + 12:
		*ret_value = peripheral_id(soft, (offset - PAIMON_CSPMU_PMPIDR0) / 4);
		return 0;
	default:
		return -EINVAL;
	}
}

/* After the read of a half of a counter that counts: it counts on, until the lower half wraps. */
static void tear(struct soft_cspmu *soft, const struct soft_counter *counter)
{
	unsigned int index = counter - soft->counters;

	if (!soft->torn || width <= 32 || !counts(soft, index))
		return;
	soft->torn--;
	soft->record->torn++;
	advance(soft, index, BIT_ULL(32) - lower_32_bits(counter->value));
}

/* -EIO: a read that is to fail. What is no register reads as zero. */
static int soft_cspmu_read(void *context, u32 offset, u32 *ret_value)
{
	struct soft_cspmu *soft = context;
	const struct soft_counter *counter;
	unsigned long flags;
	int ret = 0;
	bool upper;

	raw_spin_lock_irqsave(&soft->lock, flags);
	if (register_value(soft, offset, ret_value))
		*ret_value = 0;
	counter = counter_at(soft, offset, &upper);
	if (counter && soft->failing) {
		soft->failing--;
		soft->record->failed++;
		*ret_value = U32_MAX; /* as a bus has it on which nobody answers */
		ret = -EIO;
	} else if (counter) {
		tear(soft, counter);
	}
	raw_spin_unlock_irqrestore(&soft->lock, flags);
	return ret;
}

static void write_counter(struct soft_counter *counter, bool upper, u32 value)
{
	if (upper)
		counter->value = (u64)value << 32 | lower_32_bits(counter->value);
	else
		counter->value = (counter->value & GENMASK_ULL(63, 32)) | value;
	counter->value &= width_mask();
}

/* PMCR has two bits that are orders and read as zero: all counters begin at zero. */
static void write_control(struct soft_cspmu *soft, u32 value)
{
	unsigned int i;

	for (i = 0; i < PAIMON_CSPMU_CYCLE_COUNTER; i++)
		if (value & PAIMON_CSPMU_PMCR_P)
			soft->counters[i].value = 0;
	if (value & PAIMON_CSPMU_PMCR_C)
		soft->counters[PAIMON_CSPMU_CYCLE_COUNTER].value = 0;
	soft->control = value & PAIMON_CSPMU_PMCR_E;
}

/* What is no register, or cannot be written to, ignores it. */
static void soft_cspmu_write(void *context, u32 offset, u32 value)
{
	struct soft_cspmu *soft = context;
	struct soft_counter *counter;
	unsigned long flags;
	bool upper;
	u32 *bits;

	raw_spin_lock_irqsave(&soft->lock, flags);
	counter = counter_at(soft, offset, &upper);
	bits = bits_at(soft, offset);
	if (counter)
		write_counter(counter, upper, value);
	else if (bits && offset_clears(offset))
		WRITE_ONCE(*bits, *bits & ~value); /* interrupt() looks without the lock */
	else if (bits)
		WRITE_ONCE(*bits, *bits | (value & all_counters()));
	else if (index_in(offset, PAIMON_CSPMU_PMEVTYPER) >= 0)
		soft->counters[index_in(offset, PAIMON_CSPMU_PMEVTYPER)].event = value;
	else if (index_in(offset, PAIMON_CSPMU_PMEVFILTR) >= 0)
		soft->counters[index_in(offset, PAIMON_CSPMU_PMEVFILTR)].filter = value;
	else if (offset == PAIMON_CSPMU_PMCCFILTR)
		soft->counters[PAIMON_CSPMU_CYCLE_COUNTER].filter = value;
	else if (offset == PAIMON_CSPMU_PMCR)
		write_control(soft, value);
	raw_spin_unlock_irqrestore(&soft->lock, flags);
}

static const struct paimon_cspmu_registers soft_cspmu_registers = {
	.owner = THIS_MODULE,
	.read32 = soft_cspmu_read,
	.write32 = soft_cspmu_write,
};

/* Interrupts of a device come on any CPU. */
static void on_interrupt(void *context)
{
	struct soft_cspmu *soft = context;

	WRITE_ONCE(soft->record->interrupts, soft->record->interrupts + 1);
	paimon_cspmu_overflow(soft->cspmu);
}

/*
 * Delivers an interrupt that is pending; whether there are overflows of counters that count
 * which the driver has still to handle, as it does soon after. Under the mutex, so that
 * paimon_cspmu.ko has the device.
 */
static bool interrupt(struct soft_cspmu *soft)
{
	if (READ_ONCE(soft->overflowed) & READ_ONCE(soft->interrupting))
		smp_call_function_any(cpu_online_mask, on_interrupt, soft, true);
	return READ_ONCE(soft->overflowed) & READ_ONCE(soft->enabled);
}

/* So many counts at once lead to no second overflow before the interrupt of the first. */
static u64 portion_of(u64 count)
{
	return min(count, width_mask() / 4);
}

/* The event occurs, at these ports. */
static void occur(struct soft_cspmu *soft, u32 event, u32 ports, u64 count)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&soft->lock, flags);
	for (i = 0; i < PAIMON_CSPMU_MAX_COUNTERS; i++) {
		const struct soft_counter *counter = &soft->counters[i];

		if (counts(soft, i) && counter->event == event &&
		    (!ports || counter->filter & ports))
			advance(soft, i, count);
	}
	raw_spin_unlock_irqrestore(&soft->lock, flags);
}

static struct soft_cspmu *find(u32 device)
{
	return device < nr_cspmus ? &cspmus[device] : NULL;
}

/* The errors are those of PAIMON_SOFT_CSPMU_COUNT. */
int soft_cspmu_count(struct paimon_soft_cspmu_count *call)
{
	struct soft_cspmu *soft = find(call->device);
	int ret = 0;

	call->done = 0;
	if (!soft)
		return -EINVAL;
	if (mutex_lock_interruptible(&soft->mutex))
		return -EINTR;
	while (!ret && call->done < call->count) {
		u64 portion = portion_of(call->count - call->done);

		occur(soft, call->event, call->ports, portion);
		call->done += portion;
		while (!ret && soft->present && interrupt(soft)) {
			if (signal_pending(current))
				ret = -EINTR;
			usleep_range(10, 50);
		}
		if (call->done < call->count && signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	mutex_unlock(&soft->mutex);
	return ret;
}

/* What a counter is to count of what is due: some of it is left for the next time, at random. */
static u64 portion_due(struct soft_cspmu *soft, struct soft_counter *counter)
{
	u64 due = div_u64(counter->due, NSEC_PER_SEC);
	u64 portion = portion_of(due - due * (prandom_u32_state(&soft->dice) % 256) / 512);

	counter->due -= portion * NSEC_PER_SEC;
	return portion;
}

static void tick(struct soft_cspmu *soft)
{
	u64 now = ktime_get_ns(), elapsed = min(now - soft->ticked_ns, 5 * NSEC_PER_SEC);
	unsigned long flags;
	unsigned int i;

	soft->ticked_ns = now;
	raw_spin_lock_irqsave(&soft->lock, flags);
	for (i = 0; i < PAIMON_CSPMU_MAX_COUNTERS; i++) {
		struct soft_counter *counter = &soft->counters[i];
		u64 portion;

		if (!counts(soft, i)) {
			counter->due = 0;
			continue;
		}
		counter->due = min(counter->due + rate * elapsed, 10 * NSEC_PER_SEC * rate);
		portion = portion_due(soft, counter);
		if (portion)
			advance(soft, i, portion);
	}
	raw_spin_unlock_irqrestore(&soft->lock, flags);
}

static void on_tick(struct work_struct *work)
{
	struct soft_cspmu *soft = container_of(to_delayed_work(work), struct soft_cspmu, tick);

	mutex_lock(&soft->mutex);
	if (soft->present) {
		/* An overflow whose interrupt was not handled yet comes first. */
		if (!interrupt(soft))
			tick(soft);
		interrupt(soft);
		queue_delayed_work(cspmu_wq, &soft->tick, msecs_to_jiffies(TICK_MS));
	}
	mutex_unlock(&soft->mutex);
}

/* Without any effect on the device; the errors are those of PAIMON_SOFT_CSPMU_REGISTER. */
int soft_cspmu_register(struct paimon_soft_cspmu_register *call)
{
	struct soft_cspmu *soft = find(call->device);
	unsigned long flags;
	int ret;

	if (!soft)
		return -EINVAL;
	raw_spin_lock_irqsave(&soft->lock, flags);
	ret = register_value(soft, call->offset, &call->value);
	raw_spin_unlock_irqrestore(&soft->lock, flags);
	return ret;
}

int soft_cspmu_fault(const struct paimon_soft_cspmu_fault *call)
{
	struct soft_cspmu *soft = find(call->device);
	unsigned long flags;

	if (!soft)
		return -EINVAL;
	raw_spin_lock_irqsave(&soft->lock, flags);
	soft->torn = call->torn;
	soft->failing = call->failing;
	raw_spin_unlock_irqrestore(&soft->lock, flags);
	return 0;
}

/* The registers as they are when the device gets power. */
static void reset(struct soft_cspmu *soft)
{
	memset(soft->counters, 0, sizeof(soft->counters));
	soft->counters[PAIMON_CSPMU_CYCLE_COUNTER].event = PAIMON_SOFT_CSPMU_CYCLES;
	soft->enabled = soft->interrupting = soft->overflowed = soft->control = 0;
	soft->torn = soft->failing = 0;
}

/* Under the mutex. */
static int plug_in(struct soft_cspmu *soft)
{
	const struct paimon_cspmu_device device = {
		.name = soft->name,
		.socket = soft->socket,
		.registers = &soft_cspmu_registers,
		.context = soft,
	};
	struct paimon_cspmu *cspmu;

	reset(soft);
	cspmu = paimon_cspmu_register(&device);
	if (IS_ERR(cspmu))
		return PTR_ERR(cspmu);
	soft->cspmu = cspmu;
	soft->present = true;
	if (rate) {
		soft->ticked_ns = ktime_get_ns();
		queue_delayed_work(cspmu_wq, &soft->tick, msecs_to_jiffies(TICK_MS));
	}
	return 0;
}

/* Under the mutex, which a tick that runs may wait for: it finds the device gone. */
static int plug_out(struct soft_cspmu *soft)
{
	int ret = paimon_cspmu_unregister(soft->cspmu);

	if (!ret)
		soft->present = false;
	return ret;
}

/* The errors are those of PAIMON_SOFT_CSPMU_PLUG, or why it cannot be registered. */
int soft_cspmu_plug(const struct paimon_soft_cspmu_plug *call)
{
	struct soft_cspmu *soft = find(call->device);
	int ret;

	if (!soft || call->present > 1)
		return -EINVAL;
	mutex_lock(&soft->mutex);
	if (soft->present == call->present)
		ret = -EALREADY;
	else
		ret = call->present ? plug_in(soft) : plug_out(soft);
	mutex_unlock(&soft->mutex);
	return ret;
}

/* Maps the record of the device that the offset says: one page, only to be read. */
int soft_cspmu_mmap(struct vm_area_struct *vma)
{
	if (vma->vm_pgoff >= nr_cspmus || vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	paimon_never_write(vma);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(cspmus[vma->vm_pgoff].record));
}

/* Makes the devices; nothing has them until soft_cspmu_start(). */
int soft_cspmu_init(const struct soft_cspmu_parameters *parameters)
{
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct paimon_soft_cspmu_record) > PAGE_SIZE);
	nr_counters = parameters->counters;
	width = parameters->width;
	rate = parameters->rate;
	if (!parameters->devices)
		return 0;
	cspmu_wq = alloc_workqueue("paimon_soft_cspmu", WQ_UNBOUND, 0);
	cspmus = kcalloc(parameters->devices, sizeof(*cspmus), GFP_KERNEL);
	if (!cspmu_wq || !cspmus)
		goto err;
	for (i = 0; i < parameters->devices; i++) {
		struct soft_cspmu *soft = &cspmus[i];

		soft->record = (void *)get_zeroed_page(GFP_KERNEL);
		if (!soft->record)
			goto err;
		nr_cspmus++;
		soft->record->size = sizeof(*soft->record);
		soft->pmiidr = parameters->pmiidr[i];
		soft->pidr_only = parameters->pidr_only;
		soft->socket = parameters->socket[i];
		snprintf(soft->name, sizeof(soft->name), "soft%u", i % PAIMON_SOFT_MAX_CSPMU);
		mutex_init(&soft->mutex);
		raw_spin_lock_init(&soft->lock);
		INIT_DELAYED_WORK(&soft->tick, on_tick);
		prandom_seed_state(&soft->dice, parameters->seed + i);
	}
	return 0;

err:
	soft_cspmu_exit();
	return -ENOMEM;
}

/* Plugs all devices in: from now on there may be events. A device that cannot be registered
 * stays out, and can be plugged in later. */
void soft_cspmu_start(void)
{
	unsigned int i;

	for (i = 0; i < nr_cspmus; i++) {
		struct soft_cspmu *soft = &cspmus[i];
		int ret;

		mutex_lock(&soft->mutex);
		ret = plug_in(soft);
		mutex_unlock(&soft->mutex);
		if (ret)
			pr_err("%s: no system PMU (error %d): see the lines above\n", soft->name,
			       ret);
	}
}

/* Called from the exit of the module, when no event can exist any more, and no file. */
void soft_cspmu_stop(void)
{
	unsigned int i;

	for (i = 0; i < nr_cspmus; i++) {
		struct soft_cspmu *soft = &cspmus[i];

		mutex_lock(&soft->mutex);
		if (soft->present)
			WARN_ON(plug_out(soft));
		mutex_unlock(&soft->mutex);
		cancel_delayed_work_sync(&soft->tick);
	}
}

/* After soft_cspmu_stop(), or where the init failed. */
void soft_cspmu_exit(void)
{
	while (nr_cspmus)
		free_page((unsigned long)cspmus[--nr_cspmus].record);
	kfree(cspmus);
	cspmus = NULL;
	if (cspmu_wq)
		destroy_workqueue(cspmu_wq);
}

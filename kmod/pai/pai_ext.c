// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_pai.ko, the PMU pai_ext: NNPA counters as perf events, like the driver of IBM z, with
 * counters that a provider supplies (pai_ext.h). "aN" names the invariant for which a
 * line is needed.
 *
 * Each CPU has a control block and a block of counters. They are in force while at
 * least one event runs on the CPU (a17). A counting event takes the difference of two
 * readings. The sampling event of a CPU takes the difference to a copy of the
 * counters, made at the last sample. The counters never decrease while there are
 * events, so a reading is correct at any time (a20).
 *
 * Contexts:
 *	event_init, destroy	process context; mode and number of events of a CPU,
 *				and whether sched_switch is probed, under pai_lock
 *	add, del, start, stop,	on the CPU of the event with interrupts off: they
 *	read, sched_switch	alone touch counters, their copy, control block, running
 *				and sampler of a CPU, which hence need no lock
 *	read			also from an NMI there, within any of them
 * When a CPU goes offline, perf removes its events through del; the events
 * themselves, and with them the mode, stay until they are closed.
 *
 * Scheduling out is observed at the tracepoint sched_switch and not with a sched_task
 * callback: perf_sched_cb_inc() is not exported to modules, and perf does not call the
 * callbacks of a CPU's events for tasks that have their own events, so that the counts
 * of such a task would be attributed to the next one.
 *
 * Locking order: pai_registration, perf's own, pai_lock, those of tracepoints.
 *
 * Lifetime: an event pins the provider's module (pmu.module), which pins this module
 * because it uses its functions. So no event outlives the data below.
 */
#include "pai_ext.h"

#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include <paimon/nnpa.h>
#include <paimon/record.h>

#include "compat.h"
#include "trace.h"

#define PMU_NAME "pai_ext"

struct pai_cpu {
	/* Aligned to its size, like the control block. */
	u64 counters[PAIMON_PAI_BLOCK] __aligned(sizeof(u64[PAIMON_PAI_BLOCK]));
	u64 sampled[PAIMON_PAI_BLOCK]; /* the part that samples have reported (a15)
					*/
	struct paimon_pai_control control;
	struct paimon_pai_record records[PAIMON_PAI_MAX_COUNTERS]; /* of the sample being taken */
	struct perf_event *sampler;				   /* while it runs */
	unsigned int running;					   /* events that run */
	unsigned int events;					   /* that exist */
	enum paimon_pai_mode mode;				   /* what they are for (a10) */
};

static DEFINE_MUTEX(pai_registration); /* provider, and everything that exists with it */
static DEFINE_MUTEX(pai_lock);	       /* events and mode of CPUs, samplers */
static const struct paimon_pai_provider *provider;
static struct pai_cpu __percpu *pai_cpus;
static struct pmu pai_pmu;
static unsigned int samplers; /* sampling events that exist */

/* hw.idx: is the event on its CPU? */
enum {
	PAI_NOT_ADDED = -1,
	PAI_ADDED = 0,
};

/* Not exported to modules (compat.h); NULL: no sampling. The call is a static call, because a
 * function without indirect callers may have no ENDBR instruction, which an indirect call needs
 * (IBT). */
DEFINE_STATIC_CALL_NULL(pai_overflow, perf_event_overflow);
static struct tracepoint *sched_switch;

/* For NNPA_ALL the sum of all counters, without number 0 (a12); otherwise one counter. */
static u64 pai_count(const struct perf_event *event)
{
	const u64 *counters = this_cpu_ptr(pai_cpus)->counters;
	unsigned int number = event->attr.config - PAIMON_NNPA_BASE;
	u64 sum = 0;

	if (number != PAIMON_NNPA_ALL)
		return counters[number];
	for (number = 1; number <= provider->counters; number++)
		sum += counters[number];
	return sum;
}

/* Correct even if a reading from an NMI, for example by BPF, interrupts it (a20). */
static void pai_update(struct perf_event *event)
{
	u64 now = pai_count(event);

	local64_add(now - local64_xchg(&event->hw.prev_count, now), &event->count);
}

static void pai_read(struct perf_event *event)
{
	if (!(event->hw.state & PERF_HES_STOPPED))
		pai_update(event);
}

/*
 * perf's tick also calls this for an event that was throttled, even if it runs or is not
 * added. So everything in here is idempotent. The counts of a sampling event since it was
 * stopped are part of its next sample.
 */
static void pai_start(struct perf_event *event, int flags)
{
	if (event->hw.idx == PAI_NOT_ADDED)
		return;
	if (event->hw.state & PERF_HES_STOPPED && !is_sampling_event(event))
		local64_set(&event->hw.prev_count, pai_count(event));
	/* A reading from an NMI that finds it running takes the difference to that (a22). */
	barrier();
	event->hw.state = 0;
}

static void pai_stop(struct perf_event *event, int flags)
{
	pai_read(event);
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int pai_add(struct perf_event *event, int flags)
{
	struct pai_cpu *cpu = this_cpu_ptr(pai_cpus);

	if (!cpu->running++) {
		cpu->control.counters = (uintptr_t)cpu->counters | PAIMON_PAI_VALID;
		provider->set_control(&cpu->control);
	}
	event->hw.idx = PAI_ADDED;
	if (is_sampling_event(event))
		cpu->sampler = event;
	if (flags & PERF_EF_START)
		pai_start(event, PERF_EF_RELOAD);
	return 0;
}

static void pai_del(struct perf_event *event, int flags)
{
	struct pai_cpu *cpu = this_cpu_ptr(pai_cpus);

	pai_stop(event, PERF_EF_UPDATE);
	event->hw.idx = PAI_NOT_ADDED;
	if (is_sampling_event(event))
		cpu->sampler = NULL; /* no sample from here on (a14) */
	if (!--cpu->running) {
		provider->set_control(NULL);
		cpu->control.counters = 0;
	}
}

/* Takes a sample of the increases of this CPU's counters, if there are any (a13). */
static void pai_sample(struct pai_cpu *cpu, struct perf_event *event)
{
	struct perf_raw_record raw = {};
	struct perf_sample_data data;
	struct pt_regs regs = {}; /* a sample has no instruction pointer */
	unsigned int number;
	u32 nr = 0;

	for (number = 1; number <= provider->counters; number++) {
		u64 value = cpu->counters[number] - cpu->sampled[number];

		if (!value)
			continue;
		cpu->records[nr++] = (struct paimon_pai_record){.number = number, .value = value};
		cpu->sampled[number] += value;
	}
	if (!nr)
		return;
	pai_update(event);

	paimon_fire(pai_sample, nr, cpu->records);
	perf_sample_data_init(&data, 0, event->hw.last_period);
	raw.frag.size = nr * sizeof(*cpu->records);
	raw.frag.data = cpu->records;
	paimon_save_raw_data(&data, event, &raw);
	/* Throttled, or the event limit is reached: perf relies on the event being stopped.
	 * The counters continue, so the next sample includes the counts until then. */
	if (static_call(pai_overflow)(event, &data, &regs))
		pai_stop(event, 0);
	perf_event_update_userpage(event);
}

/* Called under the run queue lock, in the task that is scheduled out. */
static void pai_sched_switch(void *unused, bool preempt, struct task_struct *prev,
			     struct task_struct *next, unsigned int prev_state)
{
	struct pai_cpu *cpu = this_cpu_ptr(pai_cpus);
	struct perf_event *event = cpu->sampler;

	if (event && !(event->hw.state & PERF_HES_STOPPED))
		pai_sample(cpu, event);
}

/* The first sampling event registers the probe of sched_switch, the last one removes it. */
static int pai_get_sampling(void)
{
	int ret = 0;

	check_trace_callback_type_sched_switch(pai_sched_switch);
	if (!sched_switch)
		return -EOPNOTSUPP;
	if (!samplers)
		ret = tracepoint_probe_register(sched_switch, pai_sched_switch, NULL);
	if (!ret)
		samplers++;
	return ret;
}

static void pai_put_sampling(void)
{
	/* A probe that still runs finds no sampler. */
	if (!--samplers)
		tracepoint_probe_unregister(sched_switch, pai_sched_switch, NULL);
}

static void pai_set_mode(struct pai_cpu *cpu, int nr, enum paimon_pai_mode mode)
{
	cpu->mode = mode;
	paimon_fire(pai_mode, nr, mode);
}

static void pai_destroy(struct perf_event *event)
{
	struct pai_cpu *cpu = per_cpu_ptr(pai_cpus, event->cpu);

	mutex_lock(&pai_lock);
	if (is_sampling_event(event))
		pai_put_sampling();
	if (!--cpu->events)
		pai_set_mode(cpu, event->cpu, PAIMON_PAI_NONE);
	mutex_unlock(&pai_lock);
}

/* Reserves the CPU for the event: any number of counting events, or one sampling event (a6 to
 * a9). No effect on failure (a11). */
static int pai_reserve(struct perf_event *event)
{
	struct pai_cpu *cpu = per_cpu_ptr(pai_cpus, event->cpu);
	bool sampling = is_sampling_event(event);
	int ret = 0;

	mutex_lock(&pai_lock);
	if (cpu->events && (sampling || cpu->mode == PAIMON_PAI_SAMPLING))
		ret = -EBUSY;
	else if (sampling)
		ret = pai_get_sampling();
	if (!ret && !cpu->events++) {
		/* No event ran, so the block is not in force: its values are those of earlier
		 * events. */
		memset(cpu->counters, 0, sizeof(cpu->counters));
		memset(cpu->sampled, 0, sizeof(cpu->sampled));
		pai_set_mode(cpu, event->cpu, sampling ? PAIMON_PAI_SAMPLING : PAIMON_PAI_COUNTING);
	}
	mutex_unlock(&pai_lock);
	return ret;
}

/* The checks are in the same order as in the driver of IBM z (a1 to a5). */
static int pai_event_init(struct perf_event *event)
{
	struct perf_event_attr *attr = &event->attr;
	int ret;

	/* Raw events are the processor's. Where it has no PMU for them, perf asks all PMUs. */
	if (attr->type != event->pmu->type &&
	    !(IS_ENABLED(CONFIG_S390) && attr->type == PERF_TYPE_RAW))
		return -ENOENT;
	if (attr->config < PAIMON_NNPA_BASE || attr->config > PAIMON_NNPA_BASE + provider->counters)
		return -EINVAL;
	/* perf knows no more of a CPU here than that there might be one of its number. */
	if (event->hw.target || event->cpu < 0 || !cpu_possible(event->cpu))
		return -ENOENT;
	if (is_sampling_event(event) && attr->config != PAIMON_NNPA_BASE + PAIMON_NNPA_ALL)
		return -EINVAL;
	if (attr->exclude_user)
		return -EINVAL;
	ret = pai_reserve(event);
	if (ret)
		return ret;
	event->destroy = pai_destroy;
	local64_set(&event->hw.prev_count, 0);
	event->hw.idx = PAI_NOT_ADDED;
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (is_sampling_event(event)) {
		/* One sample per context switch, regardless of the requested period (a16). */
		attr->sample_period = 1;
		attr->freq = 0;
		attr->inherit = 0;
		attr->sample_type |= PERF_SAMPLE_RAW;
		event->hw.sample_period = 1;
		event->hw.last_period = 1;
		local64_set(&event->hw.period_left, 1);
	}
	return 0;
}

/* PERF_EVENT_IOC_PERIOD (a16). */
static int pai_check_period(struct perf_event *event, u64 value)
{
	return value == 1 ? 0 : -EINVAL;
}

PMU_FORMAT_ATTR(event, "config:0-63");

static struct attribute *format_attrs[] = {
	&format_attr_event.attr,
	NULL,
};

static const struct attribute_group format_group = {
	.name = "format",
	.attrs = format_attrs,
};

/* Shows that this module provides the PMU, and names the tracepoint of its samples. */
static ssize_t sample_tracepoint_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "paimon:paimon_pai_sample\n");
}
static DEVICE_ATTR_RO(sample_tracepoint);

static struct attribute *caps_attrs[] = {
	&dev_attr_sample_tracepoint.attr,
	NULL,
};

static const struct attribute_group caps_group = {
	.name = "caps",
	.attrs = caps_attrs,
};

static const char *const counter_names[] = {PAIMON_NNPA_NAMES};
static struct perf_pmu_events_attr counter_attrs[ARRAY_SIZE(counter_names)];
static struct attribute *event_attrs[ARRAY_SIZE(counter_names) + 1];

static ssize_t counter_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "event=0x%llx\n",
			  container_of(attr, struct perf_pmu_events_attr, attr)->id);
}

static umode_t counter_visible(struct kobject *kobj, struct attribute *attr, int number)
{
	return number <= provider->counters ? attr->mode : 0;
}

static const struct attribute_group events_group = {
	.name = "events",
	.attrs = event_attrs,
	.is_visible = counter_visible,
};

static const struct attribute_group *attr_groups[] = {
	&format_group,
	&events_group,
	&caps_group,
	NULL,
};

static void name_counters(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counter_names); i++) {
		struct device_attribute *attr = &counter_attrs[i].attr;

		sysfs_attr_init(&attr->attr);
		attr->attr.name = counter_names[i];
		attr->attr.mode = 0444;
		attr->show = counter_show;
		counter_attrs[i].id = PAIMON_NNPA_BASE + i;
		event_attrs[i] = &attr->attr;
	}
}

/* Looks up what sampling needs; without it the PMU only counts, and logs this. */
static void find_sampling(void)
{
	void *overflow = paimon_find_function("perf_event_overflow");

	sched_switch = IS_ERR(overflow) ? NULL : paimon_find_sched_switch();
	if (sched_switch)
		static_call_update(pai_overflow, overflow);
	else
		pr_warn("paimon_pai: " PMU_NAME
			" counts but does not sample: cannot find %s (error %d)\n",
			IS_ERR(overflow) ? "perf_event_overflow" : "sched_switch",
			PTR_ERR_OR_ZERO(overflow) ?: -ENOENT);
}

static int pai_register(const struct paimon_pai_provider *new)
{
	int ret;

	if (provider)
		return -EEXIST;
	ret = paimon_check_pmu_name(PMU_NAME);
	if (ret)
		return ret;
	pai_cpus = alloc_percpu(struct pai_cpu);
	if (!pai_cpus)
		return -ENOMEM;
	find_sampling();
	name_counters();
	pai_pmu = (struct pmu){
		.module = new->owner,
		.task_ctx_nr = perf_invalid_context,
		.attr_groups = attr_groups,
		.event_init = pai_event_init,
		.check_period = pai_check_period,
		.add = pai_add,
		.del = pai_del,
		.start = pai_start,
		.stop = pai_stop,
		.read = pai_read,
	};
	provider = new;
	ret = perf_pmu_register(&pai_pmu, PMU_NAME, -1);
	if (ret) {
		provider = NULL;
		free_percpu(pai_cpus);
	}
	return ret;
}

/*
 * Registers the PMU with the counters of a provider. -ENODEV: it has no counters (a18);
 * -EEXIST: the kernel has a PMU with this name, or there is another provider. Events may
 * exist before this returns, so nothing after it may fail in the init of a module (a19).
 */
int paimon_pai_register(const struct paimon_pai_provider *new)
{
	int ret;

	if (!new->counters)
		return -ENODEV;
	/* The highest number must be in the counter block. */
	if (new->counters > PAIMON_PAI_MAX_COUNTERS || !new->set_control)
		return -EINVAL;
	mutex_lock(&pai_registration);
	ret = pai_register(new);
	mutex_unlock(&pai_registration);
	return ret;
}
EXPORT_SYMBOL_GPL(paimon_pai_register);

/* Called from the exit of the provider's module, when no event can exist any more. */
void paimon_pai_unregister(const struct paimon_pai_provider *old)
{
	mutex_lock(&pai_registration);
	if (provider == old) {
		perf_pmu_unregister(&pai_pmu);
		/* Wait until no probe of sched_switch can look for a sampler. */
		tracepoint_synchronize_unregister();
		provider = NULL;
		free_percpu(pai_cpus);
	}
	mutex_unlock(&pai_registration);
}
EXPORT_SYMBOL_GPL(paimon_pai_unregister);

MODULE_DESCRIPTION("PMU pai_ext of paimon");
MODULE_VERSION(PAIMON_VERSION);
MODULE_LICENSE("GPL");

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon_cspmu.ko, between its files:
 *
 *	core.c		devices, backends, which of the two belong together, lifetimes, hot-plug,
 *			the class paimon_cspmu
 *	pmu.c		the perf PMU of a device that is bound: events, configuration, sysfs
 *	counters.c	its counters: what reads, starts, stops and accounts them
 *
 * The interface for drivers and backends is <paimon/cspmu.h>.
 */
#ifndef PAIMON_CSPMU_CORE_H
#define PAIMON_CSPMU_CORE_H

#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include <paimon/cspmu.h>

#include "drv_config/drv_config.h"

/* Longest name of a PMU, with its NUL. */
#define CSPMU_NAME_LEN 64

/*
 * Of a device, under the lock of core.c. While it is MOVING, one function registers or removes
 * its PMU without the lock, and the others wait.
 */
enum cspmu_state {
	CSPMU_WAITING, /* for a backend */
	CSPMU_MOVING,
	CSPMU_BOUND,
	CSPMU_FAILED, /* has no PMU: it could not be registered */
};

struct cspmu;

/* The PMU of a device, from its binding to its release. */
struct cspmu_pmu {
	struct pmu pmu;
	struct cspmu *cspmu;
	const struct paimon_cspmu_impl *impl;
	char name[CSPMU_NAME_LEN];
	/* Under the lock of core.c; a true dead is also seen without. */
	unsigned int events; /* that exist */
	bool dead;	     /* accepts no more events */
	struct attribute_group events_group;
	struct attribute_group format_group;
	const struct attribute_group *groups[4];
};

/* A configuration, from validate to free. */
struct cspmu_config {
	struct paimon_cspmu_config values;
	void *object;
	const struct paimon_cspmu_impl *impl;
};

/* perf_event.pmu_private */
struct cspmu_event {
	struct paimon_cspmu_event face;
	struct perf_event *event;
	struct cspmu_pmu *pmu;
	struct cspmu_config *config;  /* in force; face has a copy */
	struct paimon_drv_event live; /* listed, if the backend can configure it */
	/* Under cspmu.lock: */
	u64 previous; /* value of the counter that the count includes */
	bool added;
	bool pending; /* stopped, and the rest of the count is still in the counter */
	bool rearm;   /* runs, and the counter is not back at half its range yet */
};

struct cspmu {
	struct paimon_cspmu face;
	struct device dev; /* of the class */
	const struct paimon_cspmu_registers *registers;
	void *context;

	/* Under the lock of core.c: */
	struct list_head entry;
	enum cspmu_state state;
	const struct paimon_cspmu_impl *impl; /* while MOVING, BOUND or FAILED */
	struct cspmu_pmu *pmu;		      /* while BOUND */
	char waits_for[MODULE_NAME_LEN];      /* while WAITING */

	/* Written with CPU hot-plug held off, or by it: */
	struct hlist_node node;
	struct cpumask cpus;
	unsigned int cpu;	   /* that has the events; nr_cpu_ids: none */
	struct cspmu_pmu *visible; /* whose events move with cpu */

	/* Registers, and what perf's callbacks share: with interrupts off. */
	raw_spinlock_t lock;
	int locked_by; /* CPU, or -1 */
	struct cspmu_event *counters[PAIMON_CSPMU_MAX_COUNTERS];
	struct hrtimer retry;
	u64 retry_ns;		  /* from now, when it is started next */
	struct irq_work overflow; /* from an access to the registers */
	call_single_data_t call;  /* from another CPU */
	atomic_t called;	  /* is it on its way? */
	atomic64_t read_errors;
};

static inline struct cspmu *cspmu_of(const struct paimon_cspmu *face)
{
	return container_of(face, struct cspmu, face);
}

static inline struct cspmu_event *event_of(const struct perf_event *event)
{
	return event->pmu_private;
}

static inline bool is_cycles(const struct cspmu_event *event)
{
	return event->face.config == PAIMON_CSPMU_CYCLES;
}

/* Without the cycle counter. */
static inline unsigned int event_counters(const struct cspmu *cspmu)
{
	return cspmu->face.counters - cspmu->face.has_cycle_counter;
}

/* core.c */
int cspmu_get_event(struct cspmu_pmu *pmu);
void cspmu_put_event(struct cspmu_pmu *pmu);

/* pmu.c */
extern const struct paimon_cspmu_impl cspmu_generic;
struct cspmu_pmu *cspmu_pmu_new(struct cspmu *cspmu, const struct paimon_cspmu_impl *impl);
void cspmu_pmu_free(struct cspmu_pmu *pmu);

/* counters.c */
int cspmu_identify(struct cspmu *cspmu);
void cspmu_init_counters(struct cspmu *cspmu);
void cspmu_exit_counters(struct cspmu *cspmu);
void cspmu_enable(struct cspmu *cspmu, bool enable);
unsigned int cspmu_counters_used(struct cspmu *cspmu);
int cspmu_add(struct perf_event *perf_event, int flags);
void cspmu_del(struct perf_event *perf_event, int flags);
void cspmu_start(struct perf_event *perf_event, int flags);
void cspmu_stop(struct perf_event *perf_event, int flags);
void cspmu_read(struct perf_event *perf_event);
void cspmu_put_config(struct cspmu_event *event, struct cspmu_config *config);
void cspmu_replace_config(struct cspmu_event *event, struct cspmu_config *config);
void cspmu_end_counting(struct cspmu_event *event);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon_drv_config.ko: the live configuration of perf events, for the modules that have PMUs.
 * "eN" refers to the invariant with this number; the test with the same number checks it.
 *
 * A PMU lists each of its events that can be configured, from event_init to destroy, with
 * functions that validate, swap and free its configuration. An ioctl of /dev/paimon finds the
 * event by its descriptor.
 *
 * The events of a PMU, their configurations, and what a PMU decides by them (groups, what all
 * counters share) change under the lock only. It may be taken in event_init and destroy.
 */
#ifndef PAIMON_DRV_CONFIG_H
#define PAIMON_DRV_CONFIG_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/perf_event.h>

#include <paimon/uapi.h>

struct paimon_drv_event;

/* All with the lock held, except for free. */
struct paimon_drv_ops {
	/*
	 * Makes config1 to config3 a configuration for replace. It changes nothing (e2). 0 or a
	 * negative errno for the ioctl.
	 */
	int (*validate)(struct paimon_drv_event *event, const struct paimon_drv_config *values,
			void **ret_config);
	/*
	 * Puts *config in force, and *config becomes what was. Called with interrupts off, on the
	 * CPU of the event, or, if this is off, on another one. An event that runs goes on (e3).
	 */
	void (*replace)(struct paimon_drv_event *event, void **config);
	/* Writes what is in force to config1 to config3. */
	void (*get)(const struct paimon_drv_event *event, struct paimon_drv_config *ret_values);
	/* Frees what replace returned, without the lock. The event may be gone; its owner is not.
	 */
	void (*free)(void *config);
};

struct paimon_drv_event {
	struct list_head entry;
	struct perf_event *event;
	const struct paimon_drv_ops *ops;
	struct module *owner; /* of what the ops use; the event pins it */
	const char *pmu;      /* name, for the tracepoint */
};

void paimon_drv_config_lock(void);
void paimon_drv_config_unlock(void);

/* With the lock held. */
void paimon_drv_config_add(struct paimon_drv_event *event);
void paimon_drv_config_remove(struct paimon_drv_event *event);

#endif

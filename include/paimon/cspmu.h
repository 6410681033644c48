/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CoreSight PMU core, paimon_cspmu.ko, for modules of the kernel: for drivers, which
 * register devices, and for backends, which know what the counters of an implementer mean.
 * Installed for modules outside this tree. "bN" and "eN" refer to the invariants of these
 * numbers; the tests of the same numbers check them.
 *
 * A device is an accessor for the registers of one PMU (struct paimon_cspmu_device). It is
 * bound once: to the registered backend that matches its PMIIDR in most bits; else, if its
 * implementer is one whose backend the core knows by name, it waits for that module and has
 * no PMU until then (b1); else to the generic operations of the core. It is bound anew only
 * after it was removed, or after its backend was.
 *
 * Lifetime: a perf event pins the backend, the core, and the owner of the accessor (b5). So
 * the exit of a module finds no events. But an event does not pin a module whose init fails:
 * an init registers its device or backend last, and only the exit unregisters it. A driver of
 * several devices keeps those that it could register. A driver on a bus sets
 * suppress_bind_attrs, so that its remove() is part of the exit, too.
 *
 * Contexts: register and unregister may sleep, and are called without a lock that a callback
 * or the accessor takes. The accessor and the callbacks marked "atomic" are called with
 * interrupts off and a raw spinlock held: they neither sleep nor call back into perf or the
 * core, except for the functions below that say so. The other callbacks may sleep.
 */
#ifndef PAIMON_CSPMU_H
#define PAIMON_CSPMU_H

#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/types.h>

/* Offsets of registers. Those of counter N: type and filter at + 4 * N; the counter at + 8 * N
 * if the counters have more than 32 bits, low word first, else at + 4 * N. */
#define PAIMON_CSPMU_PMEVCNTR 0x000
#define PAIMON_CSPMU_PMEVTYPER 0x400
#define PAIMON_CSPMU_PMCCFILTR 0x47c
#define PAIMON_CSPMU_PMEVFILTR 0xa00
#define PAIMON_CSPMU_PMCNTENSET 0xc00
#define PAIMON_CSPMU_PMCNTENCLR 0xc20
#define PAIMON_CSPMU_PMINTENSET 0xc40
#define PAIMON_CSPMU_PMINTENCLR 0xc60
#define PAIMON_CSPMU_PMOVSCLR 0xc80
#define PAIMON_CSPMU_PMOVSSET 0xcc0
#define PAIMON_CSPMU_PMCFGR 0xe00
#define PAIMON_CSPMU_PMCR 0xe04
#define PAIMON_CSPMU_PMIIDR 0xe08
#define PAIMON_CSPMU_PMPIDR4 0xfd0
#define PAIMON_CSPMU_PMPIDR0 0xfe0 /* PMPIDR1 to PMPIDR3 follow */

/* PMCFGR: the number of counters minus 1, the cycle counter included; their bits minus 1; is
 * there a cycle counter? It has index 31, the others 0 and up. */
#define PAIMON_CSPMU_PMCFGR_N 0xffu
#define PAIMON_CSPMU_PMCFGR_SIZE 0x3f00u
#define PAIMON_CSPMU_PMCFGR_SIZE_SHIFT 8
#define PAIMON_CSPMU_PMCFGR_CC (1u << 14)

#define PAIMON_CSPMU_PMCR_E (1u << 0) /* counters that are enabled count */
#define PAIMON_CSPMU_PMCR_P (1u << 1) /* write: the counters become 0 */
#define PAIMON_CSPMU_PMCR_C (1u << 2) /* write: the cycle counter becomes 0 */

/* PMIIDR: who made it, a JEP106 number, and what it is. If it reads 0, the core makes it of
 * PMPIDR0 to PMPIDR4: part number, revision, modification, implementer. */
#define PAIMON_CSPMU_PMIIDR_IMPLEMENTER 0xfffu
#define PAIMON_CSPMU_PMIIDR_PRODUCT 0xfff00000u
#define PAIMON_CSPMU_PMIIDR_PRODUCT_SHIFT 20
#define PAIMON_CSPMU_NVIDIA 0x36bu

#define PAIMON_CSPMU_MAX_COUNTERS 32
#define PAIMON_CSPMU_CYCLE_COUNTER 31

/* config of a perf event that counts cycles; that of others is the number of the event. */
#define PAIMON_CSPMU_CYCLES (1ull << 32)

#define PAIMON_CSPMU_NO_SOCKET (-1)

/*
 * The accessor. All atomic, on any CPU, one at a time for a device. A read that fails returns
 * a negative errno: the count then stays as it is until a later read succeeds.
 */
struct paimon_cspmu_registers {
	struct module *owner;
	int (*read32)(void *context, u32 offset, u32 *ret_value);
	void (*write32)(void *context, u32 offset, u32 value);
	/* Optional: 64 bits in one access, which cannot tear. Without it, counters of more than
	 * 32 bits are read in halves until the high one is stable. */
	int (*read64)(void *context, u32 offset, u64 *ret_value);
};

/* What a driver registers; the core copies it. */
struct paimon_cspmu_device {
	const char *name;	    /* of /sys/class/paimon_cspmu/NAME; unique */
	struct device *parent;	    /* or NULL */
	int socket;		    /* an id, at least 0, or PAIMON_CSPMU_NO_SOCKET */
	const struct cpumask *cpus; /* that may count; NULL: all */
	const struct paimon_cspmu_registers *registers;
	void *context; /* for the accessor */
};

/* A registered device, as its driver and its backend see it: read only. */
struct paimon_cspmu {
	const char *name;
	int socket;
	u32 pmiidr;
	u32 pmcfgr;
	unsigned int counters; /* with the cycle counter, at most PAIMON_CSPMU_MAX_COUNTERS */
	unsigned int bits;     /* of a counter, 1 to 64 */
	bool has_cycle_counter;
	struct list_head events; /* struct paimon_cspmu_event.entry; for validate */
};

/* What can be configured while an event is open; the numbers are those of format/. */
struct paimon_cspmu_config {
	u64 config1;
	u64 config2;
	u64 config3;
};

/* A perf event, as its backend sees it: read only. */
struct paimon_cspmu_event {
	struct paimon_cspmu *cspmu;
	struct list_head entry;
	u64 config;			   /* as opened */
	struct paimon_cspmu_config values; /* in force: as opened, or as set since */
	void *object;			   /* in force: of validate, or NULL */
	int index;			   /* of its counter, while it has one; else -1 */
};

/*
 * A backend. What is NULL is done as the generic operations do it. It stays as it is from
 * paimon_cspmu_impl_register() to paimon_cspmu_impl_unregister().
 */
struct paimon_cspmu_impl {
	const char *name;     /* as sysfs shows it, such as "nvidia" */
	struct module *owner; /* THIS_MODULE */
	u32 pmiidr;	      /* it is for devices with PMIIDR & mask == pmiidr */
	u32 mask;	      /* not 0 */

	/* Writes the name of the PMU, a letter first, shorter than size; a negative errno: no
	 * PMU for this device. The core puts _ in place of what is no letter or digit of ASCII,
	 * as perf(1) needs it, and refuses a name that the kernel has already. */
	int (*pmu_name)(const struct paimon_cspmu *cspmu, char *ret_name, size_t size);
	/* Arrays of PAIMON_CSPMU_EVENT_ATTR() and PAIMON_CSPMU_FORMAT_ATTR() that end with NULL,
	 * constant, for events/ and format/. */
	struct attribute **(*event_attrs)(const struct paimon_cspmu *cspmu);
	struct attribute **(*format_attrs)(const struct paimon_cspmu *cspmu);
	/* Does this device have the event with this config? For events/ only. */
	bool (*is_visible)(const struct paimon_cspmu *cspmu, u64 config);

	/* Is this a perf event of the device? 0, or a negative errno for perf_event_open().
	 * values has been validated. */
	int (*validate_event)(const struct paimon_cspmu_event *event);

	/* The value of PMEVTYPER. Atomic. */
	u32 (*event_type)(const struct paimon_cspmu_event *event);
	/* Write the filter of a counter (index) or of the cycle counter, from values, while it
	 * is disabled; reset: the event gives the counter up. Atomic. */
	void (*set_ev_filter)(const struct paimon_cspmu_event *event);
	void (*set_cc_filter)(const struct paimon_cspmu_event *event);
	void (*reset_ev_filter)(const struct paimon_cspmu_event *event);

	/*
	 * Live configuration: all three or none; with none it is refused (e8), and values are as
	 * opened.
	 *
	 * validate: may the event have these values? Called for the first ones too, before the
	 * event is in the list of its device. It changes nothing; what it allocates for apply
	 * goes into ret_object, which may stay NULL. Returns 0, -EINVAL, -ENOMEM, or -EBUSY for
	 * what all counters share and another event of the list needs otherwise; the list and
	 * the values of the others stand still meanwhile.
	 * apply: writes what is in force (values and object of the event) to the device, before
	 * the counter is enabled: at each start. It replaces the calls of set_ev_filter and
	 * set_cc_filter; paimon_cspmu_apply_filter() does just these. Atomic.
	 * free: the object is no longer in force, or never was. Not called for NULL.
	 */
	int (*validate)(const struct paimon_cspmu_event *event,
			const struct paimon_cspmu_config *values, void **ret_object);
	void (*apply)(const struct paimon_cspmu_event *event);
	void (*free)(void *object);
};

/*
 * Registers a backend, and binds the devices that wait for it. -EEXIST: there is one for the
 * same value and mask (b9); -EINVAL: mask or owner is missing, the value has bits outside the
 * mask, or there are one or two of the three callbacks.
 */
int paimon_cspmu_impl_register(const struct paimon_cspmu_impl *impl);

/*
 * Removes the PMUs of its devices, which wait again (b6). 0, or -EBUSY: there are events, and
 * nothing has changed; never in the exit of the backend's module.
 */
int paimon_cspmu_impl_unregister(const struct paimon_cspmu_impl *impl);

/*
 * Registers a device, and its PMU unless it waits for a backend. A failure to register the PMU
 * is logged, and leaves the device without one. An ERR_PTR: -EEXIST, there is a device of this
 * name; -EINVAL; -ENOMEM; -ENODEV, it has no counters; or what reading its registers returned.
 */
struct paimon_cspmu *paimon_cspmu_register(const struct paimon_cspmu_device *device);

/*
 * Removes the device and its PMU; then the accessor is not called any more. 0, or -EBUSY: there
 * are events, and nothing has changed; never in the exit of the accessor's module.
 * paimon_cspmu_overflow() must not be running or follow.
 */
int paimon_cspmu_unregister(struct paimon_cspmu *cspmu);

/*
 * The device signals an overflow: from its interrupt handler or any other context except an
 * NMI, on any CPU, not under a lock that the accessor takes. The counters are looked after on
 * the CPU of the events; if this is another one, soon after. Where a counter cannot be read,
 * its overflow stays in PMOVSSET until it can.
 */
void paimon_cspmu_overflow(struct paimon_cspmu *cspmu);

/* For backends: registers beside those above; from atomic callbacks. */
int paimon_cspmu_read32(const struct paimon_cspmu *cspmu, u32 offset, u32 *ret_value);
void paimon_cspmu_write32(const struct paimon_cspmu *cspmu, u32 offset, u32 value);
void paimon_cspmu_apply_filter(const struct paimon_cspmu_event *event);

/* The other events of a device, in validate. */
#define paimon_cspmu_for_each_other(other, event)                  \
	list_for_each_entry(other, &(event)->cspmu->events, entry) \
		if ((other) != (event))

ssize_t paimon_cspmu_event_show(struct device *dev, struct device_attribute *attr, char *page);
ssize_t paimon_cspmu_format_show(struct device *dev, struct device_attribute *attr, char *page);

/* Elements of the arrays of attributes, such as
 * PAIMON_CSPMU_EVENT_ATTR(cycles, PAIMON_CSPMU_CYCLES),
 * PAIMON_CSPMU_FORMAT_ATTR(filter, "config1:0-31"). */
#define PAIMON_CSPMU_EVENT_ATTR(_name, _config) \
	PMU_EVENT_ATTR_ID(_name, paimon_cspmu_event_show, _config)
#define PAIMON_CSPMU_FORMAT_ATTR(_name, _bits)                                \
	(&((struct dev_ext_attribute[]){                                      \
		{.attr = __ATTR(_name, 0444, paimon_cspmu_format_show, NULL), \
		 .var = (void *)(_bits)}})[0]                                 \
		  .attr.attr)

#endif

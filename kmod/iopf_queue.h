/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The I/O page-fault queue of paimon.ko, for drivers of page-requesting
 * devices. "cN" names the rule of the same number that a test of the same
 * number holds it to.
 *
 * A driver embeds a struct paimon_iopf_device, initialises it once, adds it to
 * a queue and reports the page requests of the device in the order in which
 * they came. The queue collects the requests of a group, a worker handles them,
 * and the driver gets one response a group. All functions but
 * paimon_iopf_device_init() and paimon_iopf_queue_fail_alloc() may sleep.
 *
 * Ownership: the driver owns the device and the queue; both live until
 * paimon_iopf_queue_free() or, for a device, until
 * paimon_iopf_queue_remove_device() has returned. The queue owns copies of the
 * requests; what owner and cookie point to stays the driver's.
 */
#ifndef PAIMON_IOPF_QUEUE_H
#define PAIMON_IOPF_QUEUE_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <paimon/record.h>

struct paimon_iopf_device;
struct paimon_iopf_queue;

/* What a device can report; only page requests can be queued (c1). */
enum paimon_iopf_type {
	PAIMON_IOPF_UNRECOVERABLE = 1,
	PAIMON_IOPF_PAGE_REQUEST = 2,
};

struct paimon_iopf_fault {
	u32 type;    /* enum paimon_iopf_type */
	u32 flags;   /* enum paimon_iopf_flag */
	u32 perm;    /* enum paimon_iopf_perm */
	u32 pasid;   /* means nothing without PAIMON_IOPF_PASID_VALID */
	u32 grpid;   /* any but PAIMON_IOPF_ALL_GROUPS */
	u64 addr;    /* in the address space of the PASID; need not be page aligned */
	void *owner; /* told apart, never followed: requests of different owners never share a group
		      */
	void *cookie; /* the driver's; that of the closing request comes back in the response */
};

struct paimon_iopf_response {
	u32 pasid; /* 0 unless flags has PAIMON_IOPF_PASID_VALID */
	u32 grpid;
	u32 flags; /* PAIMON_IOPF_PASID_VALID: had one, and the device needs it back; or 0 (c7) */
	u32 code;  /* enum paimon_iopf_code */
	u32 nr;	   /* requests in the group */
	void *owner;
	void *cookie; /* of the request that closed the group */
};

/*
 * A device with neither get_mm nor handle has no handler (c20). One worker at a
 * time works on a group, different groups run at once.
 */
struct paimon_iopf_ops {
	/*
	 * The address space behind a request with a PASID, with a reference as of
	 * mmget_not_zero() that the queue drops, or NULL: the response is INVALID
	 * (c6). From a worker, once a fault, may sleep.
	 */
	struct mm_struct *(*get_mm)(struct paimon_iopf_device *dev,
				    const struct paimon_iopf_fault *fault);
	/*
	 * Optional, handles a fault instead of get_mm and the queue: returns an
	 * enum paimon_iopf_code or a negative errno, which makes the response
	 * FAILURE (c20). From a worker, may sleep.
	 */
	int (*handle)(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault);
	/*
	 * The one response of a group (c4). From a worker, for which the report that
	 * found no handler waits; may sleep, no lock of the queue is held. Must not
	 * flush, remove the device or free the queue.
	 */
	void (*respond)(struct paimon_iopf_device *dev,
			const struct paimon_iopf_response *response);
	/*
	 * Optional: nr requests of a group were dropped and will not be answered.
	 * fault is the group's first one; for PAIMON_IOPF_NOMEM the refused one,
	 * which is not among the nr. Under the device's lock: must not sleep, nor
	 * call any function of the queue.
	 */
	void (*discard)(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault,
			u32 nr, enum paimon_iopf_reason reason);
};

#define PAIMON_IOPF_BUCKETS 1024

/* All members are the queue's; read visited only while nothing is reported. */
struct paimon_iopf_device {
	const char *name;
	const struct paimon_iopf_ops *ops;
	struct paimon_iopf_queue *queue;
	struct list_head entry; /* in queue->devices */
	spinlock_t lock;
	unsigned long visited; /* groups that reports had to look at to find theirs (c18) */
	struct list_head open; /* groups whose closing request has not come, oldest first */
	struct hlist_head partial[PAIMON_IOPF_BUCKETS]; /* the same, by pasid, grpid and owner */
};

#define PAIMON_IOPF_QUEUE_IMMEDIATE (1u << 0) /* handle requests as they come (c15) */

void paimon_iopf_device_init(struct paimon_iopf_device *dev, const char *name,
			     const struct paimon_iopf_ops *ops);

struct paimon_iopf_queue *paimon_iopf_queue_alloc(const char *name, unsigned int flags);
void paimon_iopf_queue_free(struct paimon_iopf_queue *queue);

int paimon_iopf_queue_add_device(struct paimon_iopf_queue *queue, struct paimon_iopf_device *dev);
int paimon_iopf_queue_remove_device(struct paimon_iopf_queue *queue,
				    struct paimon_iopf_device *dev);

int paimon_iopf_report(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault);
int paimon_iopf_flush_device(struct paimon_iopf_device *dev);
int paimon_iopf_queue_discard_partial(struct paimon_iopf_queue *queue);
int paimon_iopf_discard_owner(struct paimon_iopf_device *dev, const void *owner);

void paimon_iopf_queue_fail_alloc(struct paimon_iopf_queue *queue, unsigned int nth);

#endif

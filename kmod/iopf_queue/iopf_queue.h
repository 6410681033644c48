/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The I/O page fault queue, paimon_iopf.ko, for drivers of page-requesting
 * devices. "cN" refers to the invariant with this number; the test with the same
 * number checks it.
 *
 * A driver embeds a struct paimon_iopf_device, initialises it once, adds it to
 * a queue and reports the page requests of the device in the order of their
 * arrival. The queue collects the requests of a group, a worker handles them,
 * and the driver gets one response per group. All functions except
 * paimon_iopf_device_init() and those of a debug build may sleep.
 *
 * Ownership: the driver owns the device and the queue. Both must exist until
 * paimon_iopf_queue_free() or, for a device, until
 * paimon_iopf_queue_remove_device() has returned. The queue owns copies of the
 * requests; the objects that owner and cookie point to belong to the driver.
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
	u32 type;     /* enum paimon_iopf_type */
	u32 flags;    /* enum paimon_iopf_flag */
	u32 perm;     /* enum paimon_iopf_perm */
	u32 pasid;    /* valid only with PAIMON_IOPF_PASID_VALID */
	u32 grpid;    /* any but PAIMON_IOPF_ALL_GROUPS */
	u64 addr;     /* in the address space of the PASID; need not be page aligned */
	void *owner;  /* compared, never dereferenced: requests of different owners never share a
		       * group
		       */
	void *cookie; /* for the driver; the response has that of the closing request */
};

struct paimon_iopf_response {
	u32 pasid; /* 0 unless flags has PAIMON_IOPF_PASID_VALID */
	u32 grpid;
	u32 flags; /* PAIMON_IOPF_PASID_VALID if there is one and the device needs it; or 0 (c7) */
	u32 code;  /* enum paimon_iopf_code */
	u32 nr;	   /* requests in the group */
	void *owner;
	void *cookie; /* of the request that closed the group */
};

/*
 * A device with neither get_mm nor handle has no handler (c20). One worker at a
 * time handles a group; different groups are handled concurrently.
 */
struct paimon_iopf_ops {
	/*
	 * Returns the address space of a request with a PASID, with a reference as from
	 * mmget_not_zero() that the queue drops; or NULL, and the response is INVALID
	 * (c6). Called from a worker, once per fault; may sleep.
	 */
	struct mm_struct *(*get_mm)(struct paimon_iopf_device *dev,
				    const struct paimon_iopf_fault *fault);
	/*
	 * Optional: handles a fault instead of get_mm and the queue. Returns an
	 * enum paimon_iopf_code, or a negative errno, which makes the response
	 * FAILURE (c20). Called from a worker; may sleep.
	 */
	int (*handle)(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault);
	/*
	 * Sends the one response of a group (c4). Called from a worker without locks of
	 * the queue; may sleep. A report that found no handler waits for this worker.
	 * Must not flush, remove the device or free the queue.
	 */
	void (*respond)(struct paimon_iopf_device *dev,
			const struct paimon_iopf_response *response);
	/*
	 * Optional: nr requests of a group were dropped and will not be answered.
	 * fault is the first request of the group; for PAIMON_IOPF_NOMEM it is the
	 * refused one, which is not included in nr. Called under the device's lock: must
	 * not sleep, nor call any function of the queue.
	 */
	void (*discard)(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault,
			u32 nr, enum paimon_iopf_reason reason);
};

#define PAIMON_IOPF_BUCKETS 1024

/* All members belong to the queue. */
struct paimon_iopf_device {
	const char *name;
	const struct paimon_iopf_ops *ops;
	struct paimon_iopf_queue *queue;
	struct list_head entry; /* in queue->devices */
	spinlock_t lock;
	struct list_head open; /* groups without their closing request, oldest first */
	struct hlist_head partial[PAIMON_IOPF_BUCKETS]; /* the same, by pasid, grpid and owner */
};

#define PAIMON_IOPF_QUEUE_IMMEDIATE (1u << 0) /* handle requests when they arrive (c15) */

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

/* For tests: only in a debug build (make PAIMON_DEBUG=1). */
void paimon_iopf_queue_fail_alloc(struct paimon_iopf_queue *queue, unsigned int nth);
unsigned long paimon_iopf_queue_visited(const struct paimon_iopf_queue *queue);

#endif

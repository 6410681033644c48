/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon_soft.ko, the software page-requesting endpoint and NNPA unit behind
 * /dev/paimon-soft (include/paimon/uapi.h):
 *
 *	main.c		module parameters, the misc device, load and unload
 *	file.c		one open file: ioctls, its queue of unread responses
 *	binding.c	PASIDs and the address spaces behind them
 *	endpoint.c	the devices: depth, counters, the queue of paimon_iopf.ko
 *	nnpa.c		the NNPA unit, whose counters the PMU of paimon_pai.ko reads
 *
 * Locking order: all locks here are spinlocks and innermost; none is held while
 * another one of them is taken, nor during a flush or sleep. soft_device.lock is
 * also taken under the lock of a queue's device (in discard).
 *
 * Lifetime: an open file pins the module. The PASIDs, requests and responses of
 * a file end with it: its release drops its open groups and then flushes. After that
 * only bindings refer to the file, and the release ends them. A perf event of pai_ext
 * pins the module too, because the module provides the counters of the PMU.
 */
#ifndef PAIMON_SOFT_H
#define PAIMON_SOFT_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <paimon/uapi.h>

#define SOFT_MAX_DEPTH 4096
#define SOFT_MAX_PASID 0xfffff

struct mm_struct;
struct soft_device;

struct soft_file {
	spinlock_t lock; /* protects replies */
	struct list_head replies;
	wait_queue_head_t wait;
	struct list_head bindings; /* protected by the lock of binding.c */
};

/* An unread response, or the memory for a future one. */
struct soft_reply {
	struct list_head entry;
	struct soft_device *device;
	struct paimon_soft_response record;
};

/* main.c */
extern const struct file_operations soft_fops; /* file.c */
extern bool soft_debug;

/* file.c */
void soft_file_reply(struct soft_file *file, struct soft_reply *reply);

/* binding.c */
int soft_bindings_init(void);
void soft_bindings_exit(void);
int soft_bind(struct soft_file *file, u32 *ret_pasid);
int soft_unbind(struct soft_file *file, u32 pasid);
void soft_unbind_all(struct soft_file *file);
struct mm_struct *soft_get_mm(const struct soft_file *file, u32 pasid);

/* endpoint.c */
int soft_endpoint_init(unsigned int devices, unsigned int depth, bool immediate);
void soft_endpoint_exit(void);
void soft_endpoint_info(struct paimon_soft_info *info);
int soft_endpoint_request(struct soft_file *file, const struct paimon_soft_request *request);
int soft_endpoint_stats(u32 device, struct paimon_soft_stats *ret_stats);
void soft_endpoint_fail_alloc(u32 nth);
void soft_endpoint_flush(void);
void soft_endpoint_discard(struct soft_file *file);
void soft_reply_free(struct soft_reply *reply);

/* nnpa.c */
void soft_nnpa_init(unsigned int counters);
void soft_nnpa_exit(void);
int soft_nnpa_execute(struct paimon_soft_nnpa *call);

#endif

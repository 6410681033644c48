/* SPDX-License-Identifier: GPL-2.0 */
/*
 * paimon_soft.ko, the software page-requesting endpoint, NNPA unit and system PMUs behind
 * /dev/paimon-soft (include/paimon/uapi.h):
 *
 *	main.c		module parameters, the misc device, load and unload
 *	file.c		one open file: ioctls, its queue of unread responses
 *	binding.c	PASIDs and the address spaces behind them
 *	endpoint.c	the devices: depth, counters, the queue of paimon_iopf.ko
 *	nnpa.c		the NNPA unit, whose counters the PMU of paimon_pai.ko reads
 *	cspmu.c		the system PMUs, whose registers paimon_cspmu.ko programs
 *
 * Locking order: all locks here but the mutex of cspmu.c, which describes it, are
 * spinlocks and innermost; none is held while another one of them is taken, nor during a
 * flush or sleep. soft_device.lock is
 * also taken under the lock of a queue's device (in discard).
 *
 * Lifetime: an open file pins the module. The PASIDs, requests and responses of
 * a file end with it: its release drops its open groups and then flushes. After that
 * only bindings refer to the file, and the release ends them. A perf event of pai_ext
 * pins the module too, because the module provides the counters of the PMU; so does one
 * of a system PMU, whose registers it provides.
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
struct vm_area_struct;
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

/* cspmu.c */
struct soft_cspmu_parameters {
	unsigned int devices;
	unsigned int counters; /* with the cycle counter */
	unsigned int width;    /* of a counter: 32 or 64 bits */
	u64 rate;	       /* events per second and counter; 0: by ioctl alone */
	u32 seed;
	bool pidr_only; /* no PMIIDR: what it would say is in PMPIDR alone */
	u32 pmiidr[PAIMON_SOFT_MAX_CSPMU];
	int socket[PAIMON_SOFT_MAX_CSPMU];
};

int soft_cspmu_init(const struct soft_cspmu_parameters *parameters);
void soft_cspmu_start(void);
void soft_cspmu_stop(void);
void soft_cspmu_exit(void);
int soft_cspmu_count(struct paimon_soft_cspmu_count *call);
int soft_cspmu_register(struct paimon_soft_cspmu_register *call);
int soft_cspmu_fault(const struct paimon_soft_cspmu_fault *call);
int soft_cspmu_plug(const struct paimon_soft_cspmu_plug *call);
int soft_cspmu_mmap(struct vm_area_struct *vma);

#endif

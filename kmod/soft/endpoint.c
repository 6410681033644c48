// SPDX-License-Identifier: GPL-2.0
/*
 * The page-requesting devices soft0, soft1 and so on, and their one fault queue.
 *
 * Owns the queue, and the counters and the depth of each device. A request uses one
 * place of the depth when it is taken. An answered group keeps one place for its
 * response until that is read. Called from ioctls and, as callbacks of the queue,
 * from its workers.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "iopf_queue/iopf_queue.h"
#include "soft.h"

struct soft_device {
	struct paimon_iopf_device iopf;
	char name[8];
	spinlock_t lock; /* protects stats; taken under the lock of iopf; innermost */
	struct paimon_soft_stats stats;
};

static struct paimon_iopf_queue *queue;
static struct soft_device *devices;
static unsigned int nr_devices, depth;
static bool immediate;

static struct soft_device *to_soft(struct paimon_iopf_device *dev)
{
	return container_of(dev, struct soft_device, iopf);
}

static struct mm_struct *endpoint_get_mm(struct paimon_iopf_device *dev,
					 const struct paimon_iopf_fault *fault)
{
	return soft_get_mm(fault->owner, fault->pasid);
}

/* Queues a response for its file; places: number that the group frees, without that of the
 * response. */
static void endpoint_reply(struct soft_file *file, struct soft_reply *reply, u32 places)
{
	struct soft_device *device = reply->device;

	spin_lock(&device->lock);
	device->stats.responses[reply->record.code]++;
	device->stats.outstanding -= places;
	spin_unlock(&device->lock);
	soft_file_reply(file, reply);
}

static void endpoint_respond(struct paimon_iopf_device *dev,
			     const struct paimon_iopf_response *response)
{
	struct soft_reply *reply = response->cookie;

	reply->record.pasid = response->pasid;
	reply->record.flags = response->flags;
	reply->record.code = response->code;
	reply->record.requests = response->nr;
	endpoint_reply(response->owner, reply, response->nr - 1);
}

static void endpoint_discard(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault,
			     u32 nr, enum paimon_iopf_reason reason)
{
	struct soft_device *device = to_soft(dev);

	spin_lock(&device->lock);
	device->stats.discarded[reason] += nr;
	device->stats.outstanding -= nr;
	spin_unlock(&device->lock);
	if (reason == PAIMON_IOPF_NOMEM) {
		struct soft_reply *reply = fault->cookie;

		reply->record.requests = nr; /* for endpoint_refused() */
	}
}

static const struct paimon_iopf_ops endpoint_ops = {
	.get_mm = endpoint_get_mm,
	.respond = endpoint_respond,
	.discard = endpoint_discard,
};

/* Uses a place for a request, if one is free. */
static bool endpoint_charge(struct soft_device *device)
{
	bool full;

	spin_lock(&device->lock);
	full = device->stats.outstanding >= depth;
	if (full)
		device->stats.overflows++;
	else
		device->stats.outstanding++;
	spin_unlock(&device->lock);
	return !full;
}

/*
 * The queue had no memory for a request. If the request closes its group, the device
 * waits for a response, which the endpoint must send (c8). The response keeps the
 * place of the request until it is read.
 */
static void endpoint_refused(struct soft_device *device, struct soft_file *file,
			     const struct paimon_iopf_fault *fault)
{
	struct soft_reply *reply = fault->cookie;

	spin_lock(&device->lock);
	device->stats.refused++;
	if (!reply)
		device->stats.outstanding--;
	spin_unlock(&device->lock);
	if (!reply)
		return;
	reply->record.code = PAIMON_IOPF_FAILURE;
	reply->record.requests++; /* in addition to the discarded ones */
	if (fault->flags & PAIMON_IOPF_PASID_VALID && fault->flags & PAIMON_IOPF_NEEDS_PASID) {
		reply->record.flags = PAIMON_IOPF_PASID_VALID;
		reply->record.pasid = fault->pasid;
	}
	endpoint_reply(file, reply, 0);
}

/* Takes one page request; the errors are those of PAIMON_SOFT_SUBMIT. */
int soft_endpoint_request(struct soft_file *file, const struct paimon_soft_request *request)
{
	struct paimon_iopf_fault fault = {
		.type = PAIMON_IOPF_PAGE_REQUEST,
		.flags = request->flags,
		.perm = request->perm,
		.pasid = request->pasid,
		.grpid = request->grpid,
		.addr = request->addr,
		.owner = file,
	};
	struct soft_device *device;
	struct soft_reply *reply;
	int ret;

	if (request->device >= nr_devices || request->perm & ~PAIMON_IOPF_PERM_ALL ||
	    request->flags & ~PAIMON_IOPF_FLAG_ALL || request->grpid == PAIMON_IOPF_ALL_GROUPS ||
	    request->reserved)
		return -EINVAL;
	device = &devices[request->device];

	if (request->flags & PAIMON_IOPF_LAST &&
	    !(request->perm & (PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE))) {
		spin_lock(&device->lock);
		device->stats.stop_markers++;
		spin_unlock(&device->lock);
		return 0;
	}
	if (!endpoint_charge(device)) {
		paimon_iopf_queue_discard_partial(queue);
		return -EOVERFLOW;
	}
	if (request->flags & PAIMON_IOPF_CLOSES) {
		/* Allocated before the request is taken, because sending a response
		 * must not fail, not even after -ENOMEM. */
		reply = kzalloc(sizeof(*reply), GFP_KERNEL | __GFP_NOFAIL);
		reply->device = device;
		reply->record.device = request->device;
		reply->record.grpid = request->grpid;
		fault.cookie = reply;
	}
	ret = paimon_iopf_report(&device->iopf, &fault);
	if (ret == -ENOMEM) {
		endpoint_refused(device, file, &fault);
	} else if (!ret) {
		spin_lock(&device->lock);
		device->stats.requests[request->perm & 7]++;
		spin_unlock(&device->lock);
	}
	return ret;
}

/* Frees a response, and its place, after it was read or with its file. */
void soft_reply_free(struct soft_reply *reply)
{
	struct soft_device *device = reply->device;

	spin_lock(&device->lock);
	device->stats.outstanding--;
	spin_unlock(&device->lock);
	kfree(reply);
}

void soft_endpoint_info(struct paimon_soft_info *info)
{
	info->flags = (immediate ? PAIMON_SOFT_IMMEDIATE : 0) |
		      (soft_debug ? PAIMON_SOFT_DEBUG : 0);
	info->devices = nr_devices;
	info->depth = depth;
}

int soft_endpoint_stats(u32 device, struct paimon_soft_stats *ret_stats)
{
	if (device >= nr_devices)
		return -EINVAL;
	spin_lock(&devices[device].lock);
	*ret_stats = devices[device].stats;
	spin_unlock(&devices[device].lock);
	ret_stats->size = sizeof(*ret_stats);
	ret_stats->device = device;
	return 0;
}

void soft_endpoint_fail_alloc(u32 nth)
{
	if (IS_ENABLED(PAIMON_DEBUG))
		paimon_iopf_queue_fail_alloc(queue, nth);
}

/* Waits for all devices, because they share a queue. */
void soft_endpoint_flush(void)
{
	paimon_iopf_flush_device(&devices[0].iopf);
}

void soft_endpoint_discard(struct soft_file *file)
{
	unsigned int i;

	for (i = 0; i < nr_devices; i++)
		paimon_iopf_discard_owner(&devices[i].iopf, file);
}

int soft_endpoint_init(unsigned int want_devices, unsigned int want_depth, bool want_immediate)
{
	unsigned int i;

	devices = kvcalloc(want_devices, sizeof(*devices), GFP_KERNEL);
	if (!devices)
		return -ENOMEM;
	queue = paimon_iopf_queue_alloc("soft", want_immediate ? PAIMON_IOPF_QUEUE_IMMEDIATE : 0);
	if (IS_ERR(queue)) {
		kvfree(devices);
		return PTR_ERR(queue);
	}
	for (i = 0; i < want_devices; i++) {
		struct soft_device *device = &devices[i];

		snprintf(device->name, sizeof(device->name), "soft%u", i % PAIMON_SOFT_MAX_DEVICES);
		spin_lock_init(&device->lock);
		paimon_iopf_device_init(&device->iopf, device->name, &endpoint_ops);
		/* Cannot fail, because the device is new. */
		WARN_ON(paimon_iopf_queue_add_device(queue, &device->iopf));
	}
	nr_devices = want_devices;
	depth = want_depth;
	immediate = want_immediate;
	return 0;
}

/* Called when no file is open: the queue is idle and has no partial groups. */
void soft_endpoint_exit(void)
{
	unsigned int i;

	soft_endpoint_flush();
	paimon_iopf_queue_discard_partial(queue);
	for (i = 0; i < nr_devices; i++)
		paimon_iopf_queue_remove_device(queue, &devices[i].iopf);
	paimon_iopf_queue_free(queue);
	/* A probe may still read the name of a device. */
	tracepoint_synchronize_unregister();
	kvfree(devices);
}

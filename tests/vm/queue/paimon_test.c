// SPDX-License-Identifier: GPL-2.0
/*
 * paimon_test.ko: holds the fault queue, paimon_iopf.ko of a debug build, to its rules,
 * from the side of a driver, with devices whose handler does what a test wants.
 *
 * Everything runs in module_init; each rule prints "ok cN" or "not ok cN - why"
 * to the kernel log. Rules that show only in a real address space (c6, c10, c19)
 * are in queue-test.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "iopf_queue/iopf_queue.h"

#define MAX_RECORDS 64
#define PASID 7
#define OWNER ((void *)1)

/* A device that writes down what it is asked. */
struct test_device {
	struct paimon_iopf_device iopf;
	spinlock_t lock;
	unsigned int nr_handled, nr_responses, nr_discarded;
	u64 handled[MAX_RECORDS];			    /* addresses, in order */
	struct paimon_iopf_response responses[MAX_RECORDS]; /* in order */
	u32 discarded_requests;
	u32 discarded_grpid; /* the latest */
	enum paimon_iopf_reason reason;
	u64 fails_at; /* address whose handling gives result */
	int result;
	u64 blocks_at;	       /* address whose handling waits until this is 0 */
	unsigned int nr_begun; /* handled, or waiting for that */
	bool discard_unblocks;
	bool blocks_response; /* until it is false */
	unsigned int nr_begun_responses;
	wait_queue_head_t unblocked;
};

static struct paimon_iopf_queue *queue, *eager;
static struct test_device *a, *b;
static bool failed; /* the test that runs */

static char *only = "";
module_param(only, charp, 0);
MODULE_PARM_DESC(only, "run this test alone");

/* Says what is wrong, once for each test. */
#define expect(rule, condition)                                                           \
	do {                                                                              \
		if (!(condition) && !failed) {                                            \
			pr_info("not ok %s - line %d: %s\n", rule, __LINE__, #condition); \
			failed = true;                                                    \
		}                                                                         \
	} while (0)

static void unblock(struct test_device *t)
{
	WRITE_ONCE(t->blocks_at, 0);
	WRITE_ONCE(t->blocks_response, false);
	wake_up_all(&t->unblocked);
}

static struct test_device *to_test(struct paimon_iopf_device *dev)
{
	return container_of(dev, struct test_device, iopf);
}

static int test_handle(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault)
{
	struct test_device *t = to_test(dev);

	spin_lock(&t->lock);
	t->nr_begun++;
	spin_unlock(&t->lock);
	wait_event(t->unblocked, READ_ONCE(t->blocks_at) != fault->addr);
	spin_lock(&t->lock);
	if (t->nr_handled < MAX_RECORDS)
		t->handled[t->nr_handled] = fault->addr;
	t->nr_handled++;
	spin_unlock(&t->lock);
	return t->fails_at && t->fails_at == fault->addr ? t->result : PAIMON_IOPF_SUCCESS;
}

static void test_respond(struct paimon_iopf_device *dev,
			 const struct paimon_iopf_response *response)
{
	struct test_device *t = to_test(dev);

	spin_lock(&t->lock);
	t->nr_begun_responses++;
	spin_unlock(&t->lock);
	wait_event(t->unblocked, !READ_ONCE(t->blocks_response));
	spin_lock(&t->lock);
	if (t->nr_responses < MAX_RECORDS)
		t->responses[t->nr_responses] = *response;
	t->nr_responses++;
	spin_unlock(&t->lock);
}

static void test_discard(struct paimon_iopf_device *dev, const struct paimon_iopf_fault *fault,
			 u32 nr, enum paimon_iopf_reason reason)
{
	struct test_device *t = to_test(dev);

	spin_lock(&t->lock);
	t->nr_discarded++;
	t->discarded_requests += nr;
	t->discarded_grpid = fault->grpid;
	t->reason = reason;
	spin_unlock(&t->lock);
	if (t->discard_unblocks)
		unblock(t);
}

static const struct paimon_iopf_ops test_ops = {
	.handle = test_handle,
	.respond = test_respond,
	.discard = test_discard,
};

static const struct paimon_iopf_ops no_handler_ops = {
	.respond = test_respond,
	.discard = test_discard,
};

static void reset(struct test_device *t, struct paimon_iopf_queue *q,
		  const struct paimon_iopf_ops *ops)
{
	if (t->iopf.queue)
		paimon_iopf_queue_remove_device(t->iopf.queue, &t->iopf);
	memset(t, 0, sizeof(*t));
	spin_lock_init(&t->lock);
	init_waitqueue_head(&t->unblocked);
	paimon_iopf_device_init(&t->iopf, t == a ? "test-a" : "test-b", ops);
	if (q)
		WARN_ON(paimon_iopf_queue_add_device(q, &t->iopf));
}

static int report_flags(struct test_device *t, u32 grpid, u64 addr, u32 flags)
{
	struct paimon_iopf_fault fault = {
		.type = PAIMON_IOPF_PAGE_REQUEST,
		.flags = flags,
		.perm = PAIMON_IOPF_PERM_READ,
		.pasid = PASID,
		.grpid = grpid,
		.addr = addr,
		.owner = OWNER,
	};

	return paimon_iopf_report(&t->iopf, &fault);
}

static int partial(struct test_device *t, u32 grpid, u64 addr)
{
	return report_flags(t, grpid, addr, PAIMON_IOPF_PASID_VALID);
}

static int last(struct test_device *t, u32 grpid, u64 addr)
{
	return report_flags(t, grpid, addr, PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_LAST);
}

static void flush(struct test_device *t)
{
	paimon_iopf_flush_device(&t->iopf);
}

/* Waits for a number to be reached; gives up after seconds, for a queue that
 * is broken. */
static bool reaches(const unsigned int *number, unsigned int value)
{
	int i;

	for (i = 0; i < 500 && READ_ONCE(*number) < value; i++)
		msleep(10);
	return READ_ONCE(*number) >= value;
}

static void test_c1(void)
{
	struct paimon_iopf_fault fault = {.type = PAIMON_IOPF_UNRECOVERABLE,
					  .owner = OWNER,
					  .flags = PAIMON_IOPF_LAST};

	expect("c1", paimon_iopf_report(&a->iopf, &fault) == -EOPNOTSUPP);
	reset(b, NULL, &test_ops);
	expect("c1", last(b, 1, 1) == -ENODEV);
	flush(a);
	expect("c1", !a->nr_handled && !a->nr_responses && !b->nr_responses);
}

static void test_c2(void)
{
	expect("c2", !partial(a, 1, 10) && !partial(a, 1, 11) && !partial(a, 2, 20));
	flush(a);
	expect("c2", !a->nr_handled && !a->nr_responses);
	expect("c2", !last(a, 1, 12));
	flush(a);
	expect("c2", a->nr_responses == 1 && a->responses[0].nr == 3);
}

static void test_c3(void)
{
	static const u64 order[] = {30, 31, 32, 33, 34};
	int i;

	for (i = 0; i < 4; i++) {
		partial(a, 3, 30 + i);
		partial(a, 4, 40 + i); /* of another group, in between */
	}
	last(a, 3, 34);
	flush(a);
	expect("c3", a->nr_handled == 5 && !memcmp(a->handled, order, sizeof(order)));
}

static void test_c4(void)
{
	partial(a, 1, 10);
	report_flags(a, 1, 11, PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_PRIV_DATA);
	last(a, 1, 12);
	last(a, 1, 13);
	flush(a);
	expect("c4", a->nr_responses == 3);
	expect("c4", a->responses[0].nr + a->responses[1].nr + a->responses[2].nr == 4);
	expect("c4", a->nr_handled == 4);
}

static void test_c5(void)
{
	a->fails_at = 11;
	a->result = PAIMON_IOPF_INVALID;
	partial(a, 1, 10);
	partial(a, 1, 11);
	partial(a, 1, 12);
	last(a, 1, 13);
	flush(a);
	expect("c5", a->nr_handled == 2 && a->nr_responses == 1);
	expect("c5", a->responses[0].code == PAIMON_IOPF_INVALID && a->responses[0].nr == 4);
}

static void test_c7(void)
{
	static const u32 wants = PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_NEEDS_PASID;
	u32 flags;

	for (flags = 0; flags <= PAIMON_IOPF_FLAG_ALL; flags++) {
		const struct paimon_iopf_response *r = &a->responses[a->nr_responses];
		bool carries = (flags & wants) == wants;

		if (!(flags & PAIMON_IOPF_CLOSES))
			continue;
		report_flags(a, flags, 10, flags);
		flush(a);
		expect("c7", r->grpid == flags);
		expect("c7", r->flags == (carries ? PAIMON_IOPF_PASID_VALID : 0));
		expect("c7", r->pasid == (carries ? PASID : 0));
	}
}

static void test_c8(void)
{
	partial(a, 1, 10);
	partial(a, 1, 11);
	partial(a, 2, 20);
	paimon_iopf_queue_fail_alloc(queue, 1);
	expect("c8", last(a, 1, 12) == -ENOMEM);
	flush(a);
	expect("c8", a->nr_discarded == 1 && a->discarded_requests == 2 &&
			     a->discarded_grpid == 1 && a->reason == PAIMON_IOPF_NOMEM);
	expect("c8", !a->nr_responses && !a->nr_handled);
	last(a, 2, 21);
	last(a, 1, 13); /* the number is free: a group of one */
	flush(a);
	expect("c8", a->nr_responses == 2);
	expect("c8", a->responses[0].nr + a->responses[1].nr == 3);
}

static void test_c9(void)
{
	partial(a, 1, 10);
	paimon_iopf_queue_fail_alloc(queue, 1);
	expect("c9", partial(a, 1, 11) == -ENOMEM);
	expect("c9", !partial(a, 1, 12) && !last(a, 1, 13));
	flush(a);
	expect("c9", !a->nr_discarded && a->nr_responses == 1 && a->responses[0].nr == 3);
}

static struct test_device *blocked; /* by unblock_soon() */

static void unblock_later(struct work_struct *work)
{
	unblock(blocked);
}
static DECLARE_DELAYED_WORK(unblock_work, unblock_later);

/* Lets a blocked handler go while the caller is waiting for it. */
static void unblock_soon(struct test_device *t)
{
	blocked = t;
	schedule_delayed_work(&unblock_work, HZ / 5);
}

static void test_c11(void)
{
	a->blocks_at = 10;
	last(a, 1, 10);
	last(a, 2, 20);
	unblock_soon(a);
	expect("c11", !paimon_iopf_flush_device(&a->iopf));
	expect("c11", a->nr_responses == 2);
	flush_delayed_work(&unblock_work);
	flush(a);
	reset(b, NULL, &test_ops);
	expect("c11", paimon_iopf_flush_device(&b->iopf) == -ENODEV);
}

static void test_c12(void)
{
	expect("c12", paimon_iopf_queue_discard_partial(NULL) == -EINVAL);
	a->blocks_at = 10;
	last(a, 1, 10);
	partial(a, 2, 20);
	partial(a, 2, 21);
	partial(b, 2, 20);
	expect("c12", !paimon_iopf_queue_discard_partial(queue));
	expect("c12", a->nr_discarded == 1 && a->discarded_requests == 2 &&
			      a->reason == PAIMON_IOPF_OVERFLOW);
	expect("c12", b->nr_discarded == 1 && b->discarded_requests == 1);
	last(a, 2, 22);
	unblock(a);
	flush(a);
	expect("c12", a->nr_responses == 2);
	expect("c12", a->responses[0].nr == 1 && a->responses[1].nr == 1);
}

static void test_c13(void)
{
	expect("c13", paimon_iopf_queue_add_device(queue, &a->iopf) == -EBUSY);
	expect("c13", paimon_iopf_queue_add_device(eager, &a->iopf) == -EBUSY);
	last(a, 1, 10);
	flush(a);
	expect("c13", a->nr_responses == 1);
}

static void test_c14(void)
{
	expect("c14", paimon_iopf_queue_remove_device(eager, &a->iopf) == -EINVAL);
	expect("c14", paimon_iopf_queue_remove_device(NULL, &a->iopf) == -EINVAL);
	partial(a, 1, 10);
	partial(a, 1, 11);
	partial(a, 2, 20);
	last(a, 3, 30);
	expect("c14", !paimon_iopf_queue_remove_device(queue, &a->iopf));
	expect("c14", a->nr_discarded == 2 && a->discarded_requests == 3 &&
			      a->reason == PAIMON_IOPF_REMOVED);
	expect("c14", a->nr_responses == 1);
	expect("c14", paimon_iopf_queue_remove_device(queue, &a->iopf) == -EINVAL);
}

static void test_c15(void)
{
	/* Out of order: the second group is answered while the first one waits. */
	a->blocks_at = 10;
	last(a, 1, 10);
	last(a, 2, 20);
	expect("c15", reaches(&a->nr_responses, 1) && a->responses[0].grpid == 2);
	unblock(a);
	flush(a);
	expect("c15", a->nr_responses == 2 && a->responses[1].grpid == 1);

	/* At once: handled before the last one comes, one response, at the end. */
	reset(b, eager, &test_ops);
	b->fails_at = 11;
	b->result = PAIMON_IOPF_INVALID;
	partial(b, 1, 10);
	flush(b);
	expect("c15", b->nr_handled == 1 && !b->nr_responses);
	partial(b, 1, 11);
	partial(b, 1, 12);
	flush(b);
	expect("c15", b->nr_handled == 2 && !b->nr_responses);
	last(b, 1, 13);
	flush(b);
	expect("c15", b->nr_handled == 2 && b->nr_responses == 1);
	expect("c15", b->responses[0].code == PAIMON_IOPF_INVALID && b->responses[0].nr == 4);
}

static void test_c16(void)
{
	partial(a, 5, 10);
	last(b, 5, 20);
	flush(a);
	expect("c16", !a->nr_responses && b->nr_responses == 1 && b->responses[0].nr == 1);
	last(a, 5, 11);
	flush(a);
	expect("c16", a->nr_responses == 1 && a->responses[0].nr == 2);
}

static void test_c17(void)
{
	partial(a, 1, 10);
	report_flags(a, 1, 11, PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_PRIV_DATA);
	flush(a);
	expect("c17", a->nr_responses == 1 && a->responses[0].nr == 2);
	partial(a, 1, 12);
	last(a, 1, 13);
	flush(a);
	expect("c17", a->nr_responses == 2 && a->responses[1].nr == 2);
}

static void test_c18(void)
{
	unsigned long before;
	u32 i;

	for (i = 0; i < 512; i++)
		partial(a, i, 10);
	before = paimon_iopf_queue_visited(queue);
	for (i = 0; i < 512; i++)
		last(a, i * 257 % 512, 11); /* neither the oldest nor the newest first */
	flush(a);
	expect("c18", a->nr_responses == 512);
	/* A scan of what is outstanding would look at 256 groups for each. */
	expect("c18", paimon_iopf_queue_visited(queue) - before <= 4 * 512);
}

static void test_c20(void)
{
	reset(b, queue, &no_handler_ops);
	expect("c20", !partial(b, 1, 10));
	expect("c20", last(b, 1, 11) == -EINVAL);
	flush(b);
	expect("c20", b->nr_responses == 1 && b->responses[0].nr == 2 &&
			      b->responses[0].code == PAIMON_IOPF_INVALID);

	a->fails_at = 11;
	a->result = -EIO;
	partial(a, 1, 10);
	expect("c20", !last(a, 1, 11));
	flush(a);
	expect("c20", a->nr_responses == 1 && a->responses[0].code == PAIMON_IOPF_FAILURE);
}

static int reported; /* what the report of report_work got */

static void report_one(struct work_struct *work)
{
	reported = last(b, 1, 10);
}
static DECLARE_WORK(report_work, report_one);

static int report_and_flush(void *unused)
{
	while (!kthread_should_stop()) {
		partial(b, 1, 10);
		last(b, 1, 11);
		flush(b);
		cond_resched();
	}
	return 0;
}

/* Who finds a queue through a device does not use it once the device is out of it. */
static void test_c22(void)
{
	struct paimon_iopf_queue *short_lived;
	struct task_struct *reporters[2];
	int i;

	/* A report that is on its way when the device goes takes nothing from the queue. */
	paimon_iopf_queue_fail_alloc(queue, 1);
	spin_lock(&b->iopf.lock);
	schedule_work_on(cpumask_any_but(cpu_online_mask, smp_processor_id()), &report_work);
	mdelay(100); /* far longer than it takes to there */
	b->iopf.queue = NULL;
	spin_unlock(&b->iopf.lock);
	flush_work(&report_work);
	expect("c22", reported == -ENODEV);
	b->iopf.queue = queue;
	expect("c22", last(b, 1, 10) == -ENOMEM && !last(b, 2, 20));
	reset(b, NULL, &test_ops);

	/* Queues come and go under reports and flushes: KASAN sees a use too late. */
	for (i = 0; i < 2; i++)
		reporters[i] = kthread_run(report_and_flush, NULL, "paimon_test/%d", i);
	for (i = 0; i < 300; i++) {
		short_lived = paimon_iopf_queue_alloc("short-lived", 0);
		if (IS_ERR(short_lived))
			continue;
		paimon_iopf_queue_add_device(short_lived, &b->iopf);
		usleep_range(50, 100);
		expect("c22", !paimon_iopf_queue_remove_device(short_lived, &b->iopf));
		paimon_iopf_queue_free(short_lived);
	}
	for (i = 0; i < 2; i++)
		if (!IS_ERR(reporters[i]))
			kthread_stop(reporters[i]);
}

/* A response that is on its way when the device goes is over when removal returns. */
static void test_c23(void)
{
	static const struct paimon_iopf_ops *const all_ops[] = {&test_ops, &no_handler_ops};
	int i;

	for (i = 0; i < 2; i++) {
		reset(b, queue, all_ops[i]);
		b->blocks_response = true;
		schedule_work(&report_work);
		expect("c23", reaches(&b->nr_begun_responses, 1));
		unblock_soon(b);
		expect("c23", !paimon_iopf_queue_remove_device(queue, &b->iopf));
		expect("c23", READ_ONCE(b->nr_responses) == 1);
		flush_delayed_work(&unblock_work);
		flush_work(&report_work);
		expect("c23", reported == (i ? -EINVAL : 0));
	}
}

/* Not a rule by itself: dropping a group that a worker is at, with immediate
 * handling, by each way in which groups are dropped. */
static void test_busy_discard(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		reset(b, eager, &test_ops);
		b->blocks_at = 10;
		b->discard_unblocks = true;
		partial(b, 1, 10);
		expect("busy-discard", reaches(&b->nr_begun, 1));
		partial(b, 1, 11);
		if (i == 0)
			paimon_iopf_queue_discard_partial(eager);
		else if (i == 1)
			paimon_iopf_discard_owner(&b->iopf, OWNER);
		else
			paimon_iopf_queue_remove_device(eager, &b->iopf);
		flush(b);
		expect("busy-discard", b->nr_discarded == 1 && b->discarded_requests == 2);
		expect("busy-discard", b->nr_handled == 1 && !b->nr_responses);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"c1", test_c1},   {"c2", test_c2},
	{"c3", test_c3},   {"c4", test_c4},
	{"c5", test_c5},   {"c7", test_c7},
	{"c8", test_c8},   {"c9", test_c9},
	{"c11", test_c11}, {"c12", test_c12},
	{"c13", test_c13}, {"c14", test_c14},
	{"c15", test_c15}, {"c16", test_c16},
	{"c17", test_c17}, {"c18", test_c18},
	{"c20", test_c20}, {"c22", test_c22},
	{"c23", test_c23}, {"busy-discard", test_busy_discard},
};

static int __init paimon_test_init(void)
{
	unsigned int i;

	a = kzalloc(sizeof(*a), GFP_KERNEL);
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	queue = paimon_iopf_queue_alloc("test", 0);
	eager = paimon_iopf_queue_alloc("test-eager", PAIMON_IOPF_QUEUE_IMMEDIATE);
	if (!a || !b || IS_ERR(queue) || IS_ERR(eager)) {
		kfree(a);
		kfree(b);
		if (!IS_ERR(queue))
			paimon_iopf_queue_free(queue);
		if (!IS_ERR(eager))
			paimon_iopf_queue_free(eager);
		return -ENOMEM;
	}
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (*only && strcmp(only, tests[i].name))
			continue;
		failed = false;
		reset(a, queue, &test_ops);
		reset(b, queue, &test_ops);
		tests[i].run();
		paimon_iopf_queue_fail_alloc(queue, 0);
		if (!failed)
			pr_info("ok %s\n", tests[i].name);
	}
	paimon_iopf_queue_free(queue);
	paimon_iopf_queue_free(eager);
	kfree(a);
	kfree(b);
	return 0;
}

static void __exit paimon_test_exit(void)
{
}

module_init(paimon_test_init);
module_exit(paimon_test_exit);
MODULE_DESCRIPTION("tests of the paimon fault queue");
MODULE_LICENSE("GPL");

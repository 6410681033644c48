/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel types and numbers that the BPF programs use, written by hand
 * instead of a generated vmlinux.h: no header of the build machine's
 * architecture is needed, so one source makes objects for both byte orders.
 *
 * A kernel structure goes here with only the fields that are read, and with
 * preserve_access_index, so that libbpf finds them in the running kernel.
 */
#ifndef PAIMON_BPF_KERNEL_H
#define PAIMON_BPF_KERNEL_H

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_F_PRESERVE_ELEMS = 1 << 11,
};

/* The context of a raw_tp program: the tracepoint's arguments, one a word. */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

/* What bpf_perf_event_read_value() gives. */
struct bpf_perf_event_value {
	__u64 counter;
	__u64 enabled;
	__u64 running;
};

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
	struct dev_iommu *iommu;
};

/* The kernel's handler of I/O page faults: before 6.9 a device has its queue in
 * iopf_param and a group its device; later both are in fault_param. */
struct dev_iommu {
	struct iommu_fault_param *fault_param;
	struct iopf_device_param *iopf_param;
};

struct list_head {
	struct list_head *next;
};

struct iommu_fault_param {
	struct device *dev;
	struct iopf_queue *queue;
	struct list_head faults;
};

struct iopf_device_param {
	struct iopf_queue *queue;
};

struct iommu_fault_page_request {
	__u32 flags;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
};

struct iommu_fault {
	__u32 type;
	struct iommu_fault_page_request prm;
};

struct iommu_page_response {
	__u32 pasid;
	__u32 grpid;
	__u32 code;
};

struct iopf_fault {
	struct iommu_fault fault;
};

struct work_struct {
	int empty[0];
};

struct iopf_group {
	struct iopf_fault last_fault;
	struct list_head pending_node;
	struct work_struct work;
	struct iommu_fault_param *fault_param;
	struct device *dev;
};

/* What a descriptor of a perf event leads to. */
struct file {
	void *private_data;
};

struct pmu {
	const char *name;
	int type;
	unsigned int scope; /* newer kernels */
};

struct perf_event_attr {
	__u32 type;
	__u64 config;
	__u64 inherit : 1;
	__u64 exclude_user : 1;
	__u64 exclude_kernel : 1;
	__u64 exclude_hv : 1;
	__u64 exclude_idle : 1;
	__u64 exclude_host : 1;
	__u64 exclude_guest : 1;
	__u64 config1;
	__u64 config2;
	__u64 config3; /* from 6.3 on */
};

enum perf_event_state {
	PERF_EVENT_STATE_REVOKED = -4, /* numbers below mean other things in other releases */
	PERF_EVENT_STATE_EXIT = -3,
};

struct perf_buffer;
struct perf_cgroup;

struct perf_event {
	struct pmu *pmu;
	enum perf_event_state state;
	unsigned int attach_state;
	struct perf_event_attr attr;
	int cpu;
	struct perf_buffer *rb;
	struct perf_cgroup *cgrp; /* only with CONFIG_CGROUP_PERF */
};

/* The context of an iter/task_file program; file is NULL at the end. */
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd __attribute__((aligned(8)));
	struct file *file;
};

/* A sample of a perf event, as a program that it runs finds it. */
struct perf_raw_frag {
	void *data;
	__u32 size;
};

struct perf_raw_record {
	struct perf_raw_frag frag;
};

struct perf_sample_data {
	__u64 sample_flags; /* from 6.0 on */
	struct perf_raw_record *raw;
};

struct bpf_perf_event_data_kern {
	struct perf_sample_data *data;
};

/* Who is running, and where in the tree of cgroups. */
struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	__u64 id;
};

struct kernfs_node___6_15 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* of version 2 */
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
	struct css_set *cgroups;
};

/* The registers that hold a function's first arguments and its result. */
struct pt_regs___x86_64 {
	unsigned long ax;
	unsigned long di;
	unsigned long si;
};

struct pt_regs___arm64 {
	__u64 regs[31];
};

struct pt_regs___s390x {
	unsigned long gprs[16];
};

#pragma clang attribute pop

enum {
	PERF_ATTACH_CONTEXT = 0x1,
	PERF_ATTACH_TASK = 0x4,
};

enum {
	PERF_SAMPLE_RAW = 1 << 10,
};

enum iommu_fault_type {
	IOMMU_FAULT_PAGE_REQ = 1, /* 2 before 6.8 */
};

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#define atomic_add(ptr, n) ((void)__sync_fetch_and_add(ptr, n))
#define atomic_inc(ptr) atomic_add(ptr, 1)
#define atomic_xchg(ptr, v) __sync_lock_test_and_set(ptr, v)
#define atomic_cmpxchg(ptr, old, new) __sync_val_compare_and_swap(ptr, old, new)

/*
 * Ends a dispatcher in a program of an array; behind it the element is empty. Without a JIT
 * what is called runs on the stack of what calls it, and since 6.9 the kernel gives that one
 * no more than it uses itself: what the other uses beyond would overwrite the kernel's. So a
 * dispatcher uses the last word that any program can have (MAX_BPF_STACK). It has no
 * functions: with those, nothing can be called this way without a JIT.
 */
#define dispatch_to(ctx, programs, index)                                          \
	do {                                                                       \
		asm volatile("*(u64 *)(r10 - 512) = %0" : : "r"(0ULL) : "memory"); \
		bpf_tail_call(ctx, programs, index);                               \
	} while (0)

/*
 * A loop that the verifier follows step by step: max is its bound and a constant, nr the
 * caller's. bpf_loop() is not for kernels without a JIT, which refuse a whole program for
 * one callback. A long loop goes into a function that is not static: such a one is verified
 * once, by itself, and not with each state that its callers may be in.
 */
#define for_up_to(i, nr, max) \
	_Pragma("clang loop unroll(disable)") for (u32 i = 0; i < (max) && i < (nr); i++)

/* Makes other programs that do the same, of paimond-variant: for the tests of adoption. */
#ifdef PAIMON_VARIANT
#define in_variant() ((void)bpf_get_prandom_u32())
#else
#define in_variant() ((void)0)
#endif

/* An index below mask + 1 that the verifier believes in: the compiler, which knows
 * it too, would drop the mask. */
static __always_inline u32 masked(u32 index, u32 mask)
{
	asm volatile("" : "+r"(index));
	return index & mask;
}

#endif

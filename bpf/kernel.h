/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel types and constants that the BPF programs use, written by hand
 * instead of a generated vmlinux.h. No architecture-specific header of the build
 * machine is needed, so the same source can be compiled for both byte orders.
 *
 * A kernel structure is declared here with only the fields that are read, and with
 * preserve_access_index, so that libbpf relocates them to the running kernel.
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

/* Of all architectures. */
enum {
	ENOENT = 2,
	ENXIO = 6,
	EBUSY = 16,
	EINVAL = 22,
};

/* The context of a raw_tp program: the arguments of the tracepoint, one word each. */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

/* The result of bpf_perf_event_read_value(). */
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

/* The kernel's I/O page fault handler. Before 6.9 the queue of a device is in iopf_param,
 * and a group points to its device; from 6.9 on both are in fault_param. */
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

struct iommu_domain {
	unsigned int type;
};

struct iommu_attach_handle {
	struct iommu_domain *domain;
};

struct iopf_group {
	struct iopf_fault last_fault;
	struct list_head pending_node;
	struct work_struct work;
	struct iommu_attach_handle *attach_handle; /* 6.11 and later */
	struct iommu_fault_param *fault_param;
	struct device *dev;
};

/* The structures behind the descriptor of a perf event. */
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
	PERF_EVENT_STATE_REVOKED = -4, /* the meaning of lower values depends on the release */
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

/* The context of an iter/task_file program; file is NULL at the end of the iteration. */
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd __attribute__((aligned(8)));
	struct file *file;
};

/* The context of a perf_event program, with its sample. */
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

/* The current task and its cgroup. */
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
	struct cgroup *dfl_cgrp; /* cgroup v2 */
};

struct task_struct {
	int pid, tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
	struct css_set *cgroups;
};

/* The registers with the first arguments and the result of a function. */
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
 * Ends a dispatcher with a tail call to an element of a PROG_ARRAY; the code after it runs only
 * if the element is empty. Without a JIT, the called program runs on the stack of its caller, and
 * since 6.9 the kernel allocates only as much as the caller uses itself: a program that uses more
 * would overwrite kernel memory. Therefore a dispatcher uses the last word of the largest
 * possible stack (MAX_BPF_STACK). A dispatcher contains no BPF-to-BPF calls: without a JIT, a
 * program with such calls cannot tail-call.
 */
#define dispatch_to(ctx, programs, index)                                          \
	do {                                                                       \
		asm volatile("*(u64 *)(r10 - 512) = %0" : : "r"(0ULL) : "memory"); \
		bpf_tail_call(ctx, programs, index);                               \
	} while (0)

/*
 * A bounded loop that the verifier follows step by step: max is a constant bound, nr the limit
 * of the caller. bpf_loop() cannot be used, because without a JIT the kernel refuses programs
 * with callbacks. A long loop belongs in a global (non-static) function, which is verified once
 * on its own, and not for each state of its callers.
 */
#define for_up_to(i, nr, max) \
	_Pragma("clang loop unroll(disable)") for (u32 i = 0; i < (max) && i < (nr); i++)

/* Gives paimond-variant different programs with the same effect, for the tests of adoption. */
#ifdef PAIMON_VARIANT
#define in_variant() ((void)bpf_get_prandom_u32())
#else
#define in_variant() ((void)0)
#endif

/* Masks an index in a way that the verifier can see: the compiler would remove a mask that it
 * considers redundant. */
static __always_inline u32 masked(u32 index, u32 mask)
{
	asm volatile("" : "+r"(index));
	return index & mask;
}

#endif

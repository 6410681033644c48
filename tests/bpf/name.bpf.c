// SPDX-License-Identifier: GPL-2.0
/* A name in kernel memory and its address: what paimon.ko passes for a device. */
#include "kernel.h"

char LICENSE[] SEC("license") = "GPL";

char name[128];
__u64 address;

SEC("syscall")
int find_name(void *ctx)
{
	address = (__u64)name;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "affinity.h"

#include <string.h>

#include "clock.h"

#define STAY_NS 1000000000ULL

uint64_t affinity_patience_ns = 1000000;

void affinity_restore(struct affinity *affinity)
{
	/* It fails if the thread's cpuset is another one by now, with none of these CPUs. */
	if (affinity->moved &&
	    sched_setaffinity(0, sizeof(affinity->before), affinity->before) < 0) {
		memset(affinity->before, 0xff, sizeof(affinity->before));
		sched_setaffinity(0, sizeof(affinity->before), affinity->before);
	}
	affinity->moved = false;
	affinity->nr = 0;
}

static void move(struct affinity *affinity, unsigned int cpu)
{
	cpu_set_t *before = affinity->before, mask[sizeof(affinity->before) / sizeof(*before)];
	uint64_t began = clock_ns(CLOCK_MONOTONIC), ended;
	const size_t size = sizeof(mask);

	if (began < affinity->stays_until)
		return;
	/* Before anything changes: where the kernel leaves out CPUs that are offline. */
	if (sched_getaffinity(0, size, before) < 0 || !CPU_ISSET_S(cpu, size, before))
		return;
	/* A thread that may run on all CPUs of its cpuset keeps that, also for those that come
	 * online or into the cpuset later. */
	memset(mask, 0xff, size);
	if (sched_setaffinity(0, size, mask) < 0)
		return;
	affinity->moved = true;
	if (!sched_getaffinity(0, size, mask) && CPU_EQUAL_S(size, mask, before))
		memset(before, 0xff, size);
	CPU_ZERO_S(size, mask);
	CPU_SET_S(cpu, size, mask);
	if (sched_setaffinity(0, size, mask) < 0)
		affinity_restore(affinity);
	ended = clock_ns(CLOCK_MONOTONIC);
	if (ended - began > affinity_patience_ns)
		affinity->stays_until = ended + STAY_NS;
}

void affinity_follow(struct affinity *affinity, unsigned int cpu)
{
	if (affinity->cpu != cpu)
		affinity_restore(affinity);
	affinity->cpu = cpu;
	if (affinity->nr++ == AFFINITY_OPENS)
		move(affinity, cpu);
}

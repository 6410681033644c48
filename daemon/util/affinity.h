/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Moves a thread to the CPU whose perf events it opens. Where the thread is on another CPU, the
 * kernel interrupts the CPU of the event, and waits for it, at each perf_event_open(2).
 *
 * A move takes as long as some interrupts. So only a series of opens moves the thread: those after
 * the first AFFINITY_OPENS for the same CPU. On a CPU that is busy, the thread also waits for its
 * turn, which takes longer than many interrupts. After such a wait it does not move for a second.
 *
 * Only the mask of the calling thread changes. Threads and processes that it starts inherit the
 * mask: restore it before.
 */
#ifndef PAIMON_AFFINITY_H
#define PAIMON_AFFINITY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define AFFINITY_OPENS 8
#define AFFINITY_MAX_CPU 8191

/* All zero at first. */
struct affinity {
	unsigned int cpu, nr; /* so many opens for this CPU, one after the other */
	bool moved;
	uint64_t stays_until;					/* CLOCK_MONOTONIC, in ns */
	cpu_set_t before[(AFFINITY_MAX_CPU + 1) / CPU_SETSIZE]; /* if moved */
};

/* A move that takes longer than this, in ns, was to a busy CPU. Variable for tests. */
extern uint64_t affinity_patience_ns;

/* Before each open for a CPU. The thread stays where it may run if this CPU is not in its mask, or
 * offline, or if it may not change its mask. */
void affinity_follow(struct affinity *affinity, unsigned int cpu);

/* The thread may run again where it could before affinity_follow(). Ends the series. */
void affinity_restore(struct affinity *affinity);

#endif

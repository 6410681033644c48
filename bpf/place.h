/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A place: an element of a bounded table of cgroups or devices. It has one owner at a time;
 * when the owner has departed, the place is freed for another one. BPF programs assign places,
 * and the daemon frees them (daemon/source/places.h).
 *
 * The state of a place is its commit word and is always written as a whole. It consists of a
 * generation and a phase:
 *
 *   FREE      a program takes the place by compare-and-swap, and writes the owner's name
 *   TAKEN     the program adds the name to the table of names, and then opens the place; if
 *             another CPU has added the name first, it frees the place
 *   OPEN      the place is served; the daemon closes it when the owner has departed
 *   CLOSING   the daemon removes the name, waits until all programs that may have found it
 *             have ended, records the current counts as those of departed owners, and frees
 *             the place with the next generation
 *
 * Counters in a place are never reset: the counts of its owner are the current counts minus
 * those of departed owners. Each step of the daemon is idempotent; a daemon that finds a place
 * CLOSING continues with it.
 *
 * A ticket identifies a place and its owner: generation << 16 | index. Tables that refer to
 * places contain tickets, so that references to a departed owner are recognised as stale. In
 * addition, a reference is checked against the key, because the kernel may reuse an element of
 * a hash map for another key while a program reads it.
 */
#ifndef PAIMON_BPF_PLACE_H
#define PAIMON_BPF_PLACE_H

enum place_phase {
	PLACE_FREE,
	PLACE_TAKEN,
	PLACE_OPEN,
	PLACE_CLOSING,
};

#define PLACE_PHASES 0xffffu /* of a state; the other bits are the generation */
#define PLACE_INDEX 0xffffu  /* of a ticket; the other bits are the generation */

#define place_phase(state) ((enum place_phase)((state)&PLACE_PHASES))
#define place_state(generation, phase) (((generation) & ~PLACE_PHASES) | (phase))
#define place_ticket(state, index) (((state) & ~PLACE_PHASES) | (index))

/* May a program with this ticket count in a place with this state? */
static inline __attribute__((always_inline)) _Bool place_is_of(unsigned int state,
							       unsigned int ticket)
{
	return place_state(state, 0) == place_ticket(ticket, 0) &&
	       (place_phase(state) == PLACE_OPEN || place_phase(state) == PLACE_TAKEN);
}

#endif

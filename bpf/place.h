/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A place: an element of a bounded table of cgroups or devices, which is one owner's until
 * that is gone, and then the next one's. Programs give places out; the daemon takes them back
 * (daemon/source/places.h).
 *
 * Its state is the commit word, always changed as a whole: a generation, and one of
 *
 *   FREE      a program takes it by compare-and-swap, and writes the owner's name
 *   TAKEN     the program adds the name to the table of names, and then opens the place; or
 *             frees it, if another CPU has added the name before
 *   OPEN      is served; the daemon closes it when the owner is gone
 *   CLOSING   the daemon removes the name, waits until no program that may have found it runs
 *             any more, notes what has been counted so far as what the departed had, and
 *             frees it, with the next generation
 *
 * What counts in a place is never taken back to 0: its owner's is what has come on top of
 * what the departed had. Each step of the daemon may be done twice, and a daemon that finds a
 * place CLOSING goes on with it.
 *
 * A ticket is a place and its owner: generation << 16 | index. Tables that lead to a place
 * keep tickets, so that what they have of an owner that is gone leads nowhere. The kernel may
 * give an element of a hash to another key while a program still reads it: so what a table
 * has is checked against the key, too.
 */
#ifndef PAIMON_BPF_PLACE_H
#define PAIMON_BPF_PLACE_H

enum place_phase {
	PLACE_FREE,
	PLACE_TAKEN,
	PLACE_OPEN,
	PLACE_CLOSING,
};

#define PLACE_PHASES 0xffffu /* of a state; the rest is the generation */
#define PLACE_INDEX 0xffffu  /* of a ticket; the rest is the generation */

#define place_phase(state) ((enum place_phase)((state)&PLACE_PHASES))
#define place_state(generation, phase) (((generation) & ~PLACE_PHASES) | (phase))
#define place_ticket(state, index) (((state) & ~PLACE_PHASES) | (index))

/* May a program that has this ticket still count in the place of this state? */
static inline __attribute__((always_inline)) _Bool place_is_of(unsigned int state,
							       unsigned int ticket)
{
	return place_state(state, 0) == place_ticket(ticket, 0) &&
	       (place_phase(state) == PLACE_OPEN || place_phase(state) == PLACE_TAKEN);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's part of bpf/place.h: freeing the places of departed owners. The order is:
 * places_close(), places_forget(), then places_settle() once for all of them, record the counts
 * as those of departed owners, places_free(). Each step is idempotent, so that the next daemon
 * can continue with places that are PLACE_CLOSING.
 *
 * On the daemon's one thread.
 */
#ifndef PAIMON_PLACES_H
#define PAIMON_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "place.h"

/* The current state of a place. */
static inline uint32_t places_state(const uint32_t *state)
{
	return __atomic_load_n(state, __ATOMIC_SEQ_CST);
}

/* Sets an open place to closing. Programs that already run still count in it. */
void places_close(uint32_t *state);

/* Removes a name with this ticket, so that programs that start later do not find the place. 0 or
 * a negative errno: programs may still find it, and the place must not be freed. */
int places_forget(int names, const void *name, uint32_t ticket);

/* Waits until all BPF programs that run now have ended, about 20 ms. 0, or a negative errno: it
 * could not wait. */
int places_settle(void);

/* Sets a closing place to free, for the next owner. */
void places_free(uint32_t *state);

#endif

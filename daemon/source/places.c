// SPDX-License-Identifier: GPL-2.0
#include "places.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "../util/cleanup.h"

void places_close(uint32_t *state)
{
	uint32_t open = places_state(state);

	if (place_phase(open) == PLACE_OPEN)
		__atomic_store_n(state, place_state(open, PLACE_CLOSING), __ATOMIC_SEQ_CST);
}

int places_forget(int names, const void *name, uint32_t ticket)
{
	uint32_t known;
	int r = bpf_map_lookup_elem(names, name, &known);

	/* Programs only add names: this entry cannot change before it is deleted here. */
	if (!r && known == ticket)
		r = bpf_map_delete_elem(names, name);
	return r == -ENOENT ? 0 : r;
}

/* The kernel returns from an update of a map of maps when no running program can see the
 * previous inner map any more: it waits for all of them. */
int places_settle(void)
{
	_cleanup_close_ int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "settle", 4, 4, 1, NULL);
	LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = inner);
	_cleanup_close_ int outer = -1;
	uint32_t zero = 0;

	if (inner < 0)
		return inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "settle", 4, 4, 1, &options);
	return outer < 0 ? outer : bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
}

void places_free(uint32_t *state)
{
	uint32_t closing = places_state(state);

	__atomic_store_n(state, place_state(closing + PLACE_PHASES + 1, PLACE_FREE),
			 __ATOMIC_SEQ_CST);
}

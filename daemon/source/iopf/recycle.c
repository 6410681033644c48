// SPDX-License-Identifier: GPL-2.0
/* Frees the places of devices that no longer exist. Called on the daemon's one thread. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/log.h"
#include "../places.h"
#include "device.h"
#include "iopf_source.h"

/* Does a bus in sysfs list this device? True if sysfs cannot be read. */
static bool in_sysfs(const struct iopf_device *d)
{
	char name[PAIMON_DEVICE_NAME_LEN];
	bool is_pci;
	int fd;

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(name) - 1, d->name);
	fd = device_open(DEVICE_BUSES, name, &is_pci);
	if (fd >= 0)
		close(fd);
	return fd != -ENOENT;
}

/*
 * Finds when each device last faulted, from the index of addresses. Deletes entries of devices
 * that no longer exist and, if the table is nearly full, entries not used since idle_since.
 */
static int look_at_index(struct iopf *iopf, uint64_t idle_since, uint64_t *seen)
{
	int fd = bpf_map__fd(iopf->bpf->maps.iopf_index);
	uint32_t max = bpf_map__max_entries(iopf->bpf->maps.iopf_index), nr = 0;
	_cleanup_free_ __u64 *addresses = calloc(max, sizeof(*addresses));
	__u64 *key = NULL;

	if (!addresses)
		return -ENOMEM;
	while (nr < max && !bpf_map_get_next_key(fd, key, &addresses[nr]))
		key = &addresses[nr++];
	for (uint32_t i = 0; i < nr; i++) {
		struct iopf_known known;
		uint32_t ticket, index;

		if (bpf_map_lookup_elem(fd, &addresses[i], &known))
			continue;
		ticket = known.value;
		index = ticket & PLACE_INDEX;
		if (index >= iopf->max_devices ||
		    !place_is_of(places_state(&iopf->devices[index].state), ticket) ||
		    (nr > max / 2 && known.seen_ns < idle_since))
			bpf_map_delete_elem(fd, &addresses[i]);
		else if (known.seen_ns > seen[index])
			seen[index] = known.seen_ns;
	}
	return 0;
}

/* Drops the groups of a closing place: no response to them will come. */
static void drop_groups(struct iopf *iopf, uint32_t device)
{
	int fd = bpf_map__fd(iopf->bpf->maps.iopf_spilled);
	struct iopf_group_id key, next;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	for (uint32_t i = device * IOPF_SLOTS; i < (device + 1) * IOPF_SLOTS; i++)
		if (iopf->slots[i].key)
			iopf_expire(iopf, device, iopf->slots[i].key);
	for (uint32_t i = 0; !r && i < IOPF_MAX_SPILLED; i++) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if (key.device == device)
			iopf_expire(iopf, device, key.key);
	}
}

void iopf_recycle(struct iopf *iopf)
{
	int names = bpf_map__fd(iopf->bpf->maps.iopf_names), r = 0;
	uint64_t idle = 2 * (iopf->state->group_timeout_ns ?: 3600ULL * 1000000000);
	uint64_t now = clock_ns(CLOCK_MONOTONIC), idle_since = now > idle ? now - idle : 0;
	_cleanup_free_ uint64_t *seen = calloc(iopf->max_devices, sizeof(*seen));
	uint32_t nr_free = 0, nr_closing = 0;
	bool few;

	if (!seen || look_at_index(iopf, idle_since, seen) < 0)
		return;
	for (uint32_t i = 0; i < iopf->max_devices; i++)
		nr_free += place_phase(places_state(&iopf->devices[i].state)) == PLACE_FREE;
	few = 4 * nr_free < iopf->max_devices;
	for (uint32_t i = 0; i < iopf->max_devices; i++) {
		struct iopf_device *d = &iopf->devices[i];
		uint32_t state = places_state(&d->state);
		bool gone = place_phase(state) == PLACE_OPEN &&
			    (d->removed ||
			     (few && seen[i] < idle_since && iopf->since_ns < idle_since)) &&
			    !in_sysfs(d);

		if (gone && (few || iopf->absent[i] == state))
			places_close(&d->state);
		iopf->absent[i] = gone ? state : 0;
		if (place_phase(places_state(&d->state)) != PLACE_CLOSING)
			continue;
		r = places_forget(names, d->name, place_ticket(state, i)) ?: r;
		nr_closing++;
	}
	r = nr_closing ? r ?: places_settle() : -ENOENT;
	if (r < 0 && nr_closing)
		log_warning("iopf: cannot free the places of departed devices: %s", strerror(-r));
	for (uint32_t i = 0; i < iopf->max_devices && !r; i++) {
		struct iopf_device *d = &iopf->devices[i];

		if (place_phase(places_state(&d->state)) != PLACE_CLOSING)
			continue;
		drop_groups(iopf, i);
		iopf->departed[i] = *d;
		d->removed = 0;
		d->address = 0;
		places_free(&d->state);
	}
	/* Programs that found no free place try again. */
	if (!r)
		__atomic_fetch_add(&iopf->state->freed, 1, __ATOMIC_SEQ_CST);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a source that outlives the daemon: the directory STATE_DIR/NAME-LAYOUT in
 * bpffs. The maps of a set are pinned in order; if the last one is missing, the set is
 * incomplete and was never used. A directory with another layout number belongs to
 * another version: it is named in the log and not touched.
 *
 * Called by the sources, on the daemon's one thread. Errors are written to the
 * source's reason.
 */
#ifndef PAIMON_PINS_H
#define PAIMON_PINS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "../util/state.h"

struct source;

struct pins {
	struct source *source;
	const char *name; /* of the source; part of the directory's name */
	int layout;
};

/* The next step if the set cannot be used, and what that loses: a format and its arguments. */
#define PINS_PURGE "stop paimond, then run paimonctl purge %s-%d; this loses %s"
#define PINS_PURGE_OF(pins) (pins)->name, (pins)->layout, state_loses((pins)->name)

/* Creates the directory if necessary, and checks that it is in bpffs. 0 or a negative errno. */
int pins_open(const struct pins *pins);

/* The path of a pin, to be freed, or NULL: out of memory. name NULL: the directory. */
char *pins_path(const struct pins *pins, const char *name);

/* When an object was pinned first, CLOCK_REALTIME; 0: not known. Totals in a map began then. */
uint64_t pins_made_ns(const struct pins *pins, const char *name);

/* Removes a pin; no error if there is none. */
void pins_remove(const struct pins *pins, const char *name);

/* Which maps of a set are from an earlier daemon. */
enum pins_reused {
	PINS_NONE, /* there is no complete set */
	PINS_ALL,
	PINS_DATA, /* all but the program arrays, which do not accept the current programs */
};

/*
 * Reuses the pinned maps for an object that is about to be loaded; maps[nr - 1] is the
 * one that completes the set. sized: may the number of entries of this map differ? Then
 * that of the pinned map is used. Returns an enum pins_reused, or a negative errno.
 */
int pins_reuse(const struct pins *pins, struct bpf_map *const *maps, size_t nr,
	       bool (*sized)(const struct bpf_map *map));

/* Pins the maps of a loaded object. 0 or a negative errno. */
int pins_put(const struct pins *pins, struct bpf_map *const *maps, size_t nr);

/* After PINS_DATA: replaces the pinned program arrays with those of a loaded object. All links to
 * dispatchers must be dropped before. 0 or a negative errno. */
int pins_put_arrays(const struct pins *pins, struct bpf_map *const *maps, size_t nr);

/* Does a link run this program? A name in the descriptor store may be from another layout. */
bool pins_is_link_of(int link, int program);

/*
 * Objects that outlive the daemon but end with its unit (links, and maps with perf events) are
 * stored in systemd's descriptor store if there is one, otherwise pinned. name: of [a-z0-9-], not
 * used by another source.
 */

/* Stores an object for the next daemon; the caller keeps fd. 0 or a negative errno. */
int pins_keep(const struct pins *pins, const char *name, int fd);
/* The object that an earlier daemon stored: a descriptor owned by the caller, or a negative errno.
 * The object stays stored. */
int pins_take(const struct pins *pins, const char *name);
/* Removes a stored object; no error if there is none. */
void pins_drop(const struct pins *pins, const char *name);

#endif

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
	const char *name; /* of the source, in the folder's name */
	int layout;
};

/* What to do about a set that cannot be used, and what that loses: a format, and what it takes. */
#define PINS_PURGE "stop paimond, then paimonctl purge %s-%d; it loses %s"
#define PINS_PURGE_OF(pins) (pins)->name, (pins)->layout, state_loses((pins)->name)

/* Makes sure that the folder is there and in bpffs. 0 or a negative errno. */
int pins_open(const struct pins *pins);

/* The path of a pin, to be freed, or NULL: out of memory. name NULL: the folder. */
char *pins_path(const struct pins *pins, const char *name);

/* Removes a pin; no error where there is none. */
void pins_remove(const struct pins *pins, const char *name);

/* What of a set is an earlier daemon's. */
enum pins_reused {
	PINS_NONE, /* there is no finished set */
	PINS_ALL,
	PINS_DATA, /* all but the program arrays: they do not take the programs of now */
};

/*
 * Hands the pinned maps to an object that is about to be loaded; maps[nr - 1] is the
 * one that finishes the set. sized: may a map's number of entries differ, and is
 * then what was pinned? Returns an enum pins_reused, or a negative errno.
 */
int pins_reuse(const struct pins *pins, struct bpf_map *const *maps, size_t nr,
	       bool (*sized)(const struct bpf_map *map));

/* Pins the maps of a loaded object. 0 or a negative errno. */
int pins_put(const struct pins *pins, struct bpf_map *const *maps, size_t nr);

/* After PINS_DATA: pins the program arrays of a loaded object in place of those before. All
 * links to dispatchers are dropped by then. 0 or a negative errno. */
int pins_put_arrays(const struct pins *pins, struct bpf_map *const *maps, size_t nr);

/* Is a link one of this program? A name in the descriptor store may be of another layout. */
bool pins_is_link_of(int link, int program);

/*
 * What is to go on without the daemon and yet to end with its unit, a link or a map with
 * perf events in it: kept in systemd's descriptor store, where there is one, else pinned.
 * name: of [a-z0-9-], in no use by another source.
 */

/* Keeps an object for the next daemon; fd stays the caller's. 0 or a negative errno. */
int pins_keep(const struct pins *pins, const char *name, int fd);
/* What an earlier daemon kept: a descriptor, the caller's, or a negative errno. It is kept on. */
int pins_take(const struct pins *pins, const char *name);
/* Keeps it no longer; no error where there is nothing. */
void pins_drop(const struct pins *pins, const char *name);

#endif

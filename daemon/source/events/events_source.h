/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source of kept perf events (invariants d): any event of any PMU, with a name,
 * which counts until it is closed, even after its owner has ended. The registry is in
 * the pinned maps of bpf/events.h.
 *
 * Called on the daemon's one thread.
 */
#ifndef PAIMON_EVENTS_SOURCE_H
#define PAIMON_EVENTS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../model/kept.h"
#include "events.h"

struct source;

/* The owner of an event: who asked for it. */
struct events_owner {
	enum events_origin origin;
	uint32_t uid;
	uint32_t pid;
	char comm[16];
};

/*
 * Opens an event and keeps it. spec: event_spec.h; name: NULL for one generated from
 * spec; cpus: a list, NULL or "" for those of the PMU, or all online CPUs. Returns 0 or a
 * negative errno with the reason in *ret_error (to be freed; NULL: out of memory):
 * -EINVAL (spec, name, CPUs), -EEXIST (the name), -ENOSPC (no room), -EOPNOTSUPP (it cannot be
 * attributed), or that of perf_event_open().
 */
int events_open(struct source *source, const char *spec, const char *name, const char *cpus,
		enum kept_by by, const struct events_owner *owner, uint64_t *ret_id,
		char **ret_error);

/*
 * Changes terms of an event (event_spec_set()); the total continues. If its PMU can change a perf
 * event that counts, and only config1 to config3 differ, it does so; otherwise the event is
 * reopened on its CPUs, which replaces its perf events. On failure, as above or with -ENOENT or
 * -EBUSY, the event is unchanged.
 */
int events_set(struct source *source, uint64_t id, const char *terms, char **ret_error);

/*
 * Keeps perf events from descriptors of another process as one event (d13): the same event on
 * different CPUs. Their counts continue. The caller keeps fds, which are verified. name: NULL
 * or "" for a generated one. Errors are those of PAIMON_HANDOFF_UNCLAIM in
 * <paimon/handoff.h>; nothing is then kept (d8).
 */
int events_keep(struct source *source, const int *fds, size_t nr, const char *name,
		const struct events_owner *owner, uint64_t *ret_id, char **ret_error);

/*
 * Gets the descriptor of an event on a CPU, for its owner and root (d7, d15). The source owns
 * it; it is valid until the next call. Errors: PAIMON_HANDOFF_OPEN.
 */
int events_descriptor(struct source *source, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
		      char **ret_error);

/* Releases an event; existing descriptors of it stay valid (d10). Errors:
 * PAIMON_HANDOFF_CLAIM. */
int events_claim(struct source *source, uint64_t id, uint32_t uid, char **ret_error);

/* Closes an event. 0, or -ENOENT with *ret_error. */
int events_close(struct source *source, uint64_t id, char **ret_error);

/* Passes all events, or the one with this id, to a callback, after reading them unless reads is
 * false. 0, -ENOENT (no such id) or -ENOMEM. */
int events_list(struct source *source, kept_tell *tell, void *user);
int events_show(struct source *source, uint64_t id, bool reads, kept_tell *tell, void *user);

/* These functions, for the server; data is the source, in any state. */
extern const struct kept_ops events_kept_ops;

#endif

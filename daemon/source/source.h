/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A source converts kernel state to points of a snapshot.
 *
 * The daemon owns a struct source for each and calls, from its one thread:
 * probe, then attach, then read for each snapshot, then detach. A source that
 * fails writes why into reason (what failed, why, the next step) and the
 * others go on. New sources go into the table in sources.c.
 */
#ifndef PAIMON_SOURCE_H
#define PAIMON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../config.h"
#include "../model/snapshot.h"

struct source;

/* A program or a map in the kernel; name and descriptor stay the source's. The
 * kernel itself keeps 15 characters of a name, which need not tell two apart. */
struct source_object {
	const char *name;
	int fd;
};

/* What a source has in the kernel, for the account of what paimon costs. */
struct source_objects {
	struct source_object programs[32]; /* those that hooks and the daemon run */
	size_t nr_programs;
	struct source_object maps[32];
	size_t nr_maps;
	uint64_t events; /* that the programs have counted so far */
};

/* Takes a text, which is gone when it returns. */
typedef void source_tell(void *user, const char *text);

struct source_ops {
	const char *name; /* as in the configuration and in label source= */

	/* What the configuration says. */
	enum source_wanted (*wanted)(const struct config *config);

	/* Is there anything to attach to? 0, -ENODEV (not on this machine: no
	 * failure where the source is `auto`), or another error. */
	int (*probe)(struct source *source);

	/* Starts or adopts the counting. 0 or a negative errno. */
	int (*attach)(struct source *source);

	/* Could it count with something better by now? It is then detached, for
	 * good, and attached again. NULL: never. */
	bool (*outdated)(struct source *source);

	/* Called every few seconds while it is up: tries again what failed. NULL: nothing. */
	void (*retry)(struct source *source);

	/* A descriptor, the source's, that is readable when woken is to be called, or a
	 * negative errno. NULL: there is none. */
	int (*wake_fd)(const struct source *source);
	void (*woken)(struct source *source);

	/* Adds the source's points. 0 or a negative errno. */
	int (*read)(struct source *source, struct snapshot *snapshot);

	/* The same of a source that failed: that what it is configured to count does not
	 * count. NULL: nothing. */
	int (*read_failed)(const struct source *source, struct snapshot *snapshot);

	/* Tells each thing that is not as the configuration has it, while the source is up.
	 * NULL: its reason is all. */
	void (*tell)(const struct source *source, source_tell *tell, void *user);

	/* Fills in a zeroed struct; the source is up. */
	void (*objects)(const struct source *source, struct source_objects *objects);

	/* Takes up a changed configuration (source->config points to it
	 * already) without a restart, as far as possible. */
	int (*reload)(struct source *source);

	/* The key of which what the configuration has takes a restart, or NULL: none; the
	 * source is up. NULL: there is no such key. */
	const char *(*restart)(const struct source *source);

	/* Ends the daemon's part. keep: what counts in the kernel goes on for the
	 * next daemon (descriptor store); else all of it ends. */
	void (*detach)(struct source *source, bool keep);

	/* Ends what an earlier daemon left; the source is not up. NULL: nothing is left. */
	void (*end_left)(struct source *source);
};

enum source_state {
	SOURCE_OFF, /* `no`, or `auto` and not on this machine */
	SOURCE_UP,
	SOURCE_FAILED, /* should run and does not: reason says why */
};

struct source {
	const struct source_ops *ops;
	const struct config *config;
	bool replay; /* fed by replay/: neither pins nor adopts nor attaches */
	enum source_state state;
	const char *backend;	      /* what it counts with: "paimon.ko", "fentry", ...; static */
	bool adopted;		      /* went on with what an earlier daemon left */
	uint64_t attached_ns;	      /* CLOCK_REALTIME */
	struct sd_event_source *wake; /* the daemon's, for wake_fd */
	char reason[256];
	void *data; /* the source's own */
};

extern const struct source_ops iopf_source;
extern const struct source_ops events_source;
extern const struct source_ops pai_source;

/* paimon_series_dropped_total, with a label reason: one family, to which all sources add. */
extern const struct metric metric_dropped;

/* Writes source->reason as printf does, and returns error. */
int source_fail(struct source *source, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "off", "up" or "failed". */
const char *source_state_name(const struct source *source);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A source converts kernel state to points of a snapshot.
 *
 * The daemon owns a struct source for each and calls, from its one thread:
 * probe, then attach, then read for each snapshot, then detach. A source that
 * fails writes why into reason (what failed, why, the next step) and the
 * others go on.
 */
#ifndef PAIMON_SOURCE_H
#define PAIMON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../config/config.h"
#include "../model/snapshot.h"

struct source;
struct dice;

/* A program or a map in the kernel; the source owns name and descriptor. The kernel
 * stores only 15 characters of a name, which may not be unique. */
struct source_object {
	const char *name;
	int fd;
};

#define SOURCE_MAX_OBJECTS 48

/* The kernel objects of a source, to measure the cost of paimon. */
struct source_objects {
	/* Those run by hooks and by the daemon. */
	struct source_object programs[SOURCE_MAX_OBJECTS];
	size_t nr_programs;
	struct source_object maps[SOURCE_MAX_OBJECTS];
	size_t nr_maps;
	uint64_t events; /* events that the programs have counted so far */
};

/* Receives a text, which is valid only during the call. */
typedef void source_tell(void *user, const char *text);

struct source_ops {
	const char *name; /* in the configuration and in the label source= */

	/* The configured mode. */
	enum source_wanted (*wanted)(const struct config *config);

	/* Can the source attach on this machine? 0, -ENODEV (not available on this machine,
	 * which is no failure if the source is `auto`), or another negative errno. */
	int (*probe)(struct source *source);

	/* Starts or adopts the counting. 0 or a negative errno. */
	int (*attach)(struct source *source);

	/* Has a better backend become available? The source is then detached without keep, and
	 * attached again. NULL: never. */
	bool (*outdated)(struct source *source);

	/* Called every few seconds while it is up, to retry failed operations and to free the
	 * places of who has gone; soon: called some milliseconds after the source has set
	 * retry_soon, to retry only. May be NULL. */
	void (*retry)(struct source *source, bool soon);

	/* A descriptor owned by the source that is readable when woken must be called, or a
	 * negative errno. NULL: there is none. */
	int (*wake_fd)(const struct source *source);
	void (*woken)(struct source *source);

	/* Adds the points of the source. 0 or a negative errno. */
	int (*read)(struct source *source, struct snapshot *snapshot);

	/* The same for a failed source: points that show that configured events do not
	 * count. May be NULL. */
	int (*read_failed)(const struct source *source, struct snapshot *snapshot);

	/* Reports everything that does not count as configured while the source is up.
	 * NULL: the reason is sufficient. */
	void (*tell)(const struct source *source, source_tell *tell, void *user);

	/* Replay, every two milliseconds or later: plays what is due of the synthetic input of the
	 * source; rate: groups of page requests per second. 0, or the negative errno of the latest
	 * run of a program. NULL: it has none, and is off in a replay. */
	int (*play)(struct source *source, struct dice *dice, double rate);

	/* Fills in a zeroed struct while the source is up. */
	void (*objects)(const struct source *source, struct source_objects *objects);

	/* Puts a changed configuration into force (source->config already points to
	 * it), as far as this is possible without a restart. */
	int (*reload)(struct source *source);

	/* The key whose configured value takes effect only after a restart, or NULL; the
	 * source is up. May be NULL. */
	const char *(*restart)(const struct source *source);

	/* Detaches the daemon. keep: counting in the kernel continues, for the next
	 * daemon to adopt; otherwise it ends. */
	void (*detach)(struct source *source, bool keep);

	/* Ends the counting that an earlier daemon kept; the source is not up. May be NULL. */
	void (*end_left)(struct source *source);
};

enum source_state {
	SOURCE_OFF, /* `no`, or `auto` and not available on this machine */
	SOURCE_UP,
	SOURCE_FAILED, /* should run but does not; reason says why */
};

struct source {
	const struct source_ops *ops;
	const struct config *config;
	bool replay; /* events come from play(): no pinning, adopting or attaching */
	enum source_state state;
	const char *backend;	      /* "paimon.ko", "fentry", ...; static */
	bool adopted;		      /* continues with the state of an earlier daemon */
	uint64_t attached_ns;	      /* CLOCK_REALTIME */
	struct sd_event_source *wake; /* returned by wake_fd; owned by the daemon */
	char reason[256];
	bool retry_soon; /* retry() is to be called with soon, in some milliseconds */
	void *data;	 /* private to the source, while it is up */
	/* Private to the source, and remains: */
	bool refused;	   /* this kernel refuses all that can be attached */
	uint64_t ended_ns; /* CLOCK_MONOTONIC: when it last ended perf events that had counted */
};

/* All sources, and their sections of the configuration (config/keys.h), in the order in which users
 * see them. A new source is added here. */
#define SOURCES(x) x(iopf) x(events) x(pai) x(cspmu)
#define SOURCE_SECTIONS(x) x(iopf) x(events) x(event) x(pai) x(cspmu)

struct config_section;
#define SOURCE_DECLARE(name) extern const struct source_ops name##_source;
#define SECTION_DECLARE(name) extern const struct config_section name##_section;
SOURCES(SOURCE_DECLARE)
SOURCE_SECTIONS(SECTION_DECLARE)

#define SOURCE_COUNT(name) +1
#define NR_SOURCES (0 SOURCES(SOURCE_COUNT))

/* paimon_series_dropped_total, with a label reason: one family with points of all sources. */
extern const struct metric metric_dropped;

/* Formats source->reason like printf, and returns error. */
int source_fail(struct source *source, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Add to the objects of a source, for ops->objects. What does not fit is not measured, nor is a
 * program with a negative fd. */
void source_add_program(struct source_objects *objects, const char *name, int fd);
void source_add_map(struct source_objects *objects, const char *name, int fd);

/* "off", "up" or "failed". */
const char *source_state_name(const struct source *source);

#endif

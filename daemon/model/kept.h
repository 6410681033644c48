/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kept events: their description, and the operations on them. The server calls the operations, the
 * source of events implements them, and neither depends on the other.
 */
#ifndef PAIMON_KEPT_H
#define PAIMON_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The process that requests an event. */
struct kept_owner {
	uint32_t uid, pid;
	char comm[16]; /* name of the process; "": unknown */
};

/* The value of a level on a CPU. */
struct kept_level {
	unsigned int cpu;
	uint64_t value;
};

/* To whom what an event counts is attributed. */
enum kept_by {
	KEPT_BY_NOTHING,
	KEPT_BY_CGROUP,
	KEPT_BY_PROCESS, /* to processes, and to their cgroups */
};

/* Their names in requests, answers and the configuration, in this order; NULL-terminated. */
extern const char *const kept_by_names[];

/* An event at one time, on all its CPUs. Texts and arrays are valid only during the call. */
struct kept_event {
	uint64_t id;
	const char *name, *spec, *pmu, *unit, *scale;
	const char *config; /* of the current terms, in hex */
	const char *state, *origin;
	enum kept_by by;
	const char *set; /* what the operation set does: "live": it changes config1 to config3 while
			  * the event counts; "reopen": it reopens the event; "no": it refuses */
	const unsigned int *cpus; /* in ascending order, without duplicates */
	size_t nr_cpus;
	uint32_t uid, pid;    /* of its owner, and comm */
	const char *comm;     /* UTF-8 */
	uint64_t descriptors; /* handed out since start */
	uint64_t opened_ns;   /* CLOCK_REALTIME */
	/* For a level: its value on each CPU; a level has no total. NULL: the event is a count. */
	const struct kept_level *levels;
	size_t nr_levels;
	uint64_t value;			 /* not scaled */
	uint64_t enabled_ns, running_ns; /* sums over its perf events */
	uint64_t resets, changes, reopened;
};

/* Receives an event. */
typedef void kept_tell(void *user, const struct kept_event *event);

/*
 * The operations. All return 0 or a negative errno; if there is a *ret_error, it is then a text to
 * be freed, or NULL: use that of errno. Call ready before each of the others.
 */
struct kept_ops {
	/* Can events be kept now? 0, or -ENODEV. */
	int (*ready)(void *data, char **ret_error);

	/* Reads all events, or the one with this id, and passes them to tell. reads: false for
	 * an event that has just been opened, which has no reading yet. -ENOENT or -ENOMEM. */
	int (*list)(void *data, kept_tell *tell, void *user);
	int (*show)(void *data, uint64_t id, bool reads, kept_tell *tell, void *user);

	/* Opens an event and keeps it. name and cpus: NULL for the default. -EINVAL (spec, name,
	 * CPUs), -EEXIST (the name), -ENOSPC, -EOPNOTSUPP (the event cannot be attributed), or
	 * the kernel's error. */
	int (*open)(void *data, const char *spec, const char *name, const char *cpus,
		    enum kept_by by, const struct kept_owner *owner, uint64_t *ret_id,
		    char **ret_error);
	/* Changes the terms of an event; the total continues. As open, or -ENOENT; or -EBUSY:
	 * another event uses what the counters of the PMU share. */
	int (*set)(void *data, uint64_t id, const char *terms, char **ret_error);
	/* Ends an event. -ENOENT. */
	int (*close)(void *data, uint64_t id, char **ret_error);

	/* Keeps perf events of another process as one event. name: "" for a generated one. The
	 * caller keeps fds. Errors: PAIMON_HANDOFF_UNCLAIM in <paimon/handoff.h>. */
	int (*keep)(void *data, const int *fds, size_t nr, const char *name,
		    const struct kept_owner *owner, uint64_t *ret_id, char **ret_error);
	/* Gets the descriptor of an event on a CPU. The callee owns it; it is valid until the
	 * next call. Errors: PAIMON_HANDOFF_OPEN. */
	int (*descriptor)(void *data, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
			  char **ret_error);
	/* Ends keeping an event without ending it. Errors: PAIMON_HANDOFF_CLAIM. */
	int (*release)(void *data, uint64_t id, uint32_t uid, char **ret_error);
};

/* The operations, and the argument for each. */
struct kept {
	const struct kept_ops *ops;
	void *data;
};

#endif

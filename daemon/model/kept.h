/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kept events: what they are, and what can be asked of them. The server asks, the source of
 * events answers, and neither depends on the other.
 */
#ifndef PAIMON_KEPT_H
#define PAIMON_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks for an event. */
struct kept_owner {
	uint32_t uid, pid;
	char comm[16]; /* name of the process; "": unknown */
};

/* The value of a level on a CPU. */
struct kept_level {
	unsigned int cpu;
	uint64_t value;
};

/* An event at one time, on all its CPUs. Texts and arrays are valid only during the call. */
struct kept_event {
	uint64_t id;
	const char *name, *spec, *pmu, *unit, *scale;
	const char *config; /* of its terms, in hex */
	const char *state, *origin;
	const unsigned int *cpus; /* in ascending order, each once */
	size_t nr_cpus;
	uint32_t uid, pid;    /* of its owner, and comm */
	const char *comm;     /* UTF-8 */
	uint64_t descriptors; /* handed out since start */
	uint64_t opened_ns;   /* CLOCK_REALTIME */
	/* One for each perf event of a current level, which has no value and is never summed; NULL:
	 * it is a count. */
	const struct kept_level *levels;
	size_t nr_levels;
	uint64_t value;			 /* not scaled */
	uint64_t enabled_ns, running_ns; /* sums over its perf events */
	uint64_t resets, changes, reopened;
};

/* Receives an event. */
typedef void kept_tell(void *user, const struct kept_event *event);

/*
 * What can be asked. All return 0 or a negative errno; where there is a *ret_error, it is then a
 * text to be freed, or NULL: that of errno will do. ready comes before each of the others.
 */
struct kept_ops {
	/* Can events be kept at all? -ENODEV: no. */
	int (*ready)(void *data, char **ret_error);

	/* Reads and tells all events, or the one of this id. reads: false for an event that has
	 * just been opened, of which nothing can be read. -ENOENT or -ENOMEM. */
	int (*list)(void *data, kept_tell *tell, void *user);
	int (*show)(void *data, uint64_t id, bool reads, kept_tell *tell, void *user);

	/* Opens an event and keeps it. name and cpus: NULL for the default. -EINVAL (spec, name,
	 * CPUs), -EEXIST (the name), -ENOSPC, or what the kernel says. */
	int (*open)(void *data, const char *spec, const char *name, const char *cpus,
		    const struct kept_owner *owner, uint64_t *ret_id, char **ret_error);
	/* Reopens an event with other terms; the total continues. As open, or -ENOENT. */
	int (*set)(void *data, uint64_t id, const char *terms, char **ret_error);
	/* Ends an event. -ENOENT. */
	int (*close)(void *data, uint64_t id, char **ret_error);

	/* Keeps perf events of another process as one event, named name or, if that is "", by what
	 * they count. The caller keeps fds. Errors: PAIMON_HANDOFF_UNCLAIM in <paimon/handoff.h>.
	 */
	int (*keep)(void *data, const int *fds, size_t nr, const char *name,
		    const struct kept_owner *owner, uint64_t *ret_id, char **ret_error);
	/* Gets the descriptor of an event on a CPU, which stays the callee's and is valid until the
	 * next call. Errors: PAIMON_HANDOFF_OPEN. */
	int (*descriptor)(void *data, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
			  char **ret_error);
	/* Ends keeping an event without ending it. Errors: PAIMON_HANDOFF_CLAIM. */
	int (*release)(void *data, uint64_t id, uint32_t uid, char **ret_error);
};

/* Who answers, with what is passed on to it. */
struct kept {
	const struct kept_ops *ops;
	void *data;
};

#endif

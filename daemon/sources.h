/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The set of sources: starts them, tries again what failed, reads, reloads and ends them.
 * New sources go into the table in sources.c.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SOURCES_H
#define PAIMON_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "source/source.h"
#include "util/buffer.h"
#include "util/json.h"

#define NR_SOURCES 3

struct sources {
	sd_event *event;
	const struct config *config; /* in force */
	bool replay;		     /* made-up input */
	struct source all[NR_SOURCES];
};

/* Starts what config wants, and ends what an earlier daemon left of the others; on a zeroed
 * struct. event and config outlive it; what cannot start is tried again. */
void sources_start(struct sources *sources, sd_event *event, const struct config *config,
		   bool replay);
/* Called every few seconds: starts what is not up, or could count with something better. */
void sources_retry(struct sources *sources);
/* Takes up a changed configuration. restart: gets the keys that are not in force before one. */
void sources_reload(struct sources *sources, const struct config *config, struct buffer *restart);
/* Adds a key to those. */
void sources_add_restart(struct buffer *restart, const char *key);
/* keep: what counts in the kernel goes on for the next daemon. */
void sources_stop(struct sources *sources, bool keep);

/* The source with these functions, one of the table. */
struct source *sources_find(struct sources *sources, const struct source_ops *ops);

/* Is name one of names? NULL: all are. */
bool sources_collected(const char *const *names, const char *name);
/* 0, or -EINVAL with the name that neither a source has nor other is, and all those that there
 * are; *ret_error is to be freed. */
int sources_check_names(const struct sources *sources, const char *const *names, const char *other,
			char **ret_error);
/* Adds the points of the sources of these names. 0 or -ENOMEM: one that cannot be read fails
 * alone. */
int sources_read(struct sources *sources, const char *const *names, struct snapshot *snapshot);

/* Adds "sources" to /v1/status. */
void sources_status(const struct sources *sources, struct json *json);
/* What is not as the configuration wants it, a line for each, to be freed; NULL: all is. */
char *sources_failures(const struct sources *sources);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The set of sources: starts, retries, reads, reloads and stops them.
 *
 * Owned by the daemon, on its one thread.
 */
#ifndef PAIMON_SOURCES_H
#define PAIMON_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "model/status.h"
#include "source/source.h"
#include "util/buffer.h"

struct sources {
	sd_event *event;
	const struct config *config; /* in force */
	bool replay;		     /* replay: synthetic input */
	struct source all[NR_SOURCES];
	sd_event_source *soon; /* NULL: no source is to be retried soon */
};

/* Starts the sources that config wants, and ends what an earlier daemon left of the others; the
 * struct is zeroed before. event and config must outlive it. Failed sources are tried again. */
void sources_start(struct sources *sources, sd_event *event, const struct config *config,
		   bool replay);
/* Called every few seconds: retries those that are up (ops->retry, not soon), and starts those that
 * are not up, or could use a better backend. */
void sources_retry(struct sources *sources);
/* Puts a changed configuration into force. restart: gets the keys that take effect only after a
 * restart. */
void sources_reload(struct sources *sources, const struct config *config, struct buffer *restart);
/* Adds a key to restart. */
void sources_add_restart(struct buffer *restart, const char *key);
/* keep: counting in the kernel continues, for the next daemon to adopt. */
void sources_stop(struct sources *sources, bool keep);

/* The source with these functions. */
struct source *sources_find(struct sources *sources, const struct source_ops *ops);

/* Is name one of names? NULL: all are. */
bool sources_collected(const char *const *names, const char *name);
/* Checks that each name is that of a source or other. 0, or -EINVAL with the unknown name and all
 * valid ones in *ret_error, to be freed. */
int sources_check_names(const struct sources *sources, const char *const *names, const char *other,
			char **ret_error);
/* Adds the points of the sources with these names. 0 or -ENOMEM. A source that cannot be read
 * fails without affecting others. */
int sources_read(struct sources *sources, const char *const *names, struct snapshot *snapshot);

/* Fills in sources. 0 or -ENOMEM. */
int sources_status(const struct sources *sources, struct status *status);
/* What does not count as configured, a line for each, to be freed; NULL: nothing. */
char *sources_failures(const struct sources *sources);

#endif

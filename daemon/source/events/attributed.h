/* SPDX-License-Identifier: GPL-2.0 */
/* Attribution of kept events to cgroups and processes (../attribution.h). On the daemon's one
 * thread. */
#ifndef PAIMON_EVENTS_ATTRIBUTED_H
#define PAIMON_EVENTS_ATTRIBUTED_H

#include "../accounts.h"
#include "registry.h"

/* 0, or -EOPNOTSUPP with *ret_error: it cannot be attributed. */
int events_can_attribute(const struct event_spec *spec, enum kept_by by, char **ret_error);
/* Prepares to attribute an event, before it is opened. 0, or a negative errno with *ret_error. */
int events_prepare_attribution(struct source *source, const struct event_spec *spec,
			       enum kept_by by, char **ret_error);
/* Attributes an event with its filled slots, which is not in force yet. 0, or a negative errno with
 * *ret_error: nothing is attributed then. */
int events_attribute(struct events *events, const struct events_event *event, uint64_t id,
		     const uint32_t *slots, size_t nr, char **ret_error);
/* The same for a further slot of an event in force. */
void events_attribute_slot(struct events *events, const struct events_event *event, uint32_t slot);
/* Hands over from one slot of an attributed event to another one: returns what the new one has to
 * start with, so that its total is what the old one counted. */
struct events_reading events_hand_over(struct events *events, uint32_t old, uint32_t new);
/* Nothing reads the slot for attribution any more. */
void events_unattribute_slot(struct events *events, uint32_t slot);
/* The event with this id is gone, or has not been opened: 0. Ends attribution with the last one. */
void events_unattribute(struct events *events, uint64_t id);

/* Continues with what an earlier daemon attributed: after events_recover(). */
void events_recover_attribution(struct source *source);
/* Logs it if the pinned maps have another size than the configuration wants. */
void events_warn_series(struct source *source);
/* Ends what an earlier daemon kept, while the source is off. */
void events_end_attribution(struct source *source);

/* The total of an event in a look, or NULL: it is not attributed. look: NULL: at this moment. */
const struct events_reading *events_attributed_total(const struct events *events,
						     const struct events_event *event,
						     const struct accounts_look *look,
						     struct events_reading *ret_total);
/* Adds the points of cgroups and processes. 0 or a negative errno. */
int events_read_accounts(struct source *source, const struct accounts_look *look,
			 struct snapshot *snapshot);

#endif

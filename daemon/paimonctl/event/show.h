/* SPDX-License-Identifier: GPL-2.0 */
/* Shows an event, an object of /v1/events, for event.c. */
#ifndef PAIMONCTL_SHOW_H
#define PAIMONCTL_SHOW_H

struct json_object;

/* Adds members that are computed from others. 0 or -ENOMEM. */
int event_complete(struct json_object *event);
/* A line for each event of a list; an exit code. */
int event_print_list(struct json_object *list);
void event_print(struct json_object *event);

#endif

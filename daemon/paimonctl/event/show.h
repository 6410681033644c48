/* SPDX-License-Identifier: GPL-2.0 */
/* How event.c shows an event: an object of /v1/events. */
#ifndef PAIMONCTL_SHOW_H
#define PAIMONCTL_SHOW_H

struct json_object;

/* Adds what the reader would have to work out. 0 or -ENOMEM. */
int event_complete(struct json_object *event);
/* A line for each event of a list; an exit code. */
int event_print_list(struct json_object *list);
void event_print(struct json_object *event);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Names of kept events: looks up events by name, and generates names. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../config/config.h"
#include "registry.h"

#define NO_EVENT UINT32_MAX

/* A hash table of events by name. */
struct events_names {
	uint32_t nr_lists; /* a power of 2 */
	uint32_t closed;   /* number of closed events: each makes a number available */
	struct {
		uint32_t next;
		/* Numbers below this one, appended to this event's name, are taken; valid while
		 * closed is unchanged. */
		uint32_t number, closed;
	} * events;
	uint32_t lists[];
};

static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static uint32_t *list_of(struct events_names *names, const char *name)
{
	uint64_t h = hash(name);

	return &names->lists[(h ^ h >> 32) & (names->nr_lists - 1)];
}

void events_index_name(struct events *events, uint32_t event)
{
	struct events_names *names = events->names;
	uint32_t *list = list_of(names, events->reader->events[event].name);

	names->events[event].next = *list;
	names->events[event].number = 2;
	*list = event;
}

void events_forget_name(struct events *events, uint32_t event)
{
	struct events_names *names = events->names;
	uint32_t *place = list_of(names, events->reader->events[event].name);

	while (*place != NO_EVENT && *place != event)
		place = &names->events[*place].next;
	if (*place == event)
		*place = names->events[event].next;
	names->closed++;
}

int events_index_names(struct events *events)
{
	uint32_t nr_events = events->reader->nr_events, nr_lists = 1;
	struct events_names *names;

	while (nr_lists < nr_events)
		nr_lists *= 2;
	names = malloc(sizeof(*names) + nr_lists * sizeof(*names->lists) +
		       nr_events * sizeof(*names->events));
	if (!names)
		return -ENOMEM;
	*names = (struct events_names){nr_lists, 0, (void *)&names->lists[nr_lists]};
	memset(names->lists, 0xff, nr_lists * sizeof(*names->lists));
	memset(names->events, 0, nr_events * sizeof(*names->events));
	events->names = names;
	for (uint32_t i = 0; i < nr_events; i++)
		if (events->reader->events[i].id)
			events_index_name(events, i);
	return 0;
}

struct events_event *events_find_name(const struct events *events, const char *name)
{
	struct events_event *list = events->reader->events;

	for (uint32_t i = *list_of(events->names, name); i != NO_EVENT;
	     i = events->names->events[i].next)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/* A name that is unique for the text. If the text is too long or has other characters than
 * names: its beginning, a hash of all of it, and its end. */
static void shorten(const char *text, char ret_name[EVENTS_NAME_LEN])
{
	size_t length = strlen(text), ends = 22;
	bool cut = length >= EVENTS_NAME_LEN - 5; /* leaves space for a number */

	for (const char *c = text; *c; c++)
		cut |= !isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c);
	if (cut)
		snprintf(ret_name, EVENTS_NAME_LEN, "%.*s.%012llx.%s", (int)ends, text,
			 (unsigned long long)hash(text) >> 16,
			 text + (length > ends ? length - ends : length));
	else
		strcpy(ret_name, text);
	for (char *c = ret_name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c))
			*c = '_';
}

/* Generates an unused name from a text, if necessary with a number appended. */
void events_make_name(const struct events *events, const char *text, char ret_name[EVENTS_NAME_LEN])
{
	struct events_names *names = events->names;
	const struct events_event *first;
	char base[EVENTS_NAME_LEN];
	uint32_t index, number;

	shorten(text, base);
	strcpy(ret_name, base);
	first = events_find_name(events, base);
	if (!first)
		return;
	index = first - events->reader->events;
	number = names->events[index].closed == names->closed ? names->events[index].number : 2;
	do
		snprintf(ret_name, EVENTS_NAME_LEN, "%.*s.%u", EVENTS_NAME_LEN - 7, base, number++);
	while (events_find_name(events, ret_name));
	names->events[index].number = number - 1; /* the event may not be created */
	names->events[index].closed = names->closed;
}

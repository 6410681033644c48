// SPDX-License-Identifier: GPL-2.0
/* Opens and closes events of the configuration, and records why some cannot be opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/event_spec.h"
#include "../../util/log.h"
#include "../source.h"
#include "registry.h"

static const struct config_event *configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->nr_events; i++)
		if (!strcmp(config->events[i].name, name))
			return &config->events[i];
	return NULL;
}

/* Does an event match its configuration? If this cannot be determined, it keeps counting. */
static bool is_as_configured(const struct events_event *event, const struct config_event *wanted)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ char *error = NULL;

	if (strcmp(wanted->cpus ?: "", event->cpus) || wanted->by != events_by(event))
		return false;
	return event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, wanted->spec, &spec,
				&error) < 0 ||
	       !strcmp(spec->text, events_terms(event)->spec);
}

/* Frees the reasons why events of the configuration are not open. */
void events_clear_absent(struct events_absent *absent, size_t nr)
{
	for (size_t i = 0; absent && i < nr; i++)
		free(absent[i].why);
	free(absent);
}

/* Sets the source's reason to that of the first event that is not open, and how many more there
 * are. */
static void give_reason(struct source *source)
{
	const struct events *events = source->data;
	size_t nr = 0, first = 0;

	for (size_t i = events->nr_absent; i-- > 0;)
		if (events->absent[i].why) {
			first = i;
			nr++;
		}
	source->reason[0] = '\0';
	if (nr == 1)
		source_fail(source, 0, "%s", events->absent[first].why);
	else if (nr)
		source_fail(source, 0, "%.180s (and %zu more: see the log)",
			    events->absent[first].why, nr - 1);
}

/*
 * Opens the events of the configuration, and closes those that are no longer in it. A failure of
 * one does not stop the others. It is logged; if again is true (a periodic retry), only if the
 * cause has changed.
 */
void events_take_config(struct source *source, bool again)
{
	const struct events_owner owner = {.origin = EVENTS_FROM_CONFIG};
	struct events *events = source->data;
	size_t nr = source->config->nr_events, nr_before = events->nr_absent;
	struct events_absent *before = events->absent;

	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];
		const struct config_event *wanted;

		if (!event->id || event->origin != EVENTS_FROM_CONFIG)
			continue;
		wanted = configured(source->config, event->name);
		if (!wanted || !is_as_configured(event, wanted))
			events_close_event(events, event);
	}
	events->absent = calloc(nr + 1, sizeof(*events->absent));
	events->nr_absent = events->absent ? nr : 0;
	for (size_t i = 0; i < events->nr_absent; i++) {
		const struct config_event *wanted = &source->config->events[i];
		const struct events_event *event = events_find_name(events, wanted->name);
		_cleanup_free_ char *error = NULL;
		char *text;
		uint64_t id;

		if (event && event->origin == EVENTS_FROM_CONFIG)
			continue;
		if (again && i < nr_before && before[i].closed) {
			events->absent[i] = before[i];
			before[i].why = NULL;
			continue;
		}
		if (events_open(source, wanted->spec, wanted->name, wanted->cpus, wanted->by,
				&owner, &id, &error) >= 0)
			continue;
		if (asprintf(&text, "[event %s]: %s", wanted->name, error ?: "no memory") < 0)
			continue;
		events->absent[i].why = text;
		if (!again || i >= nr_before || !before[i].why || strcmp(before[i].why, text))
			log_error("events: %s", text);
	}
	events_clear_absent(before, nr_before);
	give_reason(source);
}

void events_tell(const struct source *source, source_tell *tell, void *user)
{
	const struct events *events = source->data;

	for (size_t i = 0; i < events->nr_absent; i++)
		if (events->absent[i].why)
			tell(user, events->absent[i].why);
}

int events_close(struct source *source, uint64_t id, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = events_find(events, id);

	if (!event)
		return events_no_event(id, ret_error);
	/* The event no longer matches the configuration: status and check report it. */
	for (size_t i = 0; i < events->nr_absent && event->origin == EVENTS_FROM_CONFIG; i++) {
		char *why;

		if (!strcmp(source->config->events[i].name, event->name) &&
		    asprintf(&why, "[event %s]: was closed (paimonctl reload opens it again)",
			     event->name) >= 0)
			events->absent[i] = (struct events_absent){why, true};
	}
	events_close_event(events, event);
	give_reason(source);
	return 0;
}

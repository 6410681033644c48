// SPDX-License-Identifier: GPL-2.0
/*
 * The cspmu view of top and of stat --cspmu: what the counts of each system PMU mean, by the
 * formulas of its event set, and below these the rate of each event. The bytes per second of all
 * PMUs of a family are summed.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/event_set.h"
#include "../../util/system_pmu.h"
#include "cspmu.h"
#include "table.h"

#define EVENTS "paimon_cspmu_events_total"
#define INFO "paimon_cspmu_info"

enum { BYTES, SECONDS, RATIO, RATE };
enum { SOCKET };

static const struct column columns[] = {
	[BYTES] = {"interval", NULL, "B/s", "bytes_per_second", COLUMN_RATE, false,
		   "bytes per second"},
	[SECONDS] = {"interval", NULL, "TIME", "seconds", COLUMN_SECONDS, false, "a mean time"},
	[RATIO] = {"interval", NULL, "RATIO", "ratio", COLUMN_RATIO, false,
		   "a share, such as of reads in the traffic"},
	[RATE] = {"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false,
		  "events per second, or a frequency"},
};

static const struct text_column texts[] = {
	{"SOCKET", "socket", false, "number of the socket"},
};

/* The column of a unit. */
static const size_t column_of[EVENT_SET_NR_UNITS] = {
	[EVENT_SET_BYTES_PER_SECOND] = BYTES,
	[EVENT_SET_SECONDS] = SECONDS,
	[EVENT_SET_RATIO] = RATIO,
	[EVENT_SET_PER_SECOND] = RATE,
};

/* The event sets, read once; NULL: they cannot be read. What is wrong with them is in the log of
 * paimond and in paimonctl check. */
static const struct event_sets *event_sets(void)
{
	static struct event_sets *sets;
	static bool read;
	_cleanup_free_ char *errors = NULL;

	if (!read && system_pmu_event_sets(&sets, &errors) < 0)
		sets = NULL;
	read = true;
	return sets;
}

const struct event_set *cspmu_event_set(struct json_object *info)
{
	const char *identifier = point_label(info, "identifier");
	const char *implementer = point_label(info, "implementer");
	const struct event_set_pmu pmu = {
		.name = point_label(info, "pmu"),
		.identifier = *identifier ? identifier : NULL,
		.implementer = *implementer ? implementer : NULL,
	};

	return event_sets() ? event_sets_find(event_sets(), &pmu) : NULL;
}

bool cspmu_has_value(struct json_object *snapshot, const char *pmu, const struct event_set *set,
		     const struct event_set_formula *formula)
{
	for (size_t i = 0; i < set->nr_events; i++) {
		const char *const labels[] = {"pmu", pmu, "event", set->events[i], NULL};
		uint64_t sum;

		if (formula_uses(formula->formula, i) &&
		    !sample_find(snapshot, EVENTS, labels, &sum))
			return false;
	}
	return true;
}

/* A row of a PMU on a socket. several: the PMU has more sockets than this one. NULL: no memory. */
static struct row *add_row(struct table *table, const char *pmu, const char *what,
			   const char *socket, bool several)
{
	_cleanup_free_ char *name = NULL;
	struct row *row;

	if (asprintf(&name, "%s/%s%s%s", pmu, what, several ? "@" : "", several ? socket : "") <
	    0) {
		name = NULL;
		return NULL;
	}
	row = table_add(table, name);
	if (!row)
		return NULL;
	row->texts[SOCKET] = strdup(socket);
	return row->texts[SOCKET] ? row : NULL;
}

/* The rate of the event of a point; NAN if it is not known. */
static double rate_of(struct json_object *before, struct json_object *point, double seconds,
		      bool *restarted)
{
	static const char *const labels[] = {"pmu", "event", "socket", NULL};
	const char *same[] = {
		"pmu",	  point_label(point, "pmu"),	"event", point_label(point, "event"),
		"socket", point_label(point, "socket"), NULL};
	size_t hint = 0;
	uint64_t old, delta;

	/* What was not counted before has an unknown earlier total. */
	if (!(seconds > 0) || !sample_find(before, EVENTS, same, &old))
		return NAN;
	delta = point_delta(sample_points(before, EVENTS), point, labels, &hint, restarted);
	return *restarted ? NAN : delta / seconds;
}

/* Adds to the sum of a family. 0 or -ENOMEM. */
static int add_sum(struct table *table, const struct event_set *set,
		   const struct event_set_formula *formula, double value)
{
	_cleanup_free_ char *name = NULL;
	struct row *row;

	if (asprintf(&name, "%s/%s", set->name, formula->name) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->nr_rows; i++)
		if (!strcmp(table->rows[i].name, name)) {
			table->rows[i].values[BYTES] += value;
			return 0;
		}
	row = table_add(table, name);
	if (!row)
		return -ENOMEM;
	row->rank = -1;
	row->values[BYTES] = value;
	return 0;
}

/* Does the family have more than one PMU, or that one more than one socket? */
static bool is_summed(struct json_object *now, const struct event_set *set)
{
	struct json_object *infos = sample_points(now, INFO), *points = sample_points(now, EVENTS);
	size_t nr = 0;

	for (size_t i = 0; infos && i < json_object_array_length(infos); i++) {
		struct json_object *info = json_object_array_get_idx(infos, i);
		const char *first = NULL;

		if (cspmu_event_set(info) != set)
			continue;
		for (size_t p = 0; points && p < json_object_array_length(points); p++) {
			struct json_object *point = json_object_array_get_idx(points, p);
			const char *socket = point_label(point, "socket");

			if (strcmp(point_label(point, "pmu"), point_label(info, "pmu")) ||
			    (first && !strcmp(first, socket)))
				continue;
			first = first ?: socket;
			if (++nr > 1)
				return true;
		}
	}
	return false;
}

/* Adds the values of a PMU on a socket. rates: of the events of the set. 0 or -ENOMEM. */
static int add_values(struct table *table, const char *pmu, const char *socket, bool several,
		      const struct event_set *set, const double *rates, bool restarted, bool sums)
{
	int r = 0;

	for (size_t f = 0; f < set->nr_formulas && !r; f++) {
		const struct event_set_formula *formula = &set->formulas[f];
		struct row *row = add_row(table, pmu, formula->name, socket, several);
		double value;

		if (!row)
			return -ENOMEM;
		row->rank = -1;
		row->restarted = restarted;
		if (!formula_value(formula->formula, rates, &value))
			continue;
		row->values[column_of[formula->unit]] = value;
		if (sums && formula->unit == EVENT_SET_BYTES_PER_SECOND)
			r = add_sum(table, set, formula, value);
	}
	return r;
}

/* The index of an event in its set; nr_events: it is not in it. */
static size_t index_of(const struct event_set *set, const char *event)
{
	size_t i = 0;

	while (i < set->nr_events && strcmp(set->events[i], event) != 0)
		i++;
	return i;
}

/* Adds the rows of a PMU on a socket. 0 or -ENOMEM. */
static int add_socket(struct json_object *before, struct json_object *now, struct table *table,
		      const char *pmu, const char *socket, bool several,
		      const struct event_set *set, bool sums)
{
	struct json_object *points = sample_points(now, EVENTS);
	double rates[EVENT_SET_MAX_EVENTS];
	bool any = false;

	for (size_t i = 0; i < EVENT_SET_MAX_EVENTS; i++)
		rates[i] = NAN;
	for (size_t i = 0; i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *event = point_label(point, "event");
		bool restarted = false;
		struct row *row;
		size_t index;

		if (strcmp(point_label(point, "pmu"), pmu) ||
		    strcmp(point_label(point, "socket"), socket))
			continue;
		row = add_row(table, pmu, event, socket, several);
		if (!row)
			return -ENOMEM;
		row->values[RATE] = rate_of(before, point, table->seconds, &restarted);
		row->restarted = restarted;
		table->restarted |= restarted;
		any |= restarted;
		index = set ? index_of(set, event) : EVENT_SET_MAX_EVENTS;
		if (index < EVENT_SET_MAX_EVENTS)
			rates[index] = row->values[RATE];
	}
	return set ? add_values(table, pmu, socket, several, set, rates, any, sums) : 0;
}

/* Adds the rows of a PMU, each of its sockets once. 0 or -ENOMEM. */
static int add_pmu(struct json_object *before, struct json_object *now, struct table *table,
		   struct json_object *info)
{
	const char *pmu = point_label(info, "pmu"), *last = NULL;
	struct json_object *points = sample_points(now, EVENTS);
	size_t nr = points ? json_object_array_length(points) : 0;
	const struct event_set *set = cspmu_event_set(info);
	bool sums = set && !table->pick.only && is_summed(now, set), several = false;
	int r = 0;

	for (size_t i = 0; i < nr; i++) {
		struct json_object *point = json_object_array_get_idx(points, i);

		if (strcmp(point_label(point, "pmu"), pmu))
			continue;
		several |= last && strcmp(last, point_label(point, "socket"));
		last = point_label(point, "socket");
	}
	for (size_t i = 0; i < nr && !r; i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		const char *socket = point_label(point, "socket");
		bool done = false;

		if (strcmp(point_label(point, "pmu"), pmu))
			continue;
		for (size_t j = 0; j < i; j++) {
			struct json_object *other = json_object_array_get_idx(points, j);

			done |= !strcmp(point_label(other, "pmu"), pmu) &&
				!strcmp(point_label(other, "socket"), socket);
		}
		if (!done)
			r = add_socket(before, now, table, pmu, socket, several, set, sums);
	}
	return r;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	struct json_object *infos = sample_points(now, INFO);
	int r = 0;

	for (size_t i = 0; infos && i < json_object_array_length(infos) && !r; i++) {
		struct json_object *info = json_object_array_get_idx(infos, i);

		if (!table->pick.only || !strcmp(table->pick.only, point_label(info, "pmu")))
			r = add_pmu(before, now, table, info);
	}
	return r;
}

const struct view view_cspmu = {
	.name = "cspmu",
	.source = "cspmu",
	.key = "PMU/VALUE",
	.key_width = 24,
	.nothing = "no system PMU is counted (paimonctl check shows why)",
	.missing = "no such system PMU is counted (paimonctl list cspmu/)",
	.metric = INFO,
	.label = "pmu",
	.key_help = "PMU and value of its event set, or PMU and event",
	.help = "First the values of each PMU's event set, and the bytes per second of a family; then\n"
		"the rate of each event. -: an event is not counted, or nothing to divide by.",
	.texts = texts,
	.nr_texts = sizeof(texts) / sizeof(texts[0]),
	.columns = columns,
	.nr_columns = sizeof(columns) / sizeof(columns[0]),
	.heat = BYTES,
	.heat_by_row = true,
	.compute = compute,
};

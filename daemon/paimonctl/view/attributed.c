// SPDX-License-Identifier: GPL-2.0
/*
 * The views tasks and cgroups of top and of stat --by: for whom something was counted, which is
 * NNPA or a kept event that is attributed. A row is a process or a cgroup and what was counted for
 * it; top has one event at a time, stat may have all of them.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../json.h"
#include "table.h"

#define NNPA "NNPA"

/* Where a view has its numbers from. */
struct attribution {
	const char *label; /* of the families: for whom */
	const char *nnpa_total, *nnpa_window, *event_total, *event_window;
	const char *event_enabled, *event_running; /* NULL: not known */
};

static const struct attribution by_process = {
	.label = "pid",
	.nnpa_total = "paimon_nnpa_task_events_total",
	.nnpa_window = "paimon_nnpa_task_window",
	.event_total = "paimon_event_process_value_total",
	.event_window = "paimon_event_process_window",
};

static const struct attribution by_cgroup = {
	.label = "cgroup",
	.nnpa_total = "paimon_nnpa_cgroup_events_total",
	.nnpa_window = "paimon_nnpa_cgroup_window",
	.event_total = "paimon_event_cgroup_value_total",
	.event_window = "paimon_event_cgroup_window",
	.event_enabled = "paimon_event_cgroup_enabled_seconds_total",
	.event_running = "paimon_event_cgroup_running_seconds_total",
};

/* The ones after RUNNING are not shown: the events of FUNCTION, and seconds. */
enum { RATE, EVENTS, RUNNING, MOST, ENABLED_TIME, RUNNING_TIME };

static const struct column columns[] = {
	{"interval", NULL, "RATE/s", "rate_per_second", COLUMN_RATE, false,
	 "per second, in the unit of the event; extrapolated if RUN is below 100%"},
	{"interval", NULL, "EVENTS", "events", COLUMN_DELTA, false,
	 "count of the interval or minute, as the kernel gives it"},
	{"interval", NULL, "RUN", "running_ratio", COLUMN_RATIO, false,
	 "share of its time on a counter; -: not known"},
};

/* Cgroups have no comm. */
enum { COMM, FUNCTION, EVENT, NR_TEXTS };
static const struct text_column texts[NR_TEXTS] = {
	{"COMM", "comm", false, "name of the process"},
	{"FUNCTION", "function", false, "the NNPA function that it used most"},
	{"EVENT", "event", true, "what was counted"},
};

static bool has_points(struct json_object *sample, const char *metric)
{
	return json_length(sample_points(sample, metric));
}

/* What has ended is only in the windows. */
const char *attributed_next(const struct view *view, struct json_object *now, const char *name)
{
	const struct attribution *by = view->by;
	bool nnpa = has_points(now, by->nnpa_total) || has_points(now, by->nnpa_window);
	const char *const metrics[] = {by->event_total, by->event_window};
	const char *first = nnpa ? NNPA : NULL;
	bool found = nnpa && name && !strcmp(name, NNPA);

	for (size_t m = 0; m < 2; m++) {
		struct json_object *points = sample_points(now, metrics[m]);

		for (size_t i = 0; i < json_length(points); i++) {
			const char *event = point_label(json_at(points, i), "name");
			const char *labels[] = {"name", event, NULL};
			uint64_t sum;

			if (!strcmp(event, NNPA) || !points_first(points, i, "name") ||
			    (m && sample_find(now, metrics[0], labels, &sum)))
				continue;
			if (found)
				return event;
			first = first ?: event;
			found = name && !strcmp(name, event);
		}
	}
	return first;
}

bool attributed_has(const struct view *view, struct json_object *now, const char *name)
{
	const char *first = attributed_next(view, now, NULL), *next = first;

	while (next && strcmp(next, name) != 0) {
		next = attributed_next(view, now, next);
		if (!strcmp(next, first))
			return false;
	}
	return next;
}

/* Sets a text that the view has. 0 or -ENOMEM. */
static int set_text(const struct table *table, struct row *row, size_t text, const char *value)
{
	char **target = &row->texts[text + table->view->nr_texts - NR_TEXTS];

	free(*target);
	*target = strdup(value);
	return *target ? 0 : -ENOMEM;
}

/* The row of a point, from the first row of its event on, or NULL. */
static struct row *find_row(const struct table *table, size_t first, struct json_object *point)
{
	const char *name = point_label(point, table->view->by->label);

	for (size_t i = table->nr_rows; i-- > first;)
		if (!strcmp(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

/* Adds a row of zeros. NULL: no memory. */
static struct row *add_row(struct table *table, const char *event, struct json_object *point)
{
	struct row *row = table_add(table, point_label(point, table->view->by->label));

	if (!row || set_text(table, row, EVENT, event ?: NNPA) ||
	    (table->view->nr_texts == NR_TEXTS &&
	     set_text(table, row, COMM, point_label(point, "comm"))))
		return NULL;
	memset(row->values, 0, sizeof(row->values));
	return row;
}

/* Is it a point of this event (NULL: NNPA), and of the span? */
static bool is_counted(const struct table *table, struct json_object *point, const char *event)
{
	return (!event || !strcmp(point_label(point, "name"), event)) &&
	       (table->pick.span == SPAN_INTERVAL ||
		!strcmp(point_label(point, "minute"), table_minutes[table->pick.span]));
}

/* Adds what was counted. event: NULL for NNPA; first: of its rows. 0 or -ENOMEM. */
static int add_counts(struct json_object *before, struct json_object *now, struct table *table,
		      const char *event, size_t first)
{
	const struct attribution *by = table->view->by;
	bool total = table->pick.span == SPAN_INTERVAL;
	const char *metric = event   ? total ? by->event_total : by->event_window
			     : total ? by->nnpa_total
				     : by->nnpa_window;
	/* Not by comm, which a process can change. */
	const char *const labels[] = {by->label, event ? "name" : "counter", NULL};
	struct json_object *old = sample_points(before, metric);
	struct json_object *points = sample_points(now, metric);
	size_t hint = 0;

	for (size_t i = 0; i < json_length(points); i++) {
		struct json_object *point = json_at(points, i);
		const char *counter = point_label(point, "counter");
		bool restarted = false;
		struct row *row;
		uint64_t count;

		if (!is_counted(table, point, event))
			continue;
		count = total ? point_delta(old, point, labels, &hint, &restarted)
			      : json_object_get_uint64(json_object_object_get(point, "value"));
		if (table->pick.skips_idle && !count && !restarted)
			continue;
		row = find_row(table, first, point) ?: add_row(table, event, point);
		if (!row)
			return -ENOMEM;
		row->restarted |= restarted;
		row->values[EVENTS] += count;
		if (event || (total && !(table->seconds > 0)) || count <= row->values[MOST])
			continue;
		row->values[MOST] = count;
		if (set_text(table, row, FUNCTION, counter))
			return -ENOMEM;
	}
	return 0;
}

/* Adds the times of an event to its rows. */
static void add_times(struct json_object *before, struct json_object *now, struct table *table,
		      const char *metric, const char *event, size_t first, size_t column)
{
	const char *const labels[] = {table->view->by->label, "name", NULL};
	struct json_object *old = sample_points(before, metric);
	struct json_object *points = sample_points(now, metric);
	size_t hint = 0;

	for (size_t i = 0; i < json_length(points); i++) {
		struct json_object *point = json_at(points, i);
		struct row *row = is_counted(table, point, event) ? find_row(table, first, point)
								  : NULL;

		if (row)
			row->values[column] += json_number(point, "value", 0) -
					       json_number(point_before(old, point, labels, &hint),
							   "value", 0);
	}
}

/* The length of the span in seconds, 0 if it is not known. */
static double span_seconds(struct json_object *before, struct json_object *now,
			   const struct table *table, const char *source)
{
	const char *current[] = {"source", source, "minute", "current", NULL};
	const char *last[] = {"source", source, "minute", "last", NULL};
	double began, end = json_number(now, "realtime_ns", 0) / 1e9;

	if (table->pick.span == SPAN_INTERVAL)
		return sample_came_up(before, now, source) ? 0 : table->seconds;
	began = sample_real(now, "paimon_attribution_window_start_seconds", current);
	if (table->pick.span == SPAN_LAST) {
		end = began;
		began = sample_real(now, "paimon_attribution_window_start_seconds", last);
	}
	return began > 0 && end > began ? end - began : 0;
}

/* The scale of an event's unit. */
static double scale_of(struct json_object *now, const char *event)
{
	struct json_object *points = event ? sample_points(now, "paimon_event_info") : NULL;
	const char *labels[] = {"name", event, NULL};

	for (size_t i = 0; i < json_length(points); i++) {
		struct json_object *point = json_at(points, i);
		const char *scale = point_label(point, "scale");

		if (point_matches(point, labels) && *scale)
			return strtod(scale, NULL);
	}
	return 1;
}

/* Adds the rows of an event, or of NNPA. rank: where to sort them. 0 or -ENOMEM. */
static int add_event(struct json_object *before, struct json_object *now, struct table *table,
		     const char *name, int rank)
{
	const struct attribution *by = table->view->by;
	const char *event = strcmp(name, NNPA) ? name : NULL;
	double scale = scale_of(now, event);
	size_t first = table->nr_rows;
	int r;

	table->source = event ? "events" : "pai";
	table->seconds = span_seconds(before, now, table, table->source);
	r = add_counts(before, now, table, event, first);
	if (event && by->event_enabled && table->pick.span == SPAN_INTERVAL) {
		add_times(before, now, table, by->event_enabled, event, first, ENABLED_TIME);
		add_times(before, now, table, by->event_running, event, first, RUNNING_TIME);
	}
	for (size_t i = first; i < table->nr_rows; i++) {
		struct row *row = &table->rows[i];
		double *v = row->values, count = v[EVENTS];

		row->rank = rank;
		v[RUNNING] = v[ENABLED_TIME] > 0 ? v[RUNNING_TIME] / v[ENABLED_TIME] : NAN;
		v[RATE] = v[EVENTS] * scale;
		if (v[RUNNING] < 1)
			v[RATE] /= v[RUNNING];
		if (!isfinite(v[RATE]))
			v[RATE] = NAN;
		table_rates(table, row);
		/* Of a minute only its beginning may not be known yet. */
		if (table->pick.span != SPAN_INTERVAL)
			v[EVENTS] = count;
	}
	return r;
}

static int compute(struct json_object *before, struct json_object *now, struct table *table)
{
	const char *first = attributed_next(table->view, now, NULL), *name = first;
	double seconds = table->seconds;
	int r = 0;

	table->restarted &= table->pick.span == SPAN_INTERVAL;
	if (table->pick.counted)
		return add_event(before, now, table, table->pick.counted, 0);
	for (int rank = 0; name && !r; rank++) {
		table->seconds = seconds;
		r = add_event(before, now, table, name, rank);
		name = attributed_next(table->view, now, name);
		if (!strcmp(name, first))
			break;
	}
	return r;
}

#define KEYS                                                                                     \
	"e: the next event. m: this minute, the last one, and the interval again; a minute has " \
	"also what\nhas ended."

const struct view view_tasks = {
	.name = "tasks",
	.source = "pai",
	.key = "PID",
	.key_width = 7,
	.nothing =
		"no process is known: nothing is attributed to processes (paimonctl event open --by process SPEC;\n"
		"NNPA: mode in [pai], see paimond.conf(5)), or you are not in group paimon",
	.missing = "nothing of this name is attributed to processes (paimonctl event list)",
	.by = &by_process,
	.other = &view_cgroups,
	.key_help = "process; 0: the idle task; other: those that had no place",
	.help = "What was counted for each process. c: the same for cgroups.\n" KEYS,
	.texts = texts,
	.nr_texts = NR_TEXTS,
	.columns = columns,
	.nr_columns = RUNNING,
	.heat = RATE,
	.by_rate = true,
	.compute = compute,
};

const struct view view_cgroups = {
	.name = "cgroups",
	.source = "pai",
	.key = "CGROUP",
	.key_width = 12,
	.nothing = "nothing is attributed to cgroups (paimonctl event open --by cgroup SPEC;\n"
		   "NNPA: mode in [pai], see paimond.conf(5))",
	.missing = "nothing of this name is attributed to cgroups (paimonctl event list)",
	.by = &by_cgroup,
	.other = &view_tasks,
	.tab_skips = true,
	.key_help = "cgroup; other: those that had no place",
	.help = "What was counted for each cgroup. c: the same for processes.\n" KEYS,
	.texts = texts + FUNCTION,
	.nr_texts = NR_TEXTS - FUNCTION,
	.columns = columns,
	.nr_columns = RUNNING + 1,
	.heat = RATE,
	.by_rate = true,
	.compute = compute,
};

// SPDX-License-Identifier: GPL-2.0
/* The sections of the page on NNPA, kept events and system PMUs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page_parts.h"

#define MAX_FUNCTIONS 12
#define MAX_CGROUPS 10 /* of NNPA */
#define MAX_EVENTS 24
#define MAX_EVENT_CGROUPS 5 /* of each event */
#define MAX_ATTRIBUTED 8    /* events */
#define MAX_VALUES 32	    /* of system PMUs */

/* Rows of a rate, its share of the sum, and a total. */
static void add_shares(struct buffer *html, const struct page_row *rows, size_t nr, size_t max,
		       size_t label, const char *unit, double scale)
{
	double rate = 0, total = 0;

	for (size_t i = 0; i < nr; i++) {
		rate += isnan(rows[i].rate) ? 0 : rows[i].rate;
		total += rows[i].group->total;
	}
	for (size_t i = 0; i < nr && i < max; i++) {
		const struct page_row *row = &rows[i];

		buffer_add_string(html, "<tr><th scope=\"row\">");
		html_name(html, row->group->labels[label]);
		buffer_add_string(html, "</th><td class=\"n\">");
		html_number(html, row->rate * scale, unit);
		buffer_add_string(html, "</td><td class=\"w chart\">");
		html_bar(html, rate > 0 ? row->rate / rate : row->group->total / total);
		buffer_add_string(html, "</td><td class=\"n\">");
		html_number(html, row->group->total * scale, "");
		buffer_add_string(html, "</td></tr>\n");
	}
}

static void add_share_table(struct buffer *html, const char *caption, const char *what,
			    const char *more, const struct page_row *rows, size_t nr, size_t max,
			    size_t label, const char *unit, double scale)
{
	const struct html_column columns[] = {{what, NULL},
					      {"Now", "n"},
					      {"Share", "w chart"},
					      {"Total", "n"}};

	buffer_add_string(html, "<div>");
	html_table(html, caption, columns, 4);
	add_shares(html, rows, nr, max, label, unit, scale);
	html_table_end(html);
	html_more(html, nr, max, more);
	buffer_add_string(html, "</div>\n");
}

/* NNPA */

/* Rows that count something, which are first. */
static size_t nr_counting(const struct page_rows *rows)
{
	size_t nr = 0;

	while (nr < rows->nr && (rows->all[nr].rate > 0 || rows->all[nr].group->total > 0))
		nr++;
	return nr;
}

void page_nnpa(struct buffer *html, const struct page *page)
{
	struct page_rows functions, cgroups;
	size_t nr;

	if (page_section(html, page, "pai", "NNPA, the AI unit")) {
		functions = page_rows(page, WANT_FUNCTIONS, html);
		cgroups = page_rows(page, WANT_NNPA_CGROUPS, html);
		nr = nr_counting(&functions);
		if (!nr && !(cgroups.total > 0)) {
			page_nothing(html, page, "pai", "No NNPA function was executed");
		} else {
			buffer_add_string(html, "<div class=\"pair\">\n");
			if (nr)
				add_share_table(html, "Functions executed on all CPUs", "Function",
						"function", functions.all, nr, MAX_FUNCTIONS, 0,
						"/s", 1);
			if (cgroups.total > 0)
				add_share_table(html, "Cgroups by NNPA functions", "Cgroup",
						"cgroup", cgroups.all, nr_counting(&cgroups),
						MAX_CGROUPS, 0, "/s", 1);
			buffer_add_string(html, "</div>\n");
		}
		page_rows_clear(&functions);
		page_rows_clear(&cgroups);
	}
	page_section_end(html);
}

/* Kept events */

struct events {
	struct groups up, info, enabled, running, levels;
	struct page_rows values, cgroups;
};

/* The unit and scale of an event. */
static const char *unit_of(const struct events *events, const char *name, double *ret_scale)
{
	const struct group *info = page_group(&events->info, name);
	double scale = info ? strtod(info->labels[2], NULL) : 0;

	*ret_scale = isfinite(scale) && scale > 0 ? scale : 1;
	return info ? info->labels[1] : "";
}

/* A number with a unit from outside. */
static void add_value(struct buffer *html, double value, const char *unit, bool rate)
{
	if (rate) {
		html_number(html, value, *unit || isnan(value) ? "" : "/s");
	} else {
		html_number(html, value, "");
	}
	if (*unit && !isnan(value)) {
		buffer_add_string(html, " <span>");
		html_name(html, unit);
		buffer_add_string(html, rate ? "/s</span>" : "</span>");
	}
}

/* A level, or the range of its values on several CPUs. */
static bool add_level(struct buffer *html, const struct events *events, const char *name)
{
	double min = NAN, max = NAN, scale;
	const char *unit = unit_of(events, name, &scale);

	for (size_t i = 0; i < events->levels.nr; i++) {
		double value = events->levels.all[i].total * scale;

		if (strcmp(events->levels.all[i].labels[0], name) != 0)
			continue;
		min = value >= min ? min : value;
		max = value <= max ? max : value;
	}
	if (isnan(min))
		return false;
	if (min < max) {
		html_number(html, min, "");
		buffer_add_string(html, " to ");
	}
	add_value(html, max, unit, false);
	return true;
}

static void add_event(struct buffer *html, const struct page *page, const struct events *events,
		      const struct group *up)
{
	const char *name = up->labels[0];
	const struct group *enabled = page_group(&events->enabled, name),
			   *running = page_group(&events->running, name);
	const struct page_row *row = NULL;
	double scale, ratio;
	const char *unit = unit_of(events, name, &scale);

	for (size_t i = 0; i < events->values.nr && !row; i++)
		if (!strcmp(events->values.all[i].group->labels[0], name))
			row = &events->values.all[i];
	ratio = enabled && running && enabled->total > 0 ? running->total / enabled->total : 1;
	buffer_add_string(html, "<tr><th scope=\"row\">");
	html_name(html, name);
	buffer_add_string(html, "</th><td class=\"n\">");
	if (row)
		add_value(html, row->rate * scale, unit, true);
	else if (!add_level(html, events, name))
		buffer_add_string(html, "–");
	buffer_add_string(html, "</td><td class=\"w chart\">");
	if (row)
		page_spark_of(html, page, row->series);
	html_add(html, "</td><td><span class=\"state %s\">%s</span>",
		 up->total > 0 ? "up" : "failed", up->total > 0 ? "counts" : "cannot count");
	if (ratio < 0.995) {
		buffer_add_string(html, " <small>");
		html_ratio(html, ratio);
		buffer_add_string(html, " of the time</small>");
	}
	buffer_add_string(html, "</td><td class=\"n w\">");
	if (row)
		add_value(html, row->group->total * scale, unit, false);
	buffer_add_string(html, "</td></tr>\n");
}

/* The top cgroups of one event, which has the rows from to nr. */
static void add_event_cgroups(struct buffer *html, const struct events *events,
			      const struct page_row *rows, size_t nr)
{
	struct buffer caption = {};
	const char *name = rows->group->labels[0];
	double scale;
	const char *unit = unit_of(events, name, &scale);

	buffer_add_string(&caption, "Cgroups by ");
	buffer_add_string(&caption, name);
	if (*unit) {
		buffer_add_string(&caption, ", in ");
		buffer_add_string(&caption, unit);
	}
	buffer_add(&caption, "", 1);
	html->error = html->error ?: caption.error;
	if (!html->error)
		add_share_table(html, caption.data, "Cgroup", "cgroup", rows, nr, MAX_EVENT_CGROUPS,
				1, *unit ? "" : "/s", scale);
	free(caption.data);
}

static int compare_names(const void *a, const void *b)
{
	const struct page_row *left = *(const struct page_row *const *)a,
			      *right = *(const struct page_row *const *)b;
	int r = strcmp(left->group->labels[0], right->group->labels[0]);

	return r ?: (left > right) - (left < right); /* which are in the order of their rates */
}

static void add_attributed(struct buffer *html, const struct events *events)
{
	const struct page_rows *rows = &events->cgroups;
	_cleanup_free_ const struct page_row **sorted = NULL;
	_cleanup_free_ struct page_row *all = NULL;
	size_t nr = 0, shown = 0;

	if (!rows->nr)
		return;
	sorted = calloc(rows->nr, sizeof(struct page_row *));
	all = calloc(rows->nr, sizeof(*all));
	if (!sorted || !all) {
		html->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < rows->nr; i++)
		sorted[i] = &rows->all[i];
	qsort(sorted, rows->nr, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < rows->nr; i++)
		if (sorted[i]->group->total > 0)
			all[nr++] = *sorted[i];
	buffer_add_string(html, "<div class=\"pair\">\n");
	for (size_t i = 0, end; i < nr && shown < MAX_ATTRIBUTED; i = end, shown++) {
		for (end = i + 1;
		     end < nr && !strcmp(all[end].group->labels[0], all[i].group->labels[0]);)
			end++;
		add_event_cgroups(html, events, all + i, end - i);
	}
	buffer_add_string(html, "</div>\n");
}

void page_events(struct buffer *html, const struct page *page)
{
	static const struct html_column columns[] = {{"Event", NULL},
						     {"Now", "n"},
						     {"Five minutes", "w chart"},
						     {"State", NULL},
						     {"Total", "n w"}};
	static const char *const by_name[] = {"name", NULL},
				 *const by_cpu[] = {"name", "cpu", NULL},
				 *const by_unit[] = {"name", "unit", "scale", NULL};

	if (page_section(html, page, "events", "Kept perf events")) {
		struct events events = {
			.up = page_groups(page, "paimon_event_up", by_name, html),
			.info = page_groups(page, "paimon_event_info", by_unit, html),
			.enabled = page_groups(page, "paimon_event_enabled_seconds_total", by_name,
					       html),
			.running = page_groups(page, "paimon_event_running_seconds_total", by_name,
					       html),
			.levels = page_groups(page, "paimon_event_level", by_cpu, html),
			.values = page_rows(page, WANT_EVENTS, html),
			.cgroups = page_rows(page, WANT_EVENT_CGROUPS, html),
		};
		size_t shown = 0;

		if (events.up.nr) {
			html_table(html, "Events that count until they are closed", columns, 5);
			/* Those that do not count come first, so that they are shown. */
			for (int counts = 0; counts < 2; counts++)
				for (size_t i = 0; i < events.up.nr && shown < MAX_EVENTS; i++)
					if ((events.up.all[i].total > 0) == counts) {
						add_event(html, page, &events, &events.up.all[i]);
						shown++;
					}
			html_table_end(html);
			html_more(html, events.up.nr, MAX_EVENTS, "event");
			add_attributed(html, &events);
		} else {
			buffer_add_string(
				html,
				"<p class=\"nothing\">No event is kept: <code>paimonctl event open</code> or a section <code>[event NAME]</code> of paimond.conf keeps one.</p>\n");
		}
		groups_clear(&events.up);
		groups_clear(&events.info);
		groups_clear(&events.enabled);
		groups_clear(&events.running);
		groups_clear(&events.levels);
		page_rows_clear(&events.values);
		page_rows_clear(&events.cgroups);
	}
	page_section_end(html);
}

/* System PMUs */

static void add_formula_value(struct buffer *html, enum event_set_unit unit, double value)
{
	switch (unit) {
	case EVENT_SET_SECONDS:
		html_seconds(html, value);
		break;
	case EVENT_SET_RATIO:
		html_ratio(html, value);
		break;
	default:
		html_number(html, value, unit == EVENT_SET_BYTES_PER_SECOND ? "B/s" : "/s");
	}
}

/* The value of a formula by the rates of the events of a PMU on a socket, in an interval. */
static double value_of(const struct page *page, const struct event_set *set,
		       const struct event_set_formula *formula, const struct group *pmu, size_t i)
{
	double rates[EVENT_SET_MAX_EVENTS], value;

	for (size_t e = 0; e < set->nr_events; e++) {
		const char *const labels[GROUP_LABELS] = {pmu->labels[0], pmu->labels[1],
							  set->events[e]};
		const struct history_series *series =
			history_find(page->history, &page_wants[WANT_PMU_EVENTS], labels);

		rates[e] = series ? history_rate(page->history, series, i) : (double)NAN;
	}
	return formula_value(formula->formula, rates, &value) ? value : (double)NAN;
}

static void begin_pmu(struct buffer *html, const struct group *pmu)
{
	buffer_add_string(
		html, "</tbody><tbody>\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"4\">");
	html_name(html, pmu->labels[0]);
	if (*pmu->labels[1]) {
		buffer_add_string(html, " <small>socket ");
		html_name(html, pmu->labels[1]);
		buffer_add_string(html, "</small>");
	}
	buffer_add_string(html, "</th></tr>\n");
}

static void begin_value(struct buffer *html, const char *name)
{
	buffer_add_string(html, "<tr><th scope=\"row\">");
	html_name(html, name);
	buffer_add_string(html, "</th><td class=\"n\">");
}

/* Adds the rows of a PMU on a socket, by the formulas of its event set. */
static void add_formulas(struct buffer *html, const struct page *page, const struct event_set *set,
			 const struct group *pmu)
{
	size_t nr = history_nr(page->history);

	for (size_t f = 0; f < set->nr_formulas; f++) {
		const struct event_set_formula *formula = &set->formulas[f];
		double values[HISTORY_INTERVALS];

		for (size_t i = 0; i < nr; i++)
			values[i] = value_of(page, set, formula, pmu, i);
		begin_value(html, formula->name);
		add_formula_value(html, formula->unit, nr ? values[nr - 1] : (double)NAN);
		buffer_add_string(html, "</td><td class=\"w chart\">");
		page_spark(html, page, values);
		buffer_add_string(html, "</td><td class=\"w text\">");
		html_text(html, formula->help);
		buffer_add_string(html, "</td></tr>\n");
	}
}

static const struct event_set *find_set(const struct page *page, const struct groups *infos,
					const char *name)
{
	const struct group *info = page_group(infos, name);
	const struct event_set_pmu pmu = {
		.name = name,
		.identifier = info && *info->labels[1] ? info->labels[1] : NULL,
		.implementer = info && *info->labels[2] ? info->labels[2] : NULL,
	};

	return page->sets ? event_sets_find(page->sets, &pmu) : NULL;
}

/* Adds the row of an event of a PMU that has no set. */
static void add_pmu_event(struct buffer *html, const struct page *page, const struct group *event)
{
	const struct history_series *series =
		history_find(page->history, &page_wants[WANT_PMU_EVENTS], event->labels);

	begin_value(html, event->labels[2]);
	html_number(html, series ? series->rate : (double)NAN, "/s");
	buffer_add_string(html, "</td><td class=\"w chart\">");
	page_spark_of(html, page, series);
	buffer_add_string(html, "</td><td class=\"w\"></td></tr>\n");
}

static void add_pmus(struct buffer *html, const struct page *page, const struct groups *infos,
		     const struct groups *events)
{
	static const struct html_column columns[] = {{"PMU and value", NULL},
						     {"Now", "n"},
						     {"Five minutes", "w chart"},
						     {"Meaning", "w"}};
	size_t rows = 0, left = 0;

	html_table(html, "Bandwidth, latency and other values of each PMU and socket", columns, 4);
	for (size_t i = 0; i < events->nr; i++) {
		const struct group *event = &events->all[i];
		const struct event_set *set = find_set(page, infos, event->labels[0]);
		bool first = !i || strcmp(event->labels[0], event[-1].labels[0]) ||
			     strcmp(event->labels[1], event[-1].labels[1]);

		if (rows >= MAX_VALUES) {
			left += set ? first * set->nr_formulas : 1;
			continue;
		}
		if (first)
			begin_pmu(html, event);
		if (set && first)
			add_formulas(html, page, set, event);
		else if (!set)
			add_pmu_event(html, page, event);
		rows += set ? first * set->nr_formulas : 1;
	}
	html_table_end(html);
	html_more(html, rows + left, rows, "value");
}

void page_pmus(struct buffer *html, const struct page *page)
{
	static const char *const by_pmu[] = {"pmu", "identifier", "implementer", NULL};
	const struct history_want *want = &page_wants[WANT_PMU_EVENTS];

	if (page_section(html, page, "cspmu", "System PMUs")) {
		struct groups infos = page_groups(page, "paimon_cspmu_info", by_pmu, html);
		struct groups events = page_groups(page, want->metric, want->by, html);

		if (events.nr)
			add_pmus(html, page, &infos, &events);
		else
			buffer_add_string(
				html,
				"<p class=\"nothing\">No event of a system PMU is counted.</p>\n");
		groups_clear(&infos);
		groups_clear(&events);
	}
	page_section_end(html);
}

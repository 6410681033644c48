// SPDX-License-Identifier: GPL-2.0
#include "page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page_parts.h"
#include "page_style.h"

#define SPAN_SECONDS (HISTORY_SPAN_NS / 1000000000)

/* frame-ancestors, base-uri and form-action do not follow from default-src. */
const char page_policy[] = "default-src 'none'; style-src '" PAGE_STYLE_HASH
			   "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const struct history_want page_wants[NR_PAGE_WANTS] = {
	[WANT_REQUESTS] = {"paimon_iopf_requests_total", {"device"}, true, true},
	[WANT_ANSWERS] = {"paimon_iopf_groups_total", {"response"}, false, false},
	[WANT_DURATION] = {"paimon_iopf_group_duration_seconds", {"device"}, false, true},
	[WANT_DISCARDED] = {"paimon_iopf_discarded_requests_total", {"reason"}, false, false},
	[WANT_LOST] = {"paimon_iopf_groups_lost_total", {"reason"}, false, false},
	[WANT_FUNCTIONS] = {"paimon_nnpa_events_total", {"counter"}, false, true},
	[WANT_NNPA_CGROUPS] = {"paimon_nnpa_cgroup_events_total", {"cgroup"}, false, false},
	[WANT_EVENTS] = {"paimon_event_value_total", {"name"}, true, false},
	[WANT_EVENT_CGROUPS] = {"paimon_event_cgroup_value_total",
				{"name", "cgroup"},
				false,
				false},
	[WANT_PMU_EVENTS] = {"paimon_cspmu_events_total", {"pmu", "socket", "event"}, true, false},
};

/* Rows */

static int compare_rows(const void *a, const void *b)
{
	const struct page_row *left = a, *right = b;
	double l = isnan(left->rate) ? -1 : left->rate, r = isnan(right->rate) ? -1 : right->rate;

	if (l != r)
		return l < r ? 1 : -1;
	if (left->group->total != right->group->total)
		return left->group->total < right->group->total ? 1 : -1;
	return left->group < right->group ? -1 : 1; /* which are in the order of their labels */
}

struct groups page_groups(const struct page *page, const char *metric, const char *const *by,
			  struct buffer *html)
{
	struct groups groups = {};
	int r = groups_make(page->snapshot, metric, by, &groups);

	html->error = html->error ?: r;
	return groups;
}

const struct group *page_group(const struct groups *groups, const char *label)
{
	for (size_t i = 0; i < groups->nr; i++)
		if (!strcmp(groups->all[i].labels[0], label))
			return &groups->all[i];
	return NULL;
}

struct page_rows page_rows(const struct page *page, enum page_want want, struct buffer *html)
{
	const struct history_want *wanted = &page_wants[want];
	struct page_rows rows = {
		.groups = page_groups(page, wanted->metric, wanted->by, html),
		.rate = NAN,
	};

	rows.all = rows.groups.nr ? calloc(rows.groups.nr, sizeof(*rows.all)) : NULL;
	if (!rows.all) {
		if (rows.groups.nr)
			html->error = -ENOMEM;
		return rows;
	}
	for (; rows.nr < rows.groups.nr; rows.nr++) {
		const struct group *group = &rows.groups.all[rows.nr];
		const struct history_series *series = history_find(page->history, wanted,
								   group->labels);

		rows.all[rows.nr] = (struct page_row){group, series,
						      series ? series->rate : (double)NAN};
		rows.total += group->total;
		if (series && !isnan(series->rate))
			rows.rate = (isnan(rows.rate) ? 0 : rows.rate) + series->rate;
	}
	qsort(rows.all, rows.nr, sizeof(*rows.all), compare_rows);
	return rows;
}

void page_rows_clear(struct page_rows *rows)
{
	groups_clear(&rows->groups);
	free(rows->all);
}

/* Charts */

void page_span(const struct page *page, size_t i, double *ret_from, double *ret_to)
{
	const struct history_interval *interval = history_interval(page->history, i);
	uint64_t now = page->snapshot->monotonic_ns;

	*ret_from = SPAN_SECONDS - (double)(now - interval->from_ns) * 1e-9;
	*ret_to = SPAN_SECONDS - (double)(now - interval->to_ns) * 1e-9;
	*ret_from = *ret_from < 0 ? 0 : *ret_from;
	*ret_to = *ret_to < 0 ? 0 : *ret_to;
}

void page_spark(struct buffer *html, const struct page *page, const double *values)
{
	size_t nr = history_nr(page->history);
	long at = 0, height = 0; /* of the pen */
	bool down = false;
	double max = 0;

	for (size_t i = 0; i < nr; i++)
		if (values[i] > max)
			max = values[i];
	html_add(
		html,
		"<svg class=\"spark\" viewBox=\"0 0 %d 24\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"",
		(int)SPAN_SECONDS);
	for (size_t i = 0; i < nr; i++) {
		double from, to;
		long y, x;

		page_span(page, i, &from, &to);
		x = lround(to);
		if (isnan(values[i]) || x <= lround(from)) {
			down = false;
			continue;
		}
		y = 22 - (max > 0 ? lround(values[i] / max * 20) : 0);
		if (!down) {
			at = lround(from);
			html_add(html, "M%ld %ld", at, y);
		} else if (y != height) {
			html_add(html, "v%ld", y - height);
		}
		html_add(html, "h%ld", x - at);
		at = x;
		height = y;
		down = true;
	}
	buffer_add_string(html, "\"/></svg>");
}

void page_spark_of(struct buffer *html, const struct page *page,
		   const struct history_series *series)
{
	double values[HISTORY_INTERVALS];

	for (size_t i = 0; i < history_nr(page->history); i++)
		values[i] = series ? history_rate(page->history, series, i) : (double)NAN;
	page_spark(html, page, values);
}

double page_peak(const struct page *page, const struct history_series *series)
{
	double peak = NAN;

	for (size_t i = 0; series && i < history_nr(page->history); i++) {
		double rate = history_rate(page->history, series, i);

		if (!(peak >= rate) && !isnan(rate))
			peak = rate;
	}
	return peak;
}

/* Sections */

const struct status_source *page_source(const struct page *page, const char *name)
{
	for (size_t i = 0; i < page->status->nr_sources; i++)
		if (!strcmp(page->status->sources[i].name, name))
			return &page->status->sources[i];
	return NULL;
}

bool page_is_up(const struct page *page, const char *name)
{
	const struct status_source *source = page_source(page, name);

	return source && source->backend;
}

bool page_section(struct buffer *html, const struct page *page, const char *name, const char *title)
{
	const struct status_source *source = page_source(page, name);

	html_add(html, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">",
		 name, name, name);
	html_text(html, title);
	buffer_add_string(html, "</h2>\n");
	if (!source)
		return false;
	if (!source->backend && source->reason) {
		html_add(html, "<p class=\"cannot %s\"><strong>Cannot count.</strong> ",
			 source->state);
		html_text(html, source->reason);
		buffer_add_string(html, "</p>\n");
	} else if (!source->backend) {
		html_add(
			html,
			"<p class=\"note\">Not counted: the source <code>%s</code> is off here.</p>\n",
			name);
	}
	return source->backend;
}

void page_section_end(struct buffer *html)
{
	buffer_add_string(html, "</section>\n");
}

void page_nothing(struct buffer *html, const struct page *page, const char *name, const char *what)
{
	const struct status_source *source = page_source(page, name);

	html_add(html, "<p class=\"nothing\"><strong>Nothing came.</strong> %s since ", what);
	html_time(html, source->attached_ns);
	buffer_add_string(html, ", when counting began.</p>\n");
}

/* Tiles */

static void open_tile(struct buffer *html, const char *href, const char *title)
{
	html_add(html, "<li><a href=\"#%s\">%s</a><b>", href, title);
}

static void tile_faults(struct buffer *html, const struct page *page)
{
	static const char *const by[] = {NULL};
	struct page_rows rows = page_rows(page, WANT_REQUESTS, html);
	struct groups flight = page_groups(page, "paimon_iopf_outstanding_groups", by, html);
	struct groups partial = page_groups(page, "paimon_iopf_partial_requests", by, html);
	const struct history_series *sum = history_find(page->history, &page_wants[WANT_REQUESTS],
							NULL);
	size_t nr = history_nr(page->history);
	double p99[HISTORY_INTERVALS];

	open_tile(html, "iopf", "Page requests");
	if (nr)
		html_number(html, rows.rate, "/s");
	else
		html_number(html, rows.total, "");
	buffer_add_string(html, "</b>");
	page_spark_of(html, page, sum);
	buffer_add_string(html, "<small>");
	if (nr) {
		buffer_add_string(html, "peak ");
		html_number(html, page_peak(page, sum), "/s");
	} else {
		buffer_add_string(html, "since counting began");
	}
	buffer_add_string(html, "</small></li>\n");

	if (nr) {
		const struct history_interval *latest = history_interval(page->history, nr - 1);

		for (size_t i = 0; i < nr; i++) {
			p99[i] = history_interval(page->history, i)->p99;
			p99[i] = isinf(p99[i]) ? 100 : p99[i];
		}
		open_tile(html, "iopf", "Latency, p99");
		html_seconds(html, latest->p99);
		buffer_add_string(html, "</b>");
		page_spark(html, page, p99);
		buffer_add_string(html, "<small>p50 ");
		html_seconds(html, latest->p50);
		buffer_add_string(html, "</small></li>\n");
	}

	open_tile(html, "iopf", "Groups in flight");
	html_count(html, flight.nr ? flight.all[0].total : 0);
	buffer_add_string(html, "</b><small>");
	html_count(html, partial.nr ? partial.all[0].total : 0);
	buffer_add_string(html, " partial requests</small></li>\n");
	page_rows_clear(&rows);
	groups_clear(&flight);
	groups_clear(&partial);
}

static void tile_nnpa(struct buffer *html, const struct page *page)
{
	struct page_rows rows = page_rows(page, WANT_FUNCTIONS, html);
	const struct history_series *sum = history_find(page->history, &page_wants[WANT_FUNCTIONS],
							NULL);

	if (rows.nr) {
		open_tile(html, "pai", "NNPA functions");
		if (history_nr(page->history))
			html_number(html, rows.rate, "/s");
		else
			html_number(html, rows.total, "");
		buffer_add_string(html, "</b>");
		page_spark_of(html, page, sum);
		buffer_add_string(html, "<small>");
		if (history_nr(page->history)) {
			buffer_add_string(html, "peak ");
			html_number(html, page_peak(page, sum), "/s");
		} else {
			buffer_add_string(html, "since counting began");
		}
		buffer_add_string(html, "</small></li>\n");
	}
	page_rows_clear(&rows);
}

static void tile_events(struct buffer *html, const struct page *page)
{
	static const char *const by[] = {"name", NULL};
	struct groups up = page_groups(page, "paimon_event_up", by, html);
	size_t nr = 0;

	for (size_t i = 0; i < up.nr; i++)
		nr += up.all[i].total > 0;
	open_tile(html, "events", "Kept events");
	html_add(html, "%zu</b><small>", up.nr);
	if (!up.nr)
		buffer_add_string(html, "none is kept</small></li>\n");
	else if (nr == up.nr)
		buffer_add_string(html, "all of them count</small></li>\n");
	else
		html_add(html, "%zu of them cannot count</small></li>\n", up.nr - nr);
	groups_clear(&up);
}

/* The CPU time of paimond and of its programs, in percent of a CPU; in a replay the daemon runs
 * the programs. */
static double cpu_percent(const struct page *page)
{
	const struct status_cost *cost = &page->status->cost;
	double bpf = page->snapshot->input || isnan(cost->bpf_cpu_percent) ? 0
									   : cost->bpf_cpu_percent;

	return cost->daemon_cpu_percent + bpf;
}

static void tiles(struct buffer *html, const struct page *page)
{
	buffer_add_string(
		html,
		"<section aria-labelledby=\"now\"><h2 id=\"now\">Now</h2>\n<ul class=\"tiles\">\n");
	if (page_is_up(page, "iopf"))
		tile_faults(html, page);
	if (page_is_up(page, "pai"))
		tile_nnpa(html, page);
	if (page_is_up(page, "events"))
		tile_events(html, page);
	open_tile(html, "cost", "Cost of paimon");
	html_ratio(html, cpu_percent(page) / 100);
	html_add(html, "</b><small>of a CPU%s</small></li>\n</ul></section>\n",
		 page->status->cost.run_times || page->snapshot->input ? ""
								       : ", for paimond alone");
}

/* The rest */

static void sources(struct buffer *html, const struct page *page)
{
	static const struct html_column columns[] = {{"Source", NULL},
						     {"State", NULL},
						     {"Backend", "w"},
						     {"Since", "w"},
						     {"Note", NULL}};

	buffer_add_string(html, "<section id=\"sources\" aria-labelledby=\"sources-title\">\n"
				"<h2 id=\"sources-title\">Sources</h2>\n");
	html_table(html, "What paimond counts, and how", columns, 5);
	for (size_t i = 0; i < page->status->nr_sources; i++) {
		const struct status_source *source = &page->status->sources[i];
		const char *const problems = source->problems.data;

		buffer_add_string(html, "<tr><th scope=\"row\">");
		html_name(html, source->name);
		html_add(html, "</th><td><span class=\"state %s\">%s</span></td><td class=\"w\">",
			 source->state, source->state);
		html_text(html, source->backend ?: "–");
		buffer_add_string(html, "</td><td class=\"w\">");
		if (source->backend)
			html_time(html, source->attached_ns);
		buffer_add_string(html, "</td><td class=\"text\">");
		html_text(html, source->reason ?: "");
		for (size_t p = 0; p < source->problems.size; p += strlen(problems + p) + 1) {
			if (source->reason && !strcmp(source->reason, problems + p))
				continue;
			buffer_add_string(html, "<p>");
			html_text(html, problems + p);
			buffer_add_string(html, "</p>");
		}
		buffer_add_string(html, "</td></tr>\n");
	}
	html_table_end(html);
	page_section_end(html);
}

static void cost_row(struct buffer *html, const char *name)
{
	html_add(html, "</td></tr>\n<tr><th scope=\"row\">%s</th><td class=\"n\">", name);
}

static double total_of(const struct page *page, const char *metric, struct buffer *html)
{
	static const char *const by[] = {NULL};
	struct groups groups = page_groups(page, metric, by, html);
	double total = groups.nr ? groups.all[0].total : 0;

	groups_clear(&groups);
	return total;
}

static void cost(struct buffer *html, const struct page *page)
{
	static const struct html_column columns[] = {{"What", NULL}, {"Now", "n"}};
	const struct status_cost *now = &page->status->cost;

	buffer_add_string(html, "<section id=\"cost\" aria-labelledby=\"cost-title\">\n"
				"<h2 id=\"cost-title\">What paimon costs</h2>\n"
				"<div class=\"slim\">\n");
	html_table(html, "CPU time and rates of the last five to ten seconds", columns, 2);
	buffer_add_string(html, "<tr><th scope=\"row\">CPU time of paimond</th><td class=\"n\">");
	html_ratio(html, now->daemon_cpu_percent / 100);
	cost_row(html, "CPU time of BPF programs");
	if (isnan(now->bpf_cpu_percent))
		buffer_add_string(html, now->run_times ? "not yet measured" : "not measured");
	else
		html_ratio(html, now->bpf_cpu_percent / 100);
	cost_row(html, "CPU time of an event");
	html_seconds(html, now->ns_per_event * 1e-9);
	cost_row(html, "Events");
	html_number(html, now->events_per_second, "/s");
	cost_row(html, "BPF maps");
	html_bytes(html, now->map_bytes);
	if (now->descriptors_max) {
		cost_row(html, "Resident memory of paimond");
		html_bytes(html, now->resident_bytes);
		cost_row(html, "File descriptors");
		html_count(html, now->descriptors);
		buffer_add_string(html, " <span>of ");
		html_count(html, now->descriptors_max);
		buffer_add_string(html, "</span>");
	}
	cost_row(html, "Updates without room in a table");
	html_count(html, total_of(page, "paimon_series_dropped_total", html));
	cost_row(html, "Events that BPF programs missed");
	html_count(html, now->recursion_misses);
	buffer_add_string(html, "</td></tr>\n");
	html_table_end(html);
	buffer_add_string(html, "</div>\n");
	if (!now->run_times)
		buffer_add_string(
			html,
			"<p class=\"note\">The kernel measures run times of BPF programs with <code>sysctl kernel.bpf_stats_enabled=1</code>.</p>\n");
	page_section_end(html);
}

static void head(struct buffer *html, const struct page *page)
{
	buffer_add_string(
		html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	if (page->snapshot->input)
		buffer_add_string(html, "REPLAY: ");
	buffer_add_string(html, "paimon on ");
	html_text(html, page->host);
	buffer_add_string(html, "</title>\n<style>" PAGE_STYLE "</style>\n</head>\n<body>\n");
	if (page->snapshot->input)
		buffer_add_string(
			html,
			"<p class=\"replay\" role=\"status\"><strong>REPLAY</strong> synthetic input, no real events</p>\n");
	buffer_add_string(html, "<header>\n<h1>paimon <span>on ");
	html_name(html, page->host);
	buffer_add_string(html, "</span></h1>\n<p>");
	html_time(html, page->snapshot->realtime_ns);
	buffer_add_string(html, page->paused
					? " · paused · <a href=\"/\">Refresh every " PAGE_REFRESH
					  " seconds</a>"
					: " · every " PAGE_REFRESH
					  " seconds · <a href=\"/?pause\">Pause</a>");
	buffer_add_string(html, "</p>\n<p class=\"note\">");
	if (history_nr(page->history)) {
		const struct history_interval *latest =
			history_interval(page->history, history_nr(page->history) - 1);

		html_add(html, "Rates are averages of %.0f seconds; charts show five minutes.",
			 (double)(latest->to_ns - latest->from_ns) * 1e-9);
	} else {
		buffer_add_string(
			html,
			"<strong>First look: totals only.</strong> Nothing is kept while nobody looks, so rates and charts begin with the next look.");
	}
	buffer_add_string(html,
			  "</p>\n<nav aria-label=\"Sections\"><ul>"
			  "<li><a href=\"#iopf\">Page faults</a></li>"
			  "<li><a href=\"#pai\">NNPA</a></li>"
			  "<li><a href=\"#events\">Kept events</a></li>"
			  "<li><a href=\"#cspmu\">System PMUs</a></li>"
			  "<li><a href=\"#sources\">Sources</a></li>"
			  "<li><a href=\"#cost\">Cost</a></li></ul></nav>\n</header>\n<main>\n");
}

void encode_page(const struct page *page, struct buffer *html)
{
	head(html, page);
	tiles(html, page);
	page_faults(html, page);
	page_nnpa(html, page);
	page_events(html, page);
	page_pmus(html, page);
	sources(html, page);
	cost(html, page);
	buffer_add_string(html, "</main>\n<footer>\n<p>paimond ");
	html_text(html, page->status->version);
	buffer_add_string(
		html,
		" · <a href=\"/metrics\">/metrics</a> for Prometheus · "
		"<a href=\"/v1/status\">/v1/status</a> · <a href=\"/healthz\">/healthz</a></p>\n"
		"</footer>\n</body>\n</html>\n");
}

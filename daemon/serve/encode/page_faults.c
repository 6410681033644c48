// SPDX-License-Identifier: GPL-2.0
/* The section of the page on I/O page faults: heat map, devices, outcomes. */
#include <math.h>
#include <stdlib.h>

#include "../../model/histogram.h"
#include "page_parts.h"

#define MAX_ROWS 24
#define ROW 16	 /* pixels, as in page.css */
#define LEVELS 7 /* shades, each of twice as many groups */
#define MIN_ROWS 6
#define WIDTH 3000 /* units of the plot, 10 a second */

/* The rows of the heat map: buckets of the histogram, the last one above all bounds. */
struct heat {
	const struct histogram_scheme *scheme;
	uint32_t first, last;
	double max; /* groups per second in one cell; 0: none was answered */
	bool known; /* is anything known of at least one interval? */
};

static double per_second(const struct history_interval *interval, uint32_t bucket)
{
	return interval->buckets[bucket] / ((double)(interval->to_ns - interval->from_ns) * 1e-9);
}

static struct heat measure(const struct page *page, const struct histogram_scheme *scheme)
{
	struct heat heat = {.scheme = scheme, .first = scheme->nr_buckets};

	for (size_t i = 0; i < history_nr(page->history); i++) {
		const struct history_interval *interval = history_interval(page->history, i);

		for (uint32_t b = 0; b <= scheme->nr_buckets; b++) {
			double rate = per_second(interval, b);

			heat.known |= interval->known;
			if (!interval->buckets[b])
				continue;
			heat.first = b < heat.first ? b : heat.first;
			heat.last = b > heat.last ? b : heat.last;
			heat.max = rate > heat.max ? rate : heat.max;
		}
	}
	while (heat.max > 0 && heat.last - heat.first < MIN_ROWS - 1) {
		if (heat.first)
			heat.first--;
		if (heat.last < scheme->nr_buckets)
			heat.last++;
	}
	return heat;
}

/* The upper bound of a bucket, as on an axis: 20 µs. */
static void add_bound(struct buffer *html, const struct histogram_scheme *scheme, uint32_t bucket)
{
	static const char *const units[] = {"ns", "µs", "ms", "s"};
	double ns = bucket < scheme->nr_buckets ? scheme->bounds[scheme->buckets[bucket].cell]
						: scheme->bounds[scheme->buckets[bucket - 1].cell];
	size_t i = 0;

	for (; ns >= 1000 && i < 3; i++)
		ns /= 1000;
	html_add(html, "%s%.0f\u202f%s", bucket < scheme->nr_buckets ? "" : "&gt;", ns, units[i]);
}

static int level_of(double rate, double max)
{
	int level = LEVELS + (int)ceil(log2(rate / max));

	return level < 1 ? 1 : level > LEVELS ? LEVELS : level;
}

static void add_cells(struct buffer *html, const struct page *page, const struct heat *heat,
		      int level)
{
	html_add(html, "<path class=\"h%d\" d=\"", level);
	for (size_t i = 0; i < history_nr(page->history); i++) {
		const struct history_interval *interval = history_interval(page->history, i);
		double from, to;
		long x, width;

		page_span(page, i, &from, &to);
		x = lround(from * 10);
		width = lround(to * 10) - x - 2;
		for (uint32_t b = heat->first; b <= heat->last && width > 0; b++)
			if (interval->buckets[b] &&
			    level_of(per_second(interval, b), heat->max) == level)
				html_add(html, "M%ld %uh%ldv%dh-%ldz", x, (heat->last - b) * ROW,
					 width, ROW - 1, width);
	}
	buffer_add_string(html, "\"/>");
}

/* Where a latency lies, from the top: within the row of its bucket, by its logarithm. */
static long height_of(const struct heat *heat, double seconds)
{
	const struct histogram_scheme *scheme = heat->scheme;
	double ns = seconds * scheme->per_unit, lower, upper;
	uint32_t b = 0;

	while (b < scheme->nr_buckets && ns > (double)scheme->bounds[scheme->buckets[b].cell])
		b++;
	if (b == scheme->nr_buckets)
		return (heat->last - b) * ROW + ROW / 2;
	upper = scheme->bounds[scheme->buckets[b].cell];
	lower = b ? scheme->bounds[scheme->buckets[b - 1].cell] : upper / 2;
	if (ns < lower)
		ns = lower;
	return (heat->last - b) * ROW + lround(ROW * (1 - log(ns / lower) / log(upper / lower)));
}

/* The line of a quantile. */
static void add_quantile(struct buffer *html, const struct page *page, const struct heat *heat,
			 const char *class, size_t offset)
{
	bool down = false;
	long height = 0;

	html_add(html, "<path class=\"%s\" d=\"", class);
	for (size_t i = 0; i < history_nr(page->history); i++) {
		const struct history_interval *interval = history_interval(page->history, i);
		double value = *(const double *)((const char *)interval + offset), from, to;
		long y;

		if (isnan(value)) {
			down = false;
			continue;
		}
		page_span(page, i, &from, &to);
		y = height_of(heat, value);
		if (!down)
			html_add(html, "M%ld %ld", lround(from * 10), y);
		else if (y != height)
			html_add(html, "V%ld", y);
		html_add(html, "H%ld", lround(to * 10));
		height = y;
		down = true;
	}
	buffer_add_string(html, "\"/>");
}

static void add_legend(struct buffer *html, const struct heat *heat)
{
	buffer_add_string(
		html,
		"<p class=\"legend\"><span>fewer</span><svg viewBox=\"0 0 112 12\" width=\"112\" height=\"12\" aria-hidden=\"true\">");
	for (int level = 1; level <= LEVELS; level++)
		html_add(html, "<rect class=\"h%d\" x=\"%d\" width=\"15\" height=\"12\"/>", level,
			 (level - 1) * 16);
	buffer_add_string(html, "</svg><span>up to ");
	html_number(html, heat->max, "");
	buffer_add_string(
		html,
		" groups per second, each shade twice the one before</span>"
		"<span class=\"key\"><svg viewBox=\"0 0 24 12\" width=\"24\" height=\"12\" aria-hidden=\"true\"><path class=\"p50\" d=\"M0 6h24\"/></svg>half within (p50)</span>"
		"<span class=\"key\"><svg viewBox=\"0 0 24 12\" width=\"24\" height=\"12\" aria-hidden=\"true\"><path class=\"p99\" d=\"M0 6h24\"/></svg>99 of 100 within (p99)</span></p>\n");
}

static void add_plot(struct buffer *html, const struct page *page, const struct heat *heat)
{
	long height = (heat->last - heat->first + 1) * ROW;

	buffer_add_string(html, "<div class=\"plot\"><div class=\"y\" aria-hidden=\"true\">");
	for (uint32_t b = heat->last + 1; b-- > heat->first;) {
		buffer_add_string(html, "<span>");
		add_bound(html, heat->scheme, b);
		buffer_add_string(html, "</span>");
	}
	html_add(
		html,
		"</div>\n<svg class=\"heat\" viewBox=\"0 0 %d %ld\" height=\"%ld\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Heat map of latencies over time. The table below has its sums.\">",
		WIDTH, height, height);
	/* A line for each minute. */
	buffer_add_string(html, "<path class=\"grid\" d=\"");
	for (int x = 0; x <= WIDTH; x += WIDTH / 5)
		html_add(html, "M%d 0v%ld", x, height);
	buffer_add_string(html, "\"/>");
	for (int level = 1; level <= LEVELS; level++)
		add_cells(html, page, heat, level);
	add_quantile(html, page, heat, "p50", offsetof(struct history_interval, p50));
	add_quantile(html, page, heat, "p99", offsetof(struct history_interval, p99));
	buffer_add_string(html, "</svg>\n<div class=\"x\" aria-hidden=\"true\">");
	for (int minutes = 5; minutes >= 1; minutes--)
		html_add(html, "<span>−%d%s</span>", minutes, minutes == 5 ? "\u202fmin" : "");
	buffer_add_string(html, "<span>now</span></div></div>\n");
}

/* The buckets as a table: of all intervals, or of all that was ever counted. */
static void add_buckets(struct buffer *html, const struct page *page, const struct group *all,
			const struct histogram_scheme *scheme, bool recent)
{
	static const struct html_column columns[] = {{"Latency up to", "n"},
						     {"Groups", "n"},
						     {"Share", "n"},
						     {"Up to here", "n"}};
	uint64_t counts[HISTORY_BUCKETS + 1] = {}, sum = 0, below = 0;
	uint32_t cell = 0;

	for (uint32_t b = 0; b <= scheme->nr_buckets && b <= HISTORY_BUCKETS; b++) {
		uint32_t last = b < scheme->nr_buckets ? scheme->buckets[b].cell
						       : scheme->nr_bounds;

		for (size_t i = 0; i < history_nr(page->history); i++)
			counts[b] += history_interval(page->history, i)->buckets[b];
		for (; cell <= last; cell++)
			counts[b] += recent ? 0 : all->cells[cell];
		sum += counts[b];
	}
	html_add(html, "<details class=\"slim\"%s><summary>Latencies as a table</summary>\n",
		 recent ? "" : " open");
	html_table(html,
		   recent ? "Groups answered in the last five minutes"
			  : "Groups answered since counting began",
		   columns, 4);
	for (uint32_t b = 0; b <= scheme->nr_buckets && b <= HISTORY_BUCKETS; b++) {
		below += counts[b];
		if (!counts[b])
			continue;
		buffer_add_string(html, "<tr><th scope=\"row\" class=\"n\">");
		add_bound(html, scheme, b);
		buffer_add_string(html, "</th><td class=\"n\">");
		html_count(html, counts[b]);
		buffer_add_string(html, "</td><td class=\"n\">");
		html_ratio(html, (double)counts[b] / sum);
		buffer_add_string(html, "</td><td class=\"n\">");
		html_ratio(html, (double)below / sum);
		buffer_add_string(html, "</td></tr>\n");
	}
	html_table_end(html);
	buffer_add_string(html, "</details>\n");
}

static void add_latencies(struct buffer *html, const struct page *page)
{
	static const char *const by[] = {NULL};
	struct groups groups = page_groups(page, page_wants[WANT_DURATION].metric, by, html);

	if (groups.nr && groups.all[0].cells && groups.all[0].total > 0) {
		const struct heat heat = measure(page, groups.metric->scheme);

		if (heat.known) {
			buffer_add_string(
				html,
				"<figure><figcaption>Time from the first request of a group to its response</figcaption>\n");
			if (heat.max > 0) {
				add_legend(html, &heat);
				add_plot(html, page, &heat);
			} else {
				buffer_add_string(
					html,
					"<p class=\"nothing\"><strong>Nothing came</strong> in the minutes that are kept: no group was answered.</p>\n");
			}
			buffer_add_string(html, "</figure>\n");
		}
		if (!heat.known || heat.max > 0)
			add_buckets(html, page, &groups.all[0], heat.scheme, heat.known);
	}
	groups_clear(&groups);
}

static void add_device(struct buffer *html, const struct page *page, const struct page_row *row,
		       const struct page_rows *durations, const struct groups *flight)
{
	const char *device = row->group->labels[0];
	const struct history_series *series =
		history_find(page->history, &page_wants[WANT_DURATION], row->group->labels);
	const struct histogram_scheme *scheme = durations->groups.metric
							? durations->groups.metric->scheme
							: NULL;
	const struct group *duration = page_group(&durations->groups, device),
			   *outstanding = page_group(flight, device);
	const uint64_t *cells = series ? history_cells(page->history, series) : NULL;

	if (!cells && !history_nr(page->history) && duration)
		cells = duration->cells;
	buffer_add_string(html, "<tr><th scope=\"row\">");
	html_name(html, device);
	buffer_add_string(html, "</th><td class=\"n\">");
	html_number(html, row->rate, "/s");
	buffer_add_string(html, "</td><td class=\"w chart\">");
	page_spark_of(html, page, row->series);
	buffer_add_string(html, "</td><td class=\"n\">");
	html_seconds(html, cells ? histogram_at(scheme, cells, 0.5) : (double)NAN);
	buffer_add_string(html, "</td><td class=\"n\">");
	html_seconds(html, cells ? histogram_at(scheme, cells, 0.99) : (double)NAN);
	buffer_add_string(html, "</td><td class=\"n w\">");
	html_count(html, outstanding ? outstanding->total : 0);
	buffer_add_string(html, "</td><td class=\"n w\">");
	html_count(html, row->group->total);
	buffer_add_string(html, "</td></tr>\n");
}

static void add_devices(struct buffer *html, const struct page *page, const struct page_rows *rows)
{
	static const struct html_column columns[] = {
		{"Device", NULL}, {"Requests", "n"}, {"Five minutes", "w chart"},
		{"p50", "n"},	  {"p99", "n"},	     {"In flight", "n w"},
		{"Total", "n w"},
	};
	static const char *const by[] = {"device", NULL};
	struct page_rows durations = page_rows(page, WANT_DURATION, html);
	struct groups flight = page_groups(page, "paimon_iopf_outstanding_groups", by, html);

	html_table(html,
		   history_nr(page->history)
			   ? "Devices: requests, and latencies of groups, in the latest interval"
			   : "Devices: latencies since counting began",
		   columns, 7);
	for (size_t i = 0; i < rows->nr && i < MAX_ROWS; i++)
		add_device(html, page, &rows->all[i], &durations, &flight);
	html_table_end(html);
	html_more(html, rows->nr, MAX_ROWS, "device");
	page_rows_clear(&durations);
	groups_clear(&flight);
}

static void add_outcomes_of(struct buffer *html, const struct page *page, enum page_want want,
			    const char *what, bool zeros)
{
	struct page_rows rows = page_rows(page, want, html);

	for (size_t i = 0; i < rows.nr; i++) {
		const struct page_row *row = &rows.all[i];

		if (!zeros && !(row->group->total > 0))
			continue;
		html_add(html, "<tr><th scope=\"row\">%s ", what);
		html_name(html, row->group->labels[0]);
		buffer_add_string(html, "</th><td class=\"n\">");
		html_number(html, row->rate, "/s");
		buffer_add_string(html, "</td><td class=\"n\">");
		html_count(html, row->group->total);
		buffer_add_string(html, "</td></tr>\n");
	}
	page_rows_clear(&rows);
}

static void add_outcomes(struct buffer *html, const struct page *page)
{
	static const struct html_column columns[] = {{"Outcome", NULL},
						     {"Now", "n"},
						     {"Total", "n"}};

	buffer_add_string(html, "<div class=\"slim\">");
	html_table(html, "What became of groups and requests", columns, 3);
	add_outcomes_of(html, page, WANT_ANSWERS, "groups answered:", true);
	add_outcomes_of(html, page, WANT_LOST, "groups with unknown times:", false);
	add_outcomes_of(html, page, WANT_DISCARDED, "requests dropped:", false);
	html_table_end(html);
	buffer_add_string(html, "</div>\n");
}

void page_faults(struct buffer *html, const struct page *page)
{
	if (page_section(html, page, "iopf", "I/O page faults")) {
		struct page_rows rows = page_rows(page, WANT_REQUESTS, html);

		if (rows.total > 0) {
			add_latencies(html, page);
			add_devices(html, page, &rows);
			add_outcomes(html, page);
		} else {
			page_nothing(html, page, "iopf", "No device has asked for a page");
		}
		page_rows_clear(&rows);
	}
	page_section_end(html);
}

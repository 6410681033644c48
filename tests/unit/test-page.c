// SPDX-License-Identifier: GPL-2.0
/* The page at /, from made-up snapshots, and the history behind it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <paimon/histogram.h>

#include "model/groups.h"
#include "model/histogram.h"
#include "model/history.h"
#include "lib/failing.h"
#include "page-fixture.h"
#include "serve/encode/gzip.h"
#include "serve/encode/html.h"
#include "serve/encode/page.h"
#include "util/event_set.h"
#include "util/utf8.h"

#define SECOND 1000000000ULL

/* Text */

static char *text_of(const char *text, void (*add)(struct buffer *, const char *))
{
	struct buffer html = {};
	char *taken;

	add(&html, text);
	taken = buffer_take_string(&html);
	assert_non_null(taken);
	return taken;
}

static void test_escaping(void **state)
{
	static const struct {
		const char *text, *html;
	} cases[] = {
		{"", ""},
		{"plain äß€", "plain äß€"},
		{"<script>alert('&\"')</script>",
		 "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"},
		{"&lt;", "&amp;lt;"},
		{"a\xff"
		 "b\xc3",
		 "a\ufffdb\ufffd"},
		{"\xc0\xbc\xed\xa0\x80",
		 "\ufffd\ufffd\ufffd\ufffd\ufffd"}, /* an overlong <, a surrogate */
		{"a\tb\n\x7f\xc2\x9b", "a\ufffdb\ufffd\ufffd\ufffd"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *html = text_of(cases[i].text, html_text);

		assert_string_equal(html, cases[i].html);
		free(html);
	}
}

#define assert_html(expected, ...)                   \
	do {                                         \
		struct buffer html = {};             \
		char *text;                          \
		__VA_ARGS__;                         \
		text = buffer_take_string(&html);    \
		assert_string_equal(text, expected); \
		free(text);                          \
	} while (0)

static void test_numbers(void **state)
{
	assert_html("–", html_number(&html, NAN, "/s"));
	assert_html("0\u202f<span>/s</span>", html_number(&html, 0, "/s"));
	assert_html("0.25\u202f<span>/s</span>", html_number(&html, 0.25, "/s"));
	assert_html("7", html_number(&html, 7, ""));
	assert_html("999", html_number(&html, 999.4, ""));
	assert_html("1.00\u202f<span>kB/s</span>", html_number(&html, 999.5, "B/s"));
	assert_html("18.4\u202f<span>E</span>", html_number(&html, 18446744073709551615.0, ""));
	assert_html("29\u202f<span>ns</span>", html_seconds(&html, 29e-9));
	assert_html("1.00\u202f<span>µs</span>", html_seconds(&html, 1e-6));
	assert_html("10.4\u202f<span>s</span>", html_seconds(&html, 10.374));
	assert_html("&gt;\u202f100\u202f<span>s</span>", html_seconds(&html, INFINITY));
	assert_html("1\u202f234\u202f567", html_count(&html, 1234567));
	assert_html("999", html_count(&html, 999));
	assert_html("4.47\u202f<span>MiB</span>", html_bytes(&html, 4690864));
	assert_html("4.20\u202f<span>%</span>", html_ratio(&html, 0.042));
	/* In the largest unit there is. */
	assert_html("5000\u202f<span>TiB</span>", html_bytes(&html, 5000ULL << 40));
	assert_html("2000\u202f<span>s</span>", html_seconds(&html, 2000));
	assert_html("2000\u202f<span>E</span>", html_number(&html, 2e21, ""));
	assert_html("<time>2027-01-15 08:00:00</time> UTC",
		    html_time(&html, 1800000000000000000ULL));
}

/* Groups and history */

static const struct metric counter = {.name = "x_total", .help = "-", .type = METRIC_COUNTER};
static const struct metric times = {.name = "x_seconds",
				    .help = "-",
				    .type = METRIC_HISTOGRAM,
				    .scheme = &histogram_latency};
static const struct metric hidden = {.name = "x_tasks",
				     .help = "-",
				     .type = METRIC_COUNTER,
				     .scope = SCOPE_OPERATORS};

static struct snapshot *at(uint64_t seconds)
{
	struct snapshot *snapshot = snapshot_new(NULL);

	assert_non_null(snapshot);
	snapshot->monotonic_ns = (1000 + seconds) * SECOND;
	return snapshot;
}

static void add(struct snapshot *snapshot, const struct metric *metric, const char *device,
		const char *access, uint64_t value)
{
	struct label labels[] = {{"device", device}, {"access", access}};

	assert_int_equal(snapshot_add_integer(snapshot, metric, labels, 2, value), 0);
}

static void test_groups(void **state)
{
	static const char *const by_device[] = {"device", NULL}, *const by_none[] = {NULL},
				 *const by_other[] = {"access", "cpu", NULL};
	struct snapshot *snapshot = at(0);
	struct groups groups;

	add(snapshot, &counter, "b", "read", 1);
	add(snapshot, &counter, "a", "read", 2);
	add(snapshot, &counter, "b", "write", 4);
	add(snapshot, &hidden, "a", "read", 8);
	assert_int_equal(groups_make(snapshot, "x_total", by_device, &groups), 0);
	assert_int_equal(groups.nr, 2);
	assert_string_equal(groups.all[0].labels[0], "a");
	assert_true(groups.all[0].total == 2 && groups.all[1].total == 5);
	groups_clear(&groups);
	assert_int_equal(groups_make(snapshot, "x_total", by_none, &groups), 0);
	assert_int_equal(groups.nr, 1);
	assert_true(groups.all[0].total == 7);
	groups_clear(&groups);
	assert_int_equal(groups_make(snapshot, "x_total", by_other, &groups), 0);
	assert_int_equal(groups.nr, 2);
	assert_string_equal(groups.all[0].labels[1], "");
	groups_clear(&groups);
	assert_int_equal(groups_make(snapshot, "x_tasks", by_none, &groups), 0);
	assert_int_equal(groups.nr, 0);
	assert_int_equal(groups_make(snapshot, "x_absent", by_none, &groups), 0);
	assert_int_equal(groups.nr, 0);
	snapshot_free(snapshot);
}

static const struct history_want wants[] = {
	{"x_total", {"device"}, true, true},
	{"x_seconds", {"device"}, false, true},
};

static void take(struct history *history, struct snapshot *snapshot)
{
	assert_int_equal(history_add(history, snapshot), 0);
	snapshot_free(snapshot);
}

static double rate(struct history *history, const char *device)
{
	const char *const labels[] = {device};
	const struct history_series *series = history_find(history, wants, device ? labels : NULL);

	return series ? series->rate : -1;
}

static void test_rates(void **state)
{
	struct history *history = history_new(wants, 2);
	struct snapshot *snapshot;
	const char *const a[] = {"a"};

	for (int i = 0; i < 4; i++) {
		snapshot = at(i * 5);
		/* b comes with the second look, and a begins anew before the fourth. */
		add(snapshot, &counter, "a", "read", i == 3 ? 10 : 1000 + i * 500);
		add(snapshot, &counter, "a", "write", 0);
		if (i)
			add(snapshot, &counter, "b", "read", 5000 + i * 50);
		take(history, snapshot);
		if (!i) {
			assert_int_equal(history_nr(history), 0);
			assert_true(isnan(rate(history, "a")) && isnan(rate(history, NULL)));
			assert_true(rate(history, "b") == -1);
		} else if (i == 1) {
			assert_true(rate(history, "a") == 100 && isnan(rate(history, "b")));
			assert_true(rate(history, NULL) == 100);
		} else if (i == 2) {
			assert_true(rate(history, "a") == 100 && rate(history, "b") == 10);
			assert_true(rate(history, NULL) == 110);
		}
	}
	assert_true(isnan(rate(history, "a")) && rate(history, NULL) == 10);
	assert_int_equal(history_nr(history), 3);
	assert_true(history_rate(history, history_find(history, wants, a), 0) == 100);
	assert_true(isnan(history_rate(history, history_find(history, wants, a), 2)));

	/* Too soon after the last one: nothing changes. */
	snapshot = at(17);
	add(snapshot, &counter, "a", "read", 99999);
	take(history, snapshot);
	assert_int_equal(history_nr(history), 3);
	assert_true(rate(history, NULL) == 10);

	/* A long time later: as at first. */
	snapshot = at(1000);
	add(snapshot, &counter, "a", "read", 99999);
	take(history, snapshot);
	assert_int_equal(history_nr(history), 0);
	assert_true(isnan(rate(history, "a")) && rate(history, "b") == -1);
	history_free(history);
}

#define CELL histogram_latency.buckets[3].cell

static void add_times(struct snapshot *snapshot, const char *device, uint32_t cell, uint64_t count)
{
	uint64_t cells[PAIMON_HIST_CELLS] = {};
	struct label label = {"device", device};

	cells[0] = 7;
	cells[cell] += count;
	assert_int_equal(snapshot_add_histogram(snapshot, &times, &label, 1, cells, 0), 0);
}

static void test_times(void **state)
{
	uint32_t last = histogram_latency.nr_buckets;
	struct history *history = history_new(wants, 2);
	const struct history_interval *interval;
	const char *const a[] = {"a"};
	struct snapshot *snapshot;

	for (int i = 0; i < 3; i++) {
		snapshot = at(i * 5);
		add_times(snapshot, "a", CELL, i == 1 ? 99 : 0); /* and then anew */
		add_times(snapshot, "b", PAIMON_HIST_BOUNDS, i);
		take(history, snapshot);
	}
	assert_int_equal(history_nr(history), 2);
	interval = history_interval(history, 0);
	assert_int_equal(interval->buckets[3], 99);
	assert_int_equal(interval->buckets[last], 1);
	assert_int_equal(interval->buckets[0], 0);
	assert_true(interval->known && interval->p50 == histogram_latency.bounds[CELL] / 1e9 &&
		    interval->p99 == interval->p50);
	interval = history_interval(history, 1);
	assert_int_equal(interval->buckets[3], 0);
	assert_int_equal(interval->buckets[last], 1);
	assert_true(isinf(interval->p50));
	assert_null(history_cells(history, history_find(history, &wants[1], a)));
	history_free(history);

	/* What came between two looks may have counted before. */
	history = history_new(wants, 2);
	take(history, at(0));
	snapshot = at(5);
	add_times(snapshot, "a", CELL, 1000000);
	take(history, snapshot);
	interval = history_interval(history, 0);
	assert_true(!interval->known && interval->buckets[3] == 0 && isnan(interval->p50));
	history_free(history);
}

/* However much there is, and however long: the same memory, and the latest is right. */
static void test_bounds(void **state)
{
	struct history *history = history_new(wants, 2);
	size_t known = 0, with_line = 0;

	for (int i = 0; i < 400; i++) {
		struct snapshot *snapshot = at(i * 4);

		for (int d = 0; d < (i < 397 ? 3 : HISTORY_GROUPS + 100); d++) {
			char device[16];

			/* Others each time, but for the first. */
			snprintf(device, sizeof(device), "%d", d && i < 397 ? d * 1000 + i : d);
			add(snapshot, &counter, device, "read", 8 * i);
			if (d < HISTORY_HISTOGRAMS + 10)
				add_times(snapshot, device, CELL, i);
		}
		take(history, snapshot);
		assert_true(history_nr(history) <= HISTORY_INTERVALS);
		assert_true(rate(history, "0") == 2 || !i);
	}
	assert_int_equal(history_nr(history), HISTORY_INTERVALS);
	assert_true(history_interval(history, 0)->from_ns == (1000 + 324 * 4) * SECOND);
	assert_int_equal(history_interval(history, HISTORY_INTERVALS - 1)->buckets[3],
			 HISTORY_HISTOGRAMS);
	for (int d = 0; d < HISTORY_GROUPS + 100; d++) {
		char device[16];
		const char *const labels[] = {device};
		const struct history_series *series;

		snprintf(device, sizeof(device), "%d", d);
		series = history_find(history, wants, labels);
		known += series && series->rate == 2;
		with_line += series && series->line >= 0;
	}
	assert_int_equal(known, HISTORY_GROUPS);
	assert_int_equal(with_line, HISTORY_LINES - 2); /* without those of the two sums */
	history_free(history);
}

/* The page */

static struct event_sets *sets; /* of the page, or NULL */

/* The page after some looks. */
static char *page_of(enum page_machine machine, const char *input, int looks, bool paused)
{
	struct history *history = history_new(page_wants, NR_PAGE_WANTS);
	struct snapshot *snapshot = NULL;
	struct buffer html = {};
	struct status status;
	char *text;

	for (int i = 1; i <= looks; i++) {
		snapshot_free(snapshot);
		snapshot = page_snapshot(machine, input, i * 5);
		assert_int_equal(history_add(history, snapshot), 0);
	}
	page_status(machine, input, &status);
	encode_page(&(struct page){snapshot, history, &status, sets, "<host>", paused}, &html);
	text = buffer_take_string(&html);
	assert_non_null(text);
	status_clear(&status);
	snapshot_free(snapshot);
	history_free(history);
	return text;
}

static bool has(const char *page, const char *text)
{
	return strstr(page, text);
}

static struct page shown;   /* of what is rendered again and again */
static char *whole;	    /* as it should be */
static struct buffer again; /* as it is */

static void render(void)
{
	again = (struct buffer){};
	encode_page(&shown, &again);
}

/* It says that it is not whole. */
static void check_rendered(bool failed)
{
	if (!again.error) {
		assert_int_equal(again.size, strlen(whole));
		assert_memory_equal(again.data, whole, again.size);
	} else {
		assert_true(failed && again.error < 0);
	}
	free(again.data);
}

static void compress(void)
{
	again = (struct buffer){};
	buffer_add_string(&again, whole);
	if (!again.error && !gzip_buffer(&again))
		assert_memory_equal(again.data, "\x1f\x8b", 2);
}

/* What cannot be compressed is as it was. */
static void check_compressed(bool failed)
{
	if (failed && again.data)
		assert_memory_equal(again.data, whole, again.size);
	free(again.data);
}

static void test_no_memory(void **state)
{
	static const struct failing page = {"page", NULL, render, check_rendered};
	static const struct failing gzip = {"gzip", NULL, compress, check_compressed};

	for (enum page_machine machine = MACHINE_BUSY; machine <= MACHINE_LARGE; machine++) {
		struct history *history = history_new(page_wants, NR_PAGE_WANTS);
		struct snapshot *snapshot = page_snapshot(machine, "input", 5);
		struct status status;

		assert_int_equal(history_add(history, snapshot), 0);
		page_status(machine, "input", &status);
		shown = (struct page){snapshot, history, &status, sets, "<host>", false};
		render();
		whole = buffer_take_string(&again);
		assert_true(each_call_fails(&page) > 0);
		assert_true(each_call_fails(&gzip) > 0);
		free(whole);
		status_clear(&status);
		snapshot_free(snapshot);
		history_free(history);
	}
}

/* No name becomes markup: what is in < > is ours. */
static void test_markup(void **state)
{
	static const char *const elements[] = {
		"!DOCTYPE", "a",       "b",	     "bdi",	"body",	  "caption", "code",
		"details",  "div",     "figcaption", "figure",	"footer", "h1",	     "h2",
		"head",	    "header",  "html",	     "li",	"main",	  "meta",    "nav",
		"p",	    "path",    "rect",	     "section", "small",  "span",    "strong",
		"style",    "summary", "svg",	     "table",	"tbody",  "td",	     "th",
		"thead",    "time",    "title",	     "tr",	"ul",	  "wbr",
	};
	char *page = page_of(MACHINE_BUSY, "replay", 80, false);
	uint32_t character;

	assert_true(strlen(page) < 60000);
	for (const char *p = page; *p; p++) {
		bool known = false;
		size_t length;

		if (*p != '<')
			continue;
		p += p[1] == '/' ? 2 : 1;
		length = strcspn(p, " >");
		for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++)
			known |= strlen(elements[i]) == length && !strncmp(p, elements[i], length);
		if (!known)
			fail_msg("an element from outside: %.20s", p);
		p += length;
	}
	for (const char *p = page; *p;) {
		int length = utf8_decode(p, &character);

		assert_true(length > 0 && (*p == '\n' || !utf8_is_control(character)));
		p += length;
	}
	assert_true(has(page, "<bdi>&lt;script&gt;alert(1)&lt;/<wbr>script&gt;</bdi>"));
	assert_true(
		has(page, "<bdi>bad\ufffd\ufffd\ufffd &amp; &quot;quoted&quot; &#39;x&#39;</bdi>"));
	assert_true(has(page, "on <bdi>&lt;host&gt;</bdi>"));
	assert_false(has(page, "style=") || has(page, "javascript") || has(page, "://") ||
		     has(page, " on=") || has(page, "NaN") || has(page, "nan") ||
		     has(page, "inf<"));
	free(page);
}

static void test_processes(void **state)
{
	char *page = page_of(MACHINE_BUSY, NULL, 5, false);

	assert_false(has(page, PAGE_PROCESS));
	free(page);
}

static void test_looks(void **state)
{
	char *page = page_of(MACHINE_BUSY, "replay", 1, false);

	assert_true(has(page, "First look: totals only.") &&
		    has(page, "<details class=\"slim\" open>"));
	assert_true(has(page, "<title>REPLAY: ") && has(page, "<strong>REPLAY</strong>"));
	assert_true(has(page, "<a href=\"/?pause\">Pause</a>"));
	assert_false(has(page, "class=\"heat\""));
	free(page);
	page = page_of(MACHINE_BUSY, NULL, 2, true);
	assert_true(has(page, "Rates are averages of 5 seconds") && has(page, "class=\"heat\""));
	assert_true(has(page, " · paused · <a href=\"/\">"));
	assert_false(has(page, "First look") || has(page, "REPLAY"));
	/* Top ten of 25 cgroups, top five of six. */
	assert_true(has(page, "and 15 more cgroups") && has(page, "and 1 more cgroup;"));
	free(page);
}

/* The value in a row of the table of system PMUs, which has to have this unit. */
static double value_in(const char *table, const char *name, const char *unit)
{
	char row[128], end[32];
	const char *value;
	double number;
	int length;

	snprintf(row, sizeof(row), "<tr><th scope=\"row\"><bdi>%s</bdi></th><td class=\"n\">",
		 name);
	snprintf(end, sizeof(end), "\u202f<span>%s</span>", unit);
	value = strstr(table, row);
	if (!value)
		fail_msg("no value %s", name);
	value += strlen(row);
	assert_int_equal(sscanf(value, "%lf%n", &number, &length), 1);
	if (strncmp(value + length, end, strlen(end)))
		fail_msg("%s: not in %s: %.40s", name, unit, value);
	return number;
}

static void assert_near(double value, double expected)
{
	if (!(fabs(value / expected - 1) < 0.01))
		fail_msg("%g, and not %g", value, expected);
}

/* System PMUs by the formulas of their event set, each socket for itself, as the rates of the
 * fixture make them; the events of a PMU without a set. There is a limit, and what is beyond it is
 * said. */
static void test_formulas(void **state)
{
	static const char *const folders[] = {EVENT_SETS, NULL};
	char *errors = NULL, *page;
	const char *first, *second;

	assert_int_equal(event_sets_load(folders, &sets, &errors), 0);
	assert_null(errors);
	page = page_of(MACHINE_BUSY, NULL, 3, false);
	first = strstr(page, "socket <bdi>0</bdi>");
	second = strstr(page, "socket <bdi>1</bdi>");
	assert_true(first && second && first < second);
	assert_near(value_in(first, "read", "GB/s"),
		    32 * 1.1 / 3.2 * value_in(first, "clock", "G/s"));
	assert_near(value_in(first, "read", "GB/s"), 2 * value_in(second, "read", "GB/s"));
	assert_near(value_in(first, "read_<wbr>latency", "ns"),
		    2.1e11 / 5e8 / value_in(first, "clock", "G/s"));
	assert_near(value_in(second, "read_<wbr>ratio", "%"), 100 * 32 * 1.1 / (32 * 1.1 + 9));
	assert_true(value_in(page, "txn", "k/s") > 0);
	assert_true(has(page, "read from the memory of this socket"));
	assert_false(has(page, "cmem_") || has(page, "more values"));
	free(page);
	page = page_of(MACHINE_BUSY, NULL, 1, false);
	assert_true(has(page, "<bdi>read</bdi></th><td class=\"n\">–</td>"));
	free(page);
	/* One value without a set, and seven of each socket, of which five are shown. */
	page = page_of(MACHINE_LARGE, NULL, 3, false);
	assert_true(has(page, "and 21 more values"));
	free(page);
	event_sets_free(sets);
	sets = NULL;
}

/* "Nothing came" and "cannot count" are two messages. */
static void test_messages(void **state)
{
	char *page = page_of(MACHINE_IDLE, NULL, 3, false);

	assert_true(has(page, "<strong>Nothing came.</strong> No device has asked for a page since "
			      "<time>2027-01-15 05:13:20</time> UTC"));
	assert_true(has(page, "<strong>Nothing came.</strong> No NNPA function"));
	assert_false(has(page, "Cannot count") || has(page, "class=\"heat\""));
	free(page);
	page = page_of(MACHINE_UNABLE, NULL, 3, false);
	assert_true(has(page, "<strong>Cannot count.</strong> this kernel has no &lt;b&gt;I/O page "
			      "fault&lt;/b&gt; handler: load paimon.ko"));
	assert_true(has(page, "the source <code>cspmu</code> is off here"));
	assert_false(has(page, "Nothing came"));
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escaping),  cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_groups),	  cmocka_unit_test(test_rates),
		cmocka_unit_test(test_times),	  cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_markup),
		cmocka_unit_test(test_processes), cmocka_unit_test(test_looks),
		cmocka_unit_test(test_messages),  cmocka_unit_test(test_formulas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

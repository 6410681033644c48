// SPDX-License-Identifier: GPL-2.0
/* What top computes from two snapshots, and how numbers look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"
#include "view/heat.h"
#include "view/pai_csv.h"
#include "view/table.h"

#define UP                                               \
	"{\"name\":\"paimon_source_up\",\"points\":["    \
	"{\"labels\":{\"source\":\"iopf\"},\"value\":1}" \
	"]},"
#define DOWN                                             \
	"{\"name\":\"paimon_source_up\",\"points\":["    \
	"{\"labels\":{\"source\":\"iopf\"},\"value\":0}" \
	"]},"

/* A snapshot of one device, soft0. */
static struct json_object *sample(const char *monotonic_ns, const char *source, const char *reads,
				  const char *writes, const char *groups, const char *cells)
{
	struct json_object *object;
	char *text;

	assert_true(
		asprintf(&text,
			 "{\"realtime_ns\":1,\"monotonic_ns\":%s,\"input\":null,\"metrics\":[%s"
			 "{\"name\":\"paimon_iopf_requests_total\",\"points\":["
			 "{\"labels\":{\"device\":\"soft0\",\"access\":\"read\"},\"value\":%s},"
			 "{\"labels\":{\"device\":\"soft0\",\"access\":\"write\"},\"value\":%s}]},"
			 "{\"name\":\"paimon_iopf_groups_total\",\"points\":[{\"labels\":"
			 "{\"device\":\"soft0\",\"handler\":\"kernel\",\"response\":\"invalid\"},"
			 "\"value\":%s}]},"
			 "{\"name\":\"paimon_iopf_outstanding_groups\",\"points\":[{\"labels\":"
			 "{\"device\":\"soft0\"},\"value\":7}]},"
			 "{\"name\":\"paimon_iopf_group_duration_seconds\",\"points\":["
			 "{\"labels\":{\"device\":\"soft0\"},\"cells\":[%s]}]}]}",
			 monotonic_ns, source, reads, writes, groups, cells) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

static double value(const struct table *table, const char *group, const char *title)
{
	const struct view *view = table->view;

	for (size_t i = 0; i < view->nr_columns; i++)
		if (!strcmp(view->columns[i].group ?: "", group) &&
		    !strcmp(view->columns[i].title, title))
			return table->rows[0].values[i];
	fail_msg("no column %s %s", group, title);
	return 0;
}

static void compute(struct json_object *before, struct json_object *now, struct table *ret_table)
{
	assert_int_equal(table_compute(&view_iopf, before, now, NULL, ret_table), 0);
	assert_int_equal(ret_table->nr_rows, 1);
	assert_string_equal(ret_table->rows[0].name, "soft0");
	json_object_put(before);
	json_object_put(now);
}

static void test_quantile(void **state)
{
	const struct histogram_cell cells[] = {{1, 5}, {2, 0}, {4, 4}, {INFINITY, 1}};

	assert_true(histogram_quantile(cells, 4, 0) == 1);
	assert_true(histogram_quantile(cells, 4, 0.5) == 1);
	assert_true(histogram_quantile(cells, 4, 0.51) == 4);
	assert_true(histogram_quantile(cells, 4, 0.9) == 4);
	assert_true(isinf(histogram_quantile(cells, 4, 1)));
	assert_true(isnan(histogram_quantile(cells, 0, 0.5)));
}

static void test_rates(void **state)
{
	struct table table;

	compute(sample("1000000000", UP, "100", "10", "50", "[1e-6,40],[0.5,10]"),
		sample("3000000000", UP, "300", "20", "150", "[1e-6,41],[2e-6,98],[0.5,11]"),
		&table);
	assert_false(table.restarted);
	assert_true(table.seconds == 2);
	assert_true(value(&table, "", "REQ/s") == 105);
	assert_true(value(&table, "", "GRP/s") == 50);
	assert_true(value(&table, "responses/s", "INVAL") == 50);
	assert_true(value(&table, "responses/s", "SUCC") == 0);
	assert_true(value(&table, "", "OUTST") == 7);
	assert_true(isnan(value(&table, "", "PART")));
	/* 1, 98 and 1 new ones: the 99th of 100 is the last of the 98. */
	assert_true(value(&table, "total", "p50") == 2e-6);
	assert_true(value(&table, "total", "p99") == 2e-6);
	assert_true(value(&table, "total", "max") == 0.5);
	assert_true(isnan(value(&table, "queue", "p50")));
	table_clear(&table);
}

/* Groups answered by the kernel and by user space are one histogram; the second one may be new. */
static void test_handlers(void **state)
{
#define BY_USER "]},{\"labels\":{\"device\":\"soft0\",\"handler\":\"user\"},\"cells\":["
	static const char *const before[] = {"[1e-6,40],[0.5,10]" BY_USER "[0.5,1],[20,1]",
					     "[1e-6,40],[0.5,10]"};
	static const char *const now[] = {"[1e-6,90],[0.5,10]" BY_USER "[0.5,49],[20,2],[50,1]",
					  "[1e-6,90],[0.5,10]" BY_USER "[0.5,48],[20,1],[50,1]"};
	struct table table;

	for (size_t i = 0; i < 2; i++) {
		compute(sample("1000000000", UP, "1", "1", "1", before[i]),
			sample("2000000000", UP, "2", "1", "2", now[i]), &table);
		assert_false(table.restarted);
		/* 50 at 1 us, 48 at 0.5 s, 1 at 20 s and 1 at 50 s. */
		assert_true(value(&table, "total", "p50") == 1e-6);
		assert_true(value(&table, "total", "p90") == 0.5);
		assert_true(value(&table, "total", "p99") == 20);
		assert_true(value(&table, "total", "max") == 50);
		table_clear(&table);
	}
}

static void test_above_last_bound(void **state)
{
	struct json_object *frame, *rows;
	struct table table;

	compute(sample("1000000000", UP, "0", "0", "0", ""),
		sample("2000000000", UP, "1", "0", "1", "[null,1]"), &table);
	assert_true(isinf(value(&table, "total", "max")));
	frame = table_json(&table, NULL);
	assert_true(json_object_object_get_ex(frame, "rows", &rows));
	rows = json_object_object_get(json_object_array_get_idx(rows, 0), "total_seconds");
	assert_string_equal(json_object_to_json_string(json_object_object_get(rows, "max")),
			    "107.634741");
	json_object_put(frame);
	table_clear(&table);
}

/* Each is one way to go back; 1e6 after it would be a huge rate. */
static void test_restart(void **state)
{
	static const char *const cells[][2] = {
		{"[1e-6,40]", "[1e-6,39]"},
		{"[1e-6,40],[2e-6,1]", "[1e-6,50]"},
		{"[1e-6,40],[2e-6,1]", "[2e-6,50]"},
	};
	struct table table;

	for (size_t i = 0; i < 3; i++) {
		compute(sample("1000000000", UP, "1", "1", "1", cells[i][0]),
			sample("2000000000", UP, "1000000", "1", "1", cells[i][1]), &table);
		assert_true(table.restarted && table.rows[0].restarted);
		assert_true(isnan(value(&table, "", "REQ/s")));
		assert_true(isnan(value(&table, "total", "p50")));
		assert_true(value(&table, "", "OUTST") == 7);
		table_clear(&table);
	}
	compute(sample("1000000000", UP, "1000000", "2", "1", ""),
		sample("2000000000", UP, "999999", "2", "2", ""), &table);
	assert_true(table.rows[0].restarted);
	table_clear(&table);
	/* The machine started again: its clock too. */
	compute(sample("2000000000", UP, "1", "2", "1", ""),
		sample("1000000000", UP, "1000000", "2", "2", ""), &table);
	assert_true(table.restarted);
	assert_true(isnan(value(&table, "", "REQ/s")));
	table_clear(&table);
	/* The source did not run, so its counts were not in the first sample. */
	compute(sample("1000000000", DOWN, "0", "0", "0", ""),
		sample("2000000000", UP, "1000000", "2", "2", ""), &table);
	assert_true(table.restarted);
	assert_true(isnan(value(&table, "", "GRP/s")));
	table_clear(&table);
}

static void test_sort(void **state)
{
	struct table table = {.view = &view_iopf};

	table_add(&table, "soft10")->values[0] = 5;
	table_add(&table, "soft9")->values[0] = 7;
	table_add(&table, "soft1");
	table_sort(&table, (struct order){.column = 0});
	assert_string_equal(table.rows[0].name, "soft9");
	assert_string_equal(table.rows[2].name, "soft1");
	table_sort(&table, (struct order){.column = TABLE_BY_NAME});
	assert_string_equal(table.rows[0].name, "soft1");
	assert_string_equal(table.rows[1].name, "soft9");
	table_clear(&table);
}

static void test_bands(void **state)
{
	struct table table = {.view = &view_iopf};
	size_t end = 0;

	table_measure(&table, 0);
	for (int width = 1; width < 200; width++) {
		for (size_t first = 0; first < view_iopf.nr_columns; first = end) {
			end = table_band_end(&table, first, width);
			assert_true(end > first && end <= view_iopf.nr_columns);
		}
	}
	assert_int_equal(table_band_end(&table, 0, 12 + 22 * 7), view_iopf.nr_columns);
	/* Three stages fit into a batch line, behind all the rates. */
	assert_int_equal(table_band_end(&table, 0, 100), 10);
	assert_int_equal(table_band_end(&table, 10, 100), 22);
}

static void test_format(void **state)
{
	static const struct {
		enum column_type type;
		double value;
		const char *text;
	} cases[] = {
		{COLUMN_RATE, NAN, "-"},
		{COLUMN_RATE, 0, "0.0"},
		{COLUMN_RATE, 99.94, "99.9"},
		{COLUMN_RATE, 99.96, "100"},
		{COLUMN_RATE, 999.4, "999"},
		{COLUMN_RATE, 999.6, "1.00k"},
		{COLUMN_RATE, 12345, "12.3k"},
		{COLUMN_RATE, 999600, "1.00M"},
		{COLUMN_COUNT, 12, "12"},
		{COLUMN_COUNT, 4096, "4.10k"},
		{COLUMN_DELTA, 12, "12"},
		{COLUMN_SCALED, 12, "12.0"},
		{COLUMN_SCALED, 1.8e19, "18.0E"},
		{COLUMN_RATIO, 1, "100%"},
		{COLUMN_RATIO, 0.9996, "100%"},
		{COLUMN_RATIO, 0.4999, "50.0%"},
		{COLUMN_RATIO, 0, "0.0%"},
		{COLUMN_SECONDS, 29e-9, "29.0ns"},
		{COLUMN_SECONDS, 1e-6, "1.00us"},
		{COLUMN_SECONDS, 9.996e-6, "10.0us"},
		{COLUMN_SECONDS, 0.5, "500ms"},
		{COLUMN_SECONDS, 10.37, "10.4s"},
		{COLUMN_SECONDS, INFINITY, ">107s"},
	};
	char text[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		format_value(cases[i].type, cases[i].value, text);
		assert_string_equal(text, cases[i].text);
		assert_true(strlen(text) <= 6);
	}
}

/* Two devices: what stat adds up, and one of them alone. */
static struct json_object *two_devices(const char *monotonic_ns, const char *start,
				       const char *requests, const char *success,
				       const char *failed, const char *queue,
				       const char *soft0_total, const char *soft1_total)
{
	struct json_object *object;
	char *text;

	assert_true(
		asprintf(
			&text,
			"{\"monotonic_ns\":%s,\"input\":\"replay\",\"metrics\":[" UP
			"{\"name\":\"process_start_time_seconds\",\"points\":["
			"{\"labels\":{},\"value\":%s}]},"
			"{\"name\":\"paimon_iopf_requests_total\",\"points\":["
			"{\"labels\":{\"device\":\"soft0\",\"access\":\"read\"},\"value\":%s},"
			"{\"labels\":{\"device\":\"soft1\",\"access\":\"read\"},\"value\":%s}]},"
			"{\"name\":\"paimon_iopf_groups_total\",\"points\":["
			"{\"labels\":{\"device\":\"soft0\",\"response\":\"success\"},\"value\":%s},"
			"{\"labels\":{\"device\":\"soft1\",\"response\":\"invalid\"},\"value\":%s}]},"
			"{\"name\":\"paimon_iopf_group_queue_seconds\",\"points\":["
			"{\"labels\":{\"device\":\"soft0\"},\"sum\":0,\"cells\":[%s]}]},"
			"{\"name\":\"paimon_iopf_group_duration_seconds\",\"points\":["
			"{\"labels\":{\"device\":\"soft0\"},%s},"
			"{\"labels\":{\"device\":\"soft1\"},%s}]}]}",
			monotonic_ns, start, requests, requests, success, failed, queue,
			soft0_total, soft1_total) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

static void test_stat(void **state)
{
	struct json_object *before = two_devices("1000000000", "5", "100", "50", "7", "",
						 "\"sum\":1,\"cells\":[[0.5,2]]",
						 "\"sum\":0,\"cells\":[]");
	struct json_object *now = two_devices("3000000000", "5", "300", "150", "27", "[2e-6,99]",
					      "\"sum\":1.5,\"cells\":[[1e-6,98],[0.5,3]]",
					      "\"sum\":3,\"cells\":[[2e-6,100],[1,1]]");
	struct json_object *other = two_devices("3000000000", "6", "1000", "9000", "27", "",
						"\"sum\":1,\"cells\":[[0.5,20]]",
						"\"sum\":0,\"cells\":[]");
	struct json_object *down;
	struct table table;

	assert_int_equal(table_compute(&view_stat, before, now, NULL, &table), 0);
	assert_int_equal(table.nr_rows, 1);
	assert_true(value(&table, "", "REQ/s") == 200);
	assert_true(value(&table, "", "GRP/s") == 60);
	assert_true(value(&table, "", "FAIL/s") == 10);
	assert_true(value(&table, "", "LOST/s") == 0);
	/* 98 + 100 + 1 + 1 groups of both, 3.5 seconds: the 100th is a soft1, the 198th too. */
	assert_true(value(&table, "total", "mean") == 3.5 / 200);
	assert_true(value(&table, "total", "p50") == 2e-6);
	assert_true(value(&table, "total", "p99") == 2e-6);
	assert_true(value(&table, "total", "max") == 1);
	assert_true(value(&table, "p99 of", "queue") == 2e-6);
	assert_true(isnan(value(&table, "p99 of", "serv.")));
	table_clear(&table);

	assert_int_equal(
		table_compute(&view_stat, before, now, &(struct pick){.only = "soft0"}, &table), 0);
	assert_true(value(&table, "", "REQ/s") == 100);
	assert_true(value(&table, "", "FAIL/s") == 0);
	assert_true(value(&table, "total", "p50") == 1e-6);
	assert_true(value(&table, "total", "max") == 0.5);
	table_clear(&table);

	/* A source that does not run has dashes, not zeros. */
	down = sample("4000000000", DOWN, "0", "0", "0", "");
	assert_int_equal(table_compute(&view_stat, now, down, NULL, &table), 0);
	assert_true(isnan(value(&table, "", "REQ/s")) && isnan(value(&table, "", "OUTST")));
	table_clear(&table);
	json_object_put(down);

	/* Back, in the other order; and another process that has counted more already. */
	assert_int_equal(table_compute(&view_stat, now, before, NULL, &table), 0);
	assert_true(table.restarted);
	assert_true(isnan(value(&table, "", "REQ/s")) && isnan(value(&table, "total", "mean")));
	table_clear(&table);
	assert_int_equal(table_compute(&view_stat, before, other, NULL, &table), 0);
	assert_true(table.restarted);
	assert_true(isnan(value(&table, "", "GRP/s")) && isnan(value(&table, "total", "max")));
	table_clear(&table);
	json_object_put(before);
	json_object_put(now);
	json_object_put(other);
}

#define EVENT(name, more, value) "{\"labels\":{\"name\":\"" name "\"" more "},\"value\":" value "}"
#define INFO(name, id, unit, scale)                                                                \
	EVENT(name,                                                                                \
	      ",\"id\":\"" id "\",\"spec\":\"s\\u001b/\",\"unit\":\"" unit "\",\"scale\":\"" scale \
	      "\"",                                                                                \
	      "1")
#define CPUS(name, first, second)            \
	EVENT(name, ",\"cpu\":\"0\"", first) \
	"," EVENT(name, ",\"cpu\":\"1\"", second)

/* Of two CPUs, and of none; the second is in Joules. */
static struct json_object *events(const char *monotonic_ns, const char *infos, const char *values,
				  const char *enabled, const char *running)
{
	struct json_object *object;
	char *text;

	assert_true(asprintf(&text,
			     "{\"monotonic_ns\":%s,\"metrics\":["
			     "{\"name\":\"paimon_source_up\",\"points\":["
			     "{\"labels\":{\"source\":\"events\"},\"value\":1}]},"
			     "{\"name\":\"paimon_event_info\",\"points\":[%s]},"
			     "{\"name\":\"paimon_event_value_total\",\"points\":[%s]},"
			     "{\"name\":\"paimon_event_enabled_seconds_total\",\"points\":[%s]},"
			     "{\"name\":\"paimon_event_running_seconds_total\",\"points\":[%s]}]}",
			     monotonic_ns, infos, values, enabled, running) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

static void check_row(struct table *table, size_t row, const char *name, double rate, double count,
		      double scaled, double ratio)
{
	const double wanted[] = {rate, count, scaled, ratio};

	table_sort(table, (struct order){.column = TABLE_BY_NAME});
	assert_string_equal(table->rows[row].name, name);
	for (size_t i = 0; i < 4; i++) {
		double found = table->rows[row].values[i];

		assert_true(isnan(wanted[i]) ? isnan(found) : fabs(found - wanted[i]) < 1e-9);
	}
}

static char *table_text(const struct table *table)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_headings(table, 0, table->view->nr_columns, out);
	for (size_t i = 0; i < table->nr_rows; i++)
		table_row(table, &table->rows[i], 0, table->view->nr_columns, out);
	fclose(out);
	return text;
}

static void test_events(void **state)
{
	struct json_object *before = events("1000000000",
					    INFO("a", "1", "", "") "," INFO("b", "2", "J", "0.5"),
					    CPUS("a", "100", "10") "," EVENT("b", "", "7"),
					    CPUS("a", "1", "1") "," EVENT("b", "", "3"),
					    CPUS("a", "1", "1") "," EVENT("b", "", "2"));
	struct json_object *now = events("3000000000",
					 INFO("a", "1", "", "") "," INFO("b", "2", "J", "0.5"),
					 CPUS("a", "150", "20") "," EVENT("b", "", "107"),
					 CPUS("a", "3", "3") "," EVENT("b", "", "5"),
					 CPUS("a", "3", "3") "," EVENT("b", "", "2.5"));
	struct json_object *other = events("5000000000",
					   INFO("a", "3", "", "") "," INFO("b", "2", "J", "0.5"),
					   CPUS("a", "500", "20") "," EVENT("b", "", "107"),
					   CPUS("a", "5", "5") "," EVENT("b", "", "7"),
					   CPUS("a", "5", "5") "," EVENT("b", "", "2.5"));
	struct json_object *frame, *rows;
	struct table table;
	char *text;

	assert_int_equal(table_compute(&view_events, before, now, NULL, &table), 0);
	assert_int_equal(table.nr_rows, 2);
	assert_false(table.restarted);
	check_row(&table, 0, "a", 30, 60, 60, 1);
	/* A quarter of the time: 400 halves of a Joule. */
	check_row(&table, 1, "b", 100, 100, 200, 0.25);
	text = table_text(&table);
	assert_string_equal(text, "                            -------- interval --------\n"
				  "EVENT         SPEC    UNIT RATE/s  VALUE SCALED    RUN\n"
				  "a             s\\x1b/         30.0     60   60.0   100%\n"
				  "b             s\\x1b/  J       100    100   ~200  25.0%\n");
	free(text);
	frame = table_json(&table, now);
	assert_true(json_object_object_get_ex(frame, "rows", &rows));
	assert_string_equal(json_object_to_json_string_ext(json_object_array_get_idx(rows, 1),
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE),
			    "{\"name\":\"b\",\"spec\":\"s\\u001b/\",\"unit\":\"J\","
			    "\"restarted\":false,\"rate_per_second\":100,\"value\":100,"
			    "\"scaled_value\":200,\"running_ratio\":0.25}");
	json_object_put(frame);
	table_clear(&table);

	/* One of them alone, whatever the other does; and none. */
	assert_int_equal(
		table_compute(&view_events, before, now, &(struct pick){.only = "b"}, &table), 0);
	assert_int_equal(table.nr_rows, 1);
	check_row(&table, 0, "b", 100, 100, 200, 0.25);
	table_clear(&table);
	assert_int_equal(
		table_compute(&view_events, before, now, &(struct pick){.only = "c"}, &table), 0);
	assert_int_equal(table.nr_rows, 0);
	table_clear(&table);

	/* One of the same name is another one; one that never ran is not 0. */
	assert_int_equal(table_compute(&view_events, now, other, NULL, &table), 0);
	assert_false(table.restarted);
	check_row(&table, 0, "a", NAN, NAN, NAN, NAN);
	check_row(&table, 1, "b", NAN, 0, NAN, 0);
	/* No unit: its column is left out. */
	free(table.rows[1].texts[1]);
	table.rows[1].texts[1] = NULL;
	table_measure(&table, 0);
	text = table_text(&table);
	assert_null(strstr(text, "UNIT"));
	free(text);
	table_clear(&table);

	/* Back. */
	assert_int_equal(table_compute(&view_events, now, before, NULL, &table), 0);
	assert_true(table.restarted);
	check_row(&table, 1, "b", NAN, NAN, NAN, NAN);
	table_clear(&table);
	json_object_put(before);
	json_object_put(now);
	json_object_put(other);
}

/* A snapshot of NNPA. up: 1 or 0. */
static struct json_object *nnpa(const char *monotonic_ns, const char *up, const char *counters,
				const char *cpus, const char *tasks)
{
	struct json_object *object;
	char *text;

	assert_true(
		asprintf(&text,
			 "{\"monotonic_ns\":%s,\"metrics\":["
			 "{\"name\":\"paimon_source_up\",\"points\":["
			 "{\"labels\":{\"source\":\"pai\"},\"value\":%s}]},"
			 "{\"name\":\"paimon_source_info\",\"points\":["
			 "{\"labels\":{\"source\":\"pai\",\"backend\":\"counting\"},\"value\":1}]},"
			 "{\"name\":\"paimon_nnpa_events_total\",\"points\":[%s]},"
			 "{\"name\":\"paimon_nnpa_cpu_events_total\",\"points\":[%s]},"
			 "{\"name\":\"paimon_nnpa_task_events_total\",\"points\":[%s]}]}",
			 monotonic_ns, up, counters, cpus, tasks) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

#define COUNTER(name, value) "{\"labels\":{\"counter\":\"NNPA_" name "\"},\"value\":" value "}"
#define CPU(name, cpu, value) \
	"{\"labels\":{\"counter\":\"NNPA_" name "\",\"cpu\":\"" cpu "\"},\"value\":" value "}"
#define TASK(pid, comm, name, value)                                                      \
	"{\"labels\":{\"pid\":\"" pid "\",\"comm\":\"" comm "\",\"counter\":\"NNPA_" name \
	"\"},\"value\":" value "}"

/* The table of a view and, in the order of rows, what its text is. */
static void check_view(const struct view *view, struct json_object *before, struct json_object *now,
		       const struct pick *pick, bool restarted, int sort, const char *wanted)
{
	struct table table;
	char *text;

	assert_int_equal(table_compute(view, before, now, pick, &table), 0);
	assert_int_equal(table.restarted, restarted);
	table_sort(&table, (struct order){.column = sort});
	text = table_text(&table);
	/* Below the headings. */
	assert_string_equal(strchr(strchr(text, '\n') + 1, '\n') + 1, wanted);
	free(text);
	table_clear(&table);
}

static void test_nnpa(void **state)
{
	struct json_object *before = nnpa(
		"1000000000", "1",
		COUNTER("ADD", "100") "," COUNTER("SUB", "0") "," COUNTER("DIV", "50") "," COUNTER(
			"EXP", "0"),
		CPU("ADD", "2", "60") "," CPU("ADD", "10", "40") "," CPU("DIV", "2", "50"), "");
	struct json_object *now = nnpa("3000000000", "1",
				       COUNTER("ADD", "300") "," COUNTER("SUB", "20") "," COUNTER(
					       "DIV", "50") "," COUNTER("EXP", "0"),
				       /* In another order, with one more. */
				       CPU("SUB", "2", "20") "," CPU("DIV", "2", "50") "," CPU(
					       "ADD", "10", "240") "," CPU("ADD", "2", "60"),
				       "");
	struct json_object *split = nnpa("2000000000", "1",
					 CPU("ADD", "0", "7") "," CPU("ADD", "1", "4"), "", "");
	struct json_object *none = nnpa("1000000000", "1", "", "", "");
	struct json_object *more = nnpa("1000000000", "1", CPU("ADD", "1", "5"), "", "");
	struct json_object *down = nnpa("1000000000", "0", "", "", "");
	struct json_object *frame;
	struct table table;
	char title[128] = "";
	FILE *out = fmemopen(title, sizeof(title), "w");

	check_view(&view_nnpa, before, now, &(struct pick){.per_cpu = true}, false, -1,
		   "sum               110    220\n"
		   "sum cpu2         10.0     20\n"
		   "sum cpu10         100    200\n"
		   "NNPA_ADD          100    200\n"
		   "NNPA_ADD cpu2     0.0      0\n"
		   "NNPA_ADD cpu10    100    200\n"
		   "NNPA_DIV          0.0      0\n"
		   "NNPA_DIV cpu2     0.0      0\n"
		   "NNPA_SUB         10.0     20\n"
		   "NNPA_SUB cpu2    10.0     20\n");
	/* The sum stays on top, of what is as large too. */
	check_view(&view_nnpa, down, split, NULL, true, 0,
		   "sum               -      -\n"
		   "NNPA_ADD          -      -\n");
	check_view(&view_pmus[0], before, now, NULL, false, -1,
		   "sum             110    220\n"
		   "NNPA_ADD        100    200\n"
		   "NNPA_DIV        0.0      0\n"
		   "NNPA_SUB       10.0     20\n");
	check_view(&view_pmus[0], before, now, &(struct pick){.only = "NNPA_SUB"}, false, -1,
		   "NNPA_SUB       10.0     20\n");
	check_view(&view_pmus[0], before, now, &(struct pick){.only = "NNPA_EXP"}, false, -1,
		   "NNPA_EXP        0.0      0\n");
	check_view(&view_pmus[1], before, now, NULL, false, -1, "");
	/* Points by CPU, where there were none. */
	check_view(&view_pmus[0], none, split, NULL, false, -1,
		   "sum            11.0     11\n"
		   "NNPA_ADD       11.0     11\n");
	/* One counter went back. */
	check_view(&view_pmus[0], more, split, NULL, true, -1,
		   "sum               -      -\n"
		   "NNPA_ADD          -      -\n");

	assert_int_equal(table_compute(&view_nnpa, before, now, NULL, &table), 0);
	table_title(&table, now, 0, NULL, out);
	fclose(out);
	assert_string_equal(title + strcspn(title, ":") + 6, "  nnpa counting  over 2.00 s");
	frame = table_json(&table, now);
	assert_string_equal(
		json_object_to_json_string_ext(
			json_object_array_get_idx(json_object_object_get(frame, "rows"), 0),
			JSON_C_TO_STRING_PLAIN),
		"{\"name\":\"sum\",\"restarted\":false,\"rate_per_second\":110,"
		"\"events\":220}");
	json_object_put(frame);
	table.rows[0].values[1] += 1ULL << 52; /* exact all the same */
	frame = table_json(&table, now);
	assert_non_null(strstr(json_object_to_json_string(frame), " 4503599627370716 "));
	json_object_put(frame);
	table_clear(&table);
	json_object_put(before);
	json_object_put(now);
	json_object_put(split);
	json_object_put(none);
	json_object_put(more);
	json_object_put(down);
}

static void test_tasks(void **state)
{
	struct json_object *before = nnpa(
		"1000000000", "1", "", "",
		TASK("9", "sh", "ADD", "1000") "," TASK("9", "sh", "SUB",
							"1") "," TASK("30", "gone", "ADD", "9"));
	struct json_object *now =
		nnpa("2000000000", "1", "", "",
		     TASK("10", "new", "ADD", "3") "," TASK("10", "new", "GELU", "5") "," TASK(
			     "9", "python", "ADD", "1000") "," TASK("9", "python", "SUB",
								    "31") "," TASK("other", "",
										   "MUL", "2"));
	struct json_object *idle = nnpa("3000000000", "1", "", "",
					TASK("9", "python", "SUB", "31"));
	struct json_object *reused =
		nnpa("3000000000", "1", "", "",
		     TASK("9", "vi", "SUB", "5") "," TASK("10", "new", "ADD", "4"));
	struct json_object *down = nnpa("1000000000", "0", "", "", "");

	check_view(&view_tasks, before, now, NULL, false, -1,
		   "9        python  NNPA_SUB    30.0     30\n"
		   "10       new     NNPA_GELU    8.0      8\n"
		   "other            NNPA_MUL     2.0      2\n");
	check_view(&view_tasks, now, idle, NULL, false, -1, "9        python    0.0      0\n");
	/* Of no interval no function is known. */
	check_view(&view_tasks, down, now, NULL, true, -1,
		   "9        python      -      -\n"
		   "10       new         -      -\n"
		   "other                -      -\n");
	/* A number that another process has now. */
	check_view(&view_tasks, now, reused, NULL, true, -1,
		   "9        vi                  -      -\n"
		   "10       new   NNPA_ADD    1.0      1\n");
	json_object_put(before);
	json_object_put(now);
	json_object_put(idle);
	json_object_put(reused);
	json_object_put(down);
}

/* What is attributed at a time: families, of points. */
static struct json_object *attributed(const char *monotonic_ns, const char *families)
{
	struct json_object *object;
	char *text;

	assert_true(asprintf(&text,
			     "{\"realtime_ns\":1000034000000000,\"monotonic_ns\":%s,\"metrics\":["
			     "{\"name\":\"paimon_source_up\",\"points\":["
			     "{\"labels\":{\"source\":\"events\"},\"value\":1},"
			     "{\"labels\":{\"source\":\"pai\"},\"value\":1}]}%s]}",
			     monotonic_ns, families) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

#define FAMILY(name, points) ",{\"name\":\"paimon_" name "\",\"points\":[" points "]}"
#define POINT(labels, value) "{\"labels\":{" labels "},\"value\":" value "}"
#define LABEL(name, value) "\"" name "\":\"" value "\""
#define OF_CGROUP(name, cgroup) LABEL("name", name) "," LABEL("cgroup", cgroup)
#define OF_PROCESS(name, pid, comm) \
	LABEL("name", name) "," LABEL("pid", pid) "," LABEL("comm", comm)
#define NNPA_OF(counter, cgroup) LABEL("counter", "NNPA_" counter) "," LABEL("cgroup", cgroup)
#define NNPA_ON(counter, cpu) LABEL("counter", "NNPA_" counter) "," LABEL("cpu", cpu)
#define NNPA(counter) LABEL("counter", "NNPA_" counter)
#define MINUTE(minute) "," LABEL("minute", minute)
#define BEGAN(source, minute, value) POINT(LABEL("source", source) MINUTE(minute), value)

/* Conditions are shown below the functions, and are not in the sum. */
static void test_conditions(void **state)
{
	struct json_object *before = attributed("1000000000", "");
	struct json_object *now = attributed(
		"3000000000",
		FAMILY("nnpa_events_total", POINT(NNPA("ADD"), "20"))
			FAMILY("nnpa_conditions_total", POINT(NNPA("1MFRAME"), "200"))
				FAMILY("nnpa_cpu_events_total", POINT(NNPA_ON("ADD", "1"), "20"))
					FAMILY("nnpa_cpu_conditions_total",
					       POINT(NNPA_ON("1MFRAME", "1"), "200")));
	const struct pick cpus = {.per_cpu = true};
	static const char shown[] = "sum                 10.0     20\n"
				    "sum cpu1            10.0     20\n"
				    "NNPA_ADD            10.0     20\n"
				    "NNPA_ADD cpu1       10.0     20\n"
				    "NNPA_1MFRAME         100    200\n"
				    "NNPA_1MFRAME cpu1    100    200\n";

	check_view(&view_nnpa, before, now, &cpus, false, -1, shown);
	check_view(&view_nnpa, before, now, &cpus, false, 0, shown);
	check_view(&view_pmus[0], before, now, NULL, false, -1,
		   "sum            10.0     20\n"
		   "NNPA_ADD       10.0     20\n"
		   "NNPA_1MFRAME    100    200\n");
	check_view(&view_pmus[0], before, now, &(struct pick){.only = "NNPA_1MFRAME"}, false, -1,
		   "NNPA_1MFRAME    100    200\n");
	json_object_put(before);
	json_object_put(now);
}

static void test_cgroups(void **state)
{
	struct json_object *before = attributed(
		"1000000000",
		FAMILY("nnpa_cgroup_events_total",
		       POINT(NNPA_OF("ADD", "/a"), "5") "," POINT(NNPA_OF("ADD", "/b"), "7"))
			FAMILY("event_cgroup_value_total",
			       POINT(OF_CGROUP("faults", "/a"), "100") "," POINT(
				       OF_CGROUP("faults", "other"),
				       "1") "," POINT(OF_CGROUP("energy", "/a"), "8"))
				FAMILY("event_cgroup_enabled_seconds_total",
				       POINT(OF_CGROUP("faults", "/a"),
					     "1") "," POINT(OF_CGROUP("energy", "/a"), "1"))
					FAMILY("event_cgroup_running_seconds_total",
					       POINT(OF_CGROUP("faults", "/a"), "1") "," POINT(
						       OF_CGROUP("energy", "/a"), "1")));
	struct json_object *now = attributed(
		"3000000000",
		FAMILY("nnpa_cgroup_events_total",
		       POINT(NNPA_OF("ADD", "/a"), "5") "," POINT(
			       NNPA_OF("ADD", "/b"), "17") "," POINT(NNPA_OF("SUB", "/b"), "30"))
			FAMILY("event_cgroup_value_total",
			       POINT(OF_CGROUP("faults", "/a"), "120") "," POINT(
				       OF_CGROUP("faults", "other"),
				       "1") "," POINT(OF_CGROUP("faults", "/new"),
						      "400") "," POINT(OF_CGROUP("energy", "/a"),
								       "48"))
				FAMILY("event_cgroup_enabled_seconds_total",
				       POINT(OF_CGROUP("faults", "/a"),
					     "3") "," POINT(OF_CGROUP("energy", "/a"), "3"))
					FAMILY("event_cgroup_running_seconds_total",
					       POINT(OF_CGROUP("faults", "/a"), "3") "," POINT(
						       OF_CGROUP("energy", "/a"), "1.5"))
						FAMILY("event_info",
						       POINT(LABEL("name", "energy") "," LABEL(
								     "scale", "0.5"),
							     "1")));
	struct json_object *gone = attributed(
		"4000000000",
		FAMILY("event_cgroup_value_total", POINT(OF_CGROUP("faults", "/a"), "5")));
	char title[128] = "";
	FILE *out = fmemopen(title, sizeof(title), "w");
	struct table table;

	/* All that is attributed, in its order, each with the highest rate first. */
	check_view(&view_cgroups, before, now, &(struct pick){.skips_idle = true}, false, 0,
		   "/b            NNPA_SUB  NNPA     20.0     40      -\n"
		   "/new                    faults    200    400      -\n"
		   "/a                      faults   10.0     20   100%\n"
		   "/a                      energy   40.0     40  25.0%\n");
	/* One of them; what did not count has 0. */
	check_view(&view_cgroups, before, now, &(struct pick){.counted = "faults"}, false, 0,
		   "/new            200    400      -\n"
		   "/a             10.0     20   100%\n"
		   "other           0.0      0      -\n");
	check_view(&view_cgroups, before, now, &(struct pick){.counted = "NNPA"}, false, 0,
		   "/b            NNPA_SUB   20.0     40      -\n"
		   "/a                        0.0      0      -\n");
	/* Another one of this name. */
	check_view(&view_cgroups, now, gone, &(struct pick){.counted = "faults"}, true, 0,
		   "/a                -      -      -\n");

	assert_int_equal(table_compute(&view_cgroups, before, now,
				       &(struct pick){.counted = "faults"}, &table),
			 0);
	table_title(&table, now, 0, NULL, out);
	fclose(out);
	assert_string_equal(title + strcspn(title, ":") + 6, "  cgroups up  faults  over 2.00 s");
	table_clear(&table);

	/* In turn, and the first one again; of processes nothing is known. */
	assert_string_equal(attributed_next(&view_cgroups, now, NULL), "NNPA");
	assert_string_equal(attributed_next(&view_cgroups, now, "NNPA"), "faults");
	assert_string_equal(attributed_next(&view_cgroups, now, "faults"), "energy");
	assert_string_equal(attributed_next(&view_cgroups, now, "energy"), "NNPA");
	assert_string_equal(attributed_next(&view_cgroups, now, "closed"), "NNPA");
	assert_string_equal(attributed_next(&view_cgroups, gone, "NNPA"), "faults");
	assert_null(attributed_next(&view_tasks, now, NULL));
	assert_true(attributed_has(&view_cgroups, now, "NNPA"));
	assert_true(attributed_has(&view_cgroups, now, "energy"));
	assert_false(attributed_has(&view_cgroups, gone, "energy"));
	assert_false(attributed_has(&view_tasks, now, "faults"));
	json_object_put(before);
	json_object_put(now);
	json_object_put(gone);
}

/* A process that has ended is in its minute, and in the families of totals no more. */
static void test_minutes(void **state)
{
	struct json_object *before = attributed("1000000000", "");
	struct json_object *now = attributed(
		"2000000000",
		FAMILY("event_process_value_total",
		       POINT(OF_PROCESS("faults", "0", "idle"),
			     "9") "," POINT(OF_PROCESS("faults", "1", "init"), "1000"))
			FAMILY("event_process_window",
			       POINT(OF_PROCESS("faults", "1", "init") MINUTE("current"), "17") "," POINT(
				       OF_PROCESS("faults", "70", "cc")
					       MINUTE("last"),
				       "600") "," POINT(OF_PROCESS("faults", "1", "init")
								MINUTE("last"),
							"3") "," POINT(OF_PROCESS("gone", "71",
										  "ld")
									       MINUTE("last"),
								       "5"))
				FAMILY("nnpa_task_window",
				       POINT(LABEL("counter", "NNPA_ADD") "," LABEL(
						     "pid", "70") "," LABEL("comm", "cc")
						     MINUTE("current"),
					     "40") "," POINT(LABEL("counter",
								   "NNPA_SUB") "," LABEL("pid",
											 "70") "," LABEL("comm",
													 "cc")
								     MINUTE("last"),
							     "7"))
					FAMILY("attribution_window_start_seconds",
					       BEGAN("events", "current", "1000000.0") "," BEGAN(
						       "events", "last",
						       "999940.0") "," BEGAN("pai", "current",
									     "1000024.0")));
	char title[128] = "";
	FILE *out = fmemopen(title, sizeof(title), "w");
	struct json_object *frame;
	struct table table;
	char *text;

	assert_string_equal(attributed_next(&view_tasks, now, NULL), "NNPA");
	assert_string_equal(attributed_next(&view_tasks, now, "faults"), "gone");
	check_view(&view_tasks, before, now, &(struct pick){.counted = "faults", .span = SPAN_LAST},
		   false, 0,
		   "70       cc     10.0    600\n"
		   "1        init    0.1      3\n");
	check_view(&view_tasks, before, now, &(struct pick){.span = SPAN_CURRENT}, false, 0,
		   "70       cc    NNPA_ADD  NNPA      4.0     40\n"
		   "1        init            faults    0.5     17\n");
	/* It is not known when the minute began. */
	check_view(&view_tasks, before, now, &(struct pick){.counted = "NNPA", .span = SPAN_LAST},
		   false, 0, "70       cc    NNPA_SUB      -      7\n");
	assert_int_equal(table_compute(&view_tasks, before, now,
				       &(struct pick){.counted = "faults", .span = SPAN_CURRENT},
				       &table),
			 0);
	text = table_text(&table);
	assert_string_equal(text, "               - this min -\n"
				  "PID      COMM RATE/s EVENTS\n"
				  "1        init    0.5     17\n");
	free(text);
	table_title(&table, now, 0, NULL, out);
	fclose(out);
	assert_string_equal(title + strcspn(title, ":") + 6,
			    "  tasks up  faults  current minute, 34 s");
	frame = table_json(&table, now);
	assert_string_equal(json_object_to_json_string_ext(frame, JSON_C_TO_STRING_PLAIN),
			    "{\"realtime_ns\":1000034000000000,\"view\":\"tasks\",\"input\":null,"
			    "\"interval_seconds\":34.0,\"minute\":\"current\",\"restarted\":false,"
			    "\"rows\":[{\"name\":\"1\",\"comm\":\"init\",\"function\":\"\","
			    "\"event\":\"faults\",\"restarted\":false,\"rate_per_second\":0.5,"
			    "\"events\":17}]}");
	json_object_put(frame);
	table_clear(&table);
	json_object_put(before);
	json_object_put(now);
}

static void test_heat(void **state)
{
	struct table table = {.view = &view_iopf};
	struct heat heat = {};
	double low, high;

	assert_false(heat_range(&heat, NULL, 10, &low, &high));
	table_add(&table, "a")->values[0] = 2;
	table_add(&table, "b");
	for (size_t i = 0; i < HEAT_FRAMES + 5; i++) {
		table.rows[0].values[0] = (double)(i + 1);
		assert_int_equal(heat_add(&heat, &table, 0), 0);
	}
	heat_add_break(&heat);
	assert_true(heat_is_break(&heat, 0) && !heat_is_break(&heat, 1));
	assert_true(isnan(heat_value(&heat, "a", 0)));
	assert_true(heat_value(&heat, "a", 1) == HEAT_FRAMES + 5);
	assert_true(heat_value(&heat, "a", HEAT_FRAMES - 1) == 7);
	assert_true(isnan(heat_value(&heat, "a", HEAT_FRAMES)));
	assert_true(isnan(heat_value(&heat, "b", 1)) && isnan(heat_value(&heat, "c", 1)));
	/* The last three: a break, and two values closer than a factor of ten. */
	assert_true(heat_range(&heat, NULL, 3, &low, &high));
	assert_true(low == HEAT_FRAMES + 4 && high == low * 10);
	assert_true(heat_range(&heat, NULL, 2 * HEAT_FRAMES, &low, &high));
	assert_true(low == 7 && high == HEAT_FRAMES + 5);
	/* The range of one row, in which 0 is nothing. */
	table.rows[1].values[0] = 0.5;
	table.rows[0].values[0] = 0;
	heat_add(&heat, &table, 0);
	assert_true(heat_range(&heat, "b", 5, &low, &high));
	assert_true(low == 0.5 && high == 5);
	assert_true(heat_range(&heat, "a", 5, &low, &high));
	assert_true(low == HEAT_FRAMES + 3 && high == low * 10);
	assert_false(heat_range(&heat, "a", 2, &low, &high));
	assert_false(heat_range(&heat, "c", 5, &low, &high));
	/* A row that comes late has no past. */
	table_add(&table, "late")->values[0] = 1;
	heat_add(&heat, &table, 0);
	assert_true(heat_value(&heat, "late", 0) == 1 && isnan(heat_value(&heat, "late", 1)));
	heat_clear(&heat);
	table_clear(&table);

	assert_int_equal(heat_level(1, 1, 256), 0);
	assert_int_equal(heat_level(2.1, 1, 256), 1);
	assert_int_equal(heat_level(129, 1, 256), 7);
	assert_int_equal(heat_level(256, 1, 256), 7);
	assert_int_equal(heat_level(INFINITY, 1, 256), 7);
	assert_int_equal(heat_level(0.001, 1, 256), 0);
	assert_int_equal(heat_level(0, 1, 1), 0);
}

static void test_key_text(void **state)
{
	struct table table = {.view = &view_iopf};
	char *text;

	table_add(&table, "0000:3a:00.0-and-so-on");
	table_measure(&table, 0);
	assert_int_equal(table.key_width, 22);
	table_measure(&table, 12);
	assert_int_equal(table.key_width, 12);
	text = table_key_text(&table, table.rows[0].name);
	assert_string_equal(text, "0000:3a:00.+");
	free(text);
	table_clear(&table);
}

#ifndef __SANITIZE_ADDRESS__
/* Which allocation fails, 1: the next one; 0: none. */
static long fail_at;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
	return fail_at && !--fail_at ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	return fail_at && !--fail_at ? NULL : __libc_calloc(nr, size);
}

void *realloc(void *memory, size_t size)
{
	return fail_at && !--fail_at ? NULL : __libc_realloc(memory, size);
}

/* Each allocation fails once: no frame, or the whole one; never one with holes. */
static void test_json_no_memory(void **state)
{
	struct json_object *frame = NULL;
	struct table table;
	char *whole;
	long failed = 0;

	compute(sample("1000000000", UP, "0", "0", "0", "[1,1]"),
		sample("2000000000", UP, "1", "0", "1", "[1,2]"), &table);
	frame = table_json(&table, NULL);
	whole = strdup(json_object_to_json_string(frame));
	json_object_put(frame);
	for (long i = 1;; i++) {
		fail_at = i;
		frame = table_json(&table, NULL);
		if (fail_at)
			break;
		failed += !frame;
		if (frame)
			assert_string_equal(json_object_to_json_string(frame), whole);
		json_object_put(frame);
	}
	fail_at = 0;
	assert_string_equal(json_object_to_json_string(frame), whole);
	assert_true(failed > 50);
	json_object_put(frame);
	free(whole);
	table_clear(&table);
}
#endif

/* A time that no clock shows is no reason to crash. */
static void test_no_time(void **state)
{
	struct json_object *now = json_tokener_parse("{\"realtime_ns\": 1e300}");
	struct table table = {.view = &view_iopf};
	char text[128] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	table_title(&table, now, 0, NULL, out);
	fclose(out);
	assert_string_equal(text + strcspn(text, ":") + 6, "  iopf off");
	json_object_put(now);
}

/* A snapshot of system PMUs; infos and points: lists of points. */
static struct json_object *pmus(const char *monotonic_ns, const char *infos, const char *points)
{
	struct json_object *object;
	char *text;

	assert_true(asprintf(&text,
			     "{\"monotonic_ns\":%s,\"metrics\":["
			     "{\"name\":\"paimon_source_up\",\"points\":["
			     "{\"labels\":{\"source\":\"cspmu\"},\"value\":1}]},"
			     "{\"name\":\"paimon_cspmu_info\",\"points\":[%s]},"
			     "{\"name\":\"paimon_cspmu_events_total\",\"points\":[%s]}]}",
			     monotonic_ns, infos, points) > 0);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

#define PMU(name, identifier)                                                      \
	"{\"labels\":{\"pmu\":\"" name "\",\"implementer\":\"\",\"backend\":\"\"," \
	"\"identifier\":\"" identifier "\",\"driver\":\"\"},\"value\":1}"
#define COUNT(name, event, socket, value)                            \
	"{\"labels\":{\"pmu\":\"" name "\",\"event\":\"" event "\"," \
	"\"socket\":\"" socket "\"},\"value\":" value "}"
#define SCF(socket) "nvidia_scf_pmu_" socket
#define GRACE(socket, cycles, data, written, outstanding, accesses)                              \
	COUNT(SCF(socket), "cycles", socket, cycles)                                             \
	"," COUNT(SCF(socket), "cmem_rd_data", socket, data) "," COUNT(                          \
		SCF(socket), "cmem_wr_total_bytes", socket,                                      \
		written) "," COUNT(SCF(socket), "cmem_rd_outstanding", socket,                   \
				   outstanding) "," COUNT(SCF(socket), "cmem_rd_access", socket, \
							  accesses)

/* The cell of a row by its name: NAN if it is empty. */
static double cell(const struct table *table, const char *name, const char *title)
{
	for (size_t i = 0; i < table->nr_rows; i++)
		for (size_t c = 0; c < table->view->nr_columns; c++)
			if (!strcmp(table->rows[i].name, name) &&
			    !strcmp(table->view->columns[c].title, title))
				return table->rows[i].values[c];
	fail_msg("no row %s with %s", name, title);
	return NAN;
}

static void check_cell(const struct table *table, const char *name, const char *title,
		       double wanted)
{
	double found = cell(table, name, title);

	if (isnan(wanted) ? !isnan(found) : !(fabs(found - wanted) <= 1e-9 * fabs(wanted)))
		fail_msg("%s %s: %g, not %g", name, title, found, wanted);
}

/* The shipped formulas on counts of two seconds; the values are worked out by hand. */
static void test_cspmu(void **state)
{
	struct json_object *before = pmus(
		"1000000000", PMU(SCF("0"), "0x2cf0036b") "," PMU(SCF("1"), "2cf0036b"),
		GRACE("0", "100", "50", "7", "3", "1") "," GRACE("1", "5", "0", "0", "0", "0"));
	struct json_object *now =
		pmus("3000000000", PMU(SCF("0"), "0x2cf0036b") "," PMU(SCF("1"), "2cf0036b"),
		     GRACE("0", "6000000100", "100000050", "3200000007", "600000003",
			   "2000001") "," GRACE("1", "5", "25000000", "0", "0", "0"));
	struct json_object *box_before, *box_now;
	struct table table;

	setenv("PAIMON_EVENT_SETS", EVENT_SETS, 1);
	assert_int_equal(table_compute(&view_cspmu, before, now, NULL, &table), 0);
	assert_false(table.restarted);
	check_cell(&table, SCF("0") "/read", "B/s", 1.6e9);
	check_cell(&table, SCF("0") "/written", "B/s", 1.6e9);
	check_cell(&table, SCF("0") "/read_ratio", "RATIO", 0.5);
	/* 300 cycles each, at 3 GHz. */
	check_cell(&table, SCF("0") "/read_latency", "TIME", 100e-9);
	check_cell(&table, SCF("0") "/clock", "RATE/s", 3e9);
	check_cell(&table, SCF("0") "/cmem_rd_data", "RATE/s", 5e7);
	check_cell(&table, SCF("1") "/read", "B/s", 4e8);
	check_cell(&table, SCF("1") "/read_ratio", "RATIO", 1);
	/* Nothing to divide by; and an event that is not counted. */
	check_cell(&table, SCF("1") "/read_latency", "TIME", NAN);
	check_cell(&table, SCF("1") "/remote_read", "B/s", NAN);
	check_cell(&table, "nvidia-scf/read", "B/s", 2e9);
	check_cell(&table, SCF("0") "/read", "RATE/s", NAN);
	table_clear(&table);

	/* One of them alone has no sum. */
	assert_int_equal(
		table_compute(&view_cspmu, before, now, &(struct pick){.only = SCF("1")}, &table),
		0);
	for (size_t i = 0; i < table.nr_rows; i++)
		assert_int_equal(strncmp(table.rows[i].name, SCF("1") "/", 17), 0);
	assert_true(table.nr_rows > 5);
	table_clear(&table);

	/* Back. */
	assert_int_equal(table_compute(&view_cspmu, now, before, NULL, &table), 0);
	assert_true(table.restarted);
	check_cell(&table, SCF("0") "/read", "B/s", NAN);
	table_clear(&table);
	json_object_put(before);
	json_object_put(now);

	/* One PMU on two sockets; what was not counted before has no rate. */
	box_before = pmus("0", PMU("uncore_imc_0", ""),
			  COUNT("uncore_imc_0", "cas_count_read", "0", "10"));
	box_now = pmus("1000000000", PMU("uncore_imc_0", ""),
		       COUNT("uncore_imc_0", "cas_count_read", "0",
			     "110") "," COUNT("uncore_imc_0", "cas_count_read", "1", "900"));
	assert_int_equal(table_compute(&view_cspmu, box_before, box_now, NULL, &table), 0);
	check_cell(&table, "uncore_imc_0/read@0", "B/s", 6400);
	check_cell(&table, "uncore_imc_0/read@1", "B/s", NAN);
	check_cell(&table, "uncore_imc_0/cas_count_read@1", "RATE/s", NAN);
	check_cell(&table, "intel-imc/read", "B/s", 6400);
	table_clear(&table);
	json_object_put(box_before);
	json_object_put(box_now);
}

static const struct view *const all_views[] = {&view_iopf,    &view_events, &view_nnpa, &view_tasks,
					       &view_cgroups, &view_cspmu,  NULL};

/* Rows with the longest names that there are, and all kinds of values. */
static void fill(struct table *table, const struct view *view)
{
	static const char *const names[] = {
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7.slice", "x"};

	*table = (struct table){.view = view, .source = view->source};
	for (size_t i = 0; i < 2; i++) {
		struct row *row = table_add(table, names[i]);

		assert_non_null(row);
		for (size_t t = 0; t < view->nr_texts; t++)
			row->texts[t] = strdup(i ? "y" : "nvidia_scf_pmu_0/cmem_rd_data/");
		for (size_t c = 0; c < view->nr_columns; c++)
			row->values[c] = i ? NAN : 0.00123456;
	}
	table->nr_shown = table->nr_rows;
}

/* On a screen of any width nothing is cut: what does not fit is left out. */
static void test_fit(void **state)
{
	for (size_t v = 0; all_views[v]; v++) {
		const struct view *view = all_views[v];
		struct table table;

		fill(&table, view);
		for (int width = 1; width < 260; width++) {
			table_fit(&table, width);
			/* One letter of the name, and one value. */
			assert_int_equal(table_is_too_narrow(&table, width),
					 width < 1 + TABLE_VALUE_WIDTH);
			if (table_is_too_narrow(&table, width))
				continue;
			for (size_t first = 0, end; first < view->nr_columns; first = end) {
				char text[2048] = "";
				FILE *out = fmemopen(text, sizeof(text), "w");

				end = table_band_end(&table, first, width);
				assert_true(end > first);
				table_headings(&table, first, end, out);
				for (size_t i = 0; i < table.nr_rows; i++)
					table_row(&table, &table.rows[i], first, end, out);
				fclose(out);
				for (char *line = strtok(text, "\n"); line;
				     line = strtok(NULL, "\n"))
					assert_in_range(strlen(line), 0, width);
			}
		}
		/* Where all fits, nothing is truncated. */
		table_fit(&table, 259);
		assert_int_equal(table.key_width, strlen(table.rows[1].name) > 1
							  ? strlen(table.rows[1].name)
							  : strlen(table.rows[0].name));
		table_clear(&table);
	}
}

/* Parts of the title are left out; that it is a replay is said as long as the word fits. */
static void test_title(void **state)
{
	struct json_object *now = json_tokener_parse(
		"{\"realtime_ns\":1,\"input\":\"replay\",\"metrics\":["
		"{\"name\":\"paimon_source_up\",\"points\":["
		"{\"labels\":{\"source\":\"iopf\"},\"value\":1}]},"
		"{\"name\":\"paimon_source_info\",\"points\":["
		"{\"labels\":{\"source\":\"iopf\",\"backend\":\"replay\"},\"value\":1}]}]}");
	struct table table = {.view = &view_iopf, .source = "iopf", .seconds = 1};

	for (int width = 1; width < 120; width++) {
		char title[256] = "";
		FILE *out = fmemopen(title, sizeof(title), "w");

		table_title(&table, now, width, "PAUSED", out);
		fclose(out);
		assert_non_null(strstr(title, "REPLAY"));
		assert_true(strlen(title) <= (width < 6 ? 6 : (size_t)width));
		assert_int_equal(strstr(title, "synthetic input") != NULL, width >= 67);
		assert_int_equal(strstr(title, "iopf replay  REPLAY  PAUSED") != NULL,
				 width >= 27 && width < 50);
	}
	json_object_put(now);
}

/* The help has something to say of each column, in one line of a narrow terminal's help. */
static void test_column_help(void **state)
{
	for (size_t v = 0; all_views[v]; v++) {
		const struct view *view = all_views[v];
		size_t nr = 0;
		int column = TABLE_BY_NAME;

		do {
			char name[40];

			table_column_name(view, column, name);
			assert_true(*name);
			assert_non_null(table_column_help(view, column));
			assert_in_range(strlen(table_column_help(view, column)), 4, 75);
			assert_int_equal(table_next_column(view,
							   table_next_column(view, column, true),
							   false),
					 column);
			column = table_next_column(view, column, true);
			nr++;
		} while (column != TABLE_BY_NAME);
		assert_int_equal(nr, 1 + view->nr_texts + view->nr_columns);
		assert_non_null(view->help);
	}
}

/* The names of rows, in their order, that are shown. */
static const char *order_of(struct table *table, int column, bool reverse)
{
	static char names[64];

	table_sort(table, (struct order){column, reverse});
	*names = '\0';
	for (size_t i = 0; i < table->nr_shown; i++)
		sprintf(names + strlen(names), "%s ", table->rows[i].name);
	return names;
}

static void test_order(void **state)
{
	static const struct {
		const char *name, *spec;
		double value;
	} rows[] = {{"b", "Zwei", 2}, {"a", "eins", NAN}, {"d", "drei", 2}, {"c", "vier", 9}};
	struct table table = {.view = &view_events};

	for (size_t i = 0; i < 4; i++) {
		struct row *row = table_add(&table, rows[i].name);

		row->texts[0] = strdup(rows[i].spec);
		row->values[1] = rows[i].value;
	}
	table_filter(&table, "");
	assert_string_equal(order_of(&table, TABLE_BY_NAME, false), "a b c d ");
	assert_string_equal(order_of(&table, TABLE_BY_NAME, true), "d c b a ");
	/* What has no value is last in both; what is equal stays in the order of names. */
	assert_string_equal(order_of(&table, 1, false), "c b d a ");
	assert_string_equal(order_of(&table, 1, true), "b d c a ");
	assert_string_equal(order_of(&table, TABLE_BY_TEXT, false), "b d a c ");
	assert_string_equal(order_of(&table, TABLE_BY_TEXT, true), "c a d b ");
	table_filter(&table, "EI"); /* in a text, of any case */
	assert_string_equal(order_of(&table, 1, false), "b d a ");
	table_filter(&table, "c"); /* in a name */
	assert_string_equal(order_of(&table, 1, false), "c ");
	table_filter(&table, "no such");
	assert_string_equal(order_of(&table, 1, false), "");
	table_filter(&table, "");
	assert_string_equal(order_of(&table, 1, false), "c b d a ");
	table_clear(&table);
}

/* That nothing has come is not that nothing can come. */
static void test_nothing(void **state)
{
	static const struct {
		const char *up, *says;
	} all[] = {
		{"{\"labels\":{\"source\":\"iopf\"},\"value\":1}",
		 "no device has had an I/O page fault yet"},
		{"{\"labels\":{\"source\":\"iopf\"},\"value\":0}",
		 "iopf cannot count: it has failed (paimonctl status shows why)"},
		{"", "iopf is off, so nothing is counted (paimonctl check shows what it needs)"}};

	for (size_t i = 0; i < 3; i++) {
		struct json_object *now;
		char *text;

		assert_true(
			asprintf(&text,
				 "{\"metrics\":[{\"name\":\"paimon_source_up\",\"points\":[%s]}]}",
				 all[i].up) > 0);
		now = json_tokener_parse(text);
		free(text);
		text = table_nothing(&view_iopf, now);
		assert_string_equal(text, all[i].says);
		free(text);
		json_object_put(now);
	}
}

/* top begins with what has data. */
static void test_first_view(void **state)
{
	struct json_object *empty = json_tokener_parse("{\"metrics\":[]}");
	struct json_object *faults = sample("1", UP, "1", "1", "1", "");
	struct json_object *functions = nnpa("1000000000", "1", COUNTER("ADD", "1"),
					     CPU("ADD", "1", "1"), "");
	struct json_object *processes = nnpa("1000000000", "1", "", "",
					     TASK("9", "sh", "ADD", "1"));

	assert_ptr_equal(top_views[top_first_view(empty)], &view_iopf);
	assert_false(top_has_data(&view_iopf, empty));
	assert_ptr_equal(top_views[top_first_view(faults)], &view_iopf);
	assert_ptr_equal(top_views[top_first_view(functions)], &view_nnpa);
	assert_ptr_equal(top_views[top_first_view(processes)], &view_tasks);
	json_object_put(empty);
	json_object_put(faults);
	json_object_put(functions);
	json_object_put(processes);
}

static void test_csv(void **state)
{
	struct table table = {.view = &view_events, .seconds = 0.5};
	struct json_object *now =
		json_tokener_parse("{\"realtime_ns\":1500000000,\"input\":\"replay\"}");
	struct row *row = table_add(&table, "a \"b\", c cpu7");
	char text[512] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	row->cpu = 7;
	row->texts[0] = strdup("r1");
	row->values[0] = 0.25;
	row->values[1] = 9007199254740991;
	table_csv_heading(&view_events, out);
	table_csv(&table, now, out);
	fclose(out);
	assert_string_equal(text,
			    "timestamp_seconds,interval_seconds,input,name,spec,unit,cpu,"
			    "rate_per_second,value,scaled_value,running_ratio\n"
			    "1.500,0.5,replay,\"a \"\"b\"\", c\",r1,,7,0.25,9007199254740991,,\n");
	table_clear(&table);
	json_object_put(now);
}

/* The lines of lspai: the sum is what all counters have counted, conditions too. */
static void test_pai_csv(void **state)
{
	struct json_object *before = nnpa("1000000000", "1", "",
					  CPU("ADD", "0", "60") "," CPU("MUL", "0", "5"), "");
	struct json_object *now = nnpa("3000000000", "1", "",
				       CPU("MUL", "0", "5") "," CPU("ADD", "0", "76") "," CPU(
					       "LARGEDIM", "0", "1") "," CPU("ADD", "4000", "2"),
				       "");
	struct pai_csv csv = {.pmus = PAI_CSV_NNPA,
			      .by_number = true,
			      .short_names = true,
			      .each_cpu = true,
			      .cpus_text = "0"};
	char text[2048] = "", wanted[2048], *line;
	FILE *out = fmemopen(text, sizeof(text), "w");

	setenv("TZ", "UTC", true);
	assert_int_equal(pai_csv_open(&csv, now), 0);
	pai_csv_heading(&csv, out);
	assert_int_equal(pai_csv_lines(&csv, before, now, "Delta", out), 0);
	fclose(out);
	line = wanted + sprintf(wanted, "Date,Time,CPU");
	for (int i = 0; i <= 27; i++)
		line += sprintf(line, ",N%d", i);
	line += sprintf(line, "\n1970-01-01,00:00:00,CPU0,17,16");
	for (int i = 2; i <= 27; i++)
		line += sprintf(line, i == 23 ? ",1" : ",0");
	sprintf(line, "\n");
	assert_memory_equal(text, wanted, strlen(wanted));
	assert_non_null(strstr(text, ",Delta,17,16,0"));
	pai_csv_close(&csv);

	/* All CPUs, also those that are offline by now; of a counter that restarted nothing is
	 * known. */
	csv.cpus_text = NULL;
	csv.each_cpu = csv.short_names = csv.by_number = false;
	csv.number = PAI_CSV_HEX_0X;
	csv.only = "NNPA_ADD";
	out = fmemopen(text, sizeof(text), "w");
	assert_int_equal(pai_csv_open(&csv, now), 0);
	pai_csv_heading(&csv, out);
	assert_int_equal(pai_csv_lines(&csv, before, now, "Total", out), 0);
	assert_int_equal(pai_csv_lines(&csv, now, before, "Total", out), 0);
	fclose(out);
	assert_string_equal(text, "Date,Time,CPU,NNPA_ADD(1)\n"
				  "1970-01-01,00:00:00,Total,0x12\n"
				  "1970-01-01,00:00:00,Total,\n");
	pai_csv_close(&csv);
	csv.cpus_text = "0-,";
	assert_int_equal(pai_csv_open(&csv, now), -EINVAL);
	pai_csv_close(&csv);
	json_object_put(before);
	json_object_put(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_above_last_bound),
		cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_bands),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_heat),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_nnpa),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_minutes),
		cmocka_unit_test(test_cspmu),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_title),
		cmocka_unit_test(test_column_help),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_first_view),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_pai_csv),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_json_no_memory),
#endif
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}

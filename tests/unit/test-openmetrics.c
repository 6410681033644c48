// SPDX-License-Identifier: GPL-2.0
/* The encoders against strings written by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "model/snapshot.h"
#include "serve/encode/encoder.h"
#include "serve/encode/json.h"
#include "serve/encode/text.h"

static const unsigned long long bounds[] = {1000, 5000, 1000000000};
static const struct histogram_bucket buckets[] = {{1, "5e-06"}, {2, "1"}};
static const struct histogram_scheme scheme = {bounds, 3, 1e9, buckets, 2, 3, 0x1p-25};

static const struct metric counter = {.name = "x_events_total",
				      .help = "Back\\slash and \"quotes\".",
				      .type = METRIC_COUNTER};
static const struct metric gauge = {.name = "x_level", .help = "A level.", .type = METRIC_GAUGE};
static const struct metric histogram = {.name = "x_seconds",
					.help = "Times.",
					.type = METRIC_HISTOGRAM,
					.scheme = &scheme};
static const struct metric info = {.name = "x_info", .help = "What x is.", .type = METRIC_INFO};
static const struct metric local = {.name = "x_local",
				    .help = "Hidden.",
				    .type = METRIC_GAUGE,
				    .scope = SCOPE_LOCAL};

static struct snapshot *make(const char *input)
{
	struct snapshot *s = snapshot_new(input);
	struct label label = {"device", "a\\b\"c\nd"}, plain = {"device", "e"};
	uint64_t cells[] = {1, 2, 3, 4};

	assert_non_null(s);
	assert_int_equal(snapshot_add_integer(s, &counter, &label, 1, UINT64_MAX), 0);
	assert_int_equal(snapshot_add_real(s, &gauge, NULL, 0, 0.1), 0);
	assert_int_equal(snapshot_add_integer(s, &local, NULL, 0, 5), 0);
	assert_int_equal(snapshot_add_integer(s, &counter, &plain, 1, 0), 0);
	assert_int_equal(snapshot_add_histogram(s, &histogram, &plain, 1, cells, 1500000000), 0);
	assert_int_equal(snapshot_add_integer(s, &info, &plain, 1, 1), 0);
	return s;
}

static void assert_text(const char *input, int encoder, const char *expected)
{
	struct snapshot *s = make(input);
	struct buffer buffer = {};

	encoders[encoder].encode(s, &buffer);
	buffer_add(&buffer, "", 1);
	assert_int_equal(buffer.error, 0);
	assert_string_equal(buffer.data, expected);
	free(buffer.data);
	snapshot_free(s);
}

static void test_prometheus(void **state)
{
	assert_text(NULL, ENCODER_TEXT,
		    "# HELP x_events_total Back\\\\slash and \"quotes\".\n"
		    "# TYPE x_events_total counter\n"
		    "x_events_total{device=\"a\\\\b\\\"c\\nd\"} 18446744073709551615\n"
		    "x_events_total{device=\"e\"} 0\n"
		    "# HELP x_level A level.\n"
		    "# TYPE x_level gauge\n"
		    "x_level 0.1\n"
		    "# HELP x_seconds Times.\n"
		    "# TYPE x_seconds histogram\n"
		    "x_seconds_bucket{device=\"e\",le=\"5e-06\"} 3\n"
		    "x_seconds_bucket{device=\"e\",le=\"1\"} 6\n"
		    "x_seconds_bucket{device=\"e\",le=\"+Inf\"} 10\n"
		    "x_seconds_sum{device=\"e\"} 1.5\n"
		    "x_seconds_count{device=\"e\"} 10\n"
		    "# HELP x_info What x is.\n"
		    "# TYPE x_info gauge\n"
		    "x_info{device=\"e\"} 1\n");
}

static void test_openmetrics(void **state)
{
	assert_text(
		"replay", ENCODER_OPENMETRICS,
		"# HELP x_events Back\\\\slash and \\\"quotes\\\".\n"
		"# TYPE x_events counter\n"
		"x_events_total{device=\"a\\\\b\\\"c\\nd\",input=\"replay\"} 18446744073709551615\n"
		"x_events_total{device=\"e\",input=\"replay\"} 0\n"
		"# HELP x_level A level.\n"
		"# TYPE x_level gauge\n"
		"x_level{input=\"replay\"} 0.1\n"
		"# HELP x_seconds Times.\n"
		"# TYPE x_seconds histogram\n"
		"# UNIT x_seconds seconds\n"
		"x_seconds_bucket{device=\"e\",input=\"replay\",le=\"5e-06\"} 3\n"
		"x_seconds_bucket{device=\"e\",input=\"replay\",le=\"1.0\"} 6\n"
		"x_seconds_bucket{device=\"e\",input=\"replay\",le=\"+Inf\"} 10\n"
		"x_seconds_sum{device=\"e\",input=\"replay\"} 1.5\n"
		"x_seconds_count{device=\"e\",input=\"replay\"} 10\n"
		"# HELP x What x is.\n"
		"# TYPE x info\n"
		"x_info{device=\"e\",input=\"replay\"} 1\n"
		"# EOF\n");
}

/* Labels are encoded once for each point: none, and those of another point, stay out. */
static void test_labels(void **state)
{
	struct snapshot *s = snapshot_new(NULL);
	struct label labels[] = {{"device", "long name \\"}, {"stage", "x"}};
	uint64_t cells[] = {1, 0, 0, 0};
	struct buffer buffer = {};

	assert_int_equal(snapshot_add_histogram(s, &histogram, labels, 2, cells, 1), 0);
	assert_int_equal(snapshot_add_histogram(s, &histogram, NULL, 0, cells, 0), 0);
	encode_openmetrics(s, &buffer);
	buffer_add(&buffer, "", 1);
	assert_string_equal(
		buffer.data,
		"# HELP x_seconds Times.\n"
		"# TYPE x_seconds histogram\n"
		"# UNIT x_seconds seconds\n"
		"x_seconds_bucket{device=\"long name \\\\\",stage=\"x\",le=\"5e-06\"} 1\n"
		"x_seconds_bucket{device=\"long name \\\\\",stage=\"x\",le=\"1.0\"} 1\n"
		"x_seconds_bucket{device=\"long name \\\\\",stage=\"x\",le=\"+Inf\"} 1\n"
		"x_seconds_sum{device=\"long name \\\\\",stage=\"x\"} 0.000000001\n"
		"x_seconds_count{device=\"long name \\\\\",stage=\"x\"} 1\n"
		"x_seconds_bucket{le=\"5e-06\"} 1\n"
		"x_seconds_bucket{le=\"1.0\"} 1\n"
		"x_seconds_bucket{le=\"+Inf\"} 1\n"
		"x_seconds_sum 0\n"
		"x_seconds_count 1\n"
		"# EOF\n");
	free(buffer.data);
	snapshot_free(s);
}

/* What comes of it when it is read again. */
static struct json_object *encode(const struct snapshot *snapshot, enum metric_scope scope)
{
	struct snapshot_json walk = {.snapshot = snapshot, .scope = scope};
	struct buffer buffer = {};
	struct json_object *object;
	char *text;

	while (encode_json(&walk, &buffer))
		;
	text = buffer_take_string(&buffer);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

static void test_json(void **state)
{
	struct snapshot *s = make("replay");
	struct json_object *object = encode(s, SCOPE_OPERATORS), *metrics, *metric, *points;

	assert_true(json_object_object_get_ex(object, "metrics", &metrics));
	assert_int_equal(json_object_array_length(metrics), 5); /* the local one too */
	metric = json_object_array_get_idx(metrics, 0);
	assert_true(json_object_object_get_ex(metric, "points", &points));
	assert_string_equal(json_object_to_json_string_ext(json_object_array_get_idx(points, 0),
							   JSON_C_TO_STRING_PLAIN),
			    "{\"labels\":{\"device\":\"a\\\\b\\\"c\\nd\"},"
			    "\"value\":18446744073709551615}");
	metric = json_object_array_get_idx(metrics, 3);
	assert_true(json_object_object_get_ex(metric, "points", &points));
	metric = json_object_array_get_idx(points, 0);
	assert_true(json_object_object_get_ex(metric, "cells", &points));
	assert_int_equal(json_object_array_length(points), 4);
	for (size_t i = 0; i < 4; i++) {
		struct json_object *cell = json_object_array_get_idx(points, i);
		struct json_object *upper = json_object_array_get_idx(cell, 0);

		if (i < 3)
			assert_true(json_object_get_double(upper) == bounds[i] / 1e9);
		else
			assert_null(upper);
		assert_int_equal(json_object_get_uint64(json_object_array_get_idx(cell, 1)), i + 1);
	}
	assert_true(json_object_object_get_ex(metric, "sum", &points));
	assert_true(json_object_get_double(points) == 1.5);
	json_object_put(object);
	snapshot_free(s);
}

static void test_numbers(void **state)
{
	static const double values[] = {0, 0.1, 1e-9, 1.0 / 3, 123456789.125, 1e300};
	struct buffer buffer = {};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		buffer.size = 0;
		buffer_add_real(&buffer, values[i]);
		buffer_add(&buffer, "", 1);
		assert_true(strtod(buffer.data, NULL) == values[i]);
	}
	buffer.size = 0;
	buffer_add_real(&buffer, INFINITY);
	buffer_add_real(&buffer, -INFINITY);
	buffer_add_real(&buffer, NAN);
	buffer_add(&buffer, "", 1);
	assert_string_equal(buffer.data, "+Inf-InfNaN");
	free(buffer.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus), cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_labels),	   cmocka_unit_test(test_json),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

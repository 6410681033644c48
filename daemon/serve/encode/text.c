// SPDX-License-Identifier: GPL-2.0
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum text_format { TEXT_PROMETHEUS, TEXT_OPENMETRICS };

static bool is_escaped(char c, bool quote)
{
	return c == '\\' || c == '\n' || (quote && c == '"');
}

static void add_escaped(struct buffer *buffer, const char *text, bool quote)
{
	for (const char *p = text;; p++) {
		const char *start = p;

		while (*p && !is_escaped(*p, quote))
			p++;
		buffer_add(buffer, start, p - start);
		if (!*p)
			return;
		buffer_add(buffer, *p == '\n' ? "\\n" : *p == '"' ? "\\\"" : "\\\\", 2);
	}
}

static void add_label(struct buffer *buffer, const char *name, const char *value)
{
	buffer_add_string(buffer, name);
	buffer_add(buffer, "=\"", 2);
	add_escaped(buffer, value, true);
	buffer_add(buffer, "\"", 1);
}

/* All labels of a point except le, without braces. */
static void add_labels(struct buffer *buffer, const struct snapshot *snapshot,
		       const struct point *point)
{
	for (size_t i = 0; i < point->nr_labels; i++) {
		buffer_add(buffer, ",", i > 0);
		add_label(buffer, point->labels[i].name, point->labels[i].value);
	}
	if (snapshot->input) {
		buffer_add(buffer, ",", point->nr_labels > 0);
		add_label(buffer, "input", snapshot->input);
	}
}

/* Name and labels of a sample of a histogram, up to the space before its value. */
static void add_series(struct buffer *buffer, const char *name, const char *suffix,
		       const struct buffer *labels)
{
	buffer_add_string(buffer, name);
	buffer_add_string(buffer, suffix);
	if (labels->size) {
		buffer_add(buffer, "{", 1);
		buffer_add(buffer, labels->data, labels->size);
		buffer_add(buffer, "}", 1);
	}
	buffer_add(buffer, " ", 1);
}

/* OpenMetrics requires le to be a float: 1.0, not 1. */
static const char *le_end(const char *le, enum text_format format)
{
	return format == TEXT_PROMETHEUS || strpbrk(le, ".e+") ? "\"} " : ".0\"} ";
}

/* start: the line up to the value of le, the same for all buckets. Most lines are of these, and
 * made at once. */
static void add_bucket(struct buffer *buffer, const struct buffer *start, const char *le,
		       enum text_format format, uint64_t count)
{
	const char *end = le_end(le, format);
	size_t le_length = strlen(le), end_length = strlen(end);
	char *to = buffer_room(buffer, start->size + le_length + end_length + BUFFER_INTEGER + 1);

	if (!to)
		return;
	to = mempcpy(to, start->data, start->size);
	to = mempcpy(to, le, le_length);
	to = mempcpy(to, end, end_length);
	to = buffer_put_integer(to, count);
	*to++ = '\n';
	buffer->size = to - buffer->data;
}

/* A sum in base units, as exact as its double. */
static void add_sum(struct buffer *buffer, double per_unit, uint64_t sum)
{
	if (per_unit == 1)
		buffer_add_integer(buffer, sum);
	else if (per_unit == 1e9 && sum < 1ULL << 53)
		buffer_add_billionths(buffer, sum); /* in a tenth of the time */
	else
		buffer_add_real(buffer, sum / per_unit);
}

/* start: a scratch buffer; its memory is reused for the next histogram. */
static void add_histogram(struct buffer *buffer, const struct metric *metric,
			  const struct point *point, const struct buffer *labels,
			  struct buffer *start, enum text_format format)
{
	const struct histogram_scheme *scheme = metric->scheme;
	uint64_t count = 0;
	uint32_t cell = 0;

	start->size = 0;
	buffer_add_string(start, metric->name);
	buffer_add_string(start, "_bucket{");
	buffer_add(start, labels->data, labels->size);
	buffer_add_string(start, labels->size ? ",le=\"" : "le=\"");
	for (uint32_t i = 0; i < scheme->nr_buckets; i++) {
		while (cell <= scheme->buckets[i].cell)
			count += point->cells[cell++];
		add_bucket(buffer, start, scheme->buckets[i].le, format, count);
	}
	while (cell <= scheme->nr_bounds)
		count += point->cells[cell++];
	add_bucket(buffer, start, "+Inf", format, count);
	add_series(buffer, metric->name, "_sum", labels);
	add_sum(buffer, scheme->per_unit, point->sum);
	buffer_add(buffer, "\n", 1);
	add_series(buffer, metric->name, "_count", labels);
	buffer_add_integer(buffer, count);
	buffer_add(buffer, "\n", 1);
}

static void add_header(struct buffer *buffer, const struct metric *metric, enum text_format format)
{
	size_t length = strlen(metric->name);

	/* In OpenMetrics, the name of a family does not have the suffix of its samples. */
	if (format == TEXT_OPENMETRICS && metric->type == METRIC_COUNTER)
		length -= strlen("_total");
	else if (format == TEXT_OPENMETRICS && metric->type == METRIC_INFO)
		length -= strlen("_info");
	buffer_add_string(buffer, "# HELP ");
	buffer_add(buffer, metric->name, length);
	buffer_add(buffer, " ", 1);
	add_escaped(buffer, metric->help, format == TEXT_OPENMETRICS);
	buffer_add_string(buffer, "\n# TYPE ");
	buffer_add(buffer, metric->name, length);
	buffer_add(buffer, " ", 1);
	buffer_add_string(buffer, format == TEXT_OPENMETRICS && metric->type == METRIC_INFO
					  ? "info"
					  : metric_type_names[metric->type]);
	buffer_add(buffer, "\n", 1);
	if (format == TEXT_OPENMETRICS && *metric_unit(metric)) {
		buffer_add_string(buffer, "# UNIT ");
		buffer_add(buffer, metric->name, length);
		buffer_add(buffer, " ", 1);
		buffer_add_string(buffer, metric_unit(metric));
		buffer_add(buffer, "\n", 1);
	}
}

/* The one sample of a point. */
static void add_sample(struct buffer *buffer, const struct snapshot *snapshot, const char *name,
		       size_t length, const struct point *point)
{
	bool has_labels = point->nr_labels || snapshot->input;

	buffer_add(buffer, name, length);
	if (has_labels)
		buffer_add(buffer, "{", 1);
	add_labels(buffer, snapshot, point);
	buffer_add(buffer, "} " + !has_labels, 1 + has_labels);
	if (point->is_integer)
		buffer_add_integer(buffer, point->integer);
	else
		buffer_add_real(buffer, point->real);
	buffer_add(buffer, "\n", 1);
}

static void encode(const struct snapshot *snapshot, enum text_format format, struct buffer *buffer)
{
	struct buffer labels = {}, start = {};

	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		const struct metric *metric = family->metric;
		size_t length = strlen(metric->name);

		if (metric->scope != SCOPE_PUBLIC)
			continue;
		add_header(buffer, metric, format);
		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];

			if (metric->type != METRIC_HISTOGRAM) {
				add_sample(buffer, snapshot, metric->name, length, point);
				continue;
			}
			/* Built once for all lines of the point. */
			labels.size = 0;
			add_labels(&labels, snapshot, point);
			add_histogram(buffer, metric, point, &labels, &start, format);
		}
	}
	if (format == TEXT_OPENMETRICS)
		buffer_add_string(buffer, "# EOF\n");
	buffer->error = buffer->error ?: labels.error ?: start.error;
	free(labels.data);
	free(start.data);
}

void encode_text(const struct snapshot *snapshot, struct buffer *buffer)
{
	encode(snapshot, TEXT_PROMETHEUS, buffer);
}

void encode_openmetrics(const struct snapshot *snapshot, struct buffer *buffer)
{
	encode(snapshot, TEXT_OPENMETRICS, buffer);
}

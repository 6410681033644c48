// SPDX-License-Identifier: GPL-2.0
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum text_format { TEXT_PROMETHEUS, TEXT_OPENMETRICS };

static void add_escaped(struct buffer *buffer, const char *text, bool quote)
{
	for (const char *p = text;; p++) {
		size_t plain = strcspn(p, quote ? "\\\n\"" : "\\\n");

		buffer_add(buffer, p, plain);
		p += plain;
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

/* All labels of a point except le, without braces; built once for all lines of the point. */
static void set_labels(struct buffer *labels, const struct snapshot *snapshot,
		       const struct point *point)
{
	labels->size = 0;
	for (size_t i = 0; i < point->nr_labels; i++) {
		buffer_add(labels, ",", i > 0);
		add_label(labels, point->labels[i].name, point->labels[i].value);
	}
	if (snapshot->input) {
		buffer_add(labels, ",", point->nr_labels > 0);
		add_label(labels, "input", snapshot->input);
	}
}

/* Name and labels of one sample, up to the space before its value. */
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

/* start: the line up to the value of le, the same for all buckets. */
static void add_bucket(struct buffer *buffer, const struct buffer *start, const char *le,
		       enum text_format format, uint64_t count)
{
	buffer_add(buffer, start->data, start->size);
	buffer_add_string(buffer, le);
	buffer_add_string(buffer, le_end(le, format));
	buffer_add_integer(buffer, count);
	buffer_add(buffer, "\n", 1);
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
	if (scheme->per_unit == 1)
		buffer_add_integer(buffer, point->sum);
	else
		buffer_add_real(buffer, point->sum / scheme->per_unit);
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

static void add_value(struct buffer *buffer, const struct point *point)
{
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

		if (metric->scope != SCOPE_PUBLIC)
			continue;
		add_header(buffer, metric, format);
		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];

			set_labels(&labels, snapshot, point);
			if (metric->type == METRIC_HISTOGRAM) {
				add_histogram(buffer, metric, point, &labels, &start, format);
				continue;
			}
			add_series(buffer, metric->name, "", &labels);
			add_value(buffer, point);
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

// SPDX-License-Identifier: GPL-2.0
#include "openmetrics.h"

#include <errno.h>
#include <string.h>

#include "../util/cleanup.h"

const char *const text_content_type[] = {
	[TEXT_PLAIN] = "text/plain; version=0.0.4; charset=utf-8",
	[TEXT_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

static const char *const type_name[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

/* The name of a family: OpenMetrics has it without the counter's _total. */
static size_t family_name_length(const struct metric *metric, enum text_format format)
{
	static const char total[] = "_total";
	size_t length = strlen(metric->name), suffix = sizeof(total) - 1;

	if (format == TEXT_OPENMETRICS && metric->type == METRIC_COUNTER && length > suffix &&
	    !strcmp(metric->name + length - suffix, total))
		return length - suffix;
	return length;
}

/* Text up to the next character that needs an escape goes over in one piece. */
static void escape(struct buffer *buffer, const char *text, const char *special)
{
	for (;;) {
		size_t plain = strcspn(text, special);

		buffer_bytes(buffer, text, plain);
		text += plain;
		if (!*text)
			return;
		buffer_char(buffer, '\\');
		buffer_char(buffer, *text == '\n' ? 'n' : *text);
		text++;
	}
}

static void encode_header(struct buffer *buffer, const struct metric *metric,
			  enum text_format format)
{
	size_t length = family_name_length(metric, format);

	buffer_string(buffer, "# HELP ");
	buffer_bytes(buffer, metric->name, length);
	buffer_char(buffer, ' ');
	/* 0.0.4 leaves quotes in HELP as they are. */
	escape(buffer, metric->help, format == TEXT_OPENMETRICS ? "\\\n\"" : "\\\n");
	buffer_string(buffer, "\n# TYPE ");
	buffer_bytes(buffer, metric->name, length);
	buffer_char(buffer, ' ');
	buffer_string(buffer, type_name[metric->type]);
	buffer_char(buffer, '\n');
}

static void encode_label(struct buffer *buffer, const char *name, const char *value, bool *first)
{
	buffer_char(buffer, *first ? '{' : ',');
	*first = false;
	buffer_string(buffer, name);
	buffer_bytes(buffer, "=\"", 2);
	escape(buffer, value, "\\\n\"");
	buffer_char(buffer, '"');
}

/* All labels, le last; without the closing brace, which *ret_first tells about. */
static void encode_labels(struct buffer *buffer, const struct snapshot *snapshot,
			  const struct point *point, bool *ret_first)
{
	bool first = true;

	for (size_t i = 0; i < point->nr_labels; i++)
		encode_label(buffer, point->labels[i].name, point->labels[i].value, &first);
	if (snapshot->input)
		encode_label(buffer, "input", snapshot->input, &first);
	*ret_first = first;
}

static void end_labels(struct buffer *buffer, bool first)
{
	if (!first)
		buffer_char(buffer, '}');
	buffer_char(buffer, ' ');
}

static void encode_bucket(struct buffer *buffer, const struct metric *metric, const char *labels,
			  size_t length, const char *le, uint64_t value)
{
	buffer_string(buffer, metric->name);
	buffer_bytes(buffer, "_bucket", 7);
	if (length) {
		buffer_bytes(buffer, labels, length);
		buffer_bytes(buffer, ",le=\"", 5);
	} else {
		buffer_bytes(buffer, "{le=\"", 5);
	}
	buffer_string(buffer, le);
	buffer_bytes(buffer, "\"} ", 3);
	buffer_integer(buffer, value);
	buffer_char(buffer, '\n');
}

static void encode_histogram(struct buffer *buffer, const struct metric *metric,
			     const struct point *point, const char *labels, size_t length)
{
	const struct histogram_scheme *scheme = metric->scheme;
	uint64_t total = 0;
	uint32_t cell = 0;

	for (uint32_t i = 0; i < scheme->nr_buckets; i++) {
		for (; cell <= scheme->buckets[i].cell; cell++)
			total += point->cells[cell];
		encode_bucket(buffer, metric, labels, length, scheme->buckets[i].le, total);
	}
	for (; cell <= scheme->nr_bounds; cell++)
		total += point->cells[cell];
	encode_bucket(buffer, metric, labels, length, "+Inf", total);

	buffer_string(buffer, metric->name);
	buffer_bytes(buffer, "_sum", 4);
	buffer_bytes(buffer, labels, length);
	end_labels(buffer, !length);
	if (scheme->unit == 1)
		buffer_integer(buffer, point->sum);
	else
		buffer_real(buffer, (double)point->sum * scheme->unit);
	buffer_char(buffer, '\n');

	buffer_string(buffer, metric->name);
	buffer_bytes(buffer, "_count", 6);
	buffer_bytes(buffer, labels, length);
	end_labels(buffer, !length);
	buffer_integer(buffer, total);
	buffer_char(buffer, '\n');
}

static void encode_point(struct buffer *buffer, const struct metric *metric,
			 const struct point *point, const struct snapshot *snapshot)
{
	bool first;

	buffer_string(buffer, metric->name);
	encode_labels(buffer, snapshot, point, &first);
	end_labels(buffer, first);
	if (point->is_integer)
		buffer_integer(buffer, point->integer);
	else
		buffer_real(buffer, point->real);
	buffer_char(buffer, '\n');
}

int openmetrics_encode(struct buffer *buffer, const struct snapshot *snapshot,
		       enum text_format format)
{
	/* The labels of a histogram are escaped once, and used for each of its lines. */
	_cleanup_buffer_ struct buffer labels = {};

	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		const struct metric *metric = family->metric;

		if (metric->scope != SCOPE_PUBLIC)
			continue;
		encode_header(buffer, metric, format);
		for (size_t j = 0; j < family->nr_points; j++) {
			bool first;

			if (metric->type != METRIC_HISTOGRAM) {
				encode_point(buffer, metric, &family->points[j], snapshot);
				continue;
			}
			labels.length = 0;
			encode_labels(&labels, snapshot, &family->points[j], &first);
			encode_histogram(buffer, metric, &family->points[j], labels.data,
					 labels.length);
		}
	}
	if (format == TEXT_OPENMETRICS)
		buffer_string(buffer, "# EOF\n");
	return buffer->failed || labels.failed ? -ENOMEM : 0;
}

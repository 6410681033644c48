// SPDX-License-Identifier: GPL-2.0
#include "openmetrics.h"

#include <stdbool.h>
#include <string.h>

static const char *const types[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

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

static void add_label(struct buffer *buffer, const char *name, const char *value, bool *first)
{
	buffer_add(buffer, *first ? "{" : ",", 1);
	*first = false;
	buffer_add_string(buffer, name);
	buffer_add(buffer, "=\"", 2);
	add_escaped(buffer, value, true);
	buffer_add(buffer, "\"", 1);
}

/* Name and labels of one sample, up to the space before its value. */
static void add_series(struct buffer *buffer, const struct snapshot *snapshot, const char *name,
		       const char *suffix, const struct point *point, const char *le)
{
	bool first = true;

	buffer_add_string(buffer, name);
	buffer_add_string(buffer, suffix);
	for (size_t i = 0; i < point->nr_labels; i++)
		add_label(buffer, point->labels[i].name, point->labels[i].value, &first);
	if (snapshot->input)
		add_label(buffer, "input", snapshot->input, &first);
	if (le)
		add_label(buffer, "le", le, &first);
	buffer_add_string(buffer, first ? " " : "} ");
}

static void add_bucket(struct buffer *buffer, const struct snapshot *snapshot, const char *name,
		       const struct point *point, const char *le, uint64_t count)
{
	add_series(buffer, snapshot, name, "_bucket", point, le);
	buffer_add_integer(buffer, count);
	buffer_add(buffer, "\n", 1);
}

/* OpenMetrics wants le as a float: 1.0, not 1. */
static const char *float_le(const char *le, char text[16], enum text_format format)
{
	if (format == TEXT_PROMETHEUS || strpbrk(le, ".e") || strlen(le) > 10)
		return le;
	return strcat(strcpy(text, le), ".0");
}

static void add_histogram(struct buffer *buffer, const struct snapshot *snapshot,
			  const struct metric *metric, const struct point *point,
			  enum text_format format)
{
	const struct histogram_scheme *scheme = metric->scheme;
	uint64_t count = 0;
	uint32_t cell = 0;
	char text[16];

	for (uint32_t i = 0; i < scheme->nr_buckets; i++) {
		while (cell <= scheme->buckets[i].cell)
			count += point->cells[cell++];
		add_bucket(buffer, snapshot, metric->name, point,
			   float_le(scheme->buckets[i].le, text, format), count);
	}
	while (cell <= scheme->nr_bounds)
		count += point->cells[cell++];
	add_bucket(buffer, snapshot, metric->name, point, "+Inf", count);
	add_series(buffer, snapshot, metric->name, "_sum", point, NULL);
	if (scheme->per_unit == 1)
		buffer_add_integer(buffer, point->sum);
	else
		buffer_add_real(buffer, point->sum / scheme->per_unit);
	buffer_add(buffer, "\n", 1);
	add_series(buffer, snapshot, metric->name, "_count", point, NULL);
	buffer_add_integer(buffer, count);
	buffer_add(buffer, "\n", 1);
}

static void add_header(struct buffer *buffer, const struct metric *metric, enum text_format format)
{
	size_t length = strlen(metric->name);

	/* OpenMetrics names the family, without the suffix of its samples. */
	if (format == TEXT_OPENMETRICS && metric->type == METRIC_COUNTER)
		length -= strlen("_total");
	buffer_add_string(buffer, "# HELP ");
	buffer_add(buffer, metric->name, length);
	buffer_add(buffer, " ", 1);
	add_escaped(buffer, metric->help, format == TEXT_OPENMETRICS);
	buffer_add_string(buffer, "\n# TYPE ");
	buffer_add(buffer, metric->name, length);
	buffer_add(buffer, " ", 1);
	buffer_add_string(buffer, types[metric->type]);
	buffer_add(buffer, "\n", 1);
}

void encode_text(const struct snapshot *snapshot, enum text_format format, struct buffer *buffer)
{
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		const struct metric *metric = family->metric;

		if (metric->scope != SCOPE_PUBLIC)
			continue;
		add_header(buffer, metric, format);
		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];

			if (metric->type == METRIC_HISTOGRAM) {
				add_histogram(buffer, snapshot, metric, point, format);
				continue;
			}
			add_series(buffer, snapshot, metric->name, "", point, NULL);
			if (point->is_integer)
				buffer_add_integer(buffer, point->integer);
			else
				buffer_add_real(buffer, point->real);
			buffer_add(buffer, "\n", 1);
		}
	}
	if (format == TEXT_OPENMETRICS)
		buffer_add_string(buffer, "# EOF\n");
}

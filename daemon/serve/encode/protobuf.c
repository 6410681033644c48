// SPDX-License-Identifier: GPL-2.0
#include "protobuf.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How the value of a field is written; the low bits of its key. */
enum wire { WIRE_VARINT, WIRE_FIXED64, WIRE_LENGTH };

/* Numbers of fields in the messages of metrics.proto. */
enum {
	FAMILY_NAME = 1,
	FAMILY_HELP = 2,
	FAMILY_TYPE = 3,
	FAMILY_METRIC = 4,
	FAMILY_UNIT = 5,

	METRIC_LABEL = 1,
	METRIC_OF_GAUGE = 2,
	METRIC_OF_COUNTER = 3,
	METRIC_OF_HISTOGRAM = 7,

	LABEL_NAME = 1,
	LABEL_VALUE = 2,

	VALUE = 1, /* of a gauge or counter */
	COUNTER_START = 3,

	HISTOGRAM_COUNT = 1,
	HISTOGRAM_SUM = 2,
	HISTOGRAM_BUCKET = 3,
	HISTOGRAM_SCHEMA = 5,
	HISTOGRAM_ZERO_THRESHOLD = 6,
	HISTOGRAM_ZERO_COUNT = 7,
	HISTOGRAM_SPAN = 12,
	HISTOGRAM_DELTAS = 13,
	HISTOGRAM_START = 15,

	BUCKET_COUNT = 1,
	BUCKET_BOUND = 2,

	SPAN_OFFSET = 1,
	SPAN_LENGTH = 2,

	TIME_SECONDS = 1,
	TIME_NANOS = 2,
};

#define MAX_VARINT 10 /* bytes */

static size_t put_varint(char *to, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		to[n++] = (char)(value | 0x80);
	to[n++] = (char)value;
	return n;
}

static void add_varint(struct buffer *buffer, uint64_t value)
{
	char bytes[MAX_VARINT];

	buffer_add(buffer, bytes, put_varint(bytes, value));
}

/* Small numbers of either sign become small numbers. */
static uint64_t zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static void add_integer(struct buffer *buffer, unsigned int field, uint64_t value)
{
	char bytes[2 * MAX_VARINT];
	size_t n = put_varint(bytes, field << 3 | WIRE_VARINT);

	buffer_add(buffer, bytes, n + put_varint(bytes + n, value));
}

static void add_real(struct buffer *buffer, unsigned int field, double value)
{
	char bytes[MAX_VARINT + sizeof(uint64_t)];
	size_t n = put_varint(bytes, field << 3 | WIRE_FIXED64);
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = htole64(bits);
	memcpy(bytes + n, &bits, sizeof(bits));
	buffer_add(buffer, bytes, n + sizeof(bits));
}

static void add_string(struct buffer *buffer, unsigned int field, const char *text)
{
	size_t length = strlen(text), n;
	char bytes[2 * MAX_VARINT];

	n = put_varint(bytes, field << 3 | WIRE_LENGTH);
	buffer_add(buffer, bytes, n + put_varint(bytes + n, length));
	buffer_add(buffer, text, length);
}

/* A message inside another is written first, and then moved to make room for its length. */
static size_t begin(struct buffer *buffer, unsigned int field)
{
	add_varint(buffer, field << 3 | WIRE_LENGTH);
	return buffer->size;
}

static void end(struct buffer *buffer, size_t start)
{
	size_t length = buffer->size - start, n;
	char bytes[MAX_VARINT];

	n = put_varint(bytes, length);
	buffer_add(buffer, bytes, n); /* makes room */
	if (buffer->error)
		return;
	memmove(buffer->data + start + n, buffer->data + start, length);
	memcpy(buffer->data + start, bytes, n);
}

static void add_label(struct buffer *buffer, const char *name, const char *value)
{
	size_t label = begin(buffer, METRIC_LABEL);

	add_string(buffer, LABEL_NAME, name);
	add_string(buffer, LABEL_VALUE, value);
	end(buffer, label);
}

static void add_start(struct buffer *buffer, unsigned int field, uint64_t since_ns)
{
	size_t start;

	if (!since_ns)
		return;
	start = begin(buffer, field);
	add_integer(buffer, TIME_SECONDS, since_ns / 1000000000);
	add_integer(buffer, TIME_NANOS, since_ns % 1000000000);
	end(buffer, start);
}

static void add_bucket(struct buffer *buffer, uint64_t count, double bound)
{
	size_t bucket = begin(buffer, HISTOGRAM_BUCKET);

	add_integer(buffer, BUCKET_COUNT, count);
	add_real(buffer, BUCKET_BOUND, bound);
	end(buffer, bucket);
}

/* Returns the number of all values. */
static uint64_t add_classic(struct buffer *buffer, const struct histogram_scheme *scheme,
			    const uint64_t *cells)
{
	uint64_t count = 0;
	uint32_t cell = 0;

	for (uint32_t i = 0; i < scheme->nr_buckets; i++) {
		while (cell <= scheme->buckets[i].cell)
			count += cells[cell++];
		add_bucket(buffer, count,
			   scheme->bounds[scheme->buckets[i].cell] / scheme->per_unit);
	}
	while (cell <= scheme->nr_bounds)
		count += cells[cell++];
	add_bucket(buffer, count, INFINITY);
	return count;
}

/* The index i of the native bucket that has this cell: it ends at 2^(i/2^schema). The bound of a
 * cell is that or less, as it is rounded down; and so close to none below it that the tolerance
 * matters, which is for the logarithm. What is above all bounds goes to the next bucket. */
static int native_index(const struct histogram_scheme *scheme, uint32_t cell)
{
	bool above = cell == scheme->nr_bounds;
	double bound = scheme->bounds[cell - above] / scheme->per_unit;

	return (int)ceil(ldexp(log2(bound), scheme->schema) - 1e-9) + above;
}

/* Runs of buckets without gaps, and the counts of these buckets, each as its difference to the one
 * before. Cells are few, buckets that are not empty fewer. */
struct native {
	struct buffer spans, deltas;
	int next;	 /* index after the last bucket */
	uint32_t length; /* of the current span, 0: there is none */
	int offset;	 /* of the current span from the end of the one before */
	uint64_t last;	 /* count of the last bucket */
};

static void end_span(struct native *native)
{
	size_t span;

	if (!native->length)
		return;
	span = begin(&native->spans, HISTOGRAM_SPAN);
	add_integer(&native->spans, SPAN_OFFSET, zigzag(native->offset));
	add_integer(&native->spans, SPAN_LENGTH, native->length);
	end(&native->spans, span);
	native->length = 0;
}

static void add_native_bucket(struct native *native, int index, uint64_t count)
{
	if (!native->length || index != native->next) {
		end_span(native);
		native->offset = index - native->next;
	}
	add_varint(&native->deltas, zigzag((int64_t)(count - native->last)));
	native->last = count;
	native->length++;
	native->next = index + 1;
}

static void add_native(struct buffer *buffer, const struct histogram_scheme *scheme,
		       const uint64_t *cells, struct native *native)
{
	uint64_t zeros = 0, count = 0;
	uint32_t cell = 0;
	int index = 0;

	*native = (struct native){.spans = native->spans, .deltas = native->deltas};
	native->spans.size = native->deltas.size = 0;
	for (; cell < scheme->nr_bounds &&
	       scheme->bounds[cell] / scheme->per_unit <= scheme->zero_threshold;
	     cell++)
		zeros += cells[cell];
	for (; cell <= scheme->nr_bounds; cell++) {
		int at;

		if (!cells[cell])
			continue;
		at = native_index(scheme, cell);
		if (count && at != index) {
			add_native_bucket(native, index, count);
			count = 0;
		}
		index = at;
		count += cells[cell];
	}
	if (count)
		add_native_bucket(native, index, count);
	end_span(native);
	add_integer(buffer, HISTOGRAM_SCHEMA, zigzag(scheme->schema));
	add_real(buffer, HISTOGRAM_ZERO_THRESHOLD, scheme->zero_threshold);
	add_integer(buffer, HISTOGRAM_ZERO_COUNT, zeros);
	buffer_add(buffer, native->spans.data, native->spans.size);
	if (native->deltas.size) {
		add_varint(buffer, HISTOGRAM_DELTAS << 3 | WIRE_LENGTH);
		add_varint(buffer, native->deltas.size);
		buffer_add(buffer, native->deltas.data, native->deltas.size);
	}
	buffer->error = buffer->error ?: native->spans.error ?: native->deltas.error;
}

static void add_histogram(struct buffer *buffer, const struct histogram_scheme *scheme,
			  const struct point *point, struct native *native)
{
	size_t histogram = begin(buffer, METRIC_OF_HISTOGRAM);
	uint64_t count = add_classic(buffer, scheme, point->cells);

	add_integer(buffer, HISTOGRAM_COUNT, count);
	add_real(buffer, HISTOGRAM_SUM, point->sum / scheme->per_unit);
	add_native(buffer, scheme, point->cells, native);
	add_start(buffer, HISTOGRAM_START, point->since_ns);
	end(buffer, histogram);
}

static void add_value(struct buffer *buffer, const struct metric *metric, const struct point *point)
{
	bool is_counter = metric->type == METRIC_COUNTER;
	size_t value = begin(buffer, is_counter ? METRIC_OF_COUNTER : METRIC_OF_GAUGE);

	add_real(buffer, VALUE, point->is_integer ? (double)point->integer : point->real);
	if (is_counter)
		add_start(buffer, COUNTER_START, point->since_ns);
	end(buffer, value);
}

static void add_point(struct buffer *buffer, const struct snapshot *snapshot,
		      const struct metric *metric, const struct point *point, struct native *native)
{
	size_t start = begin(buffer, FAMILY_METRIC);

	for (size_t i = 0; i < point->nr_labels; i++)
		add_label(buffer, point->labels[i].name, point->labels[i].value);
	if (snapshot->input)
		add_label(buffer, "input", snapshot->input);
	if (metric->type == METRIC_HISTOGRAM)
		add_histogram(buffer, metric->scheme, point, native);
	else
		add_value(buffer, metric, point);
	end(buffer, start);
}

void encode_protobuf(const struct snapshot *snapshot, struct buffer *buffer)
{
	static const int types[] = {[METRIC_COUNTER] = 0,
				    [METRIC_GAUGE] = 1,
				    [METRIC_INFO] = 1,
				    [METRIC_HISTOGRAM] = 4};
	struct native native = {};

	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];
		const struct metric *metric = family->metric;
		size_t start = buffer->size;

		if (metric->scope != SCOPE_PUBLIC)
			continue;
		add_string(buffer, FAMILY_NAME, metric->name);
		add_string(buffer, FAMILY_HELP, metric->help);
		add_integer(buffer, FAMILY_TYPE, types[metric->type]);
		for (size_t j = 0; j < family->nr_points; j++)
			add_point(buffer, snapshot, metric, &family->points[j], &native);
		if (*metric_unit(metric))
			add_string(buffer, FAMILY_UNIT, metric_unit(metric));
		end(buffer, start);
	}
	free(native.spans.data);
	free(native.deltas.data);
}

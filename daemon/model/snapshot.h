/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot: all metrics at one time.
 *
 * Sources add points, and encoders walk the families; neither depends on the other. A
 * family is the set of points of one metric; families are in the order of their first
 * points. A snapshot owns copies of all label values and histogram cells; struct metric
 * and struct histogram_scheme are static and outlive it. One thread, no locks.
 */
#ifndef PAIMON_SNAPSHOT_H
#define PAIMON_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,
	METRIC_HISTOGRAM,
	METRIC_INFO, /* a gauge that is always 1, for its labels; its name ends in _info */
};

/* As text 0.0.4 has them; indexed by enum metric_type. */
extern const char *const metric_type_names[];

/* Who can see a metric, from most to fewest. */
enum metric_scope {
	SCOPE_PUBLIC,	 /* may be scraped */
	SCOPE_LOCAL,	 /* only in /v1/snapshot, for paimonctl top */
	SCOPE_OPERATORS, /* the same, only for root and group paimon: names processes */
};

/* The description of a metric: static, one for each name. */
struct metric {
	const char *name; /* as exposed in text 0.0.4; a counter ends in _total */
	const char *help; /* one sentence without a newline */
	enum metric_type type;
	enum metric_scope scope;
	/* METRIC_HISTOGRAM only */
	const struct histogram_scheme *scheme;
};

/* The base unit with which the name of a metric ends, or "": it is a number of something. */
const char *metric_unit(const struct metric *metric);

/* One classic bucket, the sum of the cells 0 to cell. */
struct histogram_bucket {
	uint32_t cell;
	const char *le; /* as printed, without +Inf */
};

/*
 * The cells of a histogram. Cell i counts values in (bounds[i - 1], bounds[i]],
 * cell nr_bounds the values above. Bounds and sum are integers; per_unit of
 * them are one base unit (1e9 nanoseconds per second, 1 for counts). Values are divided
 * by it, which rounds correctly; multiplying by 1e-9 would give 1.0000000000000002e-06.
 *
 * Each bucket of a native histogram is a sum of cells as well: all its bounds 2^(i/2^schema),
 * rounded down to an integer, are bounds of cells from the zero threshold on, which is one, too.
 */
struct histogram_scheme {
	const unsigned long long *bounds;
	uint32_t nr_bounds;
	double per_unit;
	const struct histogram_bucket *buckets; /* in ascending order of cell */
	uint32_t nr_buckets;
	int schema;
	double zero_threshold; /* in base units */
};

struct label {
	const char *name;
	const char *value;
};

struct point {
	const struct label *labels;
	size_t nr_labels;
	bool is_integer; /* else real */
	union {
		uint64_t integer;
		double real;
	};
	/* METRIC_HISTOGRAM: nr_bounds + 1 cells; the count is their sum */
	const uint64_t *cells;
	uint64_t sum;
	uint64_t since_ns; /* CLOCK_REALTIME when it was 0; 0: not known */
};

struct family {
	const struct metric *metric;
	struct point *points;
	size_t nr_points;
	size_t allocated;
};

struct snapshot {
	const char *input; /* "replay" or NULL: a label input= on every series */
	uint64_t realtime_ns;
	uint64_t monotonic_ns;
	uint64_t
		since_ns; /* of the points that are added: set by a source around them, and reset */
	struct family *families;
	size_t nr_families;
	size_t allocated;
	size_t memory; /* approximate size in bytes */
	struct arena *arena;
};

/* Returns a new snapshot with the current time, or NULL. */
struct snapshot *snapshot_new(const char *input);
struct snapshot *snapshot_free(struct snapshot *snapshot);

/*
 * Adds a point. labels are copied. Returns 0 or -ENOMEM. A source must not add the
 * same metric with the same labels twice.
 */
int snapshot_add_integer(struct snapshot *snapshot, const struct metric *metric,
			 const struct label *labels, size_t nr_labels, uint64_t value);
int snapshot_add_real(struct snapshot *snapshot, const struct metric *metric,
		      const struct label *labels, size_t nr_labels, double value);
/* cells: metric->scheme->nr_bounds + 1 of them, copied. */
int snapshot_add_histogram(struct snapshot *snapshot, const struct metric *metric,
			   const struct label *labels, size_t nr_labels, const uint64_t *cells,
			   uint64_t sum);

#endif

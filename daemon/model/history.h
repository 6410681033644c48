/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last minutes, for a page that somebody looks at: rates between the snapshots that were taken
 * for it. Its size is fixed; its owner makes it with the first look and frees it after the last
 * one, and nothing is kept otherwise. What does not fit has no rate.
 *
 * The server owns it, on the daemon's one thread.
 */
#ifndef PAIMON_HISTORY_H
#define PAIMON_HISTORY_H

#include "groups.h"

#define HISTORY_SPAN_NS 300000000000ULL /* older intervals are dropped */
#define HISTORY_STEP_NS 4000000000ULL	/* the shortest interval, after the first */
#define HISTORY_FIRST_NS 1000000000ULL	/* the shortest first one */
#define HISTORY_INTERVALS (HISTORY_SPAN_NS / HISTORY_STEP_NS)
#define HISTORY_GROUPS 2048 /* of each want */
#define HISTORY_LINES 128
#define HISTORY_HISTOGRAMS 64
#define HISTORY_CELLS 256
#define HISTORY_BUCKETS 32

/* What to keep of the groups of a metric, a counter or a histogram. */
struct history_want {
	const char *metric;
	const char *by[GROUP_LABELS + 1];
	bool each; /* the rates of each group in all intervals */
	/* The same of all groups together. Of a histogram, which only one want may have: the
	 * counts in its buckets. */
	bool sum;
};

struct history_series {
	uint64_t key;
	double total;
	double rate;   /* per second in the latest interval; NAN: unknown */
	int line;      /* of its rates, or -1 */
	int histogram; /* of its cells, or -1 */
};

struct history_interval {
	uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
	/* Of the histogram: is a group known that was there at both ends of the interval? Then the
	 * counts by bucket, the last for those above all bounds, and quantiles (NAN: there is
	 * none; INFINITY: above all bounds). */
	bool known;
	uint64_t buckets[HISTORY_BUCKETS + 1];
	double p50, p99;
};

/* wants must outlive it. NULL: no memory. */
struct history *history_new(const struct history_want *wants, size_t nr_wants);
struct history *history_free(struct history *history);

/* Adds an interval up to this snapshot, unless it is too close to the latest one. 0, or -ENOMEM,
 * and then nothing has changed. */
int history_add(struct history *history, const struct snapshot *snapshot);

/* The intervals; 0 is the oldest. */
size_t history_nr(const struct history *history);
const struct history_interval *history_interval(const struct history *history, size_t i);

/* What is known of a group, by the values of its labels, or of all groups (NULL). NULL: nothing. */
const struct history_series *history_find(const struct history *history,
					  const struct history_want *want,
					  const char *const *labels);
/* The rate of a series in an interval. NAN: unknown. */
double history_rate(const struct history *history, const struct history_series *series, size_t i);
/* The cells that a histogram has counted in the latest interval. NULL: unknown. */
const uint64_t *history_cells(const struct history *history, const struct history_series *series);

#endif

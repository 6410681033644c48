// SPDX-License-Identifier: GPL-2.0
#include "history.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "histogram.h"

struct histogram_state {
	uint64_t total[HISTORY_CELLS];
	uint64_t delta[HISTORY_CELLS]; /* in the latest interval */
	bool known;		       /* is delta? */
};

struct history {
	const struct history_want *wants;
	size_t nr_wants;
	uint64_t last_ns; /* the latest snapshot; 0: none */
	/* By key: of the latest snapshot, and of the one before. */
	struct history_series *series[2];
	size_t nr_series[2];
	unsigned int now; /* which of the two is the latest */
	struct history_interval intervals[HISTORY_INTERVALS];
	size_t first, nr;
	float lines[HISTORY_LINES][HISTORY_INTERVALS];
	struct histogram_state histograms[HISTORY_HISTOGRAMS];
	bool line_used[HISTORY_LINES], histogram_used[HISTORY_HISTOGRAMS];
	struct history_series room[]; /* of series: for each want its groups and their sum */
};

struct history *history_new(const struct history_want *wants, size_t nr_wants)
{
	size_t nr = nr_wants * (HISTORY_GROUPS + 1);
	struct history *history = calloc(1, sizeof(*history) + 2 * nr * sizeof(*history->room));

	if (history) {
		history->wants = wants;
		history->nr_wants = nr_wants;
		history->series[0] = history->room;
		history->series[1] = history->room + nr;
	}
	return history;
}

struct history *history_free(struct history *history)
{
	free(history);
	return NULL;
}

static uint64_t hash(uint64_t key, const char *text)
{
	do {
		key = (key ^ (unsigned char)*text) * 0x100000001b3ULL; /* FNV-1a, with the NUL */
	} while (*text++);
	return key;
}

static uint64_t key_of(const struct history_want *want, const char *const *labels)
{
	uint64_t key = hash(0xcbf29ce484222325ULL, want->metric);

	for (size_t i = 0; labels && i < GROUP_LABELS && want->by[i]; i++)
		key = hash(hash(key, want->by[i]), labels[i]);
	return key;
}

static int compare(const void *a, const void *b)
{
	const struct history_series *left = a, *right = b;

	return (left->key > right->key) - (left->key < right->key);
}

static const struct history_series *find(const struct history_series *series, size_t nr,
					 uint64_t key)
{
	struct history_series wanted = {.key = key};

	return bsearch(&wanted, series, nr, sizeof(*series), compare);
}

static size_t place_of(const struct history *history, size_t i)
{
	return (history->first + i) % HISTORY_INTERVALS;
}

static int take(bool *used, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!used[i]) {
			used[i] = true;
			return i;
		}
	return -1;
}

/* Begins an interval, and returns its place. */
static size_t push_interval(struct history *history, uint64_t now_ns)
{
	size_t place;

	while (history->nr &&
	       (history->nr == HISTORY_INTERVALS ||
		now_ns - history->intervals[history->first].to_ns >= HISTORY_SPAN_NS)) {
		history->first = (history->first + 1) % HISTORY_INTERVALS;
		history->nr--;
	}
	place = place_of(history, history->nr++);
	history->intervals[place] = (struct history_interval){.from_ns = history->last_ns,
							      .to_ns = now_ns,
							      .p50 = NAN,
							      .p99 = NAN};
	for (size_t i = 0; i < HISTORY_LINES; i++)
		history->lines[i][place] = NAN;
	return place;
}

/* Takes the cells of a group. A cell that is less than before began anew. */
static void take_cells(struct histogram_state *state, const uint64_t *cells, size_t nr, bool known)
{
	for (size_t i = 0; i < nr; i++) {
		known = known && cells[i] >= state->total[i];
		state->delta[i] = cells[i] - state->total[i];
		state->total[i] = cells[i];
	}
	state->known = known;
}

/* The series of a group, from what it was before. */
static struct history_series take_group(struct history *history, const struct history_want *want,
					const struct groups *groups, const struct group *group,
					double seconds)
{
	struct history_series series = {
		.key = key_of(want, group->labels),
		.total = group->total,
		.rate = NAN,
		.line = -1,
		.histogram = -1,
	};
	const struct history_series *before = find(history->series[!history->now],
						   history->nr_series[!history->now], series.key);

	if (before) {
		series.line = before->line;
		series.histogram = before->histogram;
		if (seconds > 0 && group->total >= before->total)
			series.rate = (group->total - before->total) / seconds;
	}
	if (series.line < 0 && want->each)
		series.line = take(history->line_used, HISTORY_LINES);
	if (!before && series.line >= 0)
		for (size_t i = 0; i < HISTORY_INTERVALS; i++)
			history->lines[series.line][i] = NAN;
	if (group->cells && groups->metric->scheme->nr_bounds < HISTORY_CELLS) {
		bool known = series.histogram >= 0 && seconds > 0;

		if (series.histogram < 0)
			series.histogram = take(history->histogram_used, HISTORY_HISTOGRAMS);
		if (series.histogram >= 0)
			take_cells(&history->histograms[series.histogram], group->cells,
				   groups->metric->scheme->nr_bounds + 1, known);
	}
	return series;
}

/* Sums the cells of all groups of the latest interval into it. */
static void sum_cells(struct history *history, const struct histogram_scheme *scheme,
		      const struct history_series *series, size_t nr,
		      struct history_interval *interval)
{
	uint64_t cells[HISTORY_CELLS] = {};
	uint32_t cell = 0;

	for (size_t i = 0; i < nr; i++) {
		const uint64_t *delta = history_cells(history, &series[i]);

		interval->known |= delta != NULL;
		for (uint32_t c = 0; delta && c <= scheme->nr_bounds; c++)
			cells[c] += delta[c];
	}
	interval->p50 = histogram_at(scheme, cells, 0.5);
	interval->p99 = histogram_at(scheme, cells, 0.99);
	for (uint32_t b = 0; b <= scheme->nr_buckets && b <= HISTORY_BUCKETS; b++) {
		uint32_t last = b < scheme->nr_buckets ? scheme->buckets[b].cell
						       : scheme->nr_bounds;

		for (; cell <= last; cell++)
			interval->buckets[b] += cells[cell];
	}
}

/* Takes the groups of a want. place: of the interval, or -1: there is none. */
static void take_groups(struct history *history, const struct history_want *want,
			const struct groups *groups, double seconds, int place)
{
	struct history_series *all = history->series[history->now],
			      sum = {
				      .key = key_of(want, NULL),
				      .rate = NAN,
				      .line = -1,
				      .histogram = -1,
			      };
	size_t *nr = &history->nr_series[history->now], first = *nr;
	const struct history_series *before = find(history->series[!history->now],
						   history->nr_series[!history->now], sum.key);

	for (size_t i = 0; i < groups->nr && i < HISTORY_GROUPS; i++) {
		const struct history_series series = take_group(history, want, groups,
								&groups->all[i], seconds);

		if (!isnan(series.rate))
			sum.rate = (isnan(sum.rate) ? 0 : sum.rate) + series.rate;
		if (series.line >= 0 && place >= 0)
			history->lines[series.line][place] = series.rate;
		all[(*nr)++] = series;
	}
	for (size_t i = 0; i < groups->nr; i++)
		sum.total += groups->all[i].total;
	if (want->sum && groups->metric->type == METRIC_HISTOGRAM && place >= 0 &&
	    groups->metric->scheme->nr_bounds < HISTORY_CELLS)
		sum_cells(history, groups->metric->scheme, all + first, *nr - first,
			  &history->intervals[place]);
	if (want->sum)
		sum.line = before ? before->line : take(history->line_used, HISTORY_LINES);
	if (!before && sum.line >= 0)
		for (size_t i = 0; i < HISTORY_INTERVALS; i++)
			history->lines[sum.line][i] = NAN;
	if (sum.line >= 0 && place >= 0)
		history->lines[sum.line][place] = sum.rate;
	all[(*nr)++] = sum;
}

/* Frees the places of series that are no more. */
static void mark_used(struct history *history)
{
	const struct history_series *series = history->series[history->now];

	memset(history->line_used, 0, sizeof(history->line_used));
	memset(history->histogram_used, 0, sizeof(history->histogram_used));
	for (size_t i = 0; i < history->nr_series[history->now]; i++) {
		if (series[i].line >= 0)
			history->line_used[series[i].line] = true;
		if (series[i].histogram >= 0)
			history->histogram_used[series[i].histogram] = true;
	}
}

static int make_groups(const struct history *history, const struct snapshot *snapshot,
		       struct groups *groups)
{
	int r = 0;

	for (size_t i = 0; i < history->nr_wants && !r; i++)
		r = groups_make(snapshot, history->wants[i].metric, history->wants[i].by,
				&groups[i]);
	return r;
}

int history_add(struct history *history, const struct snapshot *snapshot)
{
	uint64_t now_ns = snapshot->monotonic_ns, since_ns = now_ns - history->last_ns;
	_cleanup_free_ struct groups *groups = NULL;
	double seconds = 0;
	int place = -1, r;

	if (history->last_ns && since_ns < (history->nr ? HISTORY_STEP_NS : HISTORY_FIRST_NS))
		return 0;
	groups = calloc(history->nr_wants, sizeof(*groups));
	r = groups ? make_groups(history, snapshot, groups) : -ENOMEM;
	if (!r) {
		/* After a long time without a look all begins anew. */
		if (since_ns >= HISTORY_SPAN_NS)
			history->nr = history->nr_series[history->now] = 0;
		if (history->last_ns && since_ns < HISTORY_SPAN_NS) {
			seconds = since_ns * 1e-9;
			place = push_interval(history, now_ns);
		}
		mark_used(history);
		history->now = !history->now;
		history->nr_series[history->now] = 0;
		history->last_ns = now_ns;
		for (size_t i = 0; i < history->nr_wants; i++)
			if (groups[i].nr)
				take_groups(history, &history->wants[i], &groups[i], seconds,
					    place);
		qsort(history->series[history->now], history->nr_series[history->now],
		      sizeof(struct history_series), compare);
	}
	for (size_t i = 0; groups && i < history->nr_wants; i++)
		groups_clear(&groups[i]);
	return r;
}

size_t history_nr(const struct history *history)
{
	return history->nr;
}

const struct history_interval *history_interval(const struct history *history, size_t i)
{
	return &history->intervals[place_of(history, i)];
}

const struct history_series *history_find(const struct history *history,
					  const struct history_want *want,
					  const char *const *labels)
{
	return find(history->series[history->now], history->nr_series[history->now],
		    key_of(want, labels));
}

double history_rate(const struct history *history, const struct history_series *series, size_t i)
{
	return series->line < 0 ? NAN : history->lines[series->line][place_of(history, i)];
}

const uint64_t *history_cells(const struct history *history, const struct history_series *series)
{
	if (series->histogram < 0 || !history->histograms[series->histogram].known)
		return NULL;
	return history->histograms[series->histogram].delta;
}

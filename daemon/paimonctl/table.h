/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What top shows: a view turns two samples into a table of numbers; batch mode,
 * JSON and the screen show any table. A new view is a file with a struct view,
 * and an entry in the list in top.c. Pure functions, tested in
 * tests/unit/test-top.c.
 */
#ifndef PAIMONCTL_TABLE_H
#define PAIMONCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../model/histogram.h"

struct json_object;

#define TABLE_VALUE_WIDTH 7 /* of a column, with the space before it */

enum column_type {
	COLUMN_RATE,	/* a second */
	COLUMN_COUNT,	/* at this moment */
	COLUMN_SECONDS, /* INFINITY: above the last bound of the histogram */
	COLUMN_DELTA,	/* in the interval */
	COLUMN_SCALED,	/* in the interval, with ~ before it in rows that are estimates */
	COLUMN_RATIO,	/* as percentage */
};

struct column {
	const char *group, *group_json; /* heading over neighbours that belong together, or NULL */
	const char *title, *json;
	enum column_type type;
	bool alarm; /* better 0 */
};

#define TABLE_MAX_COLUMNS 32
#define TABLE_MAX_TEXTS 2

/* Behind the name, left out where all rows have an empty one. */
struct text_column {
	const char *title, *json;
};

struct row {
	char *name;
	char *texts[TABLE_MAX_TEXTS];
	bool estimate;
	bool restarted;			  /* a counter went back: no rates in this interval */
	bool first;			  /* before those that are not, whatever the order */
	double values[TABLE_MAX_COLUMNS]; /* NAN: none */
};

struct table {
	const struct view *view;
	const char *only; /* the row of this name, or NULL */
	int key_max;	  /* longer names are cut, 0: never; of table_measure(), as the next ones */
	int key_width, text_widths[TABLE_MAX_TEXTS];
	double seconds; /* length of the interval, 0: the two answers are not of one count */
	bool restarted; /* one of the rows, or the machine */
	struct row *rows;
	size_t nr_rows;
};

struct view {
	const char *name;
	const char *source;
	const char *key;     /* what a row is; "": there is only one */
	int key_width;	     /* at least */
	const char *nothing; /* shown where there is no row */
	const char *missing; /* said of a name that stat is asked for and that no row has */
	/* Each row that stat may be asked for is a label of points of this metric. */
	const char *metric, *label;
	const char *cpu_metric; /* the same by CPU, shown below; or NULL */
	const char *help;	/* lines below the keys */
	const struct text_column *texts;
	size_t nr_texts;
	const struct column *columns;
	size_t nr_columns;
	size_t heat;	  /* the column that top shows over time */
	bool heat_by_row; /* rows cannot be compared: each has a range of its own */
	/* Adds the rows. before and now: answers of /v1/snapshot. 0 or -ENOMEM. */
	int (*compute)(struct json_object *before, struct json_object *now, struct table *table);
};

extern const struct view view_events, view_iopf, view_nnpa, view_stat, view_tasks;
/* What stat shows of a PMU, by the PMU's name; the last one has none. */
extern const struct view view_pmus[];

/* Turns differences into rates; all is NAN but what is of this moment where there are none. */
void table_rates(struct table *table, struct row *row);
/* only: the name of a row, in the views of stat, or NULL. Returns 0 or -ENOMEM. */
int table_compute(const struct view *view, struct json_object *before, struct json_object *now,
		  const char *only, struct table *ret_table);
void table_clear(struct table *table);
/* Adds a row of NANs; NULL: no memory. */
struct row *table_add(struct table *table, const char *name);
/* The row of this name; where there is none a new one of zeros. NULL: no memory. */
struct row *table_get(struct table *table, const char *name);
/* By name (column < 0) or by a column, largest first, NANs last. */
void table_sort(struct table *table, int column);

/* At most 6 characters: "12.3k", "1.20ms", "-". */
void format_value(enum column_type type, double value, char text[16]);

/*
 * Columns are folded into bands that are at most width wide; a group stays
 * together. The first column behind the band that begins at column first.
 */
/* Where the numbers begin: behind the names and texts. */
int table_texts_width(const struct table *table);
/* How wide names and texts are, once they are as they will be shown; of a computed table
 * it is known. */
void table_measure(struct table *table, int key_max);
/* A name or text as it is shown, at most key_max wide; to be freed. NULL: no memory. */
char *table_key_text(const struct table *table, const char *name);
size_t table_band_end(const struct table *table, size_t first, int width);
void table_headings(const struct table *table, size_t first, size_t end, FILE *out);
void table_row(const struct table *table, const struct row *row, size_t first, size_t end,
	       FILE *out);

/* One object for the frame; NULL: no memory. */
struct json_object *table_json(const struct table *table, struct json_object *now);

/* "REPLAY: ..." and so on: time, source and input of a sample, without a newline. */
void table_title(const struct table *table, struct json_object *now, FILE *out);

/* A time since 1970 on this machine's clock, as strftime() has it; 0 where there is no such
 * time. Returns the length. */
size_t format_time(double seconds, const char *format, char text[32]);

/* The text or number at key of an object, or the fallback where it is absent. */
const char *json_text(struct json_object *object, const char *key, const char *fallback);
double json_number(struct json_object *object, const char *key, double fallback);
/* The whole number at key, 0 where there is none. */
uint64_t json_whole(struct json_object *object, const char *key);
/* Elements of an array, of which there are none where it is none. */
size_t json_length(struct json_object *array);
struct json_object *json_at(struct json_object *array, size_t i);

/*
 * Building objects. value is taken over in any case; NULL: there was no memory
 * for it. A text of NULL is null. 0 or -ENOMEM.
 */
int json_add(struct json_object *object, const char *key, struct json_object *value);
int json_append(struct json_object *array, struct json_object *value);
int json_add_text(struct json_object *object, const char *key, const char *text);

/* Reading samples. labels: pairs of name and value, NULL at the end. */
struct json_object *sample_points(struct json_object *sample, const char *metric);
/* Is point i the first one with its value of that label? */
bool points_first(struct json_object *points, size_t i, const char *label);
bool point_matches(struct json_object *point, const char *const *labels);
const char *point_label(struct json_object *point, const char *name);
bool sample_find(struct json_object *sample, const char *metric, const char *const *labels,
		 uint64_t *ret_sum);
/* now - before of the sum of all points with these labels; absent is 0. *restarted is set where
 * it went back. */
uint64_t sample_delta(struct json_object *before, struct json_object *now, const char *metric,
		      const char *const *labels, bool *restarted);
/*
 * The same for one point of now. before: all points that there were, or NULL; labels: names
 * of those that tell them apart, NULL at the end. *hint is 0 at first, and where the next
 * point may be, as most likely they are in the same order: there may be thousands.
 */
uint64_t point_delta(struct json_object *before, struct json_object *point,
		     const char *const *labels, size_t *hint, bool *restarted);
/* Did the source run at that moment? */
bool sample_source_up(struct json_object *sample, const char *source);
/* A gauge, the sum of all points with these labels, and of a histogram; absent is 0. */
double sample_real(struct json_object *sample, const char *metric, const char *const *labels);
double sample_reals(struct json_object *sample, const char *metric, const char *const *labels);
double sample_sum(struct json_object *sample, const char *metric, const char *const *labels);
/* The cells of a histogram that were hit in between, to be freed. The number, or -ENOMEM. */
int sample_cells(struct json_object *before, struct json_object *now, const char *metric,
		 const char *const *labels, bool *restarted, struct histogram_cell **ret_cells);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables of top. A view computes a table of numbers from two samples (answers of
 * /v1/snapshot); batch mode, JSON and the screen can show any table. A new view is a file
 * with a struct view, and an entry in the list in top.c. Pure functions, tested in
 * tests/unit/test-top.c.
 */
#ifndef PAIMONCTL_TABLE_H
#define PAIMONCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "format.h"
#include "quantile.h"

struct json_object;

#define TABLE_VALUE_WIDTH 7 /* of a column, with the space before it */
#define TABLE_LONG_NAME 20  /* at which names are not truncated any more for the sake of values */
#define TABLE_FEW_COLUMNS 4

struct column {
	const char *group, *group_json; /* common heading of adjacent columns, or NULL */
	const char *title, *json;
	enum column_type type;
	bool alarm;	  /* a value other than 0 indicates a problem */
	const char *help; /* what it means, in one line */
};

#define TABLE_MAX_COLUMNS 32
#define TABLE_MAX_TEXTS 3

/* A text column after the name; not shown if it is empty in all rows. */
struct text_column {
	const char *title, *json;
	bool differs; /* not shown either if it is the same in all rows */
	const char *help;
};

struct row {
	char *name; /* of a row of one CPU: ends with " cpuN" */
	char *texts[TABLE_MAX_TEXTS];
	int cpu; /* -1: of all CPUs */
	bool estimate;
	bool hidden;			  /* by a filter */
	bool restarted;			  /* a counter has decreased: no rates in this interval */
	int rank;			  /* rows are sorted by it first */
	double values[TABLE_MAX_COLUMNS]; /* NAN: none */
};

/* The time that a table is about: the interval between two answers, or a minute of the daemon's,
 * in which is also what has ended. */
enum table_span { SPAN_INTERVAL, SPAN_CURRENT, SPAN_LAST, NR_SPANS };
/* The names of the minutes; NULL for the interval. */
extern const char *const table_minutes[NR_SPANS];

/* What to compute. */
struct pick {
	const char *only; /* the row of this name, in the views of stat, or NULL */
	/* Of views with a member by: */
	const char *counted; /* "NNPA", or the name of an event; NULL: all that are attributed */
	enum table_span span;
	bool skips_idle; /* leave out rows of 0 */
	bool per_cpu;	 /* also a row for each CPU, where the view has those */
};

/* How to sort: by name (TABLE_BY_NAME), by a column, largest first, or, from TABLE_BY_TEXT down, by
 * a text. */
#define TABLE_BY_NAME (-1)
#define TABLE_BY_TEXT (-2)
struct order {
	int column;
	bool reverse;
};

struct table {
	const struct view *view;
	struct pick pick;
	const char *source; /* of the rows */
	int key_max; /* longer names are truncated, 0: never; set by table_measure(), as the next
			ones */
	int key_width, text_widths[TABLE_MAX_TEXTS];
	double seconds; /* length of the interval, 0: the two answers cannot be compared */
	bool restarted; /* of one of the rows, or of all */
	struct row *rows;
	size_t nr_rows, nr_shown; /* shown: not hidden by a filter; sorted before the others */
};

struct attribution;

struct view {
	const char *name;
	const char *source;
	const char *key;     /* heading of the names; "": there is only one row */
	int key_width;	     /* minimum width of the names */
	const char *nothing; /* shown if there is no row */
	const char *missing; /* message if no row has the name that was given to stat */
	/* The names that can be given to stat are the values of this label of this metric. */
	const char *metric, *label;
	const char *cpu_metric;	       /* the same by CPU; or NULL */
	const char *apart, *cpu_apart; /* the same of counters that are not in the sum; or NULL */
	const char *key_help;	       /* what the names are */
	const char *help;	       /* lines about the view */
	bool has_cpus;		       /* it has rows for single CPUs */
	const struct attribution *by;  /* of the views of who something was counted for, or NULL */
	const struct view *other;      /* the key c changes to it; or NULL */
	bool tab_skips;		       /* Tab does not change to it */
	bool by_rate;		       /* sorted by the first column at first, not by name */
	const struct text_column *texts;
	size_t nr_texts;
	const struct column *columns;
	size_t nr_columns;
	size_t heat;	  /* the column whose history top shows */
	bool heat_by_row; /* rows cannot be compared: each has its own range */
	/* Adds the rows. before and now: answers of /v1/snapshot. 0 or -ENOMEM. */
	int (*compute)(struct json_object *before, struct json_object *now, struct table *table);
};

extern const struct view view_cgroups, view_cspmu, view_events, view_iopf, view_nnpa, view_stat,
	view_tasks;
/* The views of stat for a PMU, by its name; the last element has no name. */
extern const struct view view_pmus[];

/* Converts differences to rates; without an interval all but current values are NAN. */
void table_rates(struct table *table, struct row *row);
/* pick: NULL for everything, of the interval. The table has its texts. Returns 0 or -ENOMEM. */
int table_compute(const struct view *view, struct json_object *before, struct json_object *now,
		  const struct pick *pick, struct table *ret_table);
void table_clear(struct table *table);
/* Adds a row of NANs; NULL: no memory. */
struct row *table_add(struct table *table, const char *name);
/* The row of this name, if necessary a new one of zeros. NULL: no memory. */
struct row *table_get(struct table *table, const char *name);
/* Sorts the rows; those without a value, and those that are hidden, come last in any order. */
void table_sort(struct table *table, struct order order);
/* How a view is sorted at first. */
struct order table_first_order(const struct view *view);
/* What comes after a column, or before it, in the order in which they are shown; it goes round. */
int table_next_column(const struct view *view, int column, bool forward);
/* The heading of a column, "group TITLE", and what it means. */
void table_column_name(const struct view *view, int column, char ret_name[40]);
const char *table_column_help(const struct view *view, int column);
/* Hides all rows that have the text neither in the name nor in a text. Case is ignored; "": shows
 * all. */
void table_filter(struct table *table, const char *text);
/*
 * Why there is no row: that nothing has come yet is not the same as that its source cannot count.
 * To be freed; NULL: no memory.
 */
char *table_nothing(const struct view *view, struct json_object *now);
/* What a view with a member by can show, "NNPA" or an event: the one after name, the first one
 * after the last or if name is NULL or not attributed; NULL: nothing is attributed. */
const char *attributed_next(const struct view *view, struct json_object *now, const char *name);
bool attributed_has(const struct view *view, struct json_object *now, const char *name);

/*
 * Columns are folded into bands that are at most width wide; a group stays together if it
 * fits. table_band_end(): the first column after the band that begins at first.
 */
/* Width of names and texts: the numbers begin there. */
int table_texts_width(const struct table *table);
/* Computes the widths of names and texts as they will be shown; table_compute() has done so
 * already. key_max: longer ones are truncated; 0: none. */
void table_measure(struct table *table, int key_max);
/* The same for a terminal: names are truncated and texts left out, so that values fit. */
void table_fit(struct table *table, int width);
/* A name or text as shown, at most key_max wide; to be freed. NULL: no memory. */
char *table_key_text(const struct table *table, const char *name);
size_t table_band_end(const struct table *table, size_t first, int width);
/* Does not even one column fit? */
bool table_is_too_narrow(const struct table *table, int width);
void table_headings(const struct table *table, size_t first, size_t end, FILE *out);
void table_row(const struct table *table, const struct row *row, size_t first, size_t end,
	       FILE *out);

/* One object for the frame; NULL: no memory. */
struct json_object *table_json(const struct table *table, struct json_object *now);

/* The name without " cpuN"; to be freed, or NULL. */
char *row_name(const struct row *row);
/* A number for programs; false: there is none. */
bool row_number(double value, char ret_text[32]);
/* The CSV of tables: the heading line; a line for each row. */
void table_csv_heading(const struct view *view, FILE *out);
void table_csv(const struct table *table, struct json_object *now, FILE *out);

/*
 * Time, source and input of a sample, without a newline. width: parts are left out until it fits,
 * REPLAY last; 0: any. more: what to add, such as PAUSED, or NULL.
 */
void table_title(const struct table *table, struct json_object *now, int width, const char *more,
		 FILE *out);

/* Reading samples. labels: pairs of name and value, NULL at the end. */
struct json_object *sample_points(struct json_object *sample, const char *metric);
/* Is point i the first one with its value of this label? */
bool points_first(struct json_object *points, size_t i, const char *label);
bool point_matches(struct json_object *point, const char *const *labels);
const char *point_label(struct json_object *point, const char *name);
bool sample_find(struct json_object *sample, const char *metric, const char *const *labels,
		 uint64_t *ret_sum);
/* now - before of the sum of all points with these labels; absent is 0. *restarted is set if it
 * has decreased. */
uint64_t sample_delta(struct json_object *before, struct json_object *now, const char *metric,
		      const char *const *labels, bool *restarted);
/*
 * The same for one point of now. before: all earlier points, or NULL; labels: names of the
 * labels that identify a point, NULL-terminated. *hint is 0 at first; it is the index at which
 * the search for the next point starts, because there may be thousands, usually in the same order.
 */
uint64_t point_delta(struct json_object *before, struct json_object *point,
		     const char *const *labels, size_t *hint, bool *restarted);
/* The earlier point itself, or NULL. */
struct json_object *point_before(struct json_object *before, struct json_object *point,
				 const char *const *labels, size_t *hint);
/* Was the source up in this sample? */
bool sample_source_up(struct json_object *sample, const char *source);
/* Was it up now only? Its earlier total is then unknown, and a difference would count it as new. */
bool sample_came_up(struct json_object *before, struct json_object *now, const char *source);
/* A gauge; the sum of all points, and of the sums of all histograms, with these labels; absent is
 * 0. */
double sample_real(struct json_object *sample, const char *metric, const char *const *labels);
double sample_reals(struct json_object *sample, const char *metric, const char *const *labels);
double sample_sum(struct json_object *sample, const char *metric, const char *const *labels);
/* The cells by which all histograms with these labels have increased, to be freed. Returns their
 * number, or -ENOMEM. */
int sample_cells(struct json_object *before, struct json_object *now, const char *metric,
		 const char *const *labels, bool *restarted, struct histogram_cell **ret_cells);

#endif

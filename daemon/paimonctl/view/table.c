// SPDX-License-Identifier: GPL-2.0
/* Tables: memory, sorting, and a table as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <paimon/histogram.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../json.h"
#include "table.h"

const char *const table_minutes[NR_SPANS] = {[SPAN_CURRENT] = "current", [SPAN_LAST] = "last"};

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->nr_rows; i++) {
		free(table->rows[i].name);
		for (size_t t = 0; t < TABLE_MAX_TEXTS; t++)
			free(table->rows[i].texts[t]);
	}
	free(table->rows);
	*table = (struct table){};
}

struct row *table_add(struct table *table, const char *name)
{
	struct row *rows = realloc(table->rows, (table->nr_rows + 1) * sizeof(*rows)), *row;

	if (!rows)
		return NULL;
	table->rows = rows;
	row = &rows[table->nr_rows];
	*row = (struct row){.name = strdup(name), .cpu = -1};
	if (!row->name)
		return NULL;
	for (size_t i = 0; i < TABLE_MAX_COLUMNS; i++)
		row->values[i] = NAN;
	table->nr_rows++;
	return row;
}

struct row *table_get(struct table *table, const char *name)
{
	struct row *row;

	/* Search backwards: it is most likely the last one. */
	for (size_t i = table->nr_rows; i-- > 0;)
		if (!strcmp(table->rows[i].name, name))
			return &table->rows[i];
	row = table_add(table, name);
	if (row)
		memset(row->values, 0, sizeof(row->values));
	return row;
}

/* Was the replay restarted? It keeps no totals, so counts of two processes cannot be compared. */
static bool replayed_anew(struct json_object *before, struct json_object *now)
{
	const char *labels[] = {NULL};

	return json_text(now, "input", NULL) &&
	       sample_real(before, "process_start_time_seconds", labels) !=
		       sample_real(now, "process_start_time_seconds", labels);
}

int table_compute(const struct view *view, struct json_object *before, struct json_object *now,
		  const struct pick *pick, struct table *ret_table)
{
	struct table table = {
		.view = view,
		.pick = pick ? *pick : (struct pick){},
		.source = view->source,
	};
	int r;

	table.seconds =
		(json_number(now, "monotonic_ns", 0) - json_number(before, "monotonic_ns", 0)) /
		1e9;
	if (sample_came_up(before, now, view->source) || replayed_anew(before, now))
		table.seconds = 0;
	table.restarted = !(table.seconds > 0);
	r = view->compute(before, now, &table);
	if (r < 0) {
		table_clear(&table);
		return r;
	}
	table.nr_shown = table.nr_rows;
	table_measure(&table, 0);
	*ret_table = table;
	return 0;
}

void table_rates(struct table *table, struct row *row)
{
	table->restarted |= row->restarted;
	for (size_t i = 0; i < table->view->nr_columns; i++) {
		enum column_type type = table->view->columns[i].type;

		if (type == COLUMN_COUNT)
			continue;
		if (row->restarted || !(table->seconds > 0))
			row->values[i] = NAN;
		else if (type == COLUMN_RATE)
			row->values[i] /= table->seconds;
	}
}

static int compare_rows(const void *a, const void *b, void *user)
{
	const struct row *left = a, *right = b;
	const struct order *order = user;
	int column = order->column, sign = order->reverse ? -1 : 1, r = 0;

	if (left->hidden != right->hidden)
		return left->hidden ? 1 : -1;
	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	if (column >= 0) {
		double l = left->values[column], v = right->values[column];

		if (isnan(l) != isnan(v))
			return isnan(l) ? 1 : -1;
		if (l > v || l < v)
			return l > v ? -sign : sign;
	} else if (column <= TABLE_BY_TEXT) {
		r = strverscmp(left->texts[TABLE_BY_TEXT - column] ?: "",
			       right->texts[TABLE_BY_TEXT - column] ?: "");
	}
	return r			 ? sign * r
	       : column == TABLE_BY_NAME ? sign * strverscmp(left->name, right->name)
					 : strverscmp(left->name, right->name);
}

struct order table_first_order(const struct view *view)
{
	return (struct order){.column = view->by_rate ? 0 : TABLE_BY_NAME};
}

void table_sort(struct table *table, struct order order)
{
	if (table->nr_rows)
		qsort_r(table->rows, table->nr_rows, sizeof(*table->rows), compare_rows, &order);
}

/* The place of a column from left to right, and back. */
static size_t place_of(const struct view *view, int column)
{
	return column >= 0 ? 1 + view->nr_texts + (size_t)column : (size_t)(TABLE_BY_NAME - column);
}

static int column_at(const struct view *view, size_t place)
{
	return place <= view->nr_texts ? TABLE_BY_NAME - (int)place
				       : (int)(place - 1 - view->nr_texts);
}

int table_next_column(const struct view *view, int column, bool forward)
{
	size_t nr = 1 + view->nr_texts + view->nr_columns, place = place_of(view, column);

	return column_at(view, (place + (forward ? 1 : nr - 1)) % nr);
}

void table_column_name(const struct view *view, int column, char ret_name[40])
{
	const struct column *c = column >= 0 ? &view->columns[column] : NULL;

	if (c)
		snprintf(ret_name, 40, "%s%s%s", c->group ?: "", c->group ? " " : "", c->title);
	else
		snprintf(ret_name, 40, "%s",
			 column == TABLE_BY_NAME ? view->key
						 : view->texts[TABLE_BY_TEXT - column].title);
}

const char *table_column_help(const struct view *view, int column)
{
	return column >= 0		 ? view->columns[column].help
	       : column == TABLE_BY_NAME ? view->key_help
					 : view->texts[TABLE_BY_TEXT - column].help;
}

void table_filter(struct table *table, const char *text)
{
	table->nr_shown = 0;
	for (size_t i = 0; i < table->nr_rows; i++) {
		struct row *row = &table->rows[i];

		row->hidden = !strcasestr(row->name, text);
		for (size_t t = 0; t < table->view->nr_texts && row->hidden; t++)
			row->hidden = !strcasestr(row->texts[t] ?: "", text);
		table->nr_shown += !row->hidden;
	}
}

char *row_name(const struct row *row)
{
	const char *end = row->cpu >= 0 ? strrchr(row->name, ' ') : NULL;

	return end ? strndup(row->name, (size_t)(end - row->name)) : strdup(row->name);
}

bool row_number(double value, char ret_text[32])
{
	if (isnan(value))
		return false;
	if (isinf(value)) /* the man page says so: JSON has no infinity */
		value = paimon_hist_bounds[PAIMON_HIST_BOUNDS - 1] / 1e9;
	/* A count is exact as far as a double is. */
	snprintf(ret_text, 32, "%.*g", value == trunc(value) ? 16 : 9, value);
	return true;
}

static int add_value(struct json_object *object, const struct column *column, double value)
{
	char text[32];

	if (!row_number(value, text))
		return json_add_text(object, column->json, NULL);
	return json_add(object, column->json, json_object_new_double_s(value, text));
}

static int add_column(struct json_object *row, const struct column *column, double value)
{
	struct json_object *group;
	int r = 0;

	if (!column->group_json)
		return add_value(row, column, value);
	if (!json_object_object_get_ex(row, column->group_json, &group)) {
		group = json_object_new_object();
		r = json_add(row, column->group_json, group);
	}
	return r ?: add_value(group, column, value);
}

static int add_row(struct json_object *rows, const struct view *view, const struct row *row)
{
	struct json_object *object = json_object_new_object();
	_cleanup_free_ char *name = row_name(row);
	int r = json_append(rows, object) ?: (name ? 0 : -ENOMEM);

	r = r ?: json_add_text(object, "name", name);
	if (row->cpu >= 0)
		r = r ?: json_add(object, "cpu", json_object_new_int(row->cpu));
	for (size_t i = 0; i < view->nr_texts && !r; i++)
		r = json_add_text(object, view->texts[i].json, row->texts[i] ?: "");
	r = r ?: json_add(object, "restarted", json_object_new_boolean(row->restarted));
	for (size_t c = 0; c < view->nr_columns && !r; c++)
		r = add_column(object, &view->columns[c], row->values[c]);
	return r;
}

struct json_object *table_json(const struct table *table, struct json_object *now)
{
	struct json_object *frame = json_object_new_object(), *rows = json_object_new_array();
	struct json_object *time = json_object_object_get(now, "realtime_ns");
	int r;

	r = time ? json_add(frame, "realtime_ns", json_object_get(time))
		 : json_add_text(frame, "realtime_ns", NULL);
	r = r ?: json_add_text(frame, "view", table->view->name);
	r = r ?: json_add_text(frame, "input", json_text(now, "input", NULL));
	r = r ?: json_add(frame, "interval_seconds", json_object_new_double(table->seconds));
	if (table->view->by)
		r = r ?: json_add_text(frame, "minute", table_minutes[table->pick.span]);
	r = r ?: json_add(frame, "restarted", json_object_new_boolean(table->restarted));
	for (size_t i = 0; i < table->nr_rows && !r; i++)
		r = add_row(rows, table->view, &table->rows[i]);
	if (r || json_object_object_add(frame, "rows", rows)) {
		json_object_put(rows);
		json_object_put(frame);
		return NULL;
	}
	return frame;
}

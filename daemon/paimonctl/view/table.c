// SPDX-License-Identifier: GPL-2.0
/* Tables: memory, sorting, and the format of numbers as text and as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <paimon/histogram.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../escape.h"
#include "table.h"

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
	*row = (struct row){.name = strdup(name)};
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

	/* Most likely the last one. */
	for (size_t i = table->nr_rows; i-- > 0;)
		if (!strcmp(table->rows[i].name, name))
			return &table->rows[i];
	row = table_add(table, name);
	if (row)
		memset(row->values, 0, sizeof(row->values));
	return row;
}

/* Replay keeps no totals: what another process counted has nothing to do with this one's. */
static bool replayed_anew(struct json_object *before, struct json_object *now)
{
	const char *labels[] = {NULL};

	return json_text(now, "input", NULL) &&
	       sample_real(before, "process_start_time_seconds", labels) !=
		       sample_real(now, "process_start_time_seconds", labels);
}

int table_compute(const struct view *view, struct json_object *before, struct json_object *now,
		  const char *only, struct table *ret_table)
{
	struct table table = {.view = view, .only = only};
	int r;

	table.seconds =
		(json_number(now, "monotonic_ns", 0) - json_number(before, "monotonic_ns", 0)) /
		1e9;
	/* Where the source did not run, what it counted before is missing, and would look like
	 * news. */
	if ((sample_source_up(now, view->source) && !sample_source_up(before, view->source)) ||
	    replayed_anew(before, now))
		table.seconds = 0;
	table.restarted = !(table.seconds > 0);
	r = view->compute(before, now, &table);
	if (r < 0) {
		table_clear(&table);
		return r;
	}
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
	int column = *(const int *)user;

	if (left->first != right->first)
		return left->first ? -1 : 1;
	if (column >= 0) {
		double l = left->values[column], r = right->values[column];

		if (isnan(l) != isnan(r))
			return isnan(l) ? 1 : -1;
		if (l > r || l < r)
			return l > r ? -1 : 1;
	}
	return strverscmp(left->name, right->name);
}

void table_sort(struct table *table, int column)
{
	if (table->nr_rows)
		qsort_r(table->rows, table->nr_rows, sizeof(*table->rows), compare_rows, &column);
}

/* Three digits that count. */
static void format_digits(double value, const char *unit, char text[16])
{
	snprintf(text, 16, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
}

void format_value(enum column_type type, double value, char text[16])
{
	static const char *const large[] = {"", "k", "M", "G", "T", "P", "E"};
	static const char *const small[] = {"ns", "us", "ms", "s"};
	size_t i = 0;

	if (isnan(value)) {
		strcpy(text, "-");
		return;
	}
	if (type == COLUMN_SECONDS) {
		if (isinf(value)) {
			strcpy(text, ">10.4s");
			return;
		}
		for (value *= 1e9; value >= 999.5 && i < 3; i++)
			value /= 1000;
		format_digits(value, small[i], text);
		return;
	}
	if (type == COLUMN_RATIO) {
		snprintf(text, 16, "%.*f%%", value >= 0.9995 ? 0 : 1, value * 100);
		return;
	}
	if (value < 999.5) {
		bool whole = type == COLUMN_COUNT || type == COLUMN_DELTA || value >= 99.95;

		snprintf(text, 16, "%.*f", whole ? 0 : 1, value);
		return;
	}
	for (; value >= 999.5 && i < 6; i++)
		value /= 1000;
	format_digits(value, large[i], text);
}

char *table_key_text(const struct table *table, const char *name)
{
	char *text = escape_terminal(name);

	if (text && table->key_max && escape_width(text) > table->key_max)
		strcpy(text + escape_cut(text, table->key_max - 1), "+");
	return text;
}

static void widen(const struct table *table, const char *text, int *width)
{
	char *shown = table_key_text(table, text);
	int need = shown ? escape_width(shown) : 0;

	*width = need > *width ? need : *width;
	free(shown);
}

void table_measure(struct table *table, int key_max)
{
	const struct view *view = table->view;

	table->key_max = key_max;
	table->key_width = view->key_width;
	for (size_t i = 0; i < table->nr_rows; i++)
		widen(table, table->rows[i].name, &table->key_width);
	for (size_t t = 0; t < view->nr_texts; t++) {
		int title = (int)strlen(view->texts[t].title);

		/* 0: nobody has one. */
		table->text_widths[t] = 0;
		for (size_t i = 0; i < table->nr_rows; i++)
			widen(table, table->rows[i].texts[t] ?: "", &table->text_widths[t]);
		if (table->text_widths[t] && table->text_widths[t] < title)
			table->text_widths[t] = title;
	}
}

int table_texts_width(const struct table *table)
{
	int width = table->key_width;

	for (size_t i = 0; i < table->view->nr_texts; i++)
		width += table->text_widths[i] ? 2 + table->text_widths[i] : 0;
	return width;
}

/* All that is before the numbers. row: NULL for the titles. */
static void print_texts(const struct table *table, const struct row *row, FILE *out)
{
	const struct view *view = table->view;
	char *name = table_key_text(table, row ? row->name : view->key);

	fprintf(out, "%s%*s", name ?: "", table->key_width - (name ? escape_width(name) : 0), "");
	free(name);
	for (size_t i = 0; i < view->nr_texts; i++) {
		char *text = table_key_text(table,
					    row ? row->texts[i] ?: "" : view->texts[i].title);
		int width = table->text_widths[i];

		if (width)
			fprintf(out, "  %s%*s", text ?: "", width - (text ? escape_width(text) : 0),
				"");
		free(text);
	}
}

static bool same_group(const struct column *a, const struct column *b)
{
	return a->group && b->group && !strcmp(a->group, b->group);
}

static size_t group_end(const struct view *view, size_t first)
{
	size_t end = first + 1;

	while (end < view->nr_columns && same_group(&view->columns[first], &view->columns[end]))
		end++;
	return end;
}

size_t table_band_end(const struct table *table, size_t first, int width)
{
	size_t end = group_end(table->view, first);

	while (end < table->view->nr_columns) {
		size_t next = group_end(table->view, end);

		if (table_texts_width(table) + (int)(next - first) * TABLE_VALUE_WIDTH > width)
			break;
		end = next;
	}
	return end;
}

void table_headings(const struct table *table, size_t first, size_t end, FILE *out)
{
	const struct column *columns = table->view->columns;

	fprintf(out, "%*s", table_texts_width(table), "");
	for (size_t i = first; i < end;) {
		size_t next = group_end(table->view, i);
		int width = (int)(next - i) * TABLE_VALUE_WIDTH;
		const char *group = columns[i].group;

		if (group) {
			int dashes = width - 3 - (int)strlen(group);

			fprintf(out, "  %.*s %s %.*s", dashes / 2, "--------------------", group,
				dashes - dashes / 2 - 1, "--------------------");
		} else {
			fprintf(out, "%*s", width, "");
		}
		i = next;
	}
	fputc('\n', out);
	print_texts(table, NULL, out);
	for (size_t i = first; i < end; i++)
		fprintf(out, "%*s", TABLE_VALUE_WIDTH, columns[i].title);
	fputc('\n', out);
}

void table_row(const struct table *table, const struct row *row, size_t first, size_t end,
	       FILE *out)
{
	char text[17];

	print_texts(table, row, out);
	for (size_t i = first; i < end; i++) {
		enum column_type type = table->view->columns[i].type;
		bool mark = type == COLUMN_SCALED && row->estimate && !isnan(row->values[i]);

		text[0] = '~';
		format_value(type, row->values[i], text + mark);
		fprintf(out, "%*s", TABLE_VALUE_WIDTH, text);
	}
	fputc('\n', out);
}

size_t format_time(double seconds, const char *format, char text[32])
{
	time_t time = seconds >= 0 && seconds < 1e11 ? (time_t)seconds : 0; /* year 5138 */
	struct tm tm;

	*text = 0;
	return localtime_r(&time, &tm) ? strftime(text, 32, format, &tm) : 0;
}

void table_title(const struct table *table, struct json_object *now, FILE *out)
{
	const char *labels[] = {"source", table->view->source, NULL};
	struct json_object *points = sample_points(now, "paimon_source_info");
	char clock[32], *backend = NULL;
	uint64_t up;

	for (size_t i = 0; points && i < json_object_array_length(points); i++)
		if (!backend && point_matches(json_object_array_get_idx(points, i), labels))
			backend = escape_terminal(
				point_label(json_object_array_get_idx(points, i), "backend"));
	format_time(json_number(now, "realtime_ns", 0) / 1e9, "%T", clock);
	fprintf(out, "paimon %s  %s ", clock, table->view->name);
	if (!sample_find(now, "paimon_source_up", labels, &up))
		fputs("off", out);
	else
		fputs(up ? backend && *backend ? backend : "up" : "failed: see paimonctl status",
		      out);
	free(backend);
	if (table->seconds > 0)
		fprintf(out, "  over %.2f s", table->seconds);
	if (json_text(now, "input", NULL))
		fputs("  REPLAY: made-up input", out);
	if (table->restarted)
		fputs("  counters began anew", out);
}

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && object && !json_object_object_add(object, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_append(struct json_object *array, struct json_object *value)
{
	if (value && array && !json_object_array_add(array, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_add_text(struct json_object *object, const char *key, const char *text)
{
	char *escaped = text ? escape_json(text) : NULL;
	int r;

	if (!text)
		return object && !json_object_object_add(object, key, NULL) ? 0 : -ENOMEM;
	r = json_add(object, key, escaped ? json_object_new_string(escaped) : NULL);
	free(escaped);
	return r;
}

static int add_value(struct json_object *object, const struct column *column, double value)
{
	char text[32];

	if (isnan(value))
		return json_add_text(object, column->json, NULL);
	if (isinf(value)) /* the man page says so: JSON has no infinity */
		value = paimon_hist_bounds[PAIMON_HIST_BOUNDS - 1] / 1e9;
	snprintf(text, sizeof(text), "%.9g", value);
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
	int r = json_append(rows, object);

	r = r ?: json_add_text(object, "name", row->name);
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

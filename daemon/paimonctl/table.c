// SPDX-License-Identifier: GPL-2.0
/* Tables: memory, order, and how numbers look, for people and for programs. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <paimon/histogram.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"

#define VALUE_WIDTH 7 /* with the space before it */

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->nr_rows; i++)
		free(table->rows[i].name);
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

/* Did the source run at that moment? Where it did not, what it counted before
 * is missing there, and all of it would look like news. */
static bool source_up(const struct view *view, struct json_object *sample)
{
	const char *labels[] = {"source", view->name, NULL};
	uint64_t up = 0;

	return sample_find(sample, "paimon_source_up", labels, &up) && up;
}

int table_compute(const struct view *view, struct json_object *before, struct json_object *now,
		  struct table *ret_table)
{
	struct table table = {.view = view};
	int r;

	table.seconds =
		(json_number(now, "monotonic_ns", 0) - json_number(before, "monotonic_ns", 0)) /
		1e9;
	if (source_up(view, now) && !source_up(view, before))
		table.seconds = 0;
	table.restarted = !(table.seconds > 0);
	r = view->compute(before, now, &table);
	if (r < 0) {
		table_clear(&table);
		return r;
	}
	for (size_t i = 0; i < table.nr_rows; i++)
		table.restarted |= table.rows[i].restarted;
	*ret_table = table;
	return 0;
}

static int compare_rows(const void *a, const void *b, void *user)
{
	const struct row *left = a, *right = b;
	int column = *(const int *)user;

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
	static const char *const large[] = {"", "k", "M", "G", "T"};
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
	if (value < 999.5) {
		snprintf(text, 16, "%.*f", type == COLUMN_COUNT || value >= 99.95 ? 0 : 1, value);
		return;
	}
	for (; value >= 999.5 && i < 4; i++)
		value /= 1000;
	format_digits(value, large[i], text);
}

int table_key_width(const struct table *table)
{
	size_t width = 12;

	for (size_t i = 0; i < table->nr_rows; i++)
		if (strlen(table->rows[i].name) > width)
			width = strlen(table->rows[i].name);
	return width;
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

		if (table_key_width(table) + (int)(next - first) * VALUE_WIDTH > width)
			break;
		end = next;
	}
	return end;
}

void table_headings(const struct table *table, size_t first, size_t end, FILE *out)
{
	const struct column *columns = table->view->columns;

	fprintf(out, "%-*s", table_key_width(table), "");
	for (size_t i = first; i < end;) {
		size_t next = group_end(table->view, i);
		int width = (int)(next - i) * VALUE_WIDTH;
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
	fprintf(out, "\n%-*s", table_key_width(table), table->view->key);
	for (size_t i = first; i < end; i++)
		fprintf(out, "%*s", VALUE_WIDTH, columns[i].title);
	fputc('\n', out);
}

void table_row(const struct table *table, const struct row *row, size_t first, size_t end,
	       FILE *out)
{
	char text[16];

	fprintf(out, "%-*s", table_key_width(table), row->name);
	for (size_t i = first; i < end; i++) {
		format_value(table->view->columns[i].type, row->values[i], text);
		fprintf(out, "%*s", VALUE_WIDTH, text);
	}
	fputc('\n', out);
}

void table_title(const struct table *table, struct json_object *now, FILE *out)
{
	time_t time = json_number(now, "realtime_ns", 0) / 1e9;
	const char *labels[] = {"source", table->view->name, NULL};
	struct json_object *points = sample_points(now, "paimon_source_info");
	const char *backend = "";
	char clock[16] = "";
	uint64_t up;

	for (size_t i = 0; points && i < json_object_array_length(points); i++)
		if (point_matches(json_object_array_get_idx(points, i), labels))
			backend = point_label(json_object_array_get_idx(points, i), "backend");
	strftime(clock, sizeof(clock), "%T", localtime(&time));
	fprintf(out, "paimon %s  %s ", clock, table->view->name);
	if (!sample_find(now, "paimon_source_up", labels, &up))
		fputs("off", out);
	else
		fputs(up ? *backend ? backend : "up" : "failed: see paimonctl status", out);
	if (table->seconds > 0)
		fprintf(out, "  over %.2f s", table->seconds);
	if (json_text(now, "input", NULL))
		fputs("  REPLAY: made-up input", out);
	if (table->restarted)
		fputs("  counters began anew", out);
}

static struct json_object *value_json(const struct column *column, double value)
{
	char text[32];

	if (isnan(value))
		return NULL;
	if (isinf(value)) /* the man page says so: JSON has no infinity */
		value = paimon_hist_bounds[PAIMON_HIST_BOUNDS - 1] / 1e9;
	snprintf(text, sizeof(text), "%.9g", value);
	return json_object_new_double_s(value, text);
}

struct json_object *table_json(const struct table *table, struct json_object *now)
{
	struct json_object *frame = json_object_new_object(), *rows = json_object_new_array();
	const char *input = json_text(now, "input", NULL);

	json_object_object_add(frame, "realtime_ns",
			       json_object_get(json_object_object_get(now, "realtime_ns")));
	json_object_object_add(frame, "view", json_object_new_string(table->view->name));
	json_object_object_add(frame, "input", input ? json_object_new_string(input) : NULL);
	json_object_object_add(frame, "interval_seconds", json_object_new_double(table->seconds));
	json_object_object_add(frame, "restarted", json_object_new_boolean(table->restarted));
	json_object_object_add(frame, "rows", rows);
	for (size_t i = 0; i < table->nr_rows; i++) {
		const struct row *row = &table->rows[i];
		struct json_object *object = json_object_new_object(), *at;

		json_object_array_add(rows, object);
		json_object_object_add(object, "name", json_object_new_string(row->name));
		json_object_object_add(object, "restarted",
				       json_object_new_boolean(row->restarted));
		for (size_t c = 0; c < table->view->nr_columns; c++) {
			const struct column *column = &table->view->columns[c];

			at = object;
			if (column->group_json &&
			    !json_object_object_get_ex(object, column->group_json, &at)) {
				at = json_object_new_object();
				json_object_object_add(object, column->group_json, at);
			}
			json_object_object_add(at, column->json,
					       value_json(column, row->values[c]));
		}
	}
	return frame;
}

// SPDX-License-Identifier: GPL-2.0
/* Prints tables as text. */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../escape.h"
#include "../json.h"
#include "format.h"
#include "table.h"

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

/* Is a text not the same in all rows? */
static bool differs(const struct table *table, size_t text)
{
	for (size_t i = 1; i < table->nr_rows; i++)
		if (strcmp(table->rows[i].texts[text] ?: "", table->rows[0].texts[text] ?: "") != 0)
			return true;
	return false;
}

void table_measure(struct table *table, int key_max)
{
	const struct view *view = table->view;

	table->key_max = key_max;
	table->key_width = view->key_width;
	for (size_t i = 0; i < table->nr_rows; i++)
		widen(table, table->rows[i].name, &table->key_width);
	for (size_t t = 0; t < view->nr_texts; t++) {
		bool shown = !view->texts[t].differs || differs(table, t);
		int title = (int)strlen(view->texts[t].title);

		/* 0: the text is not shown. */
		table->text_widths[t] = 0;
		for (size_t i = 0; i < table->nr_rows && shown; i++)
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

/* Everything before the numbers. row: NULL for the headings. */
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
	static const char *const spans[NR_SPANS] = {NULL, "this min", "last min"};
	const struct column *columns = table->view->columns;

	fprintf(out, "%*s", table_texts_width(table), "");
	for (size_t i = first; i < end;) {
		size_t next = group_end(table->view, i);
		int width = (int)(next - i) * TABLE_VALUE_WIDTH;
		const char *group = columns[i].group ? spans[table->pick.span] ?: columns[i].group
						     : NULL;

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

void table_title(const struct table *table, struct json_object *now, FILE *out)
{
	const char *labels[] = {"source", table->source, NULL};
	const char *minute = table_minutes[table->pick.span];
	char *counted = escape_terminal(table->pick.counted ?: "");
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
	if (counted && *counted)
		fprintf(out, "  %s", counted);
	free(counted);
	if (minute)
		fprintf(out, "  %s minute, %.0f s", minute, table->seconds);
	else if (table->seconds > 0)
		fprintf(out, "  over %.2f s", table->seconds);
	if (json_text(now, "input", NULL))
		fputs("  REPLAY: synthetic input", out);
	if (table->restarted)
		fputs("  counters restarted", out);
}

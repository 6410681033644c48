// SPDX-License-Identifier: GPL-2.0
/* Prints tables as text. */
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
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
	table->key_width = key_max && key_max < view->key_width ? key_max : view->key_width;
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

/* How many columns fit, at least one. */
static size_t nr_fitting(const struct table *table, int width)
{
	int left = (width - table_texts_width(table)) / TABLE_VALUE_WIDTH;

	return left > 1 ? (size_t)left : 1;
}

size_t table_band_end(const struct table *table, size_t first, int width)
{
	size_t nr = nr_fitting(table, width), end = group_end(table->view, first);

	if (end - first > nr) /* a group that is wider than the screen */
		return first + nr;
	while (end < table->view->nr_columns) {
		size_t next = group_end(table->view, end);

		if (next - first > nr)
			break;
		end = next;
	}
	return end;
}

bool table_is_too_narrow(const struct table *table, int width)
{
	return table_texts_width(table) + TABLE_VALUE_WIDTH > width;
}

void table_fit(struct table *table, int width)
{
	const struct view *view = table->view;
	int values = (int)view->nr_columns * TABLE_VALUE_WIDTH, nr = 1, max;
	/* A screen shows at least two columns. */
	int least = view->nr_columns > 1 ? 2 * TABLE_VALUE_WIDTH : TABLE_VALUE_WIDTH;

	table_measure(table, 0);
	if (table_texts_width(table) + values <= width)
		return;
	/* All values, beside names that still differ where they are truncated. */
	for (size_t t = 0; t < view->nr_texts; t++)
		nr += table->text_widths[t] > 0;
	max = (width - values - 2 * (nr - 1)) / nr;
	if (max >= TABLE_LONG_NAME) {
		table_measure(table, max);
		return;
	}
	/* Not all values at once. Where there are many, names take at most a third. */
	max = view->nr_columns > TABLE_FEW_COLUMNS ? width / 3 : width - least;
	table_measure(table, max < 1 ? 1 : max);
	for (size_t t = view->nr_texts; t-- > 0 && table_texts_width(table) + least > width;)
		table->text_widths[t] = 0;
	if (table_texts_width(table) + least <= width)
		return;
	/* Without texts, which table_measure() would show again. */
	max = width - TABLE_VALUE_WIDTH;
	max = max < 1 ? 1 : max;
	if (table->key_width > max)
		table->key_width = max;
	table->key_max = table->key_width;
}

void table_headings(const struct table *table, size_t first, size_t end, FILE *out)
{
	static const char *const spans[NR_SPANS] = {NULL, "this min", "last min"};
	const struct column *columns = table->view->columns;

	fprintf(out, "%*s", table_texts_width(table), "");
	for (size_t i = first; i < end;) {
		size_t whole = group_end(table->view, i), next = whole < end ? whole : end;
		int width = (int)(next - i) * TABLE_VALUE_WIDTH;
		const char *group = columns[i].group ? spans[table->pick.span] ?: columns[i].group
						     : NULL;

		if (group) {
			int dashes = width - 3 - (int)strlen(group);

			/* A part of a group that is narrower than its name has no line. */
			if (dashes < 2) {
				fprintf(out, "%*s", width, "");
				i = next;
				continue;
			}
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

char *table_nothing(const struct view *view, struct json_object *now)
{
	const char *labels[] = {"source", view->source, NULL};
	uint64_t up;
	char *text;

	/* Where it depends on what is attributed, one that is up will do. */
	if (sample_source_up(now, view->source) || (view->by && sample_source_up(now, "events")))
		return strdup(view->nothing);
	if (sample_find(now, "paimon_source_up", labels, &up))
		return asprintf(&text,
				"%s cannot count: it has failed (paimonctl status shows why)",
				view->source) < 0
			       ? NULL
			       : text;
	return asprintf(&text,
			"%s is off, so nothing is counted (paimonctl check shows what it needs)",
			view->source) < 0
		       ? NULL
		       : text;
}

/* A part of the title. */
struct part {
	char text[128];
	int drop; /* the highest is the first to be left out; 0: never */
};

enum { MAX_PARTS = 9 };

static void add_part(struct part *parts, size_t *nr, int drop, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void add_part(struct part *parts, size_t *nr, int drop, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parts[*nr].text, sizeof(parts->text), format, args);
	va_end(args);
	parts[(*nr)++].drop = drop;
}

/* Leaves parts out until the rest fits. */
static void put_parts(struct part *parts, size_t nr, int width, FILE *out)
{
	for (;;) {
		int total = 0, drop = 0;
		size_t worst = 0;

		for (size_t i = 0; i < nr; i++) {
			char *text = parts[i].text;
			size_t blanks = total ? 0 : strspn(text, " ");

			memmove(text, text + blanks, strlen(text + blanks) + 1);
			total += escape_width(text);
			if (*text && parts[i].drop > drop) {
				drop = parts[i].drop;
				worst = i;
			}
		}
		if (!width || total <= width || !drop)
			break;
		*parts[worst].text = '\0';
	}
	for (size_t i = 0; i < nr; i++)
		fputs(parts[i].text, out);
}

void table_title(const struct table *table, struct json_object *now, int width, const char *more,
		 FILE *out)
{
	const char *labels[] = {"source", table->source, NULL};
	const char *minute = table_minutes[table->pick.span];
	_cleanup_free_ char *counted = escape_terminal(table->pick.counted ?: "");
	_cleanup_free_ char *backend = NULL;
	struct json_object *points = sample_points(now, "paimon_source_info");
	struct part parts[MAX_PARTS];
	char clock[32];
	size_t nr = 0;
	uint64_t up;

	for (size_t i = 0; points && i < json_object_array_length(points); i++)
		if (!backend && point_matches(json_object_array_get_idx(points, i), labels))
			backend = escape_terminal(
				point_label(json_object_array_get_idx(points, i), "backend"));
	if (!sample_find(now, "paimon_source_up", labels, &up)) {
		free(backend);
		backend = strdup("off");
	} else if (!up) {
		free(backend);
		backend = strdup("failed: see paimonctl status");
	}
	format_time(json_number(now, "realtime_ns", 0) / 1e9, "%T", clock);
	add_part(parts, &nr, 8, "paimon");
	add_part(parts, &nr, 5, " %s", clock);
	add_part(parts, &nr, 1, "  %s", table->view->name);
	add_part(parts, &nr, 4, " %s", backend && *backend ? backend : "up");
	if (counted && *counted)
		add_part(parts, &nr, 2, "  %s", counted);
	if (minute)
		add_part(parts, &nr, 6, "  %s minute, %.0f s", minute, table->seconds);
	else if (table->seconds > 0)
		add_part(parts, &nr, 6, "  over %.2f s", table->seconds);
	if (json_text(now, "input", NULL)) {
		add_part(parts, &nr, 0, "  REPLAY");
		add_part(parts, &nr, 7, ": synthetic input");
	}
	if (table->restarted || more)
		add_part(parts, &nr, 3, "%s%s%s", table->restarted ? "  counters restarted" : "",
			 more ? "  " : "", more ?: "");
	put_parts(parts, nr, width, out);
}

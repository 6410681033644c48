// SPDX-License-Identifier: GPL-2.0
/*
 * Shows the state of top. Colours only emphasise, and are never the only sign of anything. They
 * are red, magenta and green on the terminal's own background, and are not used on a terminal
 * without colours or if NO_COLOR is set. On a narrow terminal whole columns, texts and parts of
 * lines are left out, but no number is cut.
 */
#include <curses.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../util/cleanup.h"
#include "escape.h"
#include "screen.h"

enum { PAIR_HIGH = 1, PAIR_MIDDLE, PAIR_LOW };

/* Prints one line, truncated to the width. */
static void put_line(int y, const char *text, size_t length, attr_t attributes)
{
	char *line = strndup(text, length), *shown = line ? escape_terminal(line) : NULL;
	wchar_t *wide = shown ? calloc(strlen(shown) + 1, sizeof(*wide)) : NULL;
	int nr = 0;

	if (wide && mbstowcs(wide, shown, strlen(shown)) != (size_t)-1) {
		for (int width = 0; wide[nr] && (width += wcwidth(wide[nr])) <= COLS;)
			nr++;
		attrset(attributes);
		mvaddnwstr(y, 0, wide, nr);
		attrset(A_NORMAL);
	}
	free(wide);
	free(shown);
	free(line);
}

/* Lines from line y on. Returns the next line. */
static int put_text(int y, const char *text, attr_t attributes)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		put_line(y++, text, length, attributes);
		text += length + (text[length] == '\n');
	}
	return y;
}

static int put_headings(const struct table *table, size_t first, size_t end, int y)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return y;
	table_headings(table, first, end, out);
	fclose(out);
	/* The line of the groups, if there are any in this band. */
	y = put_text(y, text + (text[strspn(text, " ")] == '\n' ? strcspn(text, "\n") + 1 : 0),
		     A_BOLD);
	free(text);
	return y;
}

/* Emphasises values that should be 0 and are not. */
static void put_alarms(const struct table *table, const struct row *row, size_t first, size_t end,
		       int y, bool selected)
{
	int x = table_texts_width(table);

	for (size_t i = first; i < end; i++, x += TABLE_VALUE_WIDTH)
		if (table->view->columns[i].alarm && row->values[i] > 0 && x < COLS)
			mvchgat(y, x, TABLE_VALUE_WIDTH, A_BOLD | (selected ? A_REVERSE : 0),
				PAIR_HIGH, NULL);
}

static int put_row(const struct table *table, const struct row *row, size_t first, size_t end,
		   int y, bool selected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return y;
	table_row(table, row, first, end, out);
	fclose(out);
	put_text(y, text, selected ? A_REVERSE : A_NORMAL);
	put_alarms(table, row, first, end, y, selected);
	free(text);
	return y + 1;
}

/* One band of columns: all rows if they fit, otherwise a window around the selected one. */
static int put_band(struct screen *screen, size_t first, size_t end, int y)
{
	const struct table *table = &screen->table;
	size_t lines;

	y = put_headings(table, first, end, y);
	lines = y < LINES - 2 ? (size_t)(LINES - 1 - y) : 1;
	if (screen->selected < screen->top_row)
		screen->top_row = screen->selected;
	if (screen->selected >= screen->top_row + lines)
		screen->top_row = screen->selected - lines + 1;
	if (table->nr_shown <= lines)
		screen->top_row = 0;
	for (size_t i = screen->top_row; i < table->nr_shown && i - screen->top_row < lines; i++)
		y = put_row(table, &table->rows[i], first, end, y, i == screen->selected);
	return y;
}

/* The mark of a level, and its attributes. */
static void put_mark(int level, bool gap)
{
	static const char ascii[HEAT_LEVELS] = ".:-=+*#@";
	static const wchar_t blocks[HEAT_LEVELS] =
		L"\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	short pair = level > 5 ? PAIR_HIGH : level > 3 ? PAIR_MIDDLE : PAIR_LOW;
	wchar_t text[] = {level < 0 ? gap ? L'|' : L' '
			  : utf8    ? blocks[level]
				    : (wchar_t)ascii[level],
			  0};

	attr_set(A_NORMAL, level < 0 ? 0 : pair, NULL);
	addwstr(text);
	attr_set(A_NORMAL, 0, NULL);
}

static void put_strip(const struct screen *screen, const char *name, int y, int x, size_t width,
		      double low, double high)
{
	char *shown = table_key_text(&screen->table, name);

	/* No range: no value, or always 0. */
	if (screen->table.view->heat_by_row && !heat_range(&screen->heat, name, width, &low, &high))
		low = high = 1;
	put_text(y, shown ?: "", A_NORMAL);
	free(shown);
	move(y, x);
	for (size_t age = width; age-- > 0;) {
		double value = heat_value(&screen->heat, name, age);

		put_mark(isnan(value) ? -1 : heat_level(value, low, high),
			 heat_is_break(&screen->heat, age));
	}
}

/*
 * A strip for each row if they fit, otherwise for the selected one: one mark per
 * interval, whose height and colour follow the logarithm of the value.
 */
static void put_heat(const struct screen *screen, int y)
{
	const struct table *table = &screen->table;
	const struct column *column = &table->view->columns[table->view->heat];
	int x = table->key_width + 1, left = LINES - 1 - y;
	size_t width = x < COLS ? (size_t)(COLS - x) : 0, rows = table->nr_shown;
	char title[128], range[48], from[16], to[16];
	char name[40];
	double low, high;

	width = width < HEAT_FRAMES ? width : HEAT_FRAMES;
	if (left < 2 || !width || !heat_range(&screen->heat, NULL, width, &low, &high))
		return;
	format_value(column->type, low, from);
	format_value(column->type, high, to);
	if (table->view->heat_by_row)
		snprintf(range, sizeof(range), "each in its own range");
	else
		snprintf(range, sizeof(range), "%s to %s", from, to);
	table_column_name(table->view, (int)table->view->heat, name);
	if (snprintf(title, sizeof(title), "%s over time, newest right, %s", name, range) > COLS &&
	    snprintf(title, sizeof(title), "%s, %s", name, range) > COLS)
		snprintf(title, sizeof(title), "%s", name);
	put_text(y++, title, A_BOLD);
	if (rows < (size_t)left)
		for (size_t i = 0; i < rows; i++)
			put_strip(screen, table->rows[i].name, y++, x, width, low, high);
	else
		put_strip(screen, table->rows[screen->selected].name, y, x, width, low, high);
}

/* As many bands as fit, one below the other; the keys left and right show the others. */
static int put_bands(struct screen *screen, int y)
{
	const struct table *table = &screen->table;
	int left = LINES - y - 1; /* the last line is for help */
	size_t end;

	for (size_t first = screen->first_column; first < table->view->nr_columns; first = end) {
		bool begins = first == screen->first_column;

		end = table_band_end(table, first, COLS);
		screen->more_columns = true;
		if (left < 3 || (!begins && (size_t)left < table->nr_shown + 2))
			return y;
		y = put_band(screen, first, end, y);
		left = LINES - y - 1;
	}
	screen->more_columns = false;
	return y;
}

/* Prints words, and goes on below the first one, indented, where the width is reached. */
static void wrap(const char *text, int indent, int width, FILE *out)
{
	int x = indent;

	for (bool first = true; *text; first = false) {
		int length = (int)strcspn(text, " \n");

		if (!first && x + 1 + length > width) {
			fprintf(out, "\n%*s", indent, "");
			x = indent;
		} else if (!first) {
			fputc(' ', out);
			x++;
		}
		fprintf(out, "%.*s", length, text);
		x += length;
		text += length;
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

/* A sentence in as many lines as it takes. */
static void put_sentence(int y, const char *text)
{
	_cleanup_free_ char *shown = escape_terminal(text), *wrapped = NULL;
	size_t size;
	FILE *out = shown ? open_memstream(&wrapped, &size) : NULL;

	if (!out)
		return;
	wrap(shown, 0, COLS, out);
	fclose(out);
	put_text(y, wrapped, A_NORMAL);
}

static void put_table(struct screen *screen, int y)
{
	struct table *table = &screen->table;

	table_fit(table, COLS);
	if (table_is_too_narrow(table, COLS)) {
		put_sentence(y, "too narrow for a column");
		return;
	}
	y = put_bands(screen, y);
	if (!screen->more_columns || screen->first_column)
		put_heat(screen, y);
}

/* The line below the title; on a low screen right below it. */
static int screen_top(void)
{
	return LINES < 12 ? 1 : 2;
}

static void put_title(const struct screen *screen)
{
	_cleanup_free_ char *text = NULL;
	char more[96] = "";
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	if (*screen->filter)
		snprintf(more, sizeof(more), "/%s%s", screen->filter,
			 screen->paused ? "  PAUSED" : "");
	else if (screen->paused)
		snprintf(more, sizeof(more), "PAUSED");
	table_title(&screen->table, screen->now, COLS, *more ? more : NULL, out);
	fclose(out);
	put_text(0, text, A_BOLD);
}

static void put_nothing(const struct screen *screen)
{
	const struct table *table = &screen->table;
	_cleanup_free_ char *text = NULL;

	if (table->nr_rows) {
		if (asprintf(&text, "no row has %s in it (Esc shows all rows)", screen->filter) < 0)
			text = NULL;
	} else {
		text = table_nothing(table->view, screen->now);
	}
	put_sentence(screen_top(), text ?: "");
}

static void put_menu(const struct screen *screen)
{
	const struct view *view = screen->table.view ?: top_views[screen->view];
	size_t nr = 1 + view->nr_texts + view->nr_columns, room = LINES > 4 ? (size_t)LINES - 4 : 1;
	size_t at = 0, first;
	int column = TABLE_BY_NAME;

	put_text(1, "sort by", A_BOLD);
	while (column != screen->menu) {
		column = table_next_column(view, column, true);
		at++;
	}
	first = at < room ? 0 : at - room + 1;
	column = TABLE_BY_NAME;
	for (size_t i = 0; i < nr; i++, column = table_next_column(view, column, true)) {
		char name[40], line[160];

		if (i < first || i >= first + room)
			continue;
		table_column_name(view, column, name);
		snprintf(line, sizeof(line), COLS < 72 ? "%c  %s" : "%c  %-17s  %s", SORT_KEYS[i],
			 name, table_column_help(view, column));
		put_text(2 + (int)(i - first), line, column == screen->menu ? A_REVERSE : A_NORMAL);
	}
}

/* One part of the last line. */
struct item {
	char text[64];
	int drop; /* the highest is left out first; 0: never */
};

static void add_item(struct item *items, size_t *nr, int drop, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void add_item(struct item *items, size_t *nr, int drop, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(items[*nr].text, sizeof(items->text), format, args);
	va_end(args);
	items[(*nr)++].drop = drop;
}

static void put_items(struct item *items, size_t nr)
{
	char text[512] = "";

	for (;;) {
		int width = 0, drop = 0;
		size_t worst = 0;

		for (size_t i = 0; i < nr; i++) {
			if (!*items[i].text)
				continue;
			width += (width ? 2 : 0) + (int)strlen(items[i].text);
			if (items[i].drop > drop) {
				drop = items[i].drop;
				worst = i;
			}
		}
		if (width <= COLS || !drop)
			break;
		*items[worst].text = '\0';
		items[worst].drop = 0;
	}
	for (size_t i = 0, length = 0; i < nr; i++)
		if (*items[i].text)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
						   length ? "  " : "", items[i].text);
	move(LINES - 1, 0);
	clrtoeol();
	put_text(LINES - 1, text, A_NORMAL);
}

static void put_footer(const struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	struct item items[12];
	char column[40];
	size_t nr = 0;

	if (*screen->note) {
		add_item(items, &nr, 0, "%s", screen->note);
		put_items(items, nr);
		return;
	}
	switch (screen->mode) {
	case MODE_HELP:
		add_item(items, &nr, 0, "Esc back");
		if (screen->help_lines > (size_t)LINES - 1)
			add_item(items, &nr, 0, "up down more");
		add_item(items, &nr, 1, "q quit");
		break;
	case MODE_SORT:
		add_item(items, &nr, 0, "Enter sort");
		add_item(items, &nr, 0, "r reverse");
		add_item(items, &nr, 0, "Esc back");
		add_item(items, &nr, 1, "? help");
		break;
	case MODE_FILTER:
		add_item(items, &nr, 0, "filter: %s_", screen->filter);
		add_item(items, &nr, 2, "Enter keep");
		add_item(items, &nr, 1, "Esc clear");
		break;
	case MODE_INTERVAL:
		add_item(items, &nr, 0, "seconds: %s_", screen->input);
		add_item(items, &nr, 2, "Enter set");
		add_item(items, &nr, 1, "Esc back");
		break;
	case MODE_TABLE:
		table_column_name(view, screen->order.column, column);
		add_item(items, &nr, 0, "q quit");
		add_item(items, &nr, 0, "? help");
		add_item(items, &nr, 3, "s sort: %s%s", column,
			 screen->order.reverse ? " reversed" : "");
		add_item(items, &nr, 4, "/ filter");
		add_item(items, &nr, 6, "d %g s", screen->seconds);
		add_item(items, &nr, 5, "space %s", screen->paused ? "continue" : "pause");
		if (view->has_cpus)
			add_item(items, &nr, 7, "1 CPUs");
		if (screen->first_column || screen->more_columns)
			add_item(items, &nr, 0, "<- -> more");
		if (view->by)
			add_item(items, &nr, 1, "e event  m minute  c %s", view->other->name);
		add_item(items, &nr, 2, "Tab %s",
			 top_views[screen_view_behind(screen->view, true)]->name);
	}
	put_items(items, nr);
}

static const struct {
	const char *keys, *what;
} help[] = {
	{"up, down", "select a row; also PgUp, PgDn, Home, End"},
	{"left, right", "other columns, if not all fit"},
	{"s, F6", "choose the column to sort by, with the arrows or its key"},
	{"<, >", "sort by the column to the left, or to the right"},
	{"r", "reverse the order (also R and I)"},
	{"/, F4", "show only rows with a text in their names; Esc: all again"},
	{"1", "also a row for each CPU, in the views nnpa and events"},
	{"d", "the length of an interval, in seconds"},
	{"+, -", "a longer or shorter interval"},
	{"Tab", "next view; Shift-Tab: the one before"},
	{"e, m, c", "in the views tasks and cgroups: see below"},
	{"space", "pause and continue"},
	{"?, h, F1", "this help"},
	{"Esc", "back to the table"},
	{"q, F10", "quit"},
};

/* Keys, the view, and each of its columns. */
static void put_help(struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	_cleanup_free_ char *text = NULL;
	const char *line;
	size_t size, room = LINES > 2 ? (size_t)LINES - 1 : 1;
	FILE *out = open_memstream(&text, &size);
	int column = TABLE_BY_NAME;
	char name[40];

	if (!out)
		return;
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++) {
		fprintf(out, "%-11s  ", help[i].keys);
		wrap(help[i].what, 13, COLS, out);
	}
	fputc('\n', out);
	wrap(view->help, 0, COLS, out);
	do {
		table_column_name(view, column, name);
		fprintf(out, "%-17s  ", name);
		wrap(table_column_help(view, column), 19, COLS, out);
		column = table_next_column(view, column, true);
	} while (column != TABLE_BY_NAME);
	fclose(out);
	screen->help_lines = 0;
	for (line = text; line && *line; line++)
		screen->help_lines += *line == '\n';
	if (screen->help_top + room > screen->help_lines)
		screen->help_top = screen->help_lines > room ? screen->help_lines - room : 0;
	line = text;
	for (size_t i = 0; i < screen->help_top && line; i++)
		line = strchr(line, '\n') + 1;
	for (size_t i = 0; i < room && line && *line; i++) {
		size_t length = strcspn(line, "\n");

		put_line((int)i, line, length, A_NORMAL);
		line += length + 1;
	}
}

void draw(struct screen *screen)
{
	erase();
	if (screen->mode == MODE_HELP) {
		put_help(screen);
	} else if (screen->error[0]) {
		put_text(0, "paimon  reconnecting", A_BOLD);
		put_sentence(1, screen->error); /* its end is the next step */
	} else if (!screen->table.view) {
		put_text(0, "paimon  waiting for the first interval", A_BOLD);
	} else {
		put_title(screen);
		if (screen->mode == MODE_SORT)
			put_menu(screen);
		else if (screen->table.nr_shown)
			put_table(screen, screen_top());
		else
			put_nothing(screen);
	}
	put_footer(screen);
	refresh();
}

void draw_colors(void)
{
	const char *no_color = getenv("NO_COLOR");

	if ((no_color && *no_color) || !has_colors() || start_color() == ERR ||
	    use_default_colors() == ERR)
		return;
	init_pair(PAIR_HIGH, COLOR_RED, -1);
	init_pair(PAIR_MIDDLE, COLOR_MAGENTA, -1);
	init_pair(PAIR_LOW, COLOR_GREEN, -1);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * top on a terminal. The state is in struct screen; draw() shows it, on_key()
 * and on_answer() change it. Colours only emphasise, and are never the only sign of
 * anything. They are red, magenta and green on the terminal's own background, and are
 * not used on a terminal without colours or if NO_COLOR is set. ncurses restores the
 * terminal on SIGINT and SIGTERM. One file of more than 500 lines, because all of it
 * works on struct screen.
 */
#include <curses.h>
#include <errno.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "escape.h"
#include "top.h"
#include "view/heat.h"

enum { PAIR_HIGH = 1, PAIR_MIDDLE, PAIR_LOW };

struct screen {
	struct context *context;
	size_t view;
	int sort; /* column, -1: name */
	size_t first_column, top_row, selected;
	char *counted;	      /* of a view with a member by: what it shows; NULL: not chosen yet */
	enum table_span span; /* of such a view */
	bool paused, help, asking;
	bool more_columns; /* the band shown is not the last one */
	double seconds;
	int64_t next_ns;
	struct json_object *before, *now; /* only now: the first answer */
	struct table table;		  /* computed from both */
	struct heat heat;
	char error[512]; /* "": connected */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

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
	y = put_text(y, text, A_BOLD);
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
static int put_band(struct screen *screen, size_t first, size_t end, int y, size_t lines)
{
	const struct table *table = &screen->table;

	y = put_headings(table, first, end, y);
	if (screen->selected < screen->top_row)
		screen->top_row = screen->selected;
	if (screen->selected >= screen->top_row + lines)
		screen->top_row = screen->selected - lines + 1;
	if (table->nr_rows <= lines)
		screen->top_row = 0;
	for (size_t i = screen->top_row; i < table->nr_rows && i - screen->top_row < lines; i++)
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
	size_t width = x < COLS ? (size_t)(COLS - x) : 0, rows = table->nr_rows;
	char title[128], from[16], to[16];
	double low, high;

	width = width < HEAT_FRAMES ? width : HEAT_FRAMES;
	if (left < 2 || !width || !heat_range(&screen->heat, NULL, width, &low, &high))
		return;
	format_value(column->type, low, from);
	format_value(column->type, high, to);
	if (table->view->heat_by_row)
		snprintf(title, sizeof(title), "%s over time, newest right, each in its own range",
			 column->title);
	else
		snprintf(title, sizeof(title), "%s %s over time, newest right, %s to %s",
			 column->group ?: "", column->title, from, to);
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
		if (left < 3 || (!begins && (size_t)left < table->nr_rows + 2))
			return y;
		y = put_band(screen, first, end, y, (size_t)left - 2);
		left = LINES - y - 1;
	}
	screen->more_columns = false;
	return y;
}

static void put_table(struct screen *screen, int y)
{
	struct table *table = &screen->table;

	/* Names are truncated if a row does not fit. */
	table_measure(table, 0);
	if (table_texts_width(table) + (int)table->view->nr_columns * TABLE_VALUE_WIDTH > COLS) {
		int max = COLS / (3 + (int)table->view->nr_texts);

		table_measure(table, max < 12 ? 12 : max);
	}
	table_sort(table, screen->sort);
	if (screen->selected >= table->nr_rows)
		screen->selected = table->nr_rows - 1;
	y = put_bands(screen, y);
	if (!screen->more_columns || screen->first_column)
		put_heat(screen, y);
}

static void put_title(const struct screen *screen)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	table_title(&screen->table, screen->now, out);
	if (screen->paused)
		fputs("  PAUSED", out);
	fclose(out);
	put_text(0, text, A_BOLD);
	free(text);
}

/* The next view for Tab. */
static size_t view_behind(size_t view)
{
	do
		view = top_views[view + 1] ? view + 1 : 0;
	while (top_views[view]->tab_skips);
	return view;
}

/* What a view with a member by shows: the next, or the first one if it has nothing to show. */
static void choose(struct screen *screen, bool next)
{
	const struct view *view = top_views[screen->view];
	const char *name;
	char *copy;

	if (!view->by ||
	    (!next && screen->counted && attributed_has(view, screen->now, screen->counted)))
		return;
	name = attributed_next(view, screen->now, screen->counted);
	copy = name ? strdup(name) : NULL;
	if (!copy)
		return;
	free(screen->counted);
	screen->counted = copy;
}

static void put_footer(const struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	const struct column *column = screen->sort < 0 ? NULL : &view->columns[screen->sort];
	char by[40] = "", text[160];

	if (view->by)
		snprintf(by, sizeof(by), "  e event  m minute  c %s", view->other->name);
	snprintf(text, sizeof(text), "q quit  h help  s sort: %s%s%s  space %s%s%s  Tab %s",
		 column && column->group ? column->group : "", column && column->group ? " " : "",
		 column ? column->title : view->key, screen->paused ? "continue" : "pause",
		 screen->first_column || screen->more_columns ? "  <- -> columns" : "", by,
		 top_views[view_behind(screen->view)]->name);
	move(LINES - 1, 0);
	clrtoeol();
	put_text(LINES - 1, text, A_NORMAL);
}

static const char help[] = "up, down       select a row\n"
			   "left, right    other columns, if not all fit\n"
			   "s              sort by the next column, then by name again\n"
			   "Tab            next view\n"
			   "space          pause and continue\n"
			   "h              this help\n"
			   "q              quit\n\n";

static void draw(struct screen *screen)
{
	char *error = NULL;

	erase();
	if (screen->error[0]) {
		put_text(0, "paimon  reconnecting", A_BOLD);
		error = escape_terminal(screen->error);
		mvaddstr(1, 0, error ?: ""); /* wrapped: its end is the next step */
		free(error);
	} else if (!screen->table.view) {
		put_text(0, "paimon  waiting for the first interval", A_BOLD);
	} else {
		put_title(screen);
		if (screen->help)
			put_text(put_text(2, help, A_NORMAL), screen->table.view->help, A_NORMAL);
		else if (screen->table.nr_rows)
			put_table(screen, 2);
		else
			put_text(2, screen->table.view->nothing, A_NORMAL);
	}
	put_footer(screen);
	refresh();
}

/* Moves to the previous or next band. */
static void scroll_columns(struct screen *screen, bool forward)
{
	const struct table *table = &screen->table;
	size_t previous = 0, first = 0;

	if (!table->view)
		return;
	while (first < screen->first_column) {
		previous = first;
		first = table_band_end(table, first, COLS);
	}
	if (!forward)
		screen->first_column = previous;
	else if (screen->more_columns)
		screen->first_column = table_band_end(table, screen->first_column, COLS);
	if (screen->first_column >= table->view->nr_columns)
		screen->first_column = 0;
}

/* Computes the table from the two answers, if there are two. */
static void compute(struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	struct pick pick = {};

	table_clear(&screen->table);
	choose(screen, false);
	if (view->by)
		pick = (struct pick){.counted = screen->counted, .span = screen->span};
	if (screen->before)
		table_compute(view, screen->before, screen->now, &pick, &screen->table);
}

/* Shows something else. */
static void show_view(struct screen *screen, size_t view)
{
	screen->view = view;
	screen->sort = table_first_sort(top_views[view]);
	screen->first_column = screen->top_row = screen->selected = 0;
	heat_clear(&screen->heat);
	compute(screen);
}

/* Returns false to quit. */
static bool on_key(struct screen *screen, int key)
{
	int nr_columns = (int)top_views[screen->view]->nr_columns;

	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		screen->help = !screen->help;
		break;
	case 's':
		screen->sort = screen->sort + 1 < nr_columns ? screen->sort + 1 : -1;
		break;
	case ' ':
		screen->paused = !screen->paused;
		break;
	case '\t':
		show_view(screen, view_behind(screen->view));
		break;
	case 'c':
		for (size_t i = 0; top_views[screen->view]->other && top_views[i]; i++)
			if (top_views[i] == top_views[screen->view]->other) {
				show_view(screen, i);
				break;
			}
		break;
	case 'e':
	case 'm':
		if (!top_views[screen->view]->by)
			break;
		if (key == 'e')
			choose(screen, true);
		else
			screen->span = (screen->span + 1) % NR_SPANS;
		show_view(screen, screen->view);
		break;
	case KEY_UP:
		screen->selected -= screen->selected > 0;
		break;
	case KEY_DOWN:
		screen->selected++; /* put_table() stops at the last row */
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
		scroll_columns(screen, key == KEY_RIGHT);
		break;
	case KEY_RESIZE:
		screen->first_column = 0;
		break;
	}
	return true;
}

/* Returns whether there is a new frame. */
static bool on_answer(struct screen *screen, int r, struct response *response)
{
	struct json_object *object = NULL;

	screen->asking = false;
	if (r == 1 && response->status == 200 && response->body)
		object = response_json(response);
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = NULL;
	}
	if (r < 0)
		snprintf(screen->error, sizeof(screen->error), "%s",
			 client_error(screen->context->client));
	else if (!object)
		snprintf(screen->error, sizeof(screen->error),
			 "paimond answered HTTP %ld without a snapshot (see journalctl -u paimond)",
			 response->status);
	else
		screen->error[0] = 0;
	if (r == 1)
		response_clear(response);
	json_object_put(screen->before);
	/* No interval spans a time without a daemon. */
	screen->before = object ? screen->now : NULL;
	if (!object)
		json_object_put(screen->now);
	screen->now = object;
	compute(screen);
	/* What is shown of a minute has no history. */
	if (screen->table.view && screen->table.pick.span == SPAN_INTERVAL)
		heat_add(&screen->heat, &screen->table, screen->table.view->heat);
	else if (screen->heat.frames)
		heat_add_break(&screen->heat);
	return screen->before;
}

static bool hung_up(void)
{
	struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void loop(struct screen *screen, unsigned long frames)
{
	bool forever = !frames;

	while (forever || frames) {
		struct response response = {};
		int64_t left = screen->next_ns - now_ns();
		int key, r = 0;

		if (!screen->asking && !screen->paused && left <= 0) {
			screen->next_ns += (int64_t)(screen->seconds * 1e9);
			if (screen->next_ns < now_ns()) /* after a pause or a suspend */
				screen->next_ns = now_ns() + (int64_t)(screen->seconds * 1e9);
			r = client_start(screen->context->client, "/v1/snapshot");
			screen->asking = !r;
			left = screen->next_ns - now_ns();
		}
		draw(screen);
		/* At most a second: SIGWINCH may arrive just before the wait. */
		if (!r)
			r = client_wait(screen->context->client, STDIN_FILENO,
					screen->paused || left > 1000000000
						? 1000
						: (int)((left > 0 ? left : 0) / 1000000 + 1),
					&response);
		if (r && on_answer(screen, r, &response) && !forever)
			frames--;
		if (hung_up())
			return;
		while ((key = getch()) != ERR)
			if (!on_key(screen, key))
				return;
	}
}

/* Colours that are readable on light and dark backgrounds; none if the terminal has no colours. */
static void use_colors(void)
{
	const char *no_color = getenv("NO_COLOR");

	if ((no_color && *no_color) || !has_colors() || start_color() == ERR ||
	    use_default_colors() == ERR)
		return;
	init_pair(PAIR_HIGH, COLOR_RED, -1);
	init_pair(PAIR_MIDDLE, COLOR_MAGENTA, -1);
	init_pair(PAIR_LOW, COLOR_GREEN, -1);
}

int screen_run(struct context *context, size_t view, double seconds, unsigned long frames)
{
	struct screen screen = {.context = context, .view = view, .seconds = seconds};
	struct response response;
	SCREEN *terminal;
	int r = client_get(context->client, "/v1/snapshot", NULL, &response);

	/* If the daemon does not run, this is reported on the plain terminal. */
	if (r < 0)
		return complain_client(context, r);
	if (response.status != 200) {
		r = complain_response("/v1/snapshot", &response);
		response_clear(&response);
		return r;
	}
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		bool known = termname(); /* the terminal type is known */

		response_clear(&response);
		return complain("top: cannot use a terminal of type %s (%s, or use -b)",
				getenv("TERM") ?: "(none)",
				known ? "its size is too large: see COLUMNS and LINES"
				      : "set TERM");
	}
	use_colors();
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	screen.sort = table_first_sort(top_views[view]);
	on_answer(&screen, 1, &response);
	screen.next_ns = now_ns() + (int64_t)(seconds * 1e9);
	loop(&screen, frames);
	endwin();
	delscreen(terminal);
	table_clear(&screen.table);
	heat_clear(&screen.heat);
	free(screen.counted);
	json_object_put(screen.before);
	json_object_put(screen.now);
	return EXIT_DONE;
}

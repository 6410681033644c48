// SPDX-License-Identifier: GPL-2.0
/*
 * top on a terminal. The state is in struct screen; draw() shows it, on_key()
 * and on_answer() change it. Nothing depends on colours, and only ASCII is
 * drawn. ncurses gives the terminal back at SIGINT and SIGTERM by itself.
 */
#include <curses.h>
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

struct screen {
	struct context *context;
	size_t view;
	int sort; /* column, -1: name */
	size_t first_column, top_row, selected;
	bool paused, help, asking;
	bool more_columns; /* the band shown is not the last one */
	double seconds;
	int64_t next_ns;
	struct json_object *before, *now; /* now without before: the first answer */
	char error[512];		  /* "": connected */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* What write prints, as lines on the screen from line y on. Returns the next line. */
static int put_text(int y, const char *text, attr_t attributes)
{
	while (*text) {
		int length = (int)strcspn(text, "\n");

		attrset(attributes);
		mvaddnstr(y++, 0, text, length < COLS ? length : COLS);
		attrset(A_NORMAL);
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
	y = put_text(y, text, selected ? A_REVERSE : A_NORMAL);
	free(text);
	return y;
}

/* One band of columns; all rows where they fit, else a window around the selected one. */
static int put_band(struct screen *screen, const struct table *table, size_t first, size_t end,
		    int y, size_t lines)
{
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

/* As many bands one under the other as there is room for; left and right go through the rest. */
static void put_table(struct screen *screen, struct table *table, int y)
{
	int left = LINES - y - 1; /* the last line is for help */
	size_t end, rows = table->nr_rows;

	table_sort(table, screen->sort);
	if (screen->selected >= rows)
		screen->selected = rows - 1;
	for (size_t first = screen->first_column; first < table->view->nr_columns; first = end) {
		bool begins = first == screen->first_column;

		end = table_band_end(table, first, COLS);
		screen->more_columns = true;
		if (left < 3 || (!begins && (size_t)left < rows + 2))
			return;
		y = put_band(screen, table, first, end, y, (size_t)left - 2);
		left = LINES - y - 1;
	}
	screen->more_columns = false;
}

static void put_title(struct screen *screen, const struct table *table)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	table_title(table, screen->now, out);
	if (screen->paused)
		fputs("  PAUSED", out);
	fclose(out);
	put_text(0, text, A_BOLD);
	free(text);
}

static const char help[] =
	"up, down       select a row\n"
	"left, right    other columns, where not all fit\n"
	"s              sort by the next column, then by name again\n"
	"Tab            next view\n"
	"space          pause and go on\n"
	"h              this help\n"
	"q              quit\n\n"
	"p50, p90, p99 are upper bounds: so many per cent of the groups took at most\n"
	"that long in the interval. max: the highest bucket hit. See paimonctl(1).";

static void draw(struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	const char *sort = screen->sort < 0 ? view->key : view->columns[screen->sort].title;
	const char *group = screen->sort < 0 ? NULL : view->columns[screen->sort].group;
	struct table table = {.view = view};

	erase();
	if (screen->error[0]) {
		put_text(0, "paimon  reconnecting", A_BOLD);
		mvaddstr(1, 0, screen->error); /* wrapped: its end is the next step */
	} else if (!screen->before) {
		put_text(0, "paimon  waiting for the first interval", A_BOLD);
	} else if (!table_compute(view, screen->before, screen->now, &table)) {
		put_title(screen, &table);
		if (screen->help)
			put_text(2, help, A_NORMAL);
		else if (table.nr_rows)
			put_table(screen, &table, 2);
		else
			put_text(2, view->nothing, A_NORMAL);
		table_clear(&table);
	}
	move(LINES - 1, 0);
	clrtoeol();
	printw("q quit  h help  s sort: %s%s%s  space pause%s", group ? group : "",
	       group ? " " : "", sort,
	       screen->first_column || screen->more_columns ? "  <- -> columns" : "");
	refresh();
}

/* Moves to the band before or behind the one shown. */
static void scroll_columns(struct screen *screen, bool forward)
{
	struct table table = {.view = top_views[screen->view]};
	size_t previous = 0, first = 0;

	if (!screen->before ||
	    table_compute(top_views[screen->view], screen->before, screen->now, &table))
		return;
	while (first < screen->first_column) {
		previous = first;
		first = table_band_end(&table, first, COLS);
	}
	if (!forward)
		screen->first_column = previous;
	else if (screen->more_columns)
		screen->first_column = table_band_end(&table, screen->first_column, COLS);
	if (screen->first_column >= table.view->nr_columns)
		screen->first_column = 0;
	table_clear(&table);
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
		screen->view = top_views[screen->view + 1] ? screen->view + 1 : 0;
		screen->sort = -1;
		screen->first_column = screen->top_row = screen->selected = 0;
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
		object = json_tokener_parse(response->body);
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
		/* A second at most: a signal for a new size may come just before the wait. */
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

int screen_run(struct context *context, double seconds, unsigned long frames)
{
	struct screen screen = {.context = context, .seconds = seconds, .sort = -1};
	struct response response;
	SCREEN *terminal;
	int r = client_get(context->client, "/v1/snapshot", NULL, &response);

	/* A daemon that does not run at all is said on the plain terminal. */
	if (r < 0)
		return complain_client(context, r);
	if (response.status != 200) {
		r = complain_response("/v1/snapshot", &response);
		response_clear(&response);
		return r;
	}
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		response_clear(&response);
		return complain("top: cannot use a terminal of type %s (set TERM, or use -b)",
				getenv("TERM") ?: "(none)");
	}
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	on_answer(&screen, 1, &response);
	screen.next_ns = now_ns() + (int64_t)(seconds * 1e9);
	loop(&screen, frames);
	endwin();
	delscreen(terminal);
	json_object_put(screen.before);
	json_object_put(screen.now);
	return EXIT_DONE;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * top on a terminal: keys, answers and time change the state in struct screen; draw.c shows it.
 * ncurses restores the terminal on SIGINT and SIGTERM.
 */
#include "screen.h"

#include <ctype.h>
#include <curses.h>
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

#define KEY_ESCAPE 27
#define ESCAPE_DELAY_MS 25 /* for the rest of the code of a key that begins with Esc */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

size_t screen_view_behind(size_t view, bool forward)
{
	size_t nr = 0;

	while (top_views[nr])
		nr++;
	do
		view = (view + (forward ? 1 : nr - 1)) % nr;
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

/* Filters and sorts the table. The row that was selected stays selected, wherever it goes. */
static void arrange(struct screen *screen)
{
	struct table *table = &screen->table;

	if (!table->view)
		return;
	table_filter(table, screen->filter);
	table_sort(table, screen->order);
	for (size_t i = 0; screen->selected_name && i < table->nr_shown; i++)
		if (!strcmp(table->rows[i].name, screen->selected_name)) {
			screen->selected = i;
			return;
		}
	if (screen->selected >= table->nr_shown)
		screen->selected = table->nr_shown ? table->nr_shown - 1 : 0;
}

/* Computes the table from the two answers, if there are two. */
static void compute(struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	struct pick pick = {.per_cpu = screen->per_cpu};

	table_clear(&screen->table);
	choose(screen, false);
	if (view->by) {
		pick.counted = screen->counted;
		pick.span = screen->span;
	}
	if (screen->before)
		table_compute(view, screen->before, screen->now, &pick, &screen->table);
	arrange(screen);
}

static void select_row(struct screen *screen, size_t row)
{
	const struct table *table = &screen->table;

	if (!table->nr_shown)
		return;
	screen->selected = row < table->nr_shown ? row : table->nr_shown - 1;
	free(screen->selected_name);
	screen->selected_name = strdup(table->rows[screen->selected].name);
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

/* Shows something else. */
static void show_view(struct screen *screen, size_t view)
{
	if (view != screen->view)
		screen->order = table_first_order(top_views[view]);
	screen->view = view;
	screen->chosen = true;
	screen->first_column = screen->top_row = screen->selected = 0;
	free(screen->selected_name);
	screen->selected_name = NULL;
	heat_clear(&screen->heat);
	compute(screen);
}

static void show_other(struct screen *screen)
{
	for (size_t i = 0; top_views[screen->view]->other && top_views[i]; i++)
		if (top_views[i] == top_views[screen->view]->other) {
			show_view(screen, i);
			return;
		}
}

static void set_interval(struct screen *screen, double seconds)
{
	screen->seconds = seconds;
	screen->next_ns = now_ns() + (int64_t)(seconds * 1e9);
}

static void step_interval(struct screen *screen, bool longer)
{
	static const double steps[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600};
	size_t nr = sizeof(steps) / sizeof(steps[0]);

	for (size_t i = 0; i < nr; i++) {
		double step = steps[longer ? i : nr - 1 - i];

		if (longer ? step > screen->seconds : step < screen->seconds) {
			set_interval(screen, step);
			return;
		}
	}
}

static void toggle_cpus(struct screen *screen)
{
	const struct view *view = top_views[screen->view];
	size_t rows = screen->table.nr_rows;

	if (!view->has_cpus) {
		snprintf(screen->note, sizeof(screen->note), "%s has no rows for single CPUs",
			 view->name);
		return;
	}
	screen->per_cpu = !screen->per_cpu;
	compute(screen);
	if (screen->per_cpu && rows && screen->table.nr_rows == rows)
		snprintf(screen->note, sizeof(screen->note),
			 "no counts by CPU here: see per_cpu in paimond.conf(5)");
}

static void show_help(struct screen *screen)
{
	if (screen->mode == MODE_HELP) {
		screen->mode = screen->covered;
		return;
	}
	screen->covered = screen->mode;
	screen->mode = MODE_HELP;
	screen->help_top = 0;
}

/* The keys of the table. Returns false to quit. */
static bool on_table_key(struct screen *screen, int key)
{
	const struct view *view = top_views[screen->view];
	size_t page = LINES > 5 ? (size_t)LINES - 5 : 1;

	switch (key) {
	case 's':
	case KEY_F(6):
		screen->menu = screen->order.column;
		screen->mode = MODE_SORT;
		break;
	case '<':
	case '>':
		screen->order.column = table_next_column(view, screen->order.column, key == '>');
		arrange(screen);
		break;
	case 'r':
	case 'R':
	case 'I':
		screen->order.reverse = !screen->order.reverse;
		arrange(screen);
		break;
	case '/':
	case KEY_F(4):
		screen->mode = MODE_FILTER;
		break;
	case KEY_ESCAPE:
		screen->filter[0] = '\0';
		arrange(screen);
		break;
	case 'd':
		screen->input[0] = '\0';
		screen->mode = MODE_INTERVAL;
		break;
	case '+':
	case '-':
		step_interval(screen, key == '+');
		break;
	case '1':
		toggle_cpus(screen);
		break;
	case ' ':
		screen->paused = !screen->paused;
		break;
	case '\t':
	case KEY_BTAB:
		show_view(screen, screen_view_behind(screen->view, key == '\t'));
		break;
	case 'c':
		show_other(screen);
		break;
	case 'e':
	case 'm':
		if (!view->by)
			break;
		if (key == 'e')
			choose(screen, true);
		else
			screen->span = (screen->span + 1) % NR_SPANS;
		show_view(screen, screen->view);
		break;
	case KEY_UP:
		select_row(screen, screen->selected ? screen->selected - 1 : 0);
		break;
	case KEY_DOWN:
		select_row(screen, screen->selected + 1);
		break;
	case KEY_PPAGE:
		select_row(screen, screen->selected > page ? screen->selected - page : 0);
		break;
	case KEY_NPAGE:
		select_row(screen, screen->selected + page);
		break;
	case KEY_HOME:
		select_row(screen, 0);
		break;
	case KEY_END:
		select_row(screen, screen->table.nr_shown);
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
		scroll_columns(screen, key == KEY_RIGHT);
		break;
	}
	return true;
}

static void sort_by_menu(struct screen *screen)
{
	if (screen->order.column != screen->menu)
		screen->order.reverse = false;
	screen->order.column = screen->menu;
	screen->mode = MODE_TABLE;
	arrange(screen);
}

static void on_menu_key(struct screen *screen, int key)
{
	const struct view *view = top_views[screen->view];
	size_t nr = 1 + view->nr_texts + view->nr_columns;
	const char *found = key > 0 && key < 256 ? strchr(SORT_KEYS, key) : NULL;

	switch (key) {
	case KEY_ESCAPE:
		screen->mode = MODE_TABLE;
		break;
	case KEY_UP:
	case KEY_DOWN:
		screen->menu = table_next_column(view, screen->menu, key == KEY_DOWN);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		sort_by_menu(screen);
		break;
	case 'r':
	case 'R':
	case 'I':
		screen->order.reverse = !screen->order.reverse;
		screen->order.column = screen->menu;
		screen->mode = MODE_TABLE;
		arrange(screen);
		break;
	default:
		if (!found || (size_t)(found - SORT_KEYS) >= nr)
			break;
		screen->menu = TABLE_BY_NAME;
		for (long i = 0; i < found - SORT_KEYS; i++)
			screen->menu = table_next_column(view, screen->menu, true);
		sort_by_menu(screen);
	}
}

/* Adds a character to a text, or removes the last one. */
static void edit(char *text, size_t size, int key)
{
	size_t length = strlen(text);

	if (key == KEY_BACKSPACE || key == '\b' || key == 127) {
		/* All bytes of a character in UTF-8. */
		while (length && (text[length - 1] & 0xc0) == 0x80)
			length--;
		text[length ? length - 1 : 0] = '\0';
	} else if (key >= ' ' && key < 256 && length + 1 < size) {
		text[length] = (char)key;
		text[length + 1] = '\0';
	}
}

static void on_filter_key(struct screen *screen, int key)
{
	if (key == KEY_ESCAPE)
		screen->filter[0] = '\0';
	else
		edit(screen->filter, sizeof(screen->filter), key);
	if (key == KEY_ESCAPE || key == '\n' || key == '\r' || key == KEY_ENTER)
		screen->mode = MODE_TABLE;
	arrange(screen);
}

static void on_interval_key(struct screen *screen, int key)
{
	double seconds;
	char *end;

	if (key == KEY_ESCAPE) {
		screen->mode = MODE_TABLE;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		screen->mode = MODE_TABLE;
		seconds = strtod(screen->input, &end);
		if (!*screen->input)
			return;
		if (*end || !(seconds >= 0.1 && seconds <= 3600))
			snprintf(screen->note, sizeof(screen->note),
				 "not an interval: %s (seconds, 0.1 to 3600)", screen->input);
		else
			set_interval(screen, seconds);
	} else if (key >= 256 || isdigit(key) || key == '.' || key < ' ' || key == 127) {
		edit(screen->input, sizeof(screen->input), key);
	}
}

static void on_help_key(struct screen *screen, int key)
{
	size_t page = LINES > 2 ? (size_t)LINES - 1 : 1;

	switch (key) {
	case KEY_ESCAPE:
	case 'h':
	case '\n':
		screen->mode = screen->covered;
		break;
	case KEY_UP:
		screen->help_top -= screen->help_top > 0;
		break;
	case KEY_DOWN: /* draw() stops at the end */
		screen->help_top++;
		break;
	case KEY_PPAGE:
		screen->help_top -= page < screen->help_top ? page : screen->help_top;
		break;
	case KEY_NPAGE:
	case ' ':
		screen->help_top += page;
		break;
	}
}

/* Returns false to quit. */
static bool on_key(struct screen *screen, int key)
{
	bool types = screen->mode == MODE_FILTER || screen->mode == MODE_INTERVAL;

	screen->note[0] = '\0';
	if (key == KEY_F(10) || (key == 'q' && !types))
		return false;
	if (key == KEY_RESIZE) {
		screen->first_column = 0;
	} else if (key == '?' || key == KEY_F(1) || (key == 'h' && !types)) {
		show_help(screen);
	} else {
		switch (screen->mode) {
		case MODE_TABLE:
			return on_table_key(screen, key);
		case MODE_SORT:
			on_menu_key(screen, key);
			break;
		case MODE_FILTER:
			on_filter_key(screen, key);
			break;
		case MODE_INTERVAL:
			on_interval_key(screen, key);
			break;
		case MODE_HELP:
			on_help_key(screen, key);
		}
	}
	return true;
}

/* The reason of an answer that is no snapshot. */
static void set_error(struct screen *screen, const struct response *response)
{
	struct json_object *body = response_json(response);

	snprintf(screen->error, sizeof(screen->error),
		 "paimond has no snapshot: %s (see journalctl -u paimond)",
		 json_text(json_object_object_get(body, "error"), "message", "no reason given"));
	json_object_put(body);
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
		set_error(screen, response);
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
	if (object && !screen->chosen) {
		size_t view = top_first_view(object);

		if (top_has_data(top_views[view], object))
			show_view(screen, view);
	}
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

int screen_run(struct context *context, const size_t *view, bool per_cpu, double seconds,
	       unsigned long frames)
{
	struct screen screen = {
		.context = context,
		.view = view ? *view : 0,
		.chosen = view,
		.per_cpu = per_cpu,
		.seconds = seconds,
	};
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
	draw_colors();
	set_escdelay(ESCAPE_DELAY_MS);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	screen.order = table_first_order(top_views[screen.view]);
	on_answer(&screen, 1, &response);
	screen.next_ns = now_ns() + (int64_t)(seconds * 1e9);
	loop(&screen, frames);
	endwin();
	delscreen(terminal);
	table_clear(&screen.table);
	heat_clear(&screen.heat);
	free(screen.counted);
	free(screen.selected_name);
	json_object_put(screen.before);
	json_object_put(screen.now);
	return EXIT_DONE;
}

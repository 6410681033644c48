// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl event: perf events that paimond keeps. The daemon does and checks everything;
 * this file looks up the id of a name, and prints answers.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../util/cpulist.h"
#include "../command.h"
#include "../escape.h"
#include "../json.h"
#include "../view/format.h"
#include "handoff.h"

#define EVENTS "/v1/events"
#define ID_LEN 20  /* digits of the largest */
#define MAX_FDS 64 /* that can be handed over */

/* What an event has counted. */
struct reading {
	uint64_t value;
	double enabled, running; /* seconds */
	bool multiplexed;
	double scaled; /* as if it had run all the time; NAN where it has not run */
};

static struct reading take_reading(struct json_object *event)
{
	struct reading reading = {
		.value = json_object_get_uint64(json_object_object_get(event, "value")),
		.enabled = json_number(event, "enabled_seconds", 0),
		.running = json_number(event, "running_seconds", 0),
	};

	reading.multiplexed = reading.running < reading.enabled;
	reading.scaled = (double)reading.value;
	if (reading.multiplexed)
		reading.scaled *= reading.enabled / reading.running;
	return reading;
}

/* In the event's unit, where it has one. */
static void format_count(struct json_object *event, const struct reading *reading, bool scaled,
			 char ret_text[48])
{
	const char *scale = json_text(event, "scale", "");
	double value = scaled ? reading->scaled : (double)reading->value;

	if (*scale)
		snprintf(ret_text, 48, "%.9g", value * strtod(scale, NULL));
	else if (scaled && reading->multiplexed)
		snprintf(ret_text, 48, "%.0f", value);
	else
		snprintf(ret_text, 48, "%" PRIu64, reading->value);
}

/* The readings of an event that is a level, by CPU, or NULL: it is a count. */
static struct json_object *levels_of(struct json_object *event)
{
	struct json_object *levels = json_object_object_get(event, "levels");

	return json_object_is_type(levels, json_type_array) ? levels : NULL;
}

/* One of them, in the event's unit. */
static double level_at(struct json_object *event, size_t i)
{
	const char *scale = json_text(event, "scale", "");
	double value = json_number(json_at(levels_of(event), i), "value", 0);

	return *scale ? value * strtod(scale, NULL) : value;
}

/* From the lowest to the highest. */
static void format_levels(struct json_object *event, char ret_text[48])
{
	size_t nr = json_length(levels_of(event));
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < nr; i++) {
		low = fmin(low, level_at(event, i));
		high = fmax(high, level_at(event, i));
	}
	if (!nr)
		strcpy(ret_text, "-");
	else if (low < high)
		snprintf(ret_text, 48, "%.9g..%.9g", low, high);
	else
		snprintf(ret_text, 48, "%.9g", low);
}

static char *format_cpus(struct json_object *event)
{
	struct json_object *array = json_object_object_get(event, "cpus");
	size_t nr = json_length(array);
	unsigned int *cpus = calloc(nr + 1, sizeof(*cpus));
	char *text;

	for (size_t i = 0; cpus && i < nr; i++)
		cpus[i] = (unsigned int)json_object_get_int(json_at(array, i));
	text = cpus ? cpulist_format(cpus, nr) : NULL;
	free(cpus);
	return text;
}

/* Who asked for it. */
static char *format_who(struct json_object *event)
{
	uid_t uid = (uid_t)json_object_get_int64(json_object_object_get(event, "uid"));
	const char *comm = json_text(event, "comm", "");
	const char *origin = json_text(event, "origin", "?");
	struct passwd *user = getpwuid(uid);
	char number[24], *text;

	snprintf(number, sizeof(number), "uid %u", uid);
	if (!strcmp(origin, "configuration"))
		return strdup(origin);
	/* Of an event that was handed over: for whom alone its descriptors are. */
	return asprintf(&text, "%s, %s[%.0f]", user ? user->pw_name : number, *comm ? comm : "?",
			json_number(event, "pid", 0)) < 0
		       ? NULL
		       : text;
}

/* Adds what the reader would have to work out. 0 or -ENOMEM. */
static int event_complete(struct json_object *event)
{
	struct reading reading = take_reading(event);
	int r = json_add(event, "multiplexed", json_object_new_boolean(reading.multiplexed));

	if (levels_of(event) || (reading.multiplexed && !(reading.running > 0)))
		r = r ?: json_add_text(event, "scaled_value", NULL);
	else if (reading.multiplexed)
		r = r ?: json_add(event, "scaled_value", json_object_new_double(reading.scaled));
	else
		r = r ?: json_add(event, "scaled_value", json_object_new_uint64(reading.value));
	return r ?: json_add_text(event, "comm", json_text(event, "comm", ""));
}

static int no_memory(struct json_object *object)
{
	json_object_put(object);
	return complain("%s", strerror(ENOMEM));
}

/* Takes the object. */
static int print_json_event(struct json_object *event)
{
	return event_complete(event) ? no_memory(event) : print_json(event);
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = json_whole(*(struct json_object *const *)a, "id");
	uint64_t right = json_whole(*(struct json_object *const *)b, "id");

	return (left > right) - (left < right);
}

/* GETs the list, oldest first: the daemon has it by the places that were free. */
static int get_list(struct context *context, struct json_object **ret_list)
{
	int r = ask_json(context, "GET", EVENTS, NULL, EVENTS, json_type_array, ret_list);

	if (!r)
		json_object_array_sort(*ret_list, compare_ids);
	return r;
}

/* The path of the event that is meant by an id or a name. */
static int find_path(struct context *context, const char *event, char ret_path[64])
{
	struct json_object *list;
	uint64_t id = 0;
	int r;

	if (*event && strspn(event, "0123456789") == strlen(event) && strlen(event) <= ID_LEN) {
		snprintf(ret_path, 64, EVENTS "/%s", event);
		return EXIT_DONE;
	}
	r = get_list(context, &list);
	if (r)
		return r;
	for (size_t i = 0; i < json_length(list) && !id; i++) {
		struct json_object *one = json_at(list, i);

		if (!strcmp(json_text(one, "name", ""), event))
			id = json_whole(one, "id");
	}
	json_object_put(list);
	if (!id)
		return complain("%s: no event of this name is kept (paimonctl event list)", event);
	snprintf(ret_path, 64, EVENTS "/%" PRIu64, id);
	return EXIT_DONE;
}

/* Asks for the event of the first argument. */
static int ask_event(struct context *context, const char *method, struct json_object *body,
		     struct json_object **ret_object)
{
	const char *key = strcmp(method, "DELETE") ? "id" : "closed";
	struct json_object *object;
	char path[64];
	int r = find_path(context, context->arguments[0], path);

	if (r) {
		json_object_put(body);
		return r;
	}
	r = ask_json(context, method, path, body, context->arguments[0], json_type_object, &object);
	if (r)
		return r;
	if (json_whole(object, key) != strtoull(path + strlen(EVENTS "/"), NULL, 10))
		return complain_foreign(context, path, object);
	*ret_object = object;
	return EXIT_DONE;
}

/* event list */

enum { ID, NAME, SPEC, CPUS, STATE, VALUE, UNIT, WHO, NR_CELLS };

struct line {
	char *cells[NR_CELLS]; /* harmless */
};

static void clear_lines(struct line *lines, size_t nr)
{
	for (size_t i = 0; lines && i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++)
			free(lines[i].cells[c]);
	free(lines);
}

static void fill_line(struct json_object *event, struct line *line)
{
	struct reading reading = take_reading(event);
	char *cpus = format_cpus(event), *who = format_who(event);
	char id[24], value[49] = "~";

	snprintf(id, sizeof(id), "%" PRIu64, json_whole(event, "id"));
	if (levels_of(event))
		format_levels(event, value);
	else if (reading.multiplexed && !(reading.running > 0))
		strcpy(value, "-");
	else
		format_count(event, &reading, true, value + reading.multiplexed);
	line->cells[ID] = strdup(id);
	line->cells[NAME] = escape_terminal(json_text(event, "name", "?"));
	line->cells[SPEC] = escape_terminal(json_text(event, "spec", "?"));
	line->cells[CPUS] = cpus;
	line->cells[STATE] = escape_terminal(json_text(event, "state", "?"));
	line->cells[VALUE] = strdup(value);
	line->cells[UNIT] = escape_terminal(json_text(event, "unit", ""));
	line->cells[WHO] = escape_terminal(who ?: "?");
	free(who);
}

static void print_lines(const struct line *lines, size_t nr)
{
	int widths[NR_CELLS] = {};

	for (size_t i = 0; i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++) {
			int width = escape_width(lines[i].cells[c] ?: "");

			widths[c] = width > widths[c] ? width : widths[c];
		}
	for (size_t i = 0; i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++) {
			const char *cell = lines[i].cells[c] ?: "";
			int pad = widths[c] - escape_width(cell);

			if (c == WHO)
				show("%s\n", cell);
			else if (c == ID || c == VALUE)
				show("%*s%s  ", pad, "", cell);
			else
				show("%s%*s%s", cell, pad, "", widths[c] ? "  " : "");
		}
}

static int event_print_list(struct json_object *list)
{
	static const char *const titles[NR_CELLS] = {"ID",    "NAME",  "SPEC", "CPUS",
						     "STATE", "VALUE", "UNIT", "WHO"};
	size_t nr = json_length(list);
	struct line *lines = calloc(nr + 1, sizeof(*lines));

	if (!lines)
		return complain("%s", strerror(ENOMEM));
	for (size_t c = 0; c < NR_CELLS; c++)
		lines[0].cells[c] = strdup(titles[c]);
	for (size_t i = 0; i < nr; i++)
		fill_line(json_at(list, i), &lines[i + 1]);
	print_lines(lines, nr + 1);
	clear_lines(lines, nr + 1);
	return EXIT_DONE;
}

static const struct command command_list_events, command_open, command_read, command_set,
	command_close, command_adopt, command_exec;

static int run_list(struct context *context, int argc, char **argv)
{
	struct json_object *list;
	int r = command_options(context, &command_list_events, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	r = get_list(context, &list);
	if (r)
		return r;
	if (context->json) {
		for (size_t i = 0; i < json_length(list); i++)
			if (event_complete(json_at(list, i)))
				return no_memory(list);
		return print_json(list);
	}
	r = event_print_list(list);
	json_object_put(list);
	return r;
}

/* event read */

static void print_text_line(const char *title, const char *text)
{
	show("%-8s  %s\n", title, text ?: "?");
}

/* What seldom happens. */
static void print_unless_0(const char *title, struct json_object *event, const char *key)
{
	double count = json_number(event, key, 0);

	if (count > 0)
		show("%-8s  %.0f\n", title, count);
}

static void print_levels(struct json_object *event, const char *unit)
{
	for (size_t i = 0; i < json_length(levels_of(event)); i++) {
		struct json_object *level = json_at(levels_of(event), i);

		show("level     %.9g%s%s on CPU %.0f\n", level_at(event, i), *unit ? " " : "", unit,
		     json_number(level, "cpu", 0));
	}
}

static void print_count(struct json_object *event, const struct reading *reading, const char *unit)
{
	const char *scale = json_text(event, "scale", "");
	char text[48];

	show("value     %" PRIu64, reading->value);
	if (*scale && !reading->multiplexed) {
		format_count(event, reading, false, text);
		show(", which is %s %s", text, unit);
	}
	if (reading->multiplexed && reading->running > 0) {
		format_count(event, reading, true, text);
		show(", multiplexed: about %s%s%s had it run all the time", text, *unit ? " " : "",
		     unit);
	} else if (reading->multiplexed) {
		show(", no counter has been free for it yet");
	}
	show("\n");
}

static void print_value(struct json_object *event)
{
	struct reading reading = take_reading(event);
	const char *unit = json_text(event, "unit", "");

	if (levels_of(event))
		print_levels(event, unit);
	else
		print_count(event, &reading, unit);
	show("enabled   %.6f s\n", reading.enabled);
	show("running   %.6f s", reading.running);
	if (reading.multiplexed)
		show(", %.1f %%", 100 * reading.running / reading.enabled);
	show("\n");
}

static void event_print(struct json_object *event)
{
	char *cpus = format_cpus(event), *who = format_who(event), since[32];

	show("event     %" PRIu64 "\n", json_whole(event, "id"));
	print_text_line("name", json_text(event, "name", "?"));
	print_text_line("spec", json_text(event, "spec", "?"));
	print_text_line("CPUs", cpus);
	print_text_line("state", json_text(event, "state", "?"));
	print_value(event);
	format_time(json_number(event, "opened_timestamp_seconds", 0), "%F %T", since);
	print_text_line("opened", since);
	print_text_line("by", who);
	print_unless_0("resets", event, "resets");
	print_unless_0("changes", event, "changes");
	print_unless_0("reopened", event, "reopened");
	free(cpus);
	free(who);
}

static int run_read(struct context *context, int argc, char **argv)
{
	struct json_object *event;
	int r = command_options(context, &command_read, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	r = ask_event(context, "GET", NULL, &event);
	if (r)
		return r;
	if (context->json)
		return print_json_event(event);
	event_print(event);
	json_object_put(event);
	return EXIT_DONE;
}

/* event open, set and close */

struct wanted {
	const char *name, *cpus;
};

static int take(int option, const char *value, void *user)
{
	struct wanted *wanted = user;

	*(option == 'n' ? &wanted->name : &wanted->cpus) = value;
	return 0;
}

static int add_wanted(struct json_object *body, const char *key, const char *value)
{
	return value ? json_add_text(body, key, value) : 0;
}

/* What there is now, on one line that begins with the id. Takes the object. */
static int print_changed(const struct context *context, struct json_object *event)
{
	if (context->json)
		return print_json_event(event);
	show("%" PRIu64 " %s %s\n", json_whole(event, "id"), json_text(event, "name", "?"),
	     json_text(event, "spec", "?"));
	json_object_put(event);
	return EXIT_DONE;
}

static int run_open(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"name", required_argument, NULL, 'n'},
		{"cpu", required_argument, NULL, 'c'},
		{},
	};
	struct wanted wanted = {};
	struct json_object *body, *event;
	int r = command_options(context, &command_open, argc, argv, "", options, take, &wanted);

	if (r >= 0)
		return r;
	body = json_object_new_object();
	r = json_add_text(body, "spec", context->arguments[0]);
	r = r ?: add_wanted(body, "name", wanted.name);
	r = r ?: add_wanted(body, "cpus", wanted.cpus);
	if (r < 0)
		return no_memory(body);
	r = ask_json(context, "POST", EVENTS, body, "nothing was opened", json_type_object, &event);
	if (!r && !json_whole(event, "id"))
		return complain_foreign(context, EVENTS, event);
	return r ?: print_changed(context, event);
}

static int run_set(struct context *context, int argc, char **argv)
{
	struct json_object *body, *event;
	int r = command_options(context, &command_set, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	body = json_object_new_object();
	if (json_add_text(body, "terms", context->arguments[1]) < 0)
		return no_memory(body);
	r = ask_event(context, "PATCH", body, &event);
	return r ?: print_changed(context, event);
}

static int run_close(struct context *context, int argc, char **argv)
{
	struct json_object *answer;
	int r = command_options(context, &command_close, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	r = ask_event(context, "DELETE", NULL, &answer);
	if (r)
		return r;
	if (context->json)
		return print_json(answer);
	show("event %" PRIu64 " closed\n", json_whole(answer, "closed"));
	json_object_put(answer);
	return EXIT_DONE;
}

struct adopted {
	pid_t pid;
	int numbers[MAX_FDS];
	size_t nr;
	const char *name;
};

/* A number of digits alone, up to INT_MAX; *text is moved behind it. */
static bool take_number(const char **text, int *ret_number)
{
	char *end;
	long number;

	if (!isdigit((unsigned char)**text))
		return false;
	number = strtol(*text, &end, 10); /* LONG_MAX on overflow */
	if (number > INT_MAX)
		return false;
	*text = end;
	*ret_number = (int)number;
	return true;
}

/* 3-6,8: 1 to MAX_FDS descriptors. */
static bool take_fds(const char *text, struct adopted *adopted)
{
	int first, last;

	for (adopted->nr = 0;; text++) {
		if (!take_number(&text, &first))
			return false;
		last = first;
		if (*text == '-' && (text++, !take_number(&text, &last)))
			return false;
		if (last < first || (size_t)(last - first) >= MAX_FDS - adopted->nr)
			return false;
		for (int i = 0; i <= last - first; i++)
			adopted->numbers[adopted->nr++] = first + i;
		if (*text != ',')
			return !*text;
	}
}

static int take_adopted(int option, const char *value, void *user)
{
	struct adopted *adopted = user;
	const char *text = value;

	switch (option) {
	case 'n':
		adopted->name = value;
		return 0;
	case 'p':
		if (take_number(&text, &adopted->pid) && adopted->pid && !*text)
			return 0;
		complain("--pid %s: is no process", value);
		return EXIT_USAGE;
	}
	if (take_fds(value, adopted))
		return 0;
	complain("--fd %s: is no list of 1 to %d descriptors, as 3-6,8", value, MAX_FDS);
	return EXIT_USAGE;
}

static int run_adopt(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"pid", required_argument, NULL, 'p'},
		{"fd", required_argument, NULL, 'f'},
		{"name", required_argument, NULL, 'n'},
		{},
	};
	struct adopted adopted = {};
	int r = command_options(context, &command_adopt, argc, argv, "", options, take_adopted,
				&adopted);

	if (r >= 0)
		return r;
	if (!adopted.pid || !adopted.nr) {
		complain("event adopt takes --pid and --fd");
		return EXIT_USAGE;
	}
	return handoff_adopt(context, adopted.pid, adopted.numbers, adopted.nr, adopted.name);
}

static int run_exec(struct context *context, int argc, char **argv)
{
	struct json_object *event;
	uint64_t id;
	int r = command_options(context, &command_exec, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	r = ask_event(context, "GET", NULL, &event);
	if (r)
		return r;
	id = json_object_get_uint64(json_object_object_get(event, "id"));
	json_object_put(event);
	return handoff_exec(context, id, context->arguments + 1);
}

static const struct command command_list_events = {
	.name = "event list",
	.summary = "Lists the events that are kept",
	.options = "",
	.run = run_list,
};

static const struct command command_open = {
	.name = "event open",
	.summary = "Opens an event that counts until it is closed",
	.arguments = "SPEC",
	.min = 1,
	.max = 1,
	.options =
		"  SPEC           as perf writes it (paimonctl list): page-faults, msr/tsc/\n"
		"  --name NAME    call it that, not by its SPEC\n"
		"  --cpu LIST     on these CPUs, as 0-3,8, not on all that it can be counted on\n",
	.run = run_open,
};

static const struct command command_read = {
	.name = "event read",
	.summary = "Shows an event, and what it has counted",
	.arguments = "ID|NAME",
	.min = 1,
	.max = 1,
	.options = "",
	.run = run_read,
};

static const struct command command_set = {
	.name = "event set",
	.summary = "Changes terms of an event; its total goes on",
	.arguments = "ID|NAME TERM=VALUE[,...]",
	.min = 2,
	.max = 2,
	.options = "",
	.run = run_set,
};

static const struct command command_close = {
	.name = "event close",
	.summary = "Ends an event: nothing of it is left",
	.arguments = "ID|NAME",
	.min = 1,
	.max = 1,
	.options = "",
	.run = run_close,
};

static const struct command command_adopt = {
	.name = "event adopt",
	.summary = "Keeps perf events that a process has open",
	.options = "  --pid PID      the process\n"
		   "  --fd LIST      its descriptors, one for each CPU, as 3-6,8\n"
		   "  --name NAME    call the event that, not by what it counts\n",
	.run = run_adopt,
};

static const struct command command_exec = {
	.name = "event exec",
	.summary = "Runs a command that has the descriptors of an event, as LISTEN_FDS",
	.arguments = "ID|NAME -- COMMAND [ARGUMENT...]",
	.min = 2,
	.max = INT_MAX,
	.options = "",
	.run = run_exec,
};

const struct command command_event = {
	.name = "event",
	.summary = "Opens, reads, changes and closes perf events that are kept",
	.commands =
		(const struct command *const[]){
			&command_list_events,
			&command_open,
			&command_read,
			&command_set,
			&command_close,
			&command_adopt,
			&command_exec,
			NULL,
		},
};

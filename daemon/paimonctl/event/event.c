// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl event: perf events that paimond keeps. The daemon checks and does everything; this
 * file looks up the id of a name, and show.c prints the answers.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../command.h"
#include "../json.h"
#include "../suggest.h"
#include "handoff.h"
#include "show.h"

#define EVENTS "/v1/events"
#define ID_LEN 20  /* digits of the largest id */
#define MAX_FDS 64 /* maximum of one hand-off */

/* The argument of those that take a kept event. */
static const struct option_row which[] = {
	{0, NULL, "ID|NAME", "a kept event (paimonctl event list)", WORDS_EVENTS},
	{},
};

static int no_memory(struct json_object *object)
{
	json_object_put(object);
	return complain("%s", strerror(ENOMEM));
}

/* Prints the event and frees it. */
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

/* Gets the list, sorted by age: the daemon has it in the order of its table. */
static int get_list(struct context *context, struct json_object **ret_list)
{
	int r = ask_json(context, "GET", EVENTS, NULL, EVENTS, json_type_array, ret_list);

	if (!r)
		json_object_array_sort(*ret_list, compare_ids);
	return r;
}

/* The path of the event with this id or name. */
static int find_path(struct context *context, const char *event, char ret_path[64])
{
	struct suggestion suggestion = {.word = event};
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

		suggest(&suggestion, json_text(one, "name", ""));
		if (!strcmp(json_text(one, "name", ""), event))
			id = json_whole(one, "id");
	}
	if (!id)
		complain("%s: no event of this name is kept (%s%s%spaimonctl event list)", event,
			 suggestion.best ? "did you mean " : "", suggestion.best ?: "",
			 suggestion.best ? "? " : "");
	json_object_put(list);
	if (!id)
		return EXIT_FAILED;
	snprintf(ret_path, 64, EVENTS "/%" PRIu64, id);
	return EXIT_DONE;
}

/* Sends a request for the event in the first argument. */
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

static const struct command command_list_events, command_open, command_read, command_set,
	command_close, command_adopt, command_exec;

static int run_list(struct context *context, int argc, char **argv)
{
	struct json_object *list;
	int r = command_options(context, &command_list_events, argc, argv, NULL, NULL);

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

static int run_read(struct context *context, int argc, char **argv)
{
	struct json_object *event;
	int r = command_options(context, &command_read, argc, argv, NULL, NULL);

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
	const char *name, *cpus, *by;
};

static int take(int key, const char *value, void *user)
{
	struct wanted *wanted = user;

	*(key == LONG_OPTION('n')   ? &wanted->name
	  : key == LONG_OPTION('c') ? &wanted->cpus
				    : &wanted->by) = value;
	return 0;
}

static int add_wanted(struct json_object *body, const char *key, const char *value)
{
	return value ? json_add_text(body, key, value) : 0;
}

/* Prints the changed event on one line that begins with the id, and frees it. */
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
	struct wanted wanted = {};
	struct json_object *body, *event;
	int r = command_options(context, &command_open, argc, argv, take, &wanted);

	if (r >= 0)
		return r;
	body = json_object_new_object();
	r = json_add_text(body, "spec", context->arguments[0]);
	r = r ?: add_wanted(body, "name", wanted.name);
	r = r ?: add_wanted(body, "cpus", wanted.cpus);
	r = r ?: add_wanted(body, "by", wanted.by);
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
	int r = command_options(context, &command_set, argc, argv, NULL, NULL);

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
	int r = command_options(context, &command_close, argc, argv, NULL, NULL);

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

/* Parses a decimal number up to INT_MAX, without sign or blanks; moves *text to the end of it. */
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

/* Parses a list such as 3-6,8: 1 to MAX_FDS descriptors. */
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

static int take_adopted(int key, const char *value, void *user)
{
	struct adopted *adopted = user;
	const char *text = value;

	switch (key) {
	case LONG_OPTION('n'):
		adopted->name = value;
		return 0;
	case LONG_OPTION('p'):
		if (take_number(&text, &adopted->pid) && adopted->pid && !*text)
			return 0;
		complain("--pid %s: not a process", value);
		return EXIT_USAGE;
	}
	if (take_fds(value, adopted))
		return 0;
	complain("--fd %s: not a list of 1 to %d descriptors such as 3-6,8", value, MAX_FDS);
	return EXIT_USAGE;
}

static int run_adopt(struct context *context, int argc, char **argv)
{
	struct adopted adopted = {};
	int r = command_options(context, &command_adopt, argc, argv, take_adopted, &adopted);

	if (r >= 0)
		return r;
	if (!adopted.pid || !adopted.nr) {
		complain("event adopt requires --pid and --fd");
		return EXIT_USAGE;
	}
	return handoff_adopt(context, adopted.pid, adopted.numbers, adopted.nr, adopted.name);
}

static int run_exec(struct context *context, int argc, char **argv)
{
	struct json_object *event;
	uint64_t id;
	int r = command_options(context, &command_exec, argc, argv, NULL, NULL);

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
	.summary = "Lists kept events",
	.run = run_list,
};

static const struct command command_open = {
	.name = "event open",
	.summary = "Opens an event that counts until it is closed",
	.arguments = "SPEC",
	.min = 1,
	.max = 1,
	.options =
		(const struct option_row[]){
			{0, NULL, "SPEC", "as in perf (paimonctl list): page-faults, msr/tsc/",
			 WORDS_SPECS},
			{LONG_OPTION('n'), "name", "NAME", "name of the event (default: its SPEC)",
			 NULL},
			{LONG_OPTION('c'), "cpu", "LIST",
			 "CPUs such as 0-3,8 (default: those of the PMU, or all)", NULL},
			{LONG_OPTION('b'), "by", "WHOM",
			 "attribute what is counted: cgroup or process (default: none)",
			 "cgroup process none"},
			{},
		},
	.run = run_open,
};

static const struct command command_read = {
	.name = "event read",
	.summary = "Shows an event and its count",
	.arguments = "ID|NAME",
	.min = 1,
	.max = 1,
	.options = which,
	.run = run_read,
};

static const struct command command_set = {
	.name = "event set",
	.summary = "Changes terms of an event; its total continues",
	.arguments = "ID|NAME TERM=VALUE[,...]",
	.min = 2,
	.max = 2,
	.options = which,
	.run = run_set,
};

static const struct command command_close = {
	.name = "event close",
	.summary = "Ends an event and deletes its total",
	.arguments = "ID|NAME",
	.min = 1,
	.max = 1,
	.options = which,
	.run = run_close,
};

static const struct command command_adopt = {
	.name = "event adopt",
	.summary = "Keeps perf events that a process has open",
	.options =
		(const struct option_row[]){
			{LONG_OPTION('p'), "pid", "PID", "the process", NULL},
			{LONG_OPTION('f'), "fd", "LIST",
			 "its descriptors, one per CPU, such as 3-6,8", NULL},
			{LONG_OPTION('n'), "name", "NAME",
			 "name of the event (default: from what it counts)", NULL},
			{},
		},
	.run = run_adopt,
};

static const struct command command_exec = {
	.name = "event exec",
	.summary = "Runs a command with the descriptors of an event (LISTEN_FDS)",
	.arguments = "ID|NAME -- COMMAND [ARGUMENT...]",
	.min = 2,
	.max = INT_MAX,
	.options = which,
	.run = run_exec,
};

const struct command command_event = {
	.name = "event",
	.summary = "Opens, reads, changes and closes kept perf events",
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

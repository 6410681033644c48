// SPDX-License-Identifier: GPL-2.0
/* Finds the subcommand and runs it; also has the helpers of all subcommands. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "json.h"
#include "suggest.h"

const struct command command_all = {
	.name = "paimonctl",
	.summary = "Shows and controls what paimond counts",
	.commands =
		(const struct command *const[]){
			&command_status,
			&command_check,
			&command_list,
			&command_top,
			&command_stat,
			&command_lspai,
			&command_event,
			&command_metrics,
			&command_reload,
			&command_purge,
			&command_complete,
			NULL,
		},
};

int complain(const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	output_complain(text ?: strerror(ENOMEM));
	return EXIT_FAILED;
}

int complain_client(const struct context *context, int error)
{
	complain("%s", client_error(context->client));
	return error == -ENOENT || error == -ECONNREFUSED ? EXIT_NOT_RUNNING : EXIT_FAILED;
}

struct json_object *response_json(const struct response *response)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = NULL;
	size_t length = response->length;

	if (!tokener || !response->body) {
		json_tokener_free(tokener);
		return NULL;
	}
	object = json_tokener_parse_ex(tokener, response->body, (int)length);
	/* The whole body must be one value, except for trailing blanks. */
	while (length && strchr(" \t\r\n", response->body[length - 1]) &&
	       response->body[length - 1])
		length--;
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) < length) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

int complain_response(const char *what, const struct response *response)
{
	struct json_object *body = response_json(response);
	const char *message = json_text(json_object_object_get(body, "error"), "message",
					"no reason given (see journalctl -u paimond)");

	complain("%s: %s", what, message);
	json_object_put(body);
	return EXIT_FAILED;
}

int complain_foreign(const struct context *context, const char *path, struct json_object *answer)
{
	json_object_put(answer);
	return complain(
		"%s: the answer is not JSON of paimond (does another program listen at %s?)", path,
		context->socket);
}

int ask_json(struct context *context, const char *method, const char *path,
	     struct json_object *body, const char *what, enum json_type type,
	     struct json_object **ret_object)
{
	const char *text = body ? json_object_to_json_string(body) : NULL;
	struct json_object *object;
	struct response response;
	int r = strcmp(method, "GET")
			? client_send(context->client, method, path, text, &response)
			: client_get(context->client, path, "application/json", &response);

	json_object_put(body);
	if (r < 0)
		return complain_client(context, r);
	if (response.status != 200) {
		r = complain_response(what, &response);
		response_clear(&response);
		return r;
	}
	object = response_json(&response);
	response_clear(&response);
	if (!json_object_is_type(object, type))
		return complain_foreign(context, path, object);
	*ret_object = object;
	return EXIT_DONE;
}

int get_json(struct context *context, const char *path, struct json_object **ret_object)
{
	return ask_json(context, "GET", path, NULL, path, json_type_object, ret_object);
}

int print_json(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = EXIT_DONE;

	if (object && text) {
		print_text(text, strlen(text));
		print_text("\n", 1);
	} else {
		r = complain("%s", strerror(ENOMEM));
	}
	json_object_put(object);
	return r;
}

const struct option_row command_common[] = {
	{LONG_OPTION('j'), "json", NULL, "print JSON", NULL},
	{LONG_OPTION('s'), "socket", "PATH", "paimond's socket (default " SOCKET_PATH ")",
	 WORDS_FILES},
	{'h', "help", NULL, "print this help", NULL},
	{},
};

const struct option_row command_first[] = {
	{LONG_OPTION('s'), "socket", "PATH", "paimond's socket (default " SOCKET_PATH ")",
	 WORDS_FILES},
	{LONG_OPTION('v'), "version", NULL, "print the version", NULL},
	{'h', "help", NULL,
	 "print this help; paimonctl help COMMAND, or COMMAND --help, for that\n"
	 "of a command",
	 NULL},
	{},
};

const char *command_word(const struct command *command)
{
	const char *space = strrchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

const struct command *command_find(const struct command *group, const char *word)
{
	for (const struct command *const *c = group->commands; *c; c++)
		if (!strcmp(word, command_word(*c)))
			return *c;
	return NULL;
}

static int wrong_usage(const struct command *command)
{
	complain("try: %s%s --help", command == &command_all ? "" : "paimonctl ", command->name);
	return EXIT_USAGE;
}

/* What may be meant, as the beginning of what is in parentheses; to be freed, or NULL. */
static char *did_you_mean(const char *dashes, const char *best, const char *more)
{
	char *text;

	return best && asprintf(&text, "did you mean %s%s?%s", dashes, best, more) >= 0 ? text
											: NULL;
}

int complain_word(const char *what, const char *value, const char *words)
{
	_cleanup_free_ char *best = suggest_word(value, words), *list = NULL;
	_cleanup_free_ char *meant = did_you_mean("", best, " ");
	size_t size;
	FILE *out = open_memstream(&list, &size);

	if (out) {
		for (const char *word = words; *word;) {
			size_t length = strcspn(word, " ");
			bool last = !word[length];

			fprintf(out, "%s%.*s",
				word == words ? ""
				: last	      ? " and "
					      : ", ",
				(int)length, word);
			word += length + !last;
		}
		fclose(out);
	}
	complain("%s: %s (%sthere are %s)", what, value, meant ?: "", list ?: words);
	return EXIT_USAGE;
}

/* Prints rows of a table as lines of a help. */
static void print_rows(const struct option_row *row)
{
	for (; row && row->help; row++) {
		const char letter[] = {'-', (char)row->key, '\0'}, *text = row->help;
		bool has_letter = row->key && row->key < LONG_OPTION(0);
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s%s%s%s", has_letter ? letter : "",
			 has_letter && row->name ? ", " : "", row->name ? "--" : "",
			 row->name ?: "", row->key && row->value ? " " : "", row->value ?: "");
		printf("  %-13s", left);
		if (strlen(left) > 13)
			printf("\n%15s", "");
		while (*text) {
			size_t length = strcspn(text, "\n");

			printf("%s%.*s\n", text == row->help ? "  " : "                 ",
			       (int)length, text);
			text += length + (text[length] == '\n');
		}
	}
}

static void usage(const struct command *group)
{
	const char *name = group == &command_all ? "" : group->name;

	printf("Usage: paimonctl [--socket PATH]%s%s COMMAND [OPTIONS]\n\n%s.\n\nCommands:\n",
	       *name ? " " : "", name, group->summary);
	for (const struct command *const *c = group->commands; *c; c++)
		if ((*c)->summary)
			printf("  %-8s  %s\n", command_word(*c), (*c)->summary);
	printf("\nOptions:\n");
	print_rows(command_first);
	printf("\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 paimond does not run. "
	       "See paimonctl(1).\n");
}

static void command_usage(const struct command *command)
{
	printf("Usage: paimonctl %s [OPTIONS]%s%s\n\n%s.\n\nOptions:\n", command->name,
	       command->arguments ? " " : "", command->arguments ?: "", command->summary);
	print_rows(command->options);
	print_rows(command_common);
}

/* Reports an option that is in no table. word: as typed. */
static void complain_option(const char *prefix, const char *word,
			    const struct option_row *const tables[2])
{
	struct suggestion suggestion = {};
	_cleanup_free_ char *name = strndup(word, strcspn(word, "=")), *meant = NULL;
	size_t nr = 0; /* options that begin like it */

	suggestion.word = name ? name + strspn(name, "-") : "";
	for (size_t t = 0; t < 2; t++)
		for (const struct option_row *row = tables[t]; row && row->help; row++) {
			if (!row->name)
				continue;
			suggest(&suggestion, row->name);
			nr += !strncmp(suggestion.word, row->name, strlen(suggestion.word));
		}
	meant = did_you_mean("--", suggestion.best, "");
	complain("%s%s: %s%s%s%s", prefix,
		 nr > 1 ? "more than one option begins like this" : "no such option", word,
		 meant ? " (" : "", meant ?: "", meant ? ")" : "");
}

/* Which row has this key? */
static const struct option_row *find_row(const struct option_row *const tables[2], int key)
{
	for (size_t t = 0; t < 2; t++)
		for (const struct option_row *row = tables[t]; row && row->help; row++)
			if (row->key && row->key == key)
				return row;
	return NULL;
}

/*
 * Parses options that are in the tables, and calls take for each. first: only those before the
 * first argument. name: for messages. 0, or what take returned, or EXIT_USAGE after a message.
 */
static int parse(int argc, char **argv, bool first, const char *name,
		 const struct option_row *const tables[2],
		 int (*take)(int key, const char *value, void *user), void *user)
{
	char letters[64] = ":", prefix[64], *letter = letters + 1;
	struct option options[32] = {};
	size_t nr = 0;
	int c, r = 0;

	snprintf(prefix, sizeof(prefix), "%s%s", name, *name ? ": " : "");
	if (first)
		letter = stpcpy(letters, "+:");
	for (size_t t = 0; t < 2; t++)
		for (const struct option_row *row = tables[t]; row && row->help; row++) {
			if (row->key && row->key < LONG_OPTION(0)) {
				*letter++ = (char)row->key;
				if (row->value)
					*letter++ = ':';
			}
			if (row->key && row->name)
				options[nr++] = (struct option){
					row->name, row->value ? required_argument : no_argument,
					NULL, row->key};
		}
	optind = 0; /* restarts getopt, after the subcommand's name */
	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		const char *word = argv[optind - 1];
		const struct option_row *row = find_row(tables, optopt);

		if (c != '?' && c != ':') {
			r = take(c, optarg, user);
			continue;
		}
		r = EXIT_USAGE;
		if (c == ':' && row)
			complain("%s%s requires a value: %s", prefix, word, row->value);
		else if (!optopt)
			complain_option(prefix, word, tables);
		else if (row)
			complain("%s%s: takes no value", prefix, word);
		else
			complain("%sno such option: -%c", prefix, optopt);
	}
	return r;
}

struct taking {
	struct context *context;
	const struct command *command;
	int (*take)(int key, const char *value, void *user);
	void *user;
	bool helped;
};

static int take_one(int key, const char *value, void *user)
{
	struct taking *taking = user;

	switch (key) {
	case LONG_OPTION('s'):
		taking->context->socket = value;
		return 0;
	case LONG_OPTION('j'):
		taking->context->json = true;
		return 0;
	case 'h':
		command_usage(taking->command);
		taking->helped = true;
		return -1; /* no other option counts */
	}
	return taking->take(key, value, taking->user);
}

int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    int (*take)(int key, const char *value, void *user), void *user)
{
	struct taking taking = {context, command, take, user, false};
	int r = parse(argc, argv, false, command->name,
		      (const struct option_row *const[2]){command->options, command_common},
		      take_one, &taking);

	if (taking.helped)
		return EXIT_DONE;
	if (r)
		return r == EXIT_USAGE ? wrong_usage(command) : r;
	if (argc - optind < command->min || argc - optind > command->max) {
		if (argc - optind < command->min)
			complain("%s takes %s", command->name, command->arguments);
		else
			complain("%s takes %s: %s", command->name,
				 command->max == 0   ? "no argument"
				 : command->max == 1 ? "one argument"
						     : "two arguments",
				 argv[optind + command->max]);
		return wrong_usage(command);
	}
	context->arguments = argv + optind;
	context->client = client_new(context->socket);
	return context->client ? -1 : complain("%s", strerror(ENOMEM));
}

static int no_such_command(const struct command *group, const char *word)
{
	struct suggestion suggestion = {.word = word};
	_cleanup_free_ char *meant = NULL;

	for (const struct command *const *c = group->commands; *c; c++)
		if ((*c)->summary)
			suggest(&suggestion, command_word(*c));
	meant = did_you_mean("", suggestion.best, "");
	complain("no such command: %s%s%s%s", word, meant ? " (" : "", meant ?: "",
		 meant ? ")" : "");
	return wrong_usage(group);
}

/* help COMMAND...: what COMMAND --help prints. */
static int help(const struct command *command, char **words)
{
	for (; *words && command->commands; words++) {
		const struct command *found = command_find(command, *words);

		if (!found)
			return no_such_command(command, *words);
		command = found;
	}
	if (command->commands)
		usage(command);
	else
		command_usage(command);
	return EXIT_DONE;
}

static int take_first(int key, const char *value, void *user)
{
	struct taking *taking = user;

	if (key == LONG_OPTION('s')) {
		taking->context->socket = value;
		return 0;
	}
	taking->helped = true;
	if (key == 'h')
		usage(taking->command);
	else
		puts("paimonctl " PAIMON_VERSION);
	return -1;
}

int command_run(struct context *context, const struct command *group, int argc, char **argv)
{
	struct taking taking = {.context = context, .command = group};
	const struct command *command;
	int r = parse(argc, argv, true, group == &command_all ? "" : group->name,
		      (const struct option_row *const[2]){command_first, NULL}, take_first,
		      &taking);

	if (taking.helped)
		return EXIT_DONE;
	if (r)
		return wrong_usage(group);
	argc -= optind;
	argv += optind;
	if (!argc) {
		complain("no command given");
		return wrong_usage(group);
	}
	if (!strcmp(*argv, "help"))
		return help(group, argv + 1);
	command = command_find(group, *argv);
	if (!command)
		return no_such_command(group, *argv);
	return command->commands ? command_run(context, command, argc, argv)
				 : command->run(context, argc, argv);
}

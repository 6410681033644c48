// SPDX-License-Identifier: GPL-2.0
/* Finds the subcommand and runs it; also has the helpers of all subcommands. */
#include "command.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "json.h"

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
			&command_event,
			&command_metrics,
			&command_reload,
			&command_purge,
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

	complain("%s: %s [HTTP %ld]", what, message, response->status);
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

/* The word to type for a command. */
static const char *last_word(const struct command *command)
{
	const char *space = strrchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

static int wrong_usage(const struct command *command)
{
	fprintf(stderr, "Try: %s%s --help\n", command == &command_all ? "" : "paimonctl ",
		command->name);
	return EXIT_USAGE;
}

static void usage(const struct command *group)
{
	const char *name = group == &command_all ? "" : group->name;

	printf("Usage: paimonctl [--socket PATH]%s%s COMMAND [OPTIONS]\n\n%s.\n\nCommands:\n",
	       *name ? " " : "", name, group->summary);
	for (const struct command *const *c = group->commands; *c; c++)
		printf("  %-8s  %s\n", last_word(*c), (*c)->summary);
	printf("\nOptions:\n"
	       "  --socket PATH  paimond's socket (default " SOCKET_PATH ")\n"
	       "  --version      print the version\n"
	       "  --help         print this help; paimonctl %s%sCOMMAND --help for that of a command\n"
	       "\n"
	       "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 paimond does not run. See paimonctl(1).\n",
	       name, *name ? " " : "");
}

static void command_usage(const struct command *command)
{
	printf("Usage: paimonctl %s [OPTIONS]%s%s\n\n%s.\n\nOptions:\n%s"
	       "  --json         print JSON\n"
	       "  --socket PATH  paimond's socket (default " SOCKET_PATH ")\n"
	       "  --help         print this help\n",
	       command->name, command->arguments ? " " : "", command->arguments ?: "",
	       command->summary, command->options);
}

int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    const char *short_options, const struct option *long_options,
		    int (*take)(int option, const char *value, void *user), void *user)
{
	enum { OPTION_SOCKET = 0x1000, OPTION_JSON, OPTION_HELP };
	struct option options[16] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"json", no_argument, NULL, OPTION_JSON},
		{"help", no_argument, NULL, OPTION_HELP},
	};
	int c, r;

	for (size_t i = 0; long_options && long_options[i].name; i++)
		options[3 + i] = long_options[i];
	optind = 0; /* restarts getopt, after the subcommand's name */
	while ((c = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
		switch (c) {
		case OPTION_SOCKET:
			context->socket = optarg;
			break;
		case OPTION_JSON:
			context->json = true;
			break;
		case OPTION_HELP:
			command_usage(command);
			return EXIT_DONE;
		default:
			r = c == '?' ? EXIT_USAGE : take(c, optarg, user);
			if (r)
				return r == EXIT_USAGE ? wrong_usage(command) : r;
		}
	}
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

int command_run(struct context *context, const struct command *group, int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 's':
			context->socket = optarg;
			break;
		case 'v':
			puts("paimonctl " PAIMON_VERSION);
			return EXIT_DONE;
		case 'h':
			usage(group);
			return EXIT_DONE;
		default:
			return wrong_usage(group);
		}
	}
	argc -= optind;
	argv += optind;
	for (const struct command *const *command = group->commands; argc && *command; command++)
		if (!strcmp(*argv, last_word(*command)))
			return (*command)->commands ? command_run(context, *command, argc, argv)
						    : (*command)->run(context, argc, argv);
	if (argc)
		complain("no such command: %s", *argv);
	else
		complain("no command given");
	return wrong_usage(group);
}

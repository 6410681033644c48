/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by command.c and the subcommands: the table of subcommands, common options,
 * exit codes and messages.
 */
#ifndef PAIMONCTL_COMMAND_H
#define PAIMONCTL_COMMAND_H

#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "client.h"
#include "output.h"

#define SOCKET_PATH "/run/paimon/paimond.sock"

/* The next step if BPF programs missed events. */
#define MISSES_NEXT                                                                \
	"load the paimon.ko of this version, or allow kprobes; paimonctl metrics " \
	"| grep recursion_misses shows which programs"

enum exit_code {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_NOT_RUNNING,
};

struct context {
	const char *socket;
	bool json;
	char **arguments;      /* of the command, NULL-terminated */
	struct client *client; /* both are set by command_options() */
};

struct command {
	const char *name;      /* the last word is the name to type */
	const char *summary;   /* for the list of commands */
	const char *arguments; /* as shown in the usage; NULL: none */
	int min, max;	       /* number of arguments */
	const char *options;   /* lines of --help for the options of this command */
	int (*run)(struct context *context, int argc, char **argv); /* an exit code */
	const struct command *const *commands; /* instead: its commands, NULL-terminated */
};

/* The options before a command of a group, and the command; an exit code. */
int command_run(struct context *context, const struct command *group, int argc, char **argv);

extern const struct command command_all; /* the group of all of these: */
extern const struct command command_check, command_event, command_list, command_metrics,
	command_purge, command_reload, command_stat, command_status, command_top;

/*
 * Parses the options and arguments of a subcommand: --socket, --json and --help here, and
 * the command's own options (short_options, long_options) with take, which returns 0, or an exit
 * code after a message. Returns -1 to continue, or an exit code.
 */
int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    const char *short_options, const struct option *long_options,
		    int (*take)(int option, const char *value, void *user), void *user);

/* Reports that an answer to path is not from paimond, and frees it; returns EXIT_FAILED. */
int complain_foreign(const struct context *context, const char *path, struct json_object *answer);

/* Prints "paimonctl: ..." on stderr, for each line; returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports why a request failed; returns the exit code for the errno. */
int complain_client(const struct context *context, int error);

/* Parses an answer as one JSON value; NULL: it is not valid JSON, or null. */
struct json_object *response_json(const struct response *response);

/* Reports an answer other than 200, prefixed with what; returns EXIT_FAILED. */
int complain_response(const char *what, const struct response *response);

/* Prints the object as one line and frees it; an exit code. NULL: out of memory. */
int print_json(struct json_object *object);

/*
 * Sends a request and parses the answer. body: NULL, or freed by this function. what: prefix
 * of error messages of paimond. EXIT_DONE, or an exit code after a message.
 */
int ask_json(struct context *context, const char *method, const char *path,
	     struct json_object *body, const char *what, enum json_type type,
	     struct json_object **ret_object);
/* Gets a JSON object. */
int get_json(struct context *context, const char *path, struct json_object **ret_object);

#endif

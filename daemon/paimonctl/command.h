/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What main.c and the subcommands have in common: the table of subcommands,
 * the options that all of them take, exit codes and messages.
 */
#ifndef PAIMONCTL_COMMAND_H
#define PAIMONCTL_COMMAND_H

#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "client.h"
#include "output.h"

#define SOCKET_PATH "/run/paimon/paimond.sock"

/* What to do about events that BPF programs missed. */
#define MISSES_NEXT                                                                           \
	"load the paimon.ko of this version, or without it allow kprobes; paimonctl metrics " \
	"| grep recursion_misses says which programs"

enum exit_code {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_NOT_RUNNING,
};

struct context {
	const char *socket;
	bool json;
	char **arguments;      /* of the command, and NULL behind them */
	struct client *client; /* both by command_options() */
};

struct command {
	const char *name;      /* its last word is what it is called by */
	const char *summary;   /* for the list of commands */
	const char *arguments; /* as in its usage; NULL: it takes none */
	int min, max;	       /* how many of them */
	const char *options;   /* the lines of --help for the command's own options */
	int (*run)(struct context *context, int argc, char **argv); /* an exit code */
	const struct command *const *commands; /* instead: those behind its name, to NULL */
};

extern const struct command command_check, command_event, command_list, command_metrics,
	command_purge, command_reload, command_stat, command_status, command_top;

/*
 * Reads the options of a subcommand: --socket, --json and --help here, own ones
 * (short_options, long_options) through take, which returns 0, or an exit code
 * after it said what is wrong; and the command's arguments. Returns -1 to go on, or an exit code.
 */
int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    const char *short_options, const struct option *long_options,
		    int (*take)(int option, const char *value, void *user), void *user);

/* Says that an answer to path is none of paimond's, and releases it; returns EXIT_FAILED. */
int complain_foreign(const struct context *context, const char *path, struct json_object *answer);

/* "paimonctl: ..." on stderr, for each line; returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why a request failed; returns the exit code for the errno. */
int complain_client(const struct context *context, int error);

/* The JSON of an answer, which is that and nothing else; NULL: it is not, or null. */
struct json_object *response_json(const struct response *response);

/* Says what paimond answered instead of 200, after what; returns EXIT_FAILED. */
int complain_response(const char *what, const struct response *response);

/* Prints one line and releases the object; an exit code. NULL: there was no memory for it. */
int print_json(struct json_object *object);

/*
 * Sends a request and parses the answer. body: may be NULL, is taken over. what: stands
 * before what paimond has to say against it. EXIT_DONE, or an exit code after a message.
 */
int ask_json(struct context *context, const char *method, const char *path,
	     struct json_object *body, const char *what, enum json_type type,
	     struct json_object **ret_object);
/* GETs an object. */
int get_json(struct context *context, const char *path, struct json_object **ret_object);

#endif

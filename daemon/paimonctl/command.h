/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by command.c and the subcommands: the table of subcommands, common options,
 * exit codes and messages.
 */
#ifndef PAIMONCTL_COMMAND_H
#define PAIMONCTL_COMMAND_H

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

/*
 * An option or an argument of a command. Help, parsing and completion in shells all come from
 * this row.
 */
struct option_row {
	int key;	   /* for take(); a letter is also the short option; 0: an argument */
	const char *name;  /* long option without its dashes, or NULL */
	const char *value; /* what its value, or the argument, is called; NULL: none */
	const char *help;  /* lines */
	/* What can be its value: words with blanks between them; or one of the names below in
	 * angle brackets (complete.c), which stand for words that are looked up. NULL: unknown. */
	const char *words;
};

/* The key of an option without a letter. */
#define LONG_OPTION(letter) (0x100 + (letter))

#define WORDS_FILES "<files>"
#define WORDS_DEVICES "<devices>" /* of iopf */
#define WORDS_EVENTS "<events>"	  /* kept ones */
#define WORDS_SPECS "<specs>"	  /* what can be counted */

/* The options of interval.c. */
#define INTERVAL_OPTIONS(what)                                                               \
	{'n', NULL, "N", "end after N " what, NULL},                                         \
	{                                                                                    \
		'd', NULL, "SECONDS", "length of an interval, 0.1 to 3600 (default 1)", NULL \
	}

struct command {
	const char *name;		  /* the last word is the name to type */
	const char *summary;		  /* for the list of commands; NULL: not in it */
	const char *arguments;		  /* as shown in the usage; NULL: none */
	int min, max;			  /* number of arguments */
	const struct option_row *options; /* ends with a row without help; or NULL */
	int (*run)(struct context *context, int argc, char **argv); /* an exit code */
	const struct command *const *commands; /* instead: its commands, NULL-terminated */
};

/* The options that every command has, and those before a command; each ends with a row without
 * help. */
extern const struct option_row command_common[], command_first[];

/* The word to type for a command. */
const char *command_word(const struct command *command);
/* The command of a group, NULL: there is none. */
const struct command *command_find(const struct command *group, const char *word);

/* The options before a command of a group, and the command; an exit code. */
int command_run(struct context *context, const struct command *group, int argc, char **argv);

extern const struct command command_all; /* the group of all of these: */
extern const struct command command_check, command_complete, command_event, command_list,
	command_lspai, command_metrics, command_purge, command_reload, command_stat, command_status,
	command_top;

/*
 * Parses the options and arguments of a subcommand: the common ones here, and those of the table
 * of the command with take, which gets the key of the row and returns 0, or an exit code after a
 * message. take may be NULL if there are none. Returns -1 to continue, or an exit code.
 */
int command_options(struct context *context, const struct command *command, int argc, char **argv,
		    int (*take)(int key, const char *value, void *user), void *user);

/*
 * Reports a value that is none of words, which have blanks between them, with the one that may
 * be meant: "WHAT: VALUE (did you mean X? there are X, Y and Z)". Returns EXIT_USAGE.
 */
int complain_word(const char *what, const char *value, const char *words);

/* Reports that an answer to path is not from paimond, and frees it; returns EXIT_FAILED. */
int complain_foreign(const struct context *context, const char *path, struct json_object *answer);

/* Prints "paimonctl: ..." on stderr, for each line; returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports why a request failed; returns the exit code for the errno. */
int complain_client(const struct context *context, int error);

/* Parses an answer as one JSON value; NULL: it is not valid JSON, or null. */
struct json_object *response_json(const struct response *response);

/* Reports the reason of an answer other than 200, prefixed with what; returns EXIT_FAILED. */
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

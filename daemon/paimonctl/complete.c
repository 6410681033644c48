// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl complete WORD...: what can be the last word, for the completions of bash, zsh and fish
 * (units/completions). A line for each candidate: the word, and behind a tab what it is; or one
 * line ":files". Everything comes from the tables of the commands, so that a shell knows what
 * this version has.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "../util/cleanup.h"
#include "command.h"
#include "json.h"
#include "pmu.h"

struct completion {
	struct context *context;
	const char *word; /* the beginning of the last word */
};

static void offer(const struct completion *completion, const char *dashes, const char *word,
		  const char *help)
{
	_cleanup_free_ char *text = NULL;
	int length = asprintf(&text, "%s%s\t%.*s\n", dashes, word, (int)strcspn(help, "\n"), help);

	if (length < 0)
		text = NULL;
	else if (!strncmp(text, completion->word, strlen(completion->word)))
		print_text(text, (size_t)length);
}

/* Asks paimond; nothing is said if it does not answer. NULL: no answer. */
static struct json_object *ask(struct context *context, const char *path)
{
	struct client *client = client_new(context->socket);
	struct json_object *object = NULL;
	struct response response = {};

	if (client && !client_get(client, path, "application/json", &response)) {
		if (response.status == 200)
			object = response_json(&response);
		response_clear(&response);
	}
	client_free(client);
	return object;
}

static void offer_events(const struct completion *completion)
{
	struct json_object *list = ask(completion->context, "/v1/events");

	for (size_t i = 0; i < json_length(list); i++)
		offer(completion, "", json_text(json_at(list, i), "name", ""),
		      json_text(json_at(list, i), "spec", ""));
	json_object_put(list);
}

static void offer_devices(const struct completion *completion)
{
	struct json_object *snapshot = ask(completion->context, "/v1/snapshot?collect[]=iopf");
	struct json_object *metrics = json_object_object_get(snapshot, "metrics");

	for (size_t i = 0; i < json_length(metrics); i++) {
		struct json_object *points = json_object_object_get(json_at(metrics, i), "points");

		if (strcmp(json_text(json_at(metrics, i), "name", ""),
			   "paimon_iopf_outstanding_groups") != 0)
			continue;
		for (size_t j = 0; j < json_length(points); j++)
			offer(completion, "",
			      json_text(json_object_object_get(json_at(points, j), "labels"),
					"device", ""),
			      "device");
	}
	json_object_put(snapshot);
}

/* What perf events there are, by name. */
static void offer_specs(const struct completion *completion)
{
	static const char *const names[] = {
		"cpu-cycles",	"instructions",	    "cache-references", "cache-misses",
		"branches",	"branch-misses",    "bus-cycles",	"cpu-clock",
		"task-clock",	"context-switches", "cpu-migrations",	"page-faults",
		"minor-faults", "major-faults",
	};
	struct pmu *pmus = NULL;
	size_t nr_pmus = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		offer(completion, "", names[i], "perf event");
	if (pmu_read_all(PMU_FOLDER, &pmus, &nr_pmus) < 0)
		return;
	for (size_t i = 0; i < nr_pmus; i++)
		for (size_t j = 0; j < pmus[i].nr_events; j++)
			offer(completion, "", pmus[i].events[j].name,
			      pmus[i].events[j].config ?: "");
	pmu_free_all(pmus, nr_pmus);
}

/* What the value of a row can be. */
static void offer_values(const struct completion *completion, const struct option_row *row)
{
	static const struct {
		const char *words;
		void (*offer)(const struct completion *completion);
	} found[] = {{WORDS_DEVICES, offer_devices},
		     {WORDS_EVENTS, offer_events},
		     {WORDS_SPECS, offer_specs}};

	if (!row->words)
		return;
	if (!strcmp(row->words, WORDS_FILES)) {
		print_text(":files\n", strlen(":files\n"));
		return;
	}
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		if (!strcmp(row->words, found[i].words)) {
			found[i].offer(completion);
			return;
		}
	for (const char *word = row->words; *word;) {
		size_t length = strcspn(word, " ");
		_cleanup_free_ char *one = strndup(word, length);

		if (one)
			offer(completion, "", one, "");
		word += length + (word[length] == ' ');
	}
}

/* The row of an option as typed, or NULL. */
static const struct option_row *find_option(const struct option_row *row, const char *word)
{
	for (; row && row->help; row++) {
		if (!row->key)
			continue;
		if (row->name && !strncmp(word, "--", 2) && !strcmp(word + 2, row->name))
			return row;
		if (row->key < LONG_OPTION(0) && word[0] == '-' && word[1] == row->key && !word[2])
			return row;
	}
	return NULL;
}

static void offer_options(const struct completion *completion, const struct option_row *row)
{
	for (; row && row->help; row++)
		if (row->key && row->name)
			offer(completion, "--", row->name, row->help);
		else if (row->key)
			offer(completion, "-", (const char[]){(char)row->key, '\0'}, row->help);
}

static void offer_arguments(const struct completion *completion, const struct command *command,
			    int nr_arguments)
{
	if (command->commands) {
		for (const struct command *const *c = command->commands; *c; c++)
			if ((*c)->summary)
				offer(completion, "", command_word(*c), (*c)->summary);
		offer(completion, "", "help", "Shows the help of a command");
		return;
	}
	for (const struct option_row *row = command->options; row && row->help; row++)
		if (!row->key && nr_arguments-- == 0)
			offer_values(completion, row);
}

static int run(struct context *context, int argc, char **argv)
{
	struct completion completion = {.context = context, .word = argc > 1 ? argv[argc - 1] : ""};
	const struct command *command = &command_all;
	const struct option_row *wants = NULL; /* the row whose value is the next word */
	bool options = true, helps = false;
	int nr_arguments = 0;

	for (int i = 1; i < argc - 1; i++) {
		const char *word = argv[i];
		const struct command *found;

		if (wants) {
			if (wants->name && !strcmp(wants->name, "socket"))
				context->socket = word;
			wants = NULL;
		} else if (options && !strcmp(word, "--")) {
			options = false;
		} else if (options && *word == '-' && word[1]) {
			wants = find_option(command->options, word)
					?: find_option(command->commands ? command_first
									 : command_common,
						       word);
			if (wants && !wants->value)
				wants = NULL;
		} else if (command->commands && !helps && !strcmp(word, "help")) {
			helps = true;
		} else if (command->commands) {
			found = command_find(command, word);
			if (!found)
				return EXIT_DONE;
			command = found;
		} else {
			nr_arguments++;
		}
	}
	if (helps && !command->commands)
		return EXIT_DONE;
	if (wants) {
		offer_values(&completion, wants);
	} else if (options && *completion.word == '-') {
		offer_options(&completion, command->options);
		offer_options(&completion, command->commands ? command_first : command_common);
	} else {
		offer_arguments(&completion, command, nr_arguments);
	}
	return EXIT_DONE;
}

const struct command command_complete = {
	.name = "complete",
	.run = run,
};

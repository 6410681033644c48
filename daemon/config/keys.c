// SPDX-License-Identifier: GPL-2.0
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../util/buffer.h"
#include "../util/cleanup.h"
#include "../util/fail.h"

#define DIGITS "0123456789"

const char *const config_wanted_words[] =
	{[SOURCE_AUTO] = "auto", [SOURCE_YES] = "yes", [SOURCE_NO] = "no", NULL};

int config_set_string(char **target, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

int config_set_none(char **target)
{
	free(*target);
	*target = NULL;
	return 0;
}

int config_parse_path(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	_cleanup_free_ char *copy = NULL, *clean = NULL;
	char *state = NULL, *to;

	if (key->words && !strcmp(value, key->words[0]))
		return config_set_none(target);
	copy = strdup(value);
	clean = to = malloc(strlen(value) + 2);
	if (!copy || !clean)
		return -ENOMEM;
	*to = '\0';
	for (char *word = strtok_r(copy, "/", &state); word; word = strtok_r(NULL, "/", &state)) {
		if (!strcmp(word, ".."))
			return fail(ret_error, -EINVAL, "contains ..");
		if (strcmp(word, "."))
			to += sprintf(to, "/%s", word);
	}
	if (value[0] != '/' || !*clean)
		return fail(ret_error, -EINVAL, "is not an absolute path%s%s",
			    key->words ? " or " : "", key->words ? key->words[0] : "");
	if (key->max && strlen(clean) > key->max)
		return fail(ret_error, -EINVAL, "is longer than %u bytes", key->max);
	return config_set_string(target, clean);
}

char **config_free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
	return NULL;
}

int config_parse_list(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	_cleanup_free_ char *copy = strdup(value);
	char **list = calloc(strlen(value) / 2 + 2, sizeof(*list)), *state = NULL;
	size_t nr = 0;

	for (char *word = copy && list ? strtok_r(copy, CONFIG_LIST_SEPARATORS, &state) : NULL;
	     word; word = strtok_r(NULL, CONFIG_LIST_SEPARATORS, &state)) {
		list[nr] = strdup(word);
		if (!list[nr++]) {
			list = config_free_strings(list);
			break;
		}
	}
	if (!copy || !list) {
		config_free_strings(list);
		return -ENOMEM;
	}
	config_free_strings(*(char ***)target);
	*(char ***)target = list;
	return 0;
}

int config_parse_word(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	_cleanup_free_ char *all = NULL;
	struct buffer known = {};

	for (unsigned int i = 0; key->words[i]; i++) {
		if (!strcmp(value, key->words[i])) {
			free(known.data);
			*(unsigned int *)target = i;
			return 0;
		}
		if (i)
			buffer_add_string(&known, key->words[i + 1] ? ", " : " or ");
		buffer_add_string(&known, key->words[i]);
	}
	all = buffer_take_string(&known);
	return all ? fail(ret_error, -EINVAL, "is not %s", all) : -ENOMEM;
}

int config_parse_flag(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return fail(ret_error, -EINVAL, "is not yes or no");
	*(bool *)target = yes;
	return 0;
}

int config_parse_number(const struct config_key *key, void *target, const char *value,
			char **ret_error)
{
	unsigned long number = strtoul(value, NULL, 10); /* ULONG_MAX if it is too large */

	if (value[strspn(value, DIGITS)] || number < 1 || number > key->max)
		return fail(ret_error, -EINVAL, "is not a number from 1 to %u", key->max);
	*(uint32_t *)target = number;
	return 0;
}

int config_parse_seconds(const struct config_key *key, void *target, const char *value,
			 char **ret_error)
{
	size_t length = strspn(value, DIGITS);
	double seconds = strtod(value, NULL);

	if (length && value[length] == '.')
		length += 1 + strspn(value + length + 1, DIGITS);
	/* A tiny number that strtod() or the conversion would round to 0 is not accepted as
	 * "never". */
	if (!length || value[length] || (seconds < 0.001 && value[strspn(value, "0.")]) ||
	    seconds > key->max)
		return fail(ret_error, -EINVAL,
			    "is not a number of seconds, 0 (never) or from 0.001 to %u", key->max);
	*(uint64_t *)target = seconds * 1e9 + 0.5;
	return 0;
}

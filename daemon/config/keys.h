/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keys of the configuration, as tables: each source has one section of keys or more, which
 * config.c interprets. A key stores its value in struct config. Any thread.
 */
#ifndef PAIMON_CONFIG_KEYS_H
#define PAIMON_CONFIG_KEYS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

#define CONFIG_MAX_KEYS 8	       /* maximum number of keys of a section */
#define CONFIG_MAX_EVENTS 4096	       /* maximum of the key max in [events] */
#define CONFIG_MAX_CGROUP_SERIES 32768 /* of max_cgroup_series */

struct config_key {
	const char *name;
	/* 0, or a negative errno with *ret_error: what is wrong with the value. */
	int (*parse)(const struct config_key *key, void *target, const char *value,
		     char **ret_error);
	size_t offset;		  /* of the target */
	uint32_t max;		  /* of a number, or of the length of a path; 0: no limit */
	const char *const *words; /* valid values in the order of their enum, NULL-terminated;
				   * of a path: the word for none */
	bool required;		  /* required in [event NAME] */
};

struct config_section {
	const char *name;
	const struct config_key *keys;
	size_t nr_keys; /* at most CONFIG_MAX_KEYS */
};

/* Defines a section with an array of keys. */
#define CONFIG_SECTION(symbol, text, rows)                                                         \
	static_assert(sizeof(rows) / sizeof(*(rows)) <= CONFIG_MAX_KEYS, "all keys have a place"); \
	const struct config_section symbol = {text, rows, sizeof(rows) / sizeof(*(rows))}

/* All sections, NULL-terminated, in the order in which messages list them: ../sections.c. */
extern const struct config_section *const config_sections[];

extern const struct config_section paimond_section;

/* A section with a name; the target is a struct config_event. */
#define CONFIG_EVENT_SECTION "event NAME"

#define CONFIG_AT(member) .offset = offsetof(struct config, member)
#define CONFIG_OF_EVENT(member) .offset = offsetof(struct config_event, member)

/* A path, stored without //, /./ and a trailing /, so that equal paths are equal strings. */
int config_parse_path(const struct config_key *key, void *target, const char *value,
		      char **ret_error);
/* A list of words, separated by blanks or commas. Replaces the previous list. */
#define CONFIG_LIST_SEPARATORS " \t,"
int config_parse_list(const struct config_key *key, void *target, const char *value,
		      char **ret_error);
/* One of key->words, stored as its number. */
int config_parse_word(const struct config_key *key, void *target, const char *value,
		      char **ret_error);
/* yes or no. */
int config_parse_flag(const struct config_key *key, void *target, const char *value,
		      char **ret_error);
/* From 1 to key->max. */
int config_parse_number(const struct config_key *key, void *target, const char *value,
			char **ret_error);
/* Seconds, 0 or from 0.001 to key->max, stored as nanoseconds. */
int config_parse_seconds(const struct config_key *key, void *target, const char *value,
			 char **ret_error);

/* The values of enable: enum source_wanted. */
extern const char *const config_wanted_words[];

/* For parse functions: stores a copy of a string, or NULL. 0 or -ENOMEM. */
int config_set_string(char **target, const char *value);
int config_set_none(char **target);

char **config_free_strings(char **strings);

#endif

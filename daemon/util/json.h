/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON: written piece by piece into a buffer, and the small requests that are read.
 * Nothing here allocates but the buffer, so that all fails in one place when memory does.
 * Any thread.
 */
#ifndef PAIMON_JSON_H
#define PAIMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* A text that is being written. */
struct json {
	struct buffer *buffer;
	bool more; /* something stands before in the same object or array */
};

/* key: NULL in an array, and for the outermost value. bracket: '{' or '['; its end is
 * '}' or ']'. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
/* NULL is null. What is not UTF-8 comes out as U+FFFD. */
void json_string(struct json *json, const char *key, const char *value);
void json_integer(struct json *json, const char *key, uint64_t value);
/* What JSON has no number for is null. */
void json_real(struct json *json, const char *key, double value);
void json_boolean(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

struct json_member {
	const char *key, *value;
};

/*
 * Reads an object of strings, as {"key": "value", ...}; keys and values are then in text,
 * which is overwritten. UTF-8 without NUL, each key once. 0, or -EINVAL: *ret_error is what
 * is wrong and *ret_at the byte, from 0 on.
 */
int json_read(char *text, size_t size, struct json_member *members, size_t max, size_t *ret_nr,
	      const char **ret_error, size_t *ret_at);

#endif

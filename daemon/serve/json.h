/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing JSON to a buffer, and reading small JSON requests. Only the buffer allocates
 * memory, so there is one place where it can fail. Any thread.
 */
#ifndef PAIMON_JSON_H
#define PAIMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../util/buffer.h"

/* A JSON text that is being written. */
struct json {
	struct buffer *buffer;
	bool more; /* the current object or array is not empty */
};

/* key: NULL in an array, and for the outermost value. bracket: '{' or '[', and '}' or ']' to
 * close. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
/* NULL is written as null, invalid UTF-8 as U+FFFD. */
void json_string(struct json *json, const char *key, const char *value);
void json_integer(struct json *json, const char *key, uint64_t value);
/* NaN and infinity are written as null. */
void json_real(struct json *json, const char *key, double value);
void json_boolean(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

struct json_member {
	const char *key, *value;
};

/*
 * Reads an object of strings: {"key": "value", ...}. Keys and values point into text, which is
 * overwritten. Strings are UTF-8 without NUL; each key is unique. 0, or -EINVAL: *ret_error
 * describes the error and *ret_at is its offset in bytes.
 */
int json_read(char *text, size_t size, struct json_member *members, size_t max, size_t *ret_nr,
	      const char **ret_error, size_t *ret_at);

#endif

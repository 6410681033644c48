/* SPDX-License-Identifier: GPL-2.0 */
/* Reads and builds objects of json-c. Pure functions, for all subcommands. */
#ifndef PAIMONCTL_JSON_H
#define PAIMONCTL_JSON_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

/* The text or number at key of an object, or the fallback if it is absent. */
const char *json_text(struct json_object *object, const char *key, const char *fallback);
double json_number(struct json_object *object, const char *key, double fallback);
/* The integer at key, 0 if there is none. */
uint64_t json_whole(struct json_object *object, const char *key);
/* Number of elements and an element of an array; none if it is not an array. */
size_t json_length(struct json_object *array);
struct json_object *json_at(struct json_object *array, size_t i);

/*
 * Building objects. value is owned by the object, or freed on failure; NULL: its
 * allocation failed. A text of NULL is null. 0 or -ENOMEM.
 */
int json_add(struct json_object *object, const char *key, struct json_object *value);
int json_append(struct json_object *array, struct json_object *value);
int json_add_text(struct json_object *object, const char *key, const char *text);

#endif

// SPDX-License-Identifier: GPL-2.0
#include "json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "escape.h"

const char *json_text(struct json_object *object, const char *key, const char *fallback)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							    : fallback;
}

double json_number(struct json_object *object, const char *key, double fallback)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_int) ||
			       json_object_is_type(value, json_type_double)
		       ? json_object_get_double(value)
		       : fallback;
}

uint64_t json_whole(struct json_object *object, const char *key)
{
	double value = json_number(object, key, 0);

	/* As a double it may have lost its last digits. */
	return value >= 0 && value < 0x1p64
		       ? json_object_get_uint64(json_object_object_get(object, key))
		       : 0;
}

size_t json_length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *json_at(struct json_object *array, size_t i)
{
	return i < json_length(array) ? json_object_array_get_idx(array, i) : NULL;
}

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && object && !json_object_object_add(object, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_append(struct json_object *array, struct json_object *value)
{
	if (value && array && !json_object_array_add(array, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_add_text(struct json_object *object, const char *key, const char *text)
{
	char *escaped = text ? escape_json(text) : NULL;
	int r;

	if (!text)
		return object && !json_object_object_add(object, key, NULL) ? 0 : -ENOMEM;
	r = json_add(object, key, escaped ? json_object_new_string(escaped) : NULL);
	free(escaped);
	return r;
}

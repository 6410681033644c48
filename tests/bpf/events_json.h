/* SPDX-License-Identifier: GPL-2.0 */
/* What /v1/events has, as json-c reads it. */
#ifndef PAIMON_TESTS_EVENTS_JSON_H
#define PAIMON_TESTS_EVENTS_JSON_H

#include <json-c/json.h>
#include <stdlib.h>

#include "serve/encode/kept.h"
#include "serve/json.h"
#include "source/events/events_source.h"

static inline struct json_object *parsed(struct buffer *buffer)
{
	char *text = buffer_take_string(buffer);
	struct json_object *object = json_tokener_parse(text);

	assert_non_null(object);
	free(text);
	return object;
}

/* One event, or NULL: there is no such id. */
static inline struct json_object *show_json(struct source *source, uint64_t id)
{
	struct buffer buffer = {};
	struct json json = {.buffer = &buffer};

	return events_show(source, id, true, encode_kept, &json) ? NULL : parsed(&buffer);
}

static inline struct json_object *list_json(struct source *source)
{
	struct buffer buffer = {};
	struct json json = {.buffer = &buffer};

	json_open(&json, NULL, '[');
	assert_int_equal(events_list(source, encode_kept, &json), 0);
	json_close(&json, ']');
	return parsed(&buffer);
}

#endif

// SPDX-License-Identifier: GPL-2.0
/* Answers requests for kept events: /v1/events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cleanup.h"
#include "../util/fail.h"
#include "../util/json.h"
#include "peer.h"
#include "reply.h"

#define EVENTS_PATH "/v1/events"
#define MAX_MEMBERS 8 /* of a body */

static unsigned int events_status(int error)
{
	switch (error) {
	case -EINVAL:
		return MHD_HTTP_BAD_REQUEST;
	case -ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case -EEXIST:
		return MHD_HTTP_CONFLICT;
	case -EACCES:
	case -EPERM:
		return MHD_HTTP_FORBIDDEN;
	case -ENOSPC:
	case -EMFILE:
		return MHD_HTTP_INSUFFICIENT_STORAGE;
	case -ENODEV:
	case -ENOMEM:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

/* The id behind EVENTS_PATH/: a decimal number above 0, or 0 if it is none. */
static uint64_t path_id(const char *path)
{
	const char *text = path + strlen(EVENTS_PATH "/");
	char *end;
	uint64_t id;

	errno = 0;
	id = strtoull(text, &end, 10);
	return text[0] >= '1' && text[0] <= '9' && !*end && !errno ? id : 0;
}

/* 0, or -EINVAL with *ret_error. */
static int read_body(struct buffer *body, struct json_member *members, size_t max, size_t *ret_nr,
		     char **ret_error)
{
	const char *wrong;
	size_t at;

	*ret_nr = 0;
	if (body->error)
		return body->error;
	if (!body->size || !json_read(body->data, body->size, members, max, ret_nr, &wrong, &at))
		return 0;
	return fail(ret_error, -EINVAL, "the body is no JSON object of strings: %s at byte %zu",
		    wrong, at);
}

enum MHD_Result answer_events(const struct request *request)
{
	struct json_member members[MAX_MEMBERS];
	struct http_events_request events = {
		.method = request->method,
		.has_body = request->body->size,
		.members = members,
	};
	_cleanup_free_ char *error = NULL;
	struct buffer body = {};
	struct json json = {.buffer = &body};
	int r;

	if (strcmp(request->path, EVENTS_PATH)) {
		events.id = path_id(request->path);
		if (!events.id)
			return reply_error(request->connection, MHD_HTTP_NOT_FOUND,
					   "what is behind " EVENTS_PATH "/ is not an id", NULL);
	}
	if (!peer_get(request_socket(request->connection), &events.peer))
		return reply_no_memory(request->connection);
	r = read_body(request->body, members, MAX_MEMBERS, &events.nr_members, &error);
	if (!r)
		r = request->callbacks->events(request->callbacks->data, &events, &json, &error);
	if (!r)
		return reply_json(request->connection, &body);
	free(body.data);
	return reply_error(request->connection, events_status(r), error ?: strerror(-r), NULL);
}

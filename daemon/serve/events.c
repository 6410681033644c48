// SPDX-License-Identifier: GPL-2.0
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cleanup.h"
#include "../util/fail.h"
#include "encode/kept.h"
#include "json.h"
#include "peer.h"

#define EVENTS_PATH "/v1/events"
#define MAX_MEMBERS 8 /* of a request body */

static unsigned int events_status(int error)
{
	switch (error) {
	case -EINVAL:
		return MHD_HTTP_BAD_REQUEST;
	case -ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case -EEXIST:
	case -EBUSY:
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

/* The id after EVENTS_PATH/: a positive decimal number, or 0 if there is none. */
static uint64_t path_id(const char *path)
{
	const char *text = path + strlen(EVENTS_PATH "/");
	char *end;
	uint64_t id;

	errno = 0;
	id = strtoull(text, &end, 10);
	return text[0] >= '1' && text[0] <= '9' && !*end && !errno ? id : 0;
}

/* Parses the body. 0, or -EINVAL with *ret_error. */
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
	return fail(ret_error, -EINVAL, "the body is not a JSON object of strings: %s at byte %zu",
		    wrong, at);
}

/* A parsed request. */
struct asked {
	const char *method;
	uint64_t id; /* 0: the request is for /v1/events */
	bool has_body;
	struct json_member members[MAX_MEMBERS]; /* of the body */
	size_t nr_members;
	struct ucred peer;
};

/* The strings of a request, by key. Values of keys that it does not have are left unchanged. */
struct wanted {
	const char *key;
	const char **ret_value;
};

static int take_strings(const struct asked *asked, const struct wanted *wanted, size_t nr,
			char **ret_error)
{
	for (size_t m = 0; m < asked->nr_members; m++) {
		const struct json_member *member = &asked->members[m];
		size_t i;

		for (i = 0; i < nr && strcmp(member->key, wanted[i].key); i++)
			;
		if (i == nr)
			return fail(ret_error, -EINVAL, "unknown key %.64s", member->key);
		*wanted[i].ret_value = member->value;
	}
	return 0;
}

/* text: NULL for the default. */
static int parse_by(const char *text, enum kept_by *ret_by, char **ret_error)
{
	for (unsigned int i = 0; kept_by_names[i]; i++)
		if (!strcmp(text ?: kept_by_names[KEPT_BY_NOTHING], kept_by_names[i])) {
			*ret_by = i;
			return 0;
		}
	return fail(ret_error, -EINVAL, "by = %.64s: is not none, cgroup or process", text);
}

static int post(const struct kept *kept, const struct asked *asked, uint64_t *ret_id,
		char **ret_error)
{
	struct kept_owner owner;
	const char *spec = NULL, *name = NULL, *cpus = NULL, *by_name = NULL;
	const struct wanted wanted[] = {{"spec", &spec},
					{"name", &name},
					{"cpus", &cpus},
					{"by", &by_name}};
	enum kept_by by = KEPT_BY_NOTHING;
	int r = take_strings(asked, wanted, 4, ret_error);

	if (!r && !spec)
		return fail(ret_error, -EINVAL, "%s is missing", "spec");
	if (!r)
		r = parse_by(by_name, &by, ret_error);
	if (r < 0)
		return r;
	peer_owner(&asked->peer, &owner);
	r = kept->ops->open(kept->data, spec, name, cpus, by, &owner, ret_id, ret_error);
	/* 404 means an unknown id. */
	return r == -ENOENT || r == -EOPNOTSUPP ? -EINVAL : r;
}

static int patch(const struct kept *kept, const struct asked *asked, char **ret_error)
{
	const char *terms = NULL;
	const struct wanted wanted[] = {{"terms", &terms}};
	int r = take_strings(asked, wanted, 1, ret_error);

	if (!r && !terms)
		return fail(ret_error, -EINVAL, "%s is missing", "terms");
	return r < 0 ? r : kept->ops->set(kept->data, asked->id, terms, ret_error);
}

/* Performs the request, and writes the answer. */
static int perform(const struct kept *kept, const struct asked *asked, struct json *json,
		   char **ret_error)
{
	bool posts = !strcmp(asked->method, MHD_HTTP_METHOD_POST);
	bool patches = !strcmp(asked->method, MHD_HTTP_METHOD_PATCH);
	bool deletes = !strcmp(asked->method, MHD_HTTP_METHOD_DELETE);
	uint64_t id = asked->id;
	int r = kept->ops->ready(kept->data, ret_error);

	if (r < 0)
		return r;
	if ((posts || patches) && !asked->has_body)
		return fail(ret_error, -EINVAL, "%s is missing", "the body");
	if (posts)
		r = post(kept, asked, &id, ret_error);
	else if (patches)
		r = patch(kept, asked, ret_error);
	else if (deletes)
		r = kept->ops->close(kept->data, id, ret_error);
	if (r < 0)
		return r;
	if (deletes) {
		json_open(json, NULL, '{');
		json_integer(json, "closed", id);
		json_close(json, '}');
	} else if (id) {
		r = kept->ops->show(kept->data, id, !posts, encode_kept, json);
	} else {
		json_open(json, NULL, '[');
		r = kept->ops->list(kept->data, encode_kept, json);
		json_close(json, ']');
	}
	if (r == -ENOENT)
		return fail(ret_error, r, "%s", "no event has this id (paimonctl event list)");
	json->buffer->error = json->buffer->error ?: r;
	return 0;
}

enum MHD_Result answer_events(const struct request *request)
{
	struct asked asked = {.method = request->method, .has_body = request->body->size};
	_cleanup_free_ char *error = NULL;
	struct buffer body = {};
	struct json json = {.buffer = &body};
	int r;

	if (strcmp(request->path, EVENTS_PATH)) {
		asked.id = path_id(request->path);
		if (!asked.id)
			return reply_error(
				request->connection, MHD_HTTP_NOT_FOUND,
				"the part of the path after " EVENTS_PATH "/ is not an id", NULL);
	}
	if (!peer_get(request_socket(request->connection), &asked.peer))
		return reply_no_memory(request->connection);
	r = read_body(request->body, asked.members, MAX_MEMBERS, &asked.nr_members, &error);
	if (!r)
		r = perform(&request->callbacks->kept, &asked, &json, &error);
	if (!r)
		return reply_json(request->connection, &body);
	free(body.data);
	return reply_error(request->connection, events_status(r), error ?: strerror(-r), NULL);
}

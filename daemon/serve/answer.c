// SPDX-License-Identifier: GPL-2.0
#include "answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "../util/cleanup.h"
#include "clients.h"
#include "gzip.h"
#include "json.h"
#include "negotiate.h"
#include "openmetrics.h"
#include "page.h"
#include "peer.h"

#define MAX_COLLECT 32
#define MIN_GZIP 1024 /* bytes: below, the headers are most of an answer */

struct client *answer_client(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* All values of a header, which is a list and may come in several lines. */
struct header {
	const char *name;
	size_t nr; /* lines */
	struct buffer values;
};

static enum MHD_Result add_header_line(void *data, enum MHD_ValueKind kind, const char *key,
				       const char *value)
{
	struct header *header = data;

	if (strcasecmp(key, header->name))
		return MHD_YES;
	if (header->nr++)
		buffer_add(&header->values, ",", 1);
	buffer_add_string(&header->values, value ?: "");
	return MHD_YES;
}

/* The value, freed by the caller, or NULL: it did not come, or there is no memory. */
static char *header(struct MHD_Connection *connection, const char *name, size_t *ret_nr)
{
	struct header header = {.name = name};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header_line, &header);
	*ret_nr = header.nr;
	if (header.nr)
		return buffer_take_string(&header.values);
	return NULL;
}

static bool takes_gzip(struct MHD_Connection *connection)
{
	size_t nr;
	_cleanup_free_ char *codings = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING, &nr);

	return http_wants_gzip(codings);
}

/* Takes the body. allow: for a 405, or NULL. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *type, struct buffer *body, const char *allow)
{
	struct client *client = answer_client(connection);
	struct MHD_Response *response;
	bool gzip = false;
	enum MHD_Result r;

	if (!body->error && body->size >= MIN_GZIP && takes_gzip(connection))
		gzip = !gzip_buffer(body);
	/* Without memory for an answer the connection is closed. */
	response = body->error ? NULL
			       : MHD_create_response_from_buffer(body->size, body->data,
								 MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(body->data);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (!strcmp(type, PAGE_TYPE))
		MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'");
	if (gzip)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	if (client)
		client_answer(client, body->size);
	return r;
}

/* Takes the object. */
static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned int status,
				  struct json_object *object, const char *allow)
{
	struct buffer body = {};
	size_t length;
	const char *text = json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

	if (text)
		buffer_add(&body, text, length);
	else
		body.error = -ENOMEM;
	json_object_put(object);
	return reply(connection, status, "application/json", &body, allow);
}

enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
			     const char *message, const char *allow)
{
	struct json_object *object = json_object_new_object(), *error = json_object_new_object();

	json_object_object_add(error, "code", json_object_new_int(status));
	json_object_object_add(error, "message", json_object_new_string(message));
	json_object_object_add(object, "error", error);
	return reply_json(connection, status, object, allow);
}

static enum MHD_Result reply_no_memory(struct MHD_Connection *connection)
{
	return answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory", NULL);
}

struct collect {
	const char *names[MAX_COLLECT + 1]; /* NULL-terminated */
	size_t nr;			    /* those that did not fit included */
};

static enum MHD_Result add_collect(void *data, enum MHD_ValueKind kind, const char *key,
				   const char *value)
{
	struct collect *collect = data;

	if (strcmp(key, "collect[]"))
		return MHD_YES;
	if (collect->nr < MAX_COLLECT)
		collect->names[collect->nr] = value ?: "";
	collect->nr++;
	return MHD_YES;
}

static enum MHD_Result get_metrics(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	_cleanup_free_ char *accept = NULL, *error = NULL;
	char type[HTTP_FORM_TYPE_LEN];
	struct collect collect = {};
	struct snapshot *snapshot;
	struct buffer body = {};
	struct http_form form;
	size_t nr;
	int r;

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_collect, &collect);
	if (collect.nr > MAX_COLLECT)
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, "too many collect[]", NULL);
	r = callbacks->snapshot(callbacks->data, collect.nr ? collect.names : NULL, &snapshot,
				&error);
	if (r == -EINVAL && error)
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, error, NULL);
	if (r < 0)
		return reply_no_memory(connection);
	accept = header(connection, MHD_HTTP_HEADER_ACCEPT, &nr);
	form = http_negotiate(accept);
	http_form_type(&form, type);
	encode_text(snapshot, form.format, &body);
	snapshot_free(snapshot);
	return reply(connection, MHD_HTTP_OK, type, &body, NULL);
}

static enum MHD_Result get_health(const struct request *request)
{
	struct buffer body = {};

	buffer_add_string(&body, "ok\n");
	return reply(request->connection, MHD_HTTP_OK, "text/plain; charset=utf-8", &body, NULL);
}

static enum MHD_Result get_page(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	struct json_object *status = callbacks->status(callbacks->data);
	struct buffer body = {};

	if (!status)
		return reply_no_memory(connection);
	encode_page(status, &body);
	json_object_put(status);
	return reply(connection, MHD_HTTP_OK, PAGE_TYPE, &body, NULL);
}

static enum MHD_Result get_status(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	struct json_object *status = callbacks->status(callbacks->data);

	return status ? reply_json(connection, MHD_HTTP_OK, status, NULL)
		      : reply_no_memory(connection);
}

static enum MHD_Result get_snapshot(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	_cleanup_free_ char *error = NULL;
	struct snapshot *snapshot;
	struct json_object *object;

	if (callbacks->snapshot(callbacks->data, NULL, &snapshot, &error) < 0)
		return reply_no_memory(connection);
	object = encode_json(snapshot);
	snapshot_free(snapshot);
	return object ? reply_json(connection, MHD_HTTP_OK, object, NULL)
		      : reply_no_memory(connection);
}

static enum MHD_Result post_reload(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	_cleanup_free_ char *text = NULL;
	struct json_object *object;

	if (callbacks->reload(callbacks->data, &text) < 0)
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, text ?: "no memory", NULL);
	object = json_object_new_object();
	json_object_object_add(object, "reloaded", json_object_new_boolean(true));
	if (text)
		json_object_object_add(object, "failures", json_object_new_string(text));
	return reply_json(connection, MHD_HTTP_OK, object, NULL);
}

#define EVENTS_PATH "/v1/events"

/* The socket of a connection, or -1. */
static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

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

/* The body as an object, or NULL: there is none. 0, or -EINVAL with *ret_error. */
static int parse_body(const struct buffer *body, struct json_object **ret_object, char **ret_error)
{
	struct json_tokener *tokener;
	int r = 0;

	*ret_object = NULL;
	if (!body->size)
		return 0;
	tokener = body->error ? NULL : json_tokener_new_ex(8);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*ret_object = json_tokener_parse_ex(tokener, body->data, body->size);
	if (!*ret_object || !json_object_is_type(*ret_object, json_type_object)) {
		r = -EINVAL;
		if (asprintf(ret_error, "the body is no JSON object: %s",
			     *ret_object ? "something else"
					 : json_tokener_error_desc(
						   json_tokener_get_error(tokener))) < 0)
			*ret_error = NULL;
		json_object_put(*ret_object);
		*ret_object = NULL;
	}
	json_tokener_free(tokener);
	return r;
}

static enum MHD_Result any_events(const struct request *request)
{
	struct http_events_request events = {.method = request->method};
	_cleanup_free_ char *error = NULL;
	struct json_object *object = NULL;
	int r;

	if (strcmp(request->path, EVENTS_PATH)) {
		events.id = path_id(request->path);
		if (!events.id)
			return answer_error(request->connection, MHD_HTTP_NOT_FOUND,
					    "what is behind " EVENTS_PATH "/ is not an id", NULL);
	}
	if (!peer_get(socket_of(request->connection), &events.peer))
		return reply_no_memory(request->connection);
	r = parse_body(request->body, &events.body, &error);
	if (!r)
		r = request->callbacks->events(request->callbacks->data, &events, &object, &error);
	json_object_put(events.body);
	if (r < 0)
		return answer_error(request->connection, events_status(r), error ?: strerror(-r),
				    NULL);
	return reply_json(request->connection, MHD_HTTP_OK, object, NULL);
}

static const struct route {
	const char *path; /* with a slash at the end: and all below it */
	const char *method;
	bool unix_only;
	bool operators_only;
	enum MHD_Result (*handle)(const struct request *request);
} routes[] = {
	{"/", MHD_HTTP_METHOD_GET, false, false, get_page},
	{"/metrics", MHD_HTTP_METHOD_GET, false, false, get_metrics},
	{"/healthz", MHD_HTTP_METHOD_GET, false, false, get_health},
	{"/v1/status", MHD_HTTP_METHOD_GET, false, false, get_status},
	{"/v1/snapshot", MHD_HTTP_METHOD_GET, true, false, get_snapshot},
	{"/v1/events", MHD_HTTP_METHOD_GET, true, false, any_events},
	{"/v1/events", MHD_HTTP_METHOD_POST, true, true, any_events},
	{"/v1/events/", MHD_HTTP_METHOD_GET, true, false, any_events},
	{"/v1/events/", MHD_HTTP_METHOD_PATCH, true, true, any_events},
	{"/v1/events/", MHD_HTTP_METHOD_DELETE, true, true, any_events},
	{"/v1/reload", MHD_HTTP_METHOD_POST, true, true, post_reload},
};

static bool is_at(const struct route *route, const char *path)
{
	size_t length = strlen(route->path);

	return length > 1 && route->path[length - 1] == '/' ? !strncmp(path, route->path, length)
							    : !strcmp(path, route->path);
}

/* What is wrong with who the request is for, as a status, or 0. Takes the target apart. */
static unsigned int wrong_target(struct request *request, const char **ret_message)
{
	const struct http_callbacks *callbacks = request->callbacks;
	char hostname[HTTP_HOST_LEN] = "", named[HTTP_HOST_LEN];
	size_t nr;
	_cleanup_free_ char *host = header(request->connection, MHD_HTTP_HEADER_HOST, &nr);

	*ret_message = "the target is neither a path nor http://HOST/PATH";
	if (http_split_target(request->path, named, &request->path) < 0)
		return MHD_HTTP_BAD_REQUEST;
	*ret_message = "HTTP/1.1 wants one Host";
	if (nr > 1 || (!nr && !strcmp(request->version, MHD_HTTP_VERSION_1_1)))
		return MHD_HTTP_BAD_REQUEST;
	*ret_message = "no memory";
	if (nr && !host)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	*ret_message = "this Host is not served: see allowed_hosts in paimond.conf(5)";
	gethostname(hostname, sizeof(hostname) - 1);
	if (!request->is_unix && !http_host_allowed(named[0] ? named : host, hostname,
						    callbacks->allowed_hosts(callbacks->data)))
		return MHD_HTTP_MISDIRECTED_REQUEST;
	return 0;
}

enum MHD_Result answer(struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	char allow[64] = "";
	const char *message;
	unsigned int status = wrong_target(request, &message);

	if (status)
		return answer_error(connection, status, message, NULL);
	if (!strcmp(request->method, MHD_HTTP_METHOD_HEAD))
		request->method = MHD_HTTP_METHOD_GET;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *route = &routes[i];

		if (!is_at(route, request->path) || (route->unix_only && !request->is_unix))
			continue;
		if (strcmp(request->method, route->method)) {
			if (allow[0])
				strcat(allow, ", ");
			strcat(allow, route->method[0] == 'G' ? "GET, HEAD" : route->method);
			continue;
		}
		if (route->operators_only && !peer_is_operator(socket_of(connection)))
			return answer_error(
				connection, MHD_HTTP_FORBIDDEN,
				"only root and members of group " OPERATORS " may do this", NULL);
		return route->handle(request);
	}
	if (allow[0])
		return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				    "this path does not take this method", allow);
	return answer_error(connection, MHD_HTTP_NOT_FOUND, "no such path: see /", NULL);
}

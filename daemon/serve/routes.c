// SPDX-License-Identifier: GPL-2.0
#include "routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cleanup.h"
#include "../util/clients.h"
#include "../util/clock.h"
#include "../util/event_set.h"
#include "../util/list.h"
#include "../util/system_pmu.h"
#include "encode/gzip.h"
#include "encode/json.h"
#include "encode/page.h"
#include "encode/status.h"
#include "events.h"
#include "json.h"
#include "negotiate.h"
#include "peer.h"

#define BLOCK (16 << 10) /* bytes of a stream that are written at once */
#define MAX_COLLECT 32

static enum MHD_Result reply_over_budget(struct MHD_Connection *connection)
{
	return reply_error(
		connection, MHD_HTTP_TOO_MANY_REQUESTS,
		"the CPU time for unprivileged clients is used up: try again in a second, or as root or a member of group " OPERATORS
		" on the unix socket",
		NULL);
}

static bool texts_expire(struct shared_text *texts, size_t nr, uint64_t now, bool all)
{
	bool left = false;

	for (size_t i = 0; i < nr; i++) {
		struct shared_text *shared = &texts[i];

		if (shared->body && (all || now - shared->made_ns >= SHARED_NS)) {
			reply_body_unref(shared->body);
			shared->body = NULL;
		}
		left |= shared->body != NULL;
	}
	return left;
}

bool answers_expire(struct answers *answers, bool all)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool left = texts_expire(answers->texts, sizeof(answers->texts) / sizeof(*answers->texts),
				 now, all);

	left |= texts_expire(answers->pages, sizeof(answers->pages) / sizeof(*answers->pages), now,
			     all);
	if (all || now - answers->looked_ns >= HISTORY_SPAN_NS)
		answers->history = history_free(answers->history);
	return left || answers->history;
}

struct collect {
	const char *names[MAX_COLLECT + 1]; /* NULL-terminated */
	size_t nr;			    /* including names that did not fit */
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

/* Takes a snapshot and encodes it. 0, -ENOMEM, or -EINVAL with *ret_error. */
static int make_text(const struct request *request, const struct collect *collect,
		     const struct encoder *encoder, bool gzip, struct reply_body **ret_body,
		     bool *ret_gzip, char **ret_error)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct snapshot *snapshot;
	struct buffer text = {};
	int r = callbacks->snapshot(callbacks->data, collect->nr ? collect->names : NULL, &snapshot,
				    ret_error);

	if (r < 0)
		return r == -EINVAL && *ret_error ? r : -ENOMEM;
	encoder->encode(snapshot, &text);
	snapshot_free(snapshot);
	*ret_gzip = gzip && !text.error && text.size >= MIN_GZIP && !gzip_buffer(&text);
	*ret_body = reply_body_new(&text);
	return *ret_body ? 0 : -ENOMEM;
}

static enum MHD_Result get_metrics(const struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	size_t nr;
	_cleanup_free_ char *accept = request_header(connection, MHD_HTTP_HEADER_ACCEPT, &nr);
	const struct http_form form = http_negotiate(accept);
	bool gzip = request_takes_gzip(connection), is_gzip = gzip;
	struct shared_text *shared = &request->answers->texts[2 * (form.encoder - encoders) + gzip];
	_cleanup_free_ char *error = NULL;
	char type[HTTP_FORM_TYPE_LEN];
	struct collect collect = {};
	struct reply_body *body;
	enum MHD_Result sent;
	int r;

	http_form_type(&form, type);
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_collect, &collect);
	if (collect.nr > MAX_COLLECT)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, "too many collect[]", NULL);
	if (request->over_budget && collect.nr)
		return reply_over_budget(connection);
	answers_expire(request->answers, false);
	if (request->over_budget && shared->body)
		return reply_with(connection, MHD_HTTP_OK, type, shared->body, gzip, NULL);
	r = make_text(request, &collect, form.encoder, gzip, &body, &is_gzip, &error);
	if (r == -EINVAL)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, error, NULL);
	if (r < 0)
		return reply_no_memory(connection);
	if (request->over_budget && is_gzip == gzip) {
		*shared = (struct shared_text){body, clock_ns(CLOCK_MONOTONIC)};
		body->refs++;
	}
	sent = reply_with(connection, MHD_HTTP_OK, type, body, is_gzip, NULL);
	reply_body_unref(body);
	return sent;
}

static enum MHD_Result get_health(const struct request *request)
{
	struct buffer body = {};

	buffer_add_string(&body, "ok\n");
	return reply_text(request->connection, MHD_HTTP_OK, "text/plain; charset=utf-8", &body,
			  NULL);
}

/* The event sets say what the counts of system PMUs mean. NULL: none is needed, or none can be
 * read, which the source says. */
static struct event_sets *sets_for(const struct status *status)
{
	_cleanup_free_ char *errors = NULL;
	struct event_sets *sets;

	for (size_t i = 0; i < status->nr_sources; i++)
		if (!strcmp(status->sources[i].name, "cspmu") && status->sources[i].backend)
			return system_pmu_event_sets(&sets, &errors) < 0 ? NULL : sets;
	return NULL;
}

/* Takes a snapshot, adds it to the history, and encodes the page. 0 or a negative errno. */
static int make_page(const struct request *request, bool paused, struct buffer *html)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct answers *answers = request->answers;
	_cleanup_(event_sets_freep) struct event_sets *sets = NULL;
	_cleanup_free_ char *error = NULL;
	char host[HTTP_HOST_LEN] = "";
	struct snapshot *snapshot;
	struct status status;
	int r = callbacks->status(callbacks->data, &status);

	if (r < 0)
		return r;
	r = callbacks->snapshot(callbacks->data, NULL, &snapshot, &error);
	if (r < 0) {
		status_clear(&status);
		return r;
	}
	if (!answers->history)
		answers->history = history_new(page_wants, NR_PAGE_WANTS);
	answers->looked_ns = clock_ns(CLOCK_MONOTONIC);
	r = answers->history ? history_add(answers->history, snapshot) : -ENOMEM;
	gethostname(host, sizeof(host) - 1);
	sets = sets_for(&status);
	if (!r)
		encode_page(&(struct page){snapshot, answers->history, &status, sets, host, paused},
			    html);
	snapshot_free(snapshot);
	status_clear(&status);
	return r ?: html->error;
}

static enum MHD_Result get_page(const struct request *request)
{
	static const struct reply_header refresh = {"Refresh", PAGE_REFRESH};
	struct MHD_Connection *connection = request->connection;
	bool gzip = request_takes_gzip(connection), is_gzip;
	bool paused = MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "pause",
						    strlen("pause"), NULL, NULL);
	const struct reply_header *header = paused ? NULL : &refresh;
	struct shared_text *shared = &request->answers->pages[2 * paused + gzip];
	struct buffer html = {};
	struct reply_body *body;
	enum MHD_Result sent;

	answers_expire(request->answers, false);
	if (request->over_budget && shared->body)
		return reply_with(connection, MHD_HTTP_OK, PAGE_TYPE, shared->body, gzip, header);
	if (make_page(request, paused, &html) < 0) {
		free(html.data);
		return reply_no_memory(connection);
	}
	is_gzip = gzip && !gzip_buffer(&html);
	body = reply_body_new(&html);
	if (!body)
		return reply_no_memory(connection);
	if (request->over_budget && is_gzip == gzip) {
		*shared = (struct shared_text){body, clock_ns(CLOCK_MONOTONIC)};
		body->refs++;
	}
	sent = reply_with(connection, MHD_HTTP_OK, PAGE_TYPE, body, is_gzip, header);
	reply_body_unref(body);
	return sent;
}

static enum MHD_Result get_status(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct buffer body = {};
	struct json json = {.buffer = &body};
	struct status status;

	if (callbacks->status(callbacks->data, &status) < 0)
		return reply_no_memory(request->connection);
	encode_status(&status, &json);
	status_clear(&status);
	return reply_json(request->connection, &body);
}

/*
 * An answer that is encoded while the client reads it, a piece at a time: the whole text is never
 * in memory, and other requests are answered in between.
 */
struct stream {
	struct snapshot *snapshot;
	struct snapshot_json walk;
	struct buffer piece;
	size_t sent; /* bytes of the piece */
	struct client *client;
	struct budget *budget; /* budget of the client, or NULL */
};

static void stream_free(void *data)
{
	struct stream *stream = data;

	snapshot_free(stream->snapshot);
	free(stream->piece.data);
	free(stream);
}

static ssize_t fill(struct stream *stream, char *block, size_t max)
{
	size_t filled = 0, size;

	while (filled < max) {
		if (stream->sent == stream->piece.size) {
			stream->piece.size = stream->sent = 0;
			if (!encode_json(&stream->walk, &stream->piece))
				break;
			if (stream->piece.error)
				return MHD_CONTENT_READER_END_WITH_ERROR;
		}
		size = stream->piece.size - stream->sent;
		if (size > max - filled)
			size = max - filled;
		memcpy(block + filled, stream->piece.data + stream->sent, size);
		stream->sent += size;
		filled += size;
	}
	return filled ? (ssize_t)filled : MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t stream_read(void *data, uint64_t at, char *block, size_t max)
{
	struct stream *stream = data;
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	ssize_t n = fill(stream, block, max);

	/* The client has read the previous blocks. */
	if (stream->client)
		client_answer(stream->client, stream->snapshot->memory);
	if (stream->budget)
		budget_charge(stream->budget, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
	return n;
}

static enum MHD_Result get_snapshot(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	struct MHD_Connection *connection = request->connection;
	_cleanup_free_ char *error = NULL;
	struct stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;

	if (!stream || callbacks->snapshot(callbacks->data, NULL, &stream->snapshot, &error) < 0) {
		free(stream);
		return reply_no_memory(connection);
	}
	stream->walk.snapshot = stream->snapshot;
	stream->walk.scope = request->budget ? SCOPE_LOCAL : SCOPE_OPERATORS;
	stream->client = request_client(connection);
	stream->budget = request->budget;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, stream_read, stream,
						     stream_free);
	if (!response) {
		stream_free(stream);
		return reply_no_memory(connection);
	}
	return reply_response(connection, MHD_HTTP_OK, JSON_TYPE, response, false, NULL,
			      stream->snapshot->memory);
}

static enum MHD_Result post_reload(const struct request *request)
{
	const struct http_callbacks *callbacks = request->callbacks;
	_cleanup_free_ char *text = NULL, *restart = NULL;
	struct buffer body = {};
	struct json json = {.buffer = &body};
	int r = callbacks->reload(callbacks->data, &text, &restart);

	if (r < 0)
		return reply_error(request->connection,
				   text ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE,
				   text ?: "no memory", NULL);
	json_open(&json, NULL, '{');
	json_boolean(&json, "reloaded", true);
	if (text)
		json_string(&json, "failures", text);
	if (restart)
		json_string(&json, "restart", restart);
	json_close(&json, '}');
	return reply_json(request->connection, &body);
}

static const struct route {
	const char *path; /* with a trailing slash: all paths below it */
	const char *method;
	bool unix_only;
	bool operators_only;
	bool costs; /* charged to the budget of clients that are not operators */
	enum MHD_Result (*handle)(const struct request *request);
} routes[] = {
	{"/", MHD_HTTP_METHOD_GET, false, false, true, get_page},
	{"/metrics", MHD_HTTP_METHOD_GET, false, false, true, get_metrics},
	{"/healthz", MHD_HTTP_METHOD_GET, false, false, false, get_health},
	{"/v1/status", MHD_HTTP_METHOD_GET, false, false, true, get_status},
	{"/v1/snapshot", MHD_HTTP_METHOD_GET, true, false, true, get_snapshot},
	{"/v1/events", MHD_HTTP_METHOD_GET, true, false, true, answer_events},
	{"/v1/events", MHD_HTTP_METHOD_POST, true, true, false, answer_events},
	{"/v1/events/", MHD_HTTP_METHOD_GET, true, false, true, answer_events},
	{"/v1/events/", MHD_HTTP_METHOD_PATCH, true, true, false, answer_events},
	{"/v1/events/", MHD_HTTP_METHOD_DELETE, true, true, false, answer_events},
	{"/v1/reload", MHD_HTTP_METHOD_POST, true, true, false, post_reload},
};

static bool is_at(const struct route *route, const char *path)
{
	size_t length = strlen(route->path);

	return length > 1 && route->path[length - 1] == '/' ? !strncmp(path, route->path, length)
							    : !strcmp(path, route->path);
}

/* Checks the target and host of a request, and splits the target. Returns the HTTP status of an
 * error, or 0. */
static unsigned int wrong_target(struct request *request, const char **ret_message)
{
	const struct http_callbacks *callbacks = request->callbacks;
	char hostname[HTTP_HOST_LEN] = "", named[HTTP_HOST_LEN];
	size_t nr;
	_cleanup_free_ char *host = request_header(request->connection, MHD_HTTP_HEADER_HOST, &nr);

	*ret_message = "the target is neither a path nor http://HOST/PATH";
	if (http_split_target(request->path, named, &request->path) < 0)
		return MHD_HTTP_BAD_REQUEST;
	*ret_message = "HTTP/1.1 requires one Host header";
	if (nr > 1 || (!nr && !strcmp(request->version, MHD_HTTP_VERSION_1_1)))
		return MHD_HTTP_BAD_REQUEST;
	*ret_message = "no memory";
	if (nr && !host)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	*ret_message = "this Host is not allowed: see allowed_hosts in paimond.conf(5)";
	gethostname(hostname, sizeof(hostname) - 1);
	if (!request->is_unix && !http_host_allowed(named[0] ? named : host, hostname,
						    callbacks->allowed_hosts(callbacks->data)))
		return MHD_HTTP_MISDIRECTED_REQUEST;
	return 0;
}

/* Handles a request, and charges its CPU time to the budget of the client. */
static enum MHD_Result handle_charged(const struct route *route, struct request *request)
{
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	enum MHD_Result r;

	request->over_budget = !budget_left(request->budget, clock_ns(CLOCK_MONOTONIC));
	if (request->over_budget && route->handle != get_metrics && route->handle != get_page)
		return reply_over_budget(request->connection);
	r = route->handle(request);
	budget_charge(request->budget, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
	return r;
}

enum MHD_Result answer(struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	char allow[64] = "";
	const char *message;
	unsigned int status = wrong_target(request, &message);

	if (status)
		return reply_error(connection, status, message, NULL);
	if (!strcmp(request->method, MHD_HTTP_METHOD_HEAD))
		request->method = MHD_HTTP_METHOD_GET;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *route = &routes[i];

		if (!is_at(route, request->path) || (route->unix_only && !request->is_unix))
			continue;
		if (strcmp(request->method, route->method)) {
			list_add(allow, sizeof(allow),
				 route->method[0] == 'G' ? "GET, HEAD" : route->method);
			continue;
		}
		if (request->is_unix && (route->operators_only || route->costs) &&
		    peer_is_operator(request_socket(connection)))
			request->budget = NULL;
		else if (route->operators_only)
			return reply_error(
				connection, MHD_HTTP_FORBIDDEN,
				"only root and members of group " OPERATORS " may do this", NULL);
		if (route->costs && request->budget)
			return handle_charged(route, request);
		return route->handle(request);
	}
	if (allow[0])
		return reply_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "this path does not support this method", allow);
	return reply_error(connection, MHD_HTTP_NOT_FOUND, "no such path: see /", NULL);
}

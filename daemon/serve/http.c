// SPDX-License-Identifier: GPL-2.0
#include "http.h"

#include <errno.h>
#include <grp.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "clients.h"
#include "gzip.h"
#include "json.h"
#include "negotiate.h"
#include "openmetrics.h"
#include "page.h"

/* Of each listener: what comes over TCP takes nothing from the unix socket. */
#define MAX_TCP 192
#define MAX_UNIX 64
#define MAX_WAITING (32 << 20) /* bytes of answers */
/* libmicrohttpd turns away whom it accepts beyond its limit, so that lies above
 * ours: it accepts a few before those that we shut down are closed. */
#define MARGIN 32
#define CONNECTION_TIMEOUT 10 /* seconds without a byte */
#define CONNECTION_MEMORY (24 << 10)
#define MAX_HEADER (8 << 10)
#define MAX_BODY (64 << 10)
#define MAX_COLLECT 32
#define MIN_GZIP 1024		    /* bytes: below, the headers are most of an answer */
#define LOG_INTERVAL 60000000000ULL /* ns; what clients do must not fill the log */
#define OPERATORS "paimon"	    /* the group whose members may change what is counted */

struct listener {
	struct http *http;
	struct MHD_Daemon *mhd;
	sd_event_source *io;
	sd_event_source *timer;
	bool is_unix;
	struct clients clients;
	unsigned long dropped; /* of them, as logged */
	uint64_t dropped_logged_ns;
};

struct http {
	struct http_callbacks callbacks;
	struct listener listeners[2];
};

/* The state of a connection, or NULL. */
static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Takes the body. allow: for a 405, or NULL. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     const char *type, struct buffer *body, const char *allow)
{
	struct client *client = client_of(connection);
	struct MHD_Response *response;
	bool gzip = false;
	enum MHD_Result r;

	if (!body->error && body->size >= MIN_GZIP &&
	    http_wants_gzip(header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING)))
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

static enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
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
	return reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory", NULL);
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

static enum MHD_Result get_metrics(struct http *http, struct MHD_Connection *connection)
{
	enum text_format format = http_negotiate(header(connection, MHD_HTTP_HEADER_ACCEPT));
	_cleanup_free_ char *error = NULL;
	struct collect collect = {};
	struct snapshot *snapshot;
	struct buffer body = {};
	int r;

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_collect, &collect);
	if (collect.nr > MAX_COLLECT)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, "too many collect[]", NULL);
	r = http->callbacks.snapshot(http->callbacks.data, collect.nr ? collect.names : NULL,
				     &snapshot, &error);
	if (r == -EINVAL && error)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, error, NULL);
	if (r < 0)
		return reply_no_memory(connection);
	encode_text(snapshot, format, &body);
	snapshot_free(snapshot);
	return reply(connection, MHD_HTTP_OK,
		     format == TEXT_OPENMETRICS ? TEXT_OPENMETRICS_TYPE : TEXT_PROMETHEUS_TYPE,
		     &body, NULL);
}

static enum MHD_Result get_health(struct http *http, struct MHD_Connection *connection)
{
	struct buffer body = {};

	buffer_add_string(&body, "ok\n");
	return reply(connection, MHD_HTTP_OK, "text/plain; charset=utf-8", &body, NULL);
}

static enum MHD_Result get_page(struct http *http, struct MHD_Connection *connection)
{
	struct json_object *status = http->callbacks.status(http->callbacks.data);
	struct buffer body = {};

	if (!status)
		return reply_no_memory(connection);
	encode_page(status, &body);
	json_object_put(status);
	return reply(connection, MHD_HTTP_OK, PAGE_TYPE, &body, NULL);
}

static enum MHD_Result get_status(struct http *http, struct MHD_Connection *connection)
{
	struct json_object *status = http->callbacks.status(http->callbacks.data);

	return status ? reply_json(connection, MHD_HTTP_OK, status, NULL)
		      : reply_no_memory(connection);
}

static enum MHD_Result get_snapshot(struct http *http, struct MHD_Connection *connection)
{
	_cleanup_free_ char *error = NULL;
	struct snapshot *snapshot;
	struct json_object *object;

	if (http->callbacks.snapshot(http->callbacks.data, NULL, &snapshot, &error) < 0)
		return reply_no_memory(connection);
	object = encode_json(snapshot);
	snapshot_free(snapshot);
	return object ? reply_json(connection, MHD_HTTP_OK, object, NULL)
		      : reply_no_memory(connection);
}

static enum MHD_Result post_reload(struct http *http, struct MHD_Connection *connection)
{
	_cleanup_free_ char *error = NULL;
	struct json_object *object;

	if (http->callbacks.reload(http->callbacks.data, &error) < 0)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, error ?: "no memory", NULL);
	object = json_object_new_object();
	json_object_object_add(object, "reloaded", json_object_new_boolean(true));
	return reply_json(connection, MHD_HTTP_OK, object, NULL);
}

static const struct route {
	const char *path;
	const char *method;
	bool unix_only;
	bool operators_only;
	enum MHD_Result (*handle)(struct http *http, struct MHD_Connection *connection);
} routes[] = {
	{"/", MHD_HTTP_METHOD_GET, false, false, get_page},
	{"/metrics", MHD_HTTP_METHOD_GET, false, false, get_metrics},
	{"/healthz", MHD_HTTP_METHOD_GET, false, false, get_health},
	{"/v1/status", MHD_HTTP_METHOD_GET, false, false, get_status},
	{"/v1/snapshot", MHD_HTTP_METHOD_GET, true, false, get_snapshot},
	{"/v1/reload", MHD_HTTP_METHOD_POST, true, true, post_reload},
};

/* Is the peer root, or in the operators' group, supplementary groups included? */
static bool peer_is_operator(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	_cleanup_free_ gid_t *groups = NULL;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct group *operators;

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	/* The daemon's own user too: `systemctl reload` runs paimonctl as that. */
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	operators = getgrnam(OPERATORS);
	if (!operators)
		return false;
	if (peer.gid == operators->gr_gid)
		return true;
	size = 0;
	if (getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 ||
	    errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == operators->gr_gid)
			return true;
	return false;
}

static enum MHD_Result answer(struct listener *listener, struct MHD_Connection *connection,
			      const char *path, const char *method)
{
	struct http *http = listener->http;
	char hostname[256] = "";

	gethostname(hostname, sizeof(hostname) - 1);
	if (!listener->is_unix &&
	    !http_host_allowed(header(connection, MHD_HTTP_HEADER_HOST), hostname,
			       http->callbacks.allowed_hosts(http->callbacks.data)))
		return reply_error(connection, MHD_HTTP_MISDIRECTED_REQUEST,
				   "this Host is not served: see allowed_hosts in paimond.conf(5)",
				   NULL);
	if (!strcmp(method, MHD_HTTP_METHOD_HEAD))
		method = MHD_HTTP_METHOD_GET;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *route = &routes[i];

		if (strcmp(path, route->path) || (route->unix_only && !listener->is_unix))
			continue;
		if (strcmp(method, route->method))
			return reply_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					   "this path does not take this method",
					   route->method[0] == 'G' ? "GET, HEAD" : route->method);
		if (route->operators_only && !peer_is_operator(connection))
			return reply_error(
				connection, MHD_HTTP_FORBIDDEN,
				"only root and members of group " OPERATORS " may do this", NULL);
		return route->handle(http, connection);
	}
	return reply_error(connection, MHD_HTTP_NOT_FOUND, "no such path: see /", NULL);
}

/* What is wrong with the size of a request, as a status, or 0. */
static unsigned int wrong_size(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (info && info->header_size > MAX_HEADER)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING))
		return MHD_HTTP_LENGTH_REQUIRED;
	if (length && strtoull(length, NULL, 10) > MAX_BODY)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/* libmicrohttpd calls this once with the head of a request, for each piece of
 * its body (nobody here reads one), and once at its end. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *body,
				  size_t *body_size, void **request)
{
	static char seen;
	unsigned int status;

	if (!*request) {
		*request = &seen;
		status = wrong_size(connection);
		if (status)
			return reply_error(connection, status,
					   status == MHD_HTTP_LENGTH_REQUIRED
						   ? "a body needs a Content-Length"
						   : "the request is too large",
					   NULL);
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	return answer(data, connection, path, method);
}

/* The whole answer was taken, or the connection ended. */
static void on_completed(void *data, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct client *client = client_of(connection);

	if (client)
		client_progress(client);
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = data;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*context = client_free(*context);
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = info ? clients_add(&listener->clients, info->connect_fd) : NULL;
	if (info && !*context)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/* The operator may want to know who stalls; once a minute is enough. */
static void log_dropped(struct listener *listener)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned long dropped = listener->clients.dropped - listener->dropped;

	if (!dropped || (listener->dropped && now - listener->dropped_logged_ns < LOG_INTERVAL))
		return;
	listener->dropped += dropped;
	listener->dropped_logged_ns = now;
	log_warning("http: %lu stalled %s to make room (at most %u; see ss -%stp)", dropped,
		    dropped == 1 ? "connection was closed" : "connections were closed",
		    listener->clients.max, listener->is_unix ? "x" : "");
}

static void run(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(listener->mhd);
	log_dropped(listener);
	if (MHD_get_timeout(listener->mhd, &timeout) == MHD_YES) {
		sd_event_source_set_time_relative(listener->timer, timeout * 1000);
		sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
	} else {
		sd_event_source_set_enabled(listener->timer, SD_EVENT_OFF);
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
	run(data);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	run(data);
	return 0;
}

static void log_mhd(void *data, const char *format, va_list ap)
{
	static uint64_t logged_ns;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	char line[256];

	if (logged_ns && now - logged_ns < LOG_INTERVAL)
		return;
	logged_ns = now;
	vsnprintf(line, sizeof(line), format, ap);
	line[strcspn(line, "\n")] = '\0';
	log_warning("http: %s", line);
}

static int listener_init(struct listener *listener, struct http *http, sd_event *event, int fd,
			 bool is_unix)
{
	const union MHD_DaemonInfo *info;
	int r;

	listener->http = http;
	listener->is_unix = is_unix;
	listener->clients.max = is_unix ? MAX_UNIX : MAX_TCP;
	listener->clients.max_waiting = MAX_WAITING;
	listener->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, listener,
		MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, listener->clients.max + MARGIN,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, listener, MHD_OPTION_END);
	if (!listener->mhd) {
		close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(listener->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	r = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, on_io, listener);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &listener->timer, CLOCK_MONOTONIC, 0, 0,
					       on_timer, listener);
	return r < 0 ? r : 0;
}

int http_new(sd_event *event, int unix_fd, int tcp_fd, const struct http_callbacks *callbacks,
	     struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int fds[2] = {unix_fd, tcp_fd}, r = http ? 0 : -ENOMEM;

	if (http)
		http->callbacks = *callbacks;
	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		if (r < 0)
			close(fds[i]);
		else
			r = listener_init(&http->listeners[i], http, event, fds[i], i == 0);
	}
	if (r < 0) {
		http_free(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	for (int i = 0; i < 2; i++) {
		sd_event_source_disable_unref(http->listeners[i].io);
		sd_event_source_disable_unref(http->listeners[i].timer);
		if (http->listeners[i].mhd)
			MHD_stop_daemon(http->listeners[i].mhd);
	}
	free(http);
	return NULL;
}

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
#include "../util/log.h"
#include "json.h"
#include "negotiate.h"
#include "openmetrics.h"

#define MAX_CONNECTIONS 256
#define CONNECTION_TIMEOUT 10 /* seconds without progress */
#define OPERATORS "paimon"    /* the group whose members may change what is counted */

struct listener {
	struct http *http;
	struct MHD_Daemon *mhd;
	sd_event_source *io;
	sd_event_source *timer;
	bool is_unix;
};

struct http {
	struct http_callbacks callbacks;
	struct listener listeners[2];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
			     struct MHD_Response *response, const char *type)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

/* Takes the object. */
static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned int status,
				  struct json_object *object, const char *allow)
{
	struct MHD_Response *response;
	size_t length;
	const char *text = json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN,
							     &length);

	response = MHD_create_response_from_buffer(length, (void *)text, MHD_RESPMEM_MUST_COPY);
	json_object_put(object);
	if (response && allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	return reply(connection, status, response, "application/json");
}

static struct json_object *error_object(unsigned int status, const char *message)
{
	struct json_object *object = json_object_new_object(), *error = json_object_new_object();

	json_object_object_add(error, "code", json_object_new_int(status));
	json_object_object_add(error, "message", json_object_new_string(message));
	json_object_object_add(object, "error", error);
	return object;
}

static enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
				   const char *message)
{
	return reply_json(connection, status, error_object(status, message), NULL);
}

static enum MHD_Result get_metrics(struct http *http, struct MHD_Connection *connection)
{
	enum text_format format = http_negotiate(
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	struct snapshot *snapshot = http->callbacks.snapshot(http->callbacks.data);
	struct buffer buffer = {};
	struct MHD_Response *response;

	if (snapshot)
		encode_text(snapshot, format, &buffer);
	if (!snapshot || buffer.error) {
		free(buffer.data);
		snapshot_free(snapshot);
		return reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory");
	}
	snapshot_free(snapshot);
	response = MHD_create_response_from_buffer(buffer.size, buffer.data, MHD_RESPMEM_MUST_FREE);
	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept");
	return reply(connection, MHD_HTTP_OK, response,
		     format == TEXT_OPENMETRICS ? TEXT_OPENMETRICS_TYPE : TEXT_PROMETHEUS_TYPE);
}

static enum MHD_Result get_health(struct http *http, struct MHD_Connection *connection)
{
	static char ok[] = "ok\n";

	return reply(connection, MHD_HTTP_OK,
		     MHD_create_response_from_buffer(3, ok, MHD_RESPMEM_PERSISTENT),
		     "text/plain; charset=utf-8");
}

static enum MHD_Result get_status(struct http *http, struct MHD_Connection *connection)
{
	struct json_object *status = http->callbacks.status(http->callbacks.data);

	return status ? reply_json(connection, MHD_HTTP_OK, status, NULL)
		      : reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory");
}

static enum MHD_Result get_snapshot(struct http *http, struct MHD_Connection *connection)
{
	struct snapshot *snapshot = http->callbacks.snapshot(http->callbacks.data);
	struct json_object *object = snapshot ? encode_json(snapshot) : NULL;

	snapshot_free(snapshot);
	return object ? reply_json(connection, MHD_HTTP_OK, object, NULL)
		      : reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory");
}

static enum MHD_Result post_reload(struct http *http, struct MHD_Connection *connection)
{
	_cleanup_free_ char *error = NULL;
	struct json_object *object;

	if (http->callbacks.reload(http->callbacks.data, &error) < 0)
		return reply_error(connection, MHD_HTTP_BAD_REQUEST, error ?: "no memory");
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
	    !http_host_allowed(
		    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
		    hostname, http->callbacks.allowed_hosts(http->callbacks.data)))
		return reply_error(connection, MHD_HTTP_MISDIRECTED_REQUEST,
				   "this Host is not served: see allowed_hosts in paimond.conf(5)");
	if (!strcmp(method, MHD_HTTP_METHOD_HEAD))
		method = MHD_HTTP_METHOD_GET;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *route = &routes[i];

		if (strcmp(path, route->path) || (route->unix_only && !listener->is_unix))
			continue;
		if (strcmp(method, route->method))
			return reply_json(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					  error_object(MHD_HTTP_METHOD_NOT_ALLOWED,
						       "this path does not take this method"),
					  route->method[0] == 'G' ? "GET, HEAD" : route->method);
		if (route->operators_only && !peer_is_operator(connection))
			return reply_error(connection, MHD_HTTP_FORBIDDEN,
					   "only root and members of group " OPERATORS
					   " may do this");
		return route->handle(http, connection);
	}
	return reply_error(connection, MHD_HTTP_NOT_FOUND, "no such path");
}

/* libmicrohttpd calls this once with the head of a request, for each piece of
 * its body (nobody here reads one), and once at its end. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *body,
				  size_t *body_size, void **request)
{
	static char seen;

	if (!*request) {
		*request = &seen;
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	return answer(data, connection, path, method);
}

static void run(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(listener->mhd);
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
	char line[256];

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
	listener->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, listener,
		MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_TIMEOUT, MHD_OPTION_END);
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

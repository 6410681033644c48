// SPDX-License-Identifier: GPL-2.0
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../util/buffer.h"
#include "../util/clients.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "reply.h"
#include "routes.h"

/* Limits of clients, separate for TCP and unix sockets so that TCP clients do not use up those
 * of unix sockets: the maximum, or this part of the limit on descriptors if that is less. */
#define MAX_TCP 192
#define TCP_PART 8
#define MAX_UNIX 64
#define UNIX_PART 16
#define MAX_WAITING (32 << 20) /* bytes of unread answers */
/* libmicrohttpd rejects clients beyond its own limit. It is higher than ours, because
 * libmicrohttpd accepts some clients before those that were shut down are closed. */
#define MARGIN 16
#define CONNECTION_TIMEOUT 10 /* seconds without a byte */
#define CONNECTION_MEMORY (32 << 10)
#define MAX_HEADER (8 << 10)
#define MAX_ARGUMENTS 64
#define MAX_BODY (64 << 10)
#define LOG_INTERVAL 60000000000ULL /* in ns; clients must not be able to fill the log */

/* The clients of all TCP listeners, or of all unix sockets. */
struct kind {
	struct clients clients;
	unsigned long dropped; /* value of clients.dropped at the latest log message */
	uint64_t dropped_logged_ns;
	struct budget budget;
};

struct listener {
	struct http *http;
	struct MHD_Daemon *mhd;
	sd_event_source *io;
	sd_event_source *timer;
	bool is_unix;
};

struct http {
	struct http_callbacks callbacks;
	struct answers answers;
	sd_event_source *expire; /* of answers */
	struct kind tcp, local;
	size_t nr_listeners;
	struct listener listeners[];
};

static struct kind *kind_of(const struct listener *listener)
{
	return listener->is_unix ? &listener->http->local : &listener->http->tcp;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Header lines that a proxy in front of paimond could interpret in another way. */
struct lines {
	bool wrong; /* a header name is invalid */
	unsigned int nr_lengths;
};

/* libmicrohttpd hides what follows a NUL, and a line from ": x" on. */
static enum MHD_Result look_at_line(void *data, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	struct lines *lines = data;

	lines->wrong |= !*name;
	lines->nr_lengths += !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
	for (; *name; name++)
		lines->wrong |= (unsigned char)*name <= ' ' || *name == 0x7f;
	return MHD_YES;
}

/* Checks the header of a request. Returns the HTTP status of an error, or 0. */
static unsigned int wrong_head(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const struct client *client = request_client(connection);
	struct lines lines = {};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_line, &lines);
	if (lines.wrong || lines.nr_lengths > 1)
		return MHD_HTTP_BAD_REQUEST;
	if (client && client->too_many_arguments)
		return MHD_HTTP_URI_TOO_LONG;
	if (info && info->header_size > MAX_HEADER)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING))
		return MHD_HTTP_LENGTH_REQUIRED;
	if (length && strtoull(length, NULL, 10) > MAX_BODY)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/*
 * libmicrohttpd calls this with the target of a request, before it parses it. It allocates a
 * record for each argument, and drops a client without an answer if it has no memory for them. So
 * if there are too many arguments, this hides them from it.
 */
static void *on_target(void *data, const char *target, struct MHD_Connection *connection)
{
	struct client *client = request_client(connection);
	char *arguments = target ? strchr(target, '?') : NULL;
	size_t nr = 0;

	for (const char *p = arguments; p; p = strchr(p + 1, '&'))
		nr++;
	if (client)
		client->too_many_arguments = nr > MAX_ARGUMENTS;
	if (nr > MAX_ARGUMENTS)
		arguments[1] = '\0'; /* in libmicrohttpd's own buffer, which it writes to as well */
	return NULL;
}

/* Like libmicrohttpd's own function, except that an escaped NUL (%00) does not end the text. */
static size_t on_unescape(void *data, struct MHD_Connection *connection, char *text)
{
	size_t length = MHD_http_unescape(text);
	char *nul;

	while ((nul = memchr(text, '\0', length)))
		*nul = '?';
	return length;
}

/* libmicrohttpd calls this once with the header of a request, for each piece of its body, and
 * once at its end. A request over TCP must not have a body. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *body,
				  size_t *body_size, void **request)
{
	const struct listener *listener = data;
	struct buffer *buffer = *request;
	struct request whole = {
		.callbacks = &listener->http->callbacks,
		.answers = &listener->http->answers,
		.budget = &kind_of(listener)->budget,
		.connection = connection,
		.is_unix = listener->is_unix,
		.method = method,
		.version = version,
		.path = path,
		.body = buffer,
	};
	unsigned int status;

	if (!buffer) {
		*request = calloc(1, sizeof(*buffer));
		if (!*request)
			return MHD_NO;
		status = wrong_head(connection);
		if (status)
			return reply_error(
				connection, status,
				status == MHD_HTTP_LENGTH_REQUIRED
					? "a request with a body requires Content-Length"
				: status == MHD_HTTP_BAD_REQUEST
					? "malformed header, or more than one Content-Length"
				: status == MHD_HTTP_URI_TOO_LONG
					? "the target has too many arguments"
					: "the request is too large",
				NULL);
		return MHD_YES;
	}
	if (*body_size) {
		if (listener->is_unix)
			buffer_add(buffer, body, *body_size);
		*body_size = 0;
		return MHD_YES;
	}
	return answer(&whole);
}

/* Called when the client has read the whole answer, or the connection has ended. */
static void on_completed(void *data, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct client *client = request_client(connection);
	struct buffer *buffer = *request;
	char byte;

	if (buffer)
		free(buffer->data);
	free(buffer);
	*request = NULL;
	if (!client)
		return;
	client_progress(client);
	/* libmicrohttpd notices the end of a connection only with a further event. If it arrived
	 * together with the request, the connection would otherwise stay open until its timeout. */
	if (!recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT))
		shutdown(client->fd, SHUT_RD);
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
	*context = info ? clients_add(&kind_of(listener)->clients, info->connect_fd) : NULL;
	if (info && !*context)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/* Logs, at most once a minute, that stalled clients were closed. */
static void log_dropped(struct kind *kind, bool is_unix)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned long dropped = kind->clients.dropped - kind->dropped;

	if (!dropped || (kind->dropped && now - kind->dropped_logged_ns < LOG_INTERVAL))
		return;
	kind->dropped += dropped;
	kind->dropped_logged_ns = now;
	log_warning("http: %lu stalled %s to make room (at most %u; see ss -%stp)", dropped,
		    dropped == 1 ? "connection was closed" : "connections were closed",
		    kind->clients.max, is_unix ? "x" : "");
}

/* Frees shared texts that are too old, and the history, also if no request comes. */
static int on_expire(sd_event_source *source, uint64_t usec, void *data)
{
	struct http *http = data;

	if (!answers_expire(&http->answers, false))
		return 0;
	sd_event_source_set_time_relative(source, SHARED_NS / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void run(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(listener->mhd);
	log_dropped(kind_of(listener), listener->is_unix);
	if (sd_event_source_get_enabled(listener->http->expire, NULL) == SD_EVENT_OFF)
		on_expire(listener->http->expire, 0, listener->http);
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

static unsigned int max_clients(bool is_unix)
{
	unsigned int max = is_unix ? MAX_UNIX : MAX_TCP, part = is_unix ? UNIX_PART : TCP_PART;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur / part < max ? limit.rlim_cur / part + 1 : max;
}

static void kind_init(struct kind *kind, bool is_unix)
{
	kind->clients.max = max_clients(is_unix);
	kind->clients.max_waiting = MAX_WAITING;
}

static int listener_init(struct listener *listener, sd_event *event, int fd)
{
	const union MHD_DaemonInfo *info;
	int r;

	listener->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, listener,
		MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, kind_of(listener)->clients.max + MARGIN,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
		on_unescape, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener, MHD_OPTION_END);
	if (!listener->mhd) {
		close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(listener->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	r = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, on_io, listener);
	/* An accuracy of 0 would mean 250 ms, and each pipelined request waits for this timer. */
	if (r >= 0)
		r = sd_event_add_time_relative(event, &listener->timer, CLOCK_MONOTONIC, 0, 1,
					       on_timer, listener);
	return r < 0 ? r : 0;
}

int http_new(sd_event *event, const struct http_socket *sockets, size_t nr_sockets,
	     const struct http_callbacks *callbacks, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http) + nr_sockets * sizeof(*http->listeners));
	int r = http ? 0 : -ENOMEM;

	if (http) {
		http->callbacks = *callbacks;
		kind_init(&http->tcp, false);
		kind_init(&http->local, true);
		r = sd_event_add_time_relative(event, &http->expire, CLOCK_MONOTONIC, 0,
					       SHARED_NS / 4000, on_expire, http);
		if (r >= 0)
			r = sd_event_source_set_enabled(http->expire, SD_EVENT_OFF);
	}
	for (size_t i = 0; i < nr_sockets; i++) {
		struct listener *listener;

		if (r < 0) {
			close(sockets[i].fd);
			continue;
		}
		listener = &http->listeners[http->nr_listeners++];
		*listener = (struct listener){.http = http, .is_unix = sockets[i].is_unix};
		r = listener_init(listener, event, sockets[i].fd);
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
	for (size_t i = 0; i < http->nr_listeners; i++) {
		sd_event_source_disable_unref(http->listeners[i].io);
		sd_event_source_disable_unref(http->listeners[i].timer);
		if (http->listeners[i].mhd)
			MHD_stop_daemon(http->listeners[i].mhd);
	}
	sd_event_source_disable_unref(http->expire);
	answers_expire(&http->answers, true);
	free(http);
	return NULL;
}

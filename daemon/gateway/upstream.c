// SPDX-License-Identifier: GPL-2.0
#include "upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../util/log.h"

struct upstream {
	sd_event *event;
	const char *path;
	unsigned int nr_running;
	struct fetch *running;
	struct fetch *first, **last; /* that wait */
	bool unreachable;	     /* it was logged */
};

static void start_next(struct upstream *upstream);

/* Releases what a request that runs, or is to run, has. */
static void release(struct fetch *fetch)
{
	sd_event_source_disable_unref(fetch->io);
	sd_event_source_disable_unref(fetch->timer);
	if (fetch->fd >= 0)
		close(fetch->fd);
	free(fetch->request.data);
	fetch->request = (struct buffer){};
}

static void finish(struct fetch *fetch, unsigned int status, const char *error)
{
	if (error)
		fetch->status = status;
	fetch->error = error;
	fetch->done(fetch);
}

/* Ends a request that runs. error: or NULL. */
static void end(struct fetch *fetch, unsigned int status, const char *error)
{
	struct upstream *upstream = fetch->upstream;
	struct fetch **p = &upstream->running;

	while (*p != fetch)
		p = &(*p)->next;
	*p = fetch->next;
	upstream->nr_running--;
	release(fetch);
	finish(fetch, status, error);
	start_next(upstream);
}

/* Takes the first one that waits, or NULL. */
static struct fetch *take_waiting(struct upstream *upstream)
{
	struct fetch *fetch = upstream->first;

	if (fetch)
		upstream->first = fetch->next;
	if (!upstream->first)
		upstream->last = &upstream->first;
	return fetch;
}

static void fail_waiting(struct upstream *upstream, unsigned int status, const char *error)
{
	struct fetch *fetch;

	while ((fetch = take_waiting(upstream))) {
		release(fetch);
		finish(fetch, status, error);
	}
}

static bool is_token(const char *text)
{
	return *text && !text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
					   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

bool upstream_next_header(struct fetch *fetch, char **ret_name, char **ret_value)
{
	/* Of this connection, or made anew by libmicrohttpd. */
	static const char *const not_passed[] = {
		"Connection",
		"Keep-Alive",
		"Proxy-Connection",
		"Proxy-Authenticate",
		"Proxy-Authorization",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"Content-Length",
		"Date",
	};
	bool passed;

	do {
		char *name = fetch->headers, *value;

		if (!*name)
			return false;
		value = name + strlen(name) + 1;
		fetch->headers = value + strlen(value) + 1;
		passed = true;
		for (size_t i = 0; i < sizeof(not_passed) / sizeof(*not_passed); i++)
			passed &= strcasecmp(name, not_passed[i]) != 0;
		*ret_name = name;
		*ret_value = value;
	} while (!passed);
	return true;
}

/* Splits a line of the header in place into name and value, which become strings; both move to
 * *to. False: it is not one. */
static bool split_line(char *line, size_t *length, char **to)
{
	char *colon = strchr(line, ':'), *value;
	size_t size;

	if (!colon)
		return false;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	if (!is_token(line))
		return false;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return false;
	if (!strcasecmp(line, "Transfer-Encoding"))
		return false; /* not for HTTP/1.0 */
	if (!strcasecmp(line, "Content-Length")) {
		if (!*value || value[strspn(value, "0123456789")])
			return false;
		*length = strtoull(value, NULL, 10);
		if (*length == SIZE_MAX)
			return false; /* too large a number */
	}
	size = colon + 1 - line;
	memmove(*to, line, size);
	*to += size;
	size = strlen(value) + 1;
	memmove(*to, value, size);
	*to += size;
	return true;
}

int upstream_parse(struct fetch *fetch)
{
	struct buffer *answer = &fetch->answer;
	char *end, *line, *next, *to;
	size_t length = SIZE_MAX;

	end = answer->data ? memmem(answer->data, answer->size, "\r\n\r\n", 4) : NULL;
	if (!end || end - answer->data > UPSTREAM_MAX_HEADER ||
	    memchr(answer->data, '\0', end - answer->data))
		return -EBADMSG;
	fetch->body = end + 4 - answer->data;
	end[2] = '\0'; /* after the last line */
	line = answer->data;
	if (strncmp(line, "HTTP/1.", 7) || !strchr("01", line[7]) || line[8] != ' ' ||
	    strspn(line + 9, "0123456789") != 3 || !strchr(" \r", line[12]) || line[9] < '2')
		return -EBADMSG;
	fetch->status = atoi(line + 9);
	fetch->headers = to = line = strstr(line, "\r\n") + 2;
	for (; *line; line = next) {
		next = strstr(line, "\r\n");
		*next = '\0';
		next += 2;
		if (!split_line(line, &length, &to))
			return -EBADMSG;
	}
	*to = '\0'; /* there is room: each line has lost CR LF */
	/* An answer that is cut off. */
	return length != SIZE_MAX && length != answer->size - fetch->body ? -EBADMSG : 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *data)
{
	static char block[64 << 10]; /* one thread */
	struct fetch *fetch = data;
	ssize_t n = recv(fd, block, sizeof(block), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		end(fetch, 502, "paimond has closed the connection");
		return 0;
	}
	if (n > 0) {
		sd_event_source_set_time_relative(fetch->timer, UPSTREAM_SECONDS * 1000000ULL);
		buffer_add(&fetch->answer, block, n);
		if (fetch->answer.error)
			end(fetch, 503, "no memory");
		else if (fetch->answer.size > UPSTREAM_MAX_BODY)
			end(fetch, 502, "the answer of paimond is larger than 32 MiB");
		return 0;
	}
	if (upstream_parse(fetch) < 0)
		end(fetch, 502, "paimond has not answered as expected");
	else
		end(fetch, 0, NULL);
	return 0;
}

/* Those that wait would only wait for the same. */
static int on_timeout(sd_event_source *source, uint64_t usec, void *data)
{
	static const char error[] = "paimond does not answer";
	struct fetch *fetch = data;

	fail_waiting(fetch->upstream, 504, error);
	end(fetch, 504, error);
	return 0;
}

static int open_connection(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Logs once that paimond cannot be reached, until it can. */
static void log_unreachable(struct upstream *upstream, int error)
{
	if (!upstream->unreachable)
		log_warning(
			"cannot connect to paimond at %s: %s (%s)", upstream->path,
			strerror(-error),
			error == -EACCES
				? "is its mode 0666?"
				: "does paimond run, with a paimond.socket that has this path?");
	upstream->unreachable = true;
}

/* 0, or a negative errno after which nothing of it is left. */
static int start(struct upstream *upstream, struct fetch *fetch)
{
	int r = 0;

	fetch->fd = open_connection(upstream->path);
	if (fetch->fd < 0) {
		r = fetch->fd;
		log_unreachable(upstream, r);
	} else if (send(fetch->fd, fetch->request.data, fetch->request.size, MSG_NOSIGNAL) !=
		   (ssize_t)fetch->request.size) {
		r = -EIO; /* it is smaller than the buffer of any socket */
	}
	if (!r)
		r = sd_event_add_io(upstream->event, &fetch->io, fetch->fd, EPOLLIN, on_readable,
				    fetch);
	if (r >= 0)
		r = sd_event_add_time_relative(upstream->event, &fetch->timer, CLOCK_MONOTONIC,
					       UPSTREAM_SECONDS * 1000000ULL, 0, on_timeout, fetch);
	if (r < 0) {
		release(fetch);
		return r;
	}
	upstream->unreachable = false;
	fetch->next = upstream->running;
	upstream->running = fetch;
	upstream->nr_running++;
	return 0;
}

static void start_next(struct upstream *upstream)
{
	struct fetch *fetch;

	while (upstream->nr_running < UPSTREAM_MAX && (fetch = take_waiting(upstream)))
		if (start(upstream, fetch) < 0)
			finish(fetch, 503, UPSTREAM_UNREACHABLE);
}

int upstream_get(struct upstream *upstream, const char *target, const char *headers,
		 struct fetch *fetch)
{
	struct buffer *request = &fetch->request;

	fetch->upstream = upstream;
	fetch->fd = -1;
	fetch->next = NULL;
	buffer_add_string(request, "GET ");
	buffer_add_string(request, target);
	buffer_add_string(request, " HTTP/1.0\r\nHost: localhost\r\n");
	buffer_add_string(request, headers);
	buffer_add_string(request, "\r\n");
	if (request->error) {
		release(fetch);
		return -ENOMEM;
	}
	if (upstream->nr_running < UPSTREAM_MAX)
		return start(upstream, fetch);
	*upstream->last = fetch;
	upstream->last = &fetch->next;
	return 0;
}

int upstream_new(sd_event *event, const char *path, struct upstream **ret_upstream)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream)
		return -ENOMEM;
	upstream->event = event;
	upstream->path = path;
	upstream->last = &upstream->first;
	*ret_upstream = upstream;
	return 0;
}

struct upstream *upstream_free(struct upstream *upstream)
{
	static const char error[] = "paimon-gateway ends";

	if (!upstream)
		return NULL;
	fail_waiting(upstream, 503, error);
	while (upstream->running)
		end(upstream->running, 503, error);
	free(upstream);
	return NULL;
}

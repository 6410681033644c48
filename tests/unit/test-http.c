// SPDX-License-Identifier: GPL-2.0
/* Negotiation, Host headers, and a real server spoken to over real sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/http.h"
#include "serve/listen.h"
#include "serve/negotiate.h"
#include "serve/openmetrics.h"

static void test_negotiate(void **state)
{
	static const struct {
		const char *accept;
		enum text_format format;
	} table[] = {
		{NULL, TEXT_PROMETHEUS},
		{"", TEXT_PROMETHEUS},
		{"*/*", TEXT_PROMETHEUS},
		{"text/plain", TEXT_PROMETHEUS},
		{"application/openmetrics-text", TEXT_OPENMETRICS},
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 TEXT_OPENMETRICS},
		{"text/plain;q=0.9, application/openmetrics-text;q=0.8", TEXT_PROMETHEUS},
		{"application/openmetrics-text;q=0", TEXT_PROMETHEUS},
		{";;;,,,q=", TEXT_PROMETHEUS},
		/* A wildcard is for those that nothing more specific names. */
		{"text/*", TEXT_PROMETHEUS},
		{"text/*, application/openmetrics-text;q=0.5", TEXT_PROMETHEUS},
		{"*/*, application/openmetrics-text;q=0.5", TEXT_PROMETHEUS},
		{"*/*;q=0.1, application/openmetrics-text;q=0.5", TEXT_OPENMETRICS},
		{"*/*, application/openmetrics-text", TEXT_OPENMETRICS},
		{"application/*", TEXT_OPENMETRICS},
		{"text/plain;q=0, */*", TEXT_OPENMETRICS},
		{"text/plain;q=0.2, text/*, application/openmetrics-text;q=0.5", TEXT_OPENMETRICS},
		{"application/openmetrics-text;q=nan, text/plain;q=0.1", TEXT_PROMETHEUS},
		{"application/openmetrics-text;q=7, text/plain;q=0.1", TEXT_PROMETHEUS},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (http_negotiate(table[i].accept) != table[i].format)
			fail_msg("Accept %s: expected %d", table[i].accept, table[i].format);
}

static void test_gzip_wanted(void **state)
{
	static const struct {
		const char *accept;
		bool gzip;
	} table[] = {
		{NULL, false},
		{"", false},
		{"gzip", true},
		{"GZIP;q=0.1", true},
		{"deflate, gzip;q=1.0, *;q=0.5", true},
		{"gzip;q=0", false},
		{"gzip;q=0, *", false},
		{"*", true},
		{"*;q=0", false},
		{"identity", false},
		{"identity, gzip;q=0.5", false},
		{"identity;q=0.5, gzip", true},
		{"gzipx", false},
		{"br, x-gzip", true},
		{"gzip;q=-1", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (http_wants_gzip(table[i].accept) != table[i].gzip)
			fail_msg("Accept-Encoding %s: expected %d", table[i].accept, table[i].gzip);
}

static void test_host(void **state)
{
	static char allowed_host[] = "mon.example";
	char *const allowed[] = {allowed_host, NULL};
	static const struct {
		const char *host;
		bool ok;
	} table[] = {
		{NULL, true},
		{"127.0.0.1", true},
		{"127.0.0.1:10190", true},
		{"[::1]:10190", true},
		{"[::1]", true},
		{"localhost:1", true},
		{"LocalHost", true},
		{"machine:10190", true},
		{"mon.example:1", true},
		{"evil.example", false},
		{"mon.example.evil", false},
		{"", false},
		{":80", false},
		{"[::1", false},
		{"[evil]", false},
		{"[::1]x", false},
		{"127.0.0.1.evil", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (http_host_allowed(table[i].host, "machine", allowed) != table[i].ok)
			fail_msg("Host %s: expected %d", table[i].host, table[i].ok);
}

static struct snapshot *on_snapshot(void *data)
{
	return snapshot_new("test");
}

static struct json_object *on_status(void *data)
{
	return json_object_new_object();
}

static int on_reload(void *data, char **ret_error)
{
	if (*(int *)data)
		*ret_error = strdup("x.conf:3: bad");
	return *(int *)data ? -EINVAL : 0;
}

static char *const *on_allowed_hosts(void *data)
{
	return NULL;
}

struct server {
	sd_event *event;
	struct http *http;
	struct sockaddr_un unix_address;
	struct sockaddr_in tcp_address;
	int reload_fails;
};

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	struct http_callbacks callbacks = {on_snapshot, on_status, on_reload, on_allowed_hosts,
					   &s->reload_fails};
	socklen_t size = sizeof(s->tcp_address);
	int unix_fd, tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_non_null(s);
	s->unix_address.sun_family = AF_UNIX;
	snprintf(s->unix_address.sun_path, sizeof(s->unix_address.sun_path), "/tmp/paimon-http-%d",
		 getpid());
	s->tcp_address.sin_family = AF_INET;
	s->tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_return_code(bind(tcp_fd, (struct sockaddr *)&s->tcp_address, size), errno);
	assert_return_code(listen(tcp_fd, 10), errno);
	getsockname(tcp_fd, (struct sockaddr *)&s->tcp_address, &size);
	unix_fd = listen_unix(s->unix_address.sun_path);
	assert_return_code(unix_fd, -unix_fd);
	assert_int_equal(listen_unix(s->unix_address.sun_path), -EADDRINUSE);
	assert_return_code(sd_event_new(&s->event), errno);
	assert_int_equal(http_new(s->event, unix_fd, tcp_fd, &callbacks, &s->http), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;

	http_free(s->http);
	sd_event_unref(s->event);
	unlink(s->unix_address.sun_path);
	free(s);
	return 0;
}

/* Sends text, lets the server run until it closes, and gives all it answered. */
static char *ask(struct server *s, bool tcp, const char *text)
{
	static char answer[65536];
	const struct sockaddr *address = tcp ? (void *)&s->tcp_address : (void *)&s->unix_address;
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
	size_t size = 0;
	ssize_t n = 1;

	assert_return_code(
		connect(fd, address, tcp ? sizeof(s->tcp_address) : sizeof(s->unix_address)),
		errno);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; n && i < 100; i++) {
		sd_event_run(s->event, 10000);
		n = read(fd, answer + size, sizeof(answer) - 1 - size);
		if (n > 0)
			size += n;
	}
	close(fd);
	answer[size] = '\0';
	return answer;
}

#define END "Host: localhost\r\nConnection: close\r\n\r\n"

static void expect(struct server *s, bool tcp, const char *line, const char *part)
{
	char text[256], *answer;

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" END, line);
	answer = ask(s, tcp, text);
	if (!strstr(answer, part))
		fail_msg("%s: no \"%s\" in \"%s\"", line, part, answer);
}

static void test_routes(void **state)
{
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		expect(s, tcp, "GET /metrics", "200 OK");
		expect(s, tcp, "GET /metrics", TEXT_PROMETHEUS_TYPE);
		expect(s, tcp, "HEAD /metrics", "200 OK");
		expect(s, tcp, "GET /healthz", "200 OK");
		expect(s, tcp, "GET /v1/status", "application/json");
		expect(s, tcp, "GET /nosuch", "404 Not Found");
		expect(s, tcp, "POST /metrics", "405 ");
		expect(s, tcp, "DELETE /metrics", "Allow: GET, HEAD");
	}
	expect(s, false, "GET /v1/snapshot", "\"input\":\"test\"");
	expect(s, true, "GET /v1/snapshot", "404 ");
	expect(s, true, "POST /v1/reload", "404 ");
	assert_non_null(strstr(ask(s, true,
				   "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n"
				   "Connection: close\r\n\r\n"),
			       "421 "));
	assert_non_null(strstr(ask(s, true,
				   "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-"
				   "text\r\n" END),
			       TEXT_OPENMETRICS_TYPE));
}

/* The server runs as the same user, so the peer may always reload here; who may
 * not is tested in the guest (10-smoke). */
static void test_reload(void **state)
{
	struct server *s = *state;

	expect(s, false, "POST /v1/reload", "\"reloaded\":true");
	s->reload_fails = 1;
	expect(s, false, "POST /v1/reload", "400 ");
	expect(s, false, "POST /v1/reload", "x.conf:3: bad");
}

static void test_garbage(void **state)
{
	struct server *s = *state;
	char *huge = malloc(60001);

	assert_non_null(huge);
	memset(huge, 'A', 60000);
	huge[60000] = '\0';
	memcpy(huge, "GET /", 5);
	ask(s, true, huge);
	ask(s, true, "\r\n\r\n\r\n\r\n");
	ask(s, true, "GET\r\n\r\n");
	ask(s, true, "GET /metrics HTTP/9.9\r\n\r\n");
	expect(s, true, "GET /healthz", "200 OK");
	free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate),
		cmocka_unit_test(test_gzip_wanted),
		cmocka_unit_test(test_host),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* A real server, spoken to over real sockets. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <math.h>
#include <netinet/in.h>
#include <paimon/histogram.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "lib/helpers.h"
#include "model/histogram.h"
#include "serve/http.h"
#include "serve/listen.h"
#include "util/clock.h"

#define TEXT_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* 10,000 series: what a reply looks like that no socket buffer takes at once. */
#define NR_HISTOGRAMS 400

static const struct metric latency = {
	.name = "x_seconds",
	.help = "Times.",
	.type = METRIC_HISTOGRAM,
	.scheme = &histogram_latency,
};

static const struct metric tasks = {
	.name = "x_tasks",
	.help = "Processes.",
	.type = METRIC_GAUGE,
	.scope = SCOPE_OPERATORS,
};

/* Times of the server: they stand still while this is not 0, but for what a snapshot costs. */
static uint64_t fake_ns, fake_cpu_ns;
#define SNAPSHOT_CPU_NS 100000000000ULL

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	uint64_t ns = clock == CLOCK_MONOTONIC ? fake_ns : fake_cpu_ns;

	if (!fake_ns || (clock != CLOCK_MONOTONIC && clock != CLOCK_THREAD_CPUTIME_ID))
		return __real_clock_gettime(clock, ret_time);
	*ret_time = (struct timespec){ns / 1000000000, ns % 1000000000};
	return 0;
}

struct server {
	sd_event *event;
	struct http *http;
	struct sockaddr_un unix_address;
	struct sockaddr_in tcp_address;
	char *hosts[2];
	int nr_histograms;
	bool full; /* all cells of them */
	int nr_snapshots;
	bool reload_fails, reload_lacks, reload_takes_restart;
	bool keeps_none, no_memory;
	char asked[64]; /* of kept events */
};

static int on_snapshot(void *data, const char *const *names, struct snapshot **ret_snapshot,
		       char **ret_error)
{
	uint64_t cells[PAIMON_HIST_CELLS] = {1, 2, 3};
	struct server *server = data;
	struct snapshot *snapshot;

	for (int i = 3; server->full && i < PAIMON_HIST_CELLS; i++)
		cells[i] = i * 1000000007ULL;
	server->nr_snapshots++;
	fake_cpu_ns += SNAPSHOT_CPU_NS;

	if (names && strcmp(names[0], "x")) {
		*ret_error = strdup("there is only x");
		return -EINVAL;
	}
	snapshot = snapshot_new("test");
	for (int i = 0; i < server->nr_histograms; i++) {
		char name[16];
		struct label label = {"device", name};

		snprintf(name, sizeof(name), "d%d", i);
		assert_int_equal(snapshot_add_histogram(snapshot, &latency, &label, 1, cells, 9),
				 0);
	}
	assert_int_equal(snapshot_add_integer(snapshot, &tasks, NULL, 0, 1), 0);
	*ret_snapshot = snapshot;
	return 0;
}

static int on_status(void *data, struct status *ret_status)
{
	static const char problems[] = "no such PMU\0not on CPU 1";
	const struct server *server = data;
	struct status status = {
		.version = "9.8",
		.uptime_seconds = 1.5,
		.nr_listen = 2,
		.nr_sources = 2,
		.sources =
			{{.name = "x", .state = "failed", .reason = "why"},
			 {.name = "y", .state = "up", .backend = "b", .attached_ns = 2500000000}},
		.cost = {.ns_per_event = NAN, .map_bytes = 4096},
	};

	if (server->no_memory)
		return -ENOMEM;
	status.listen = calloc(2, sizeof(*status.listen));
	assert_non_null(status.listen);
	status.listen[0] = (struct status_listener){"127.0.0.1:1", true};
	status.listen[1] = (struct status_listener){"[::]:2", false};
	buffer_add(&status.sources[1].problems, problems, sizeof(problems));
	if (server->keeps_none)
		status.cost.descriptors_max = 7;
	*ret_status = status;
	return 0;
}

static int on_reload(void *data, char **ret_text, char **ret_restart)
{
	struct server *server = data;

	if (server->reload_fails)
		*ret_text = strdup("x.conf:3: bad");
	else if (server->reload_lacks)
		*ret_text = strdup("events: no such PMU");
	if (server->reload_takes_restart)
		*ret_restart = strdup("listen, handoff");
	return server->reload_fails ? -EINVAL : 0;
}

static char *const *on_allowed_hosts(void *data)
{
	struct server *server = data;

	return server->hosts;
}

/* Kept events: 7 is not there, and the next one gets the id 8. Who is told of has been asked for
 * as its texts say. */
static int on_ready(void *data, char **ret_error)
{
	const struct server *server = data;

	if (!server->keeps_none)
		return 0;
	*ret_error = strdup("none are kept");
	return -ENODEV;
}

static int on_list(void *data, kept_tell *tell, void *user)
{
	static const unsigned int cpus[] = {0, 3};
	static const struct kept_level levels[] = {{0, 5}, {3, 6}};

	tell(user, &(struct kept_event){.id = 1,
					.name = "count",
					.value = 4,
					.opened_ns = 1500000000,
					.enabled_ns = 2500000000,
					.cpus = cpus,
					.nr_cpus = 2});
	tell(user, &(struct kept_event){.id = UINT64_MAX,
					.name = "level",
					.by = KEPT_BY_PROCESS,
					.value = 11,
					.levels = levels,
					.nr_levels = 2});
	return ((const struct server *)data)->no_memory ? -ENOMEM : 0;
}

static int on_show(void *data, uint64_t id, bool reads, kept_tell *tell, void *user)
{
	const struct server *server = data;

	if (id == 7)
		return -ENOENT;
	tell(user,
	     &(struct kept_event){.id = id, .name = reads ? "read" : "new", .spec = server->asked});
	return 0;
}

static int on_open(void *data, const char *spec, const char *name, const char *cpus,
		   enum kept_by by, const struct kept_owner *owner, uint64_t *ret_id,
		   char **ret_error)
{
	struct server *server = data;
	char comm[16] = "";
	FILE *file = fopen("/proc/self/comm", "re");

	assert_non_null(file);
	assert_non_null(fgets(comm, sizeof(comm), file));
	fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	assert_string_equal(owner->comm, comm);
	assert_int_equal(owner->uid, getuid());
	assert_int_equal(owner->pid, getpid());
	if (!strcmp(spec, "none")) {
		*ret_error = strdup("no such PMU");
		return -ENOENT;
	}
	snprintf(server->asked, sizeof(server->asked), "%s %s %s %d", spec, name ?: "-",
		 cpus ?: "-", by);
	*ret_id = 8;
	return 0;
}

static int on_set(void *data, uint64_t id, const char *terms, char **ret_error)
{
	struct server *server = data;

	snprintf(server->asked, sizeof(server->asked), "%llu %s", (unsigned long long)id, terms);
	return 0;
}

static int on_close(void *data, uint64_t id, char **ret_error)
{
	if (id != 7)
		return 0;
	*ret_error = strdup("there is no 7");
	return -ENOENT;
}

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	static const struct kept_ops ops = {
		.ready = on_ready,
		.list = on_list,
		.show = on_show,
		.open = on_open,
		.set = on_set,
		.close = on_close,
	};
	struct http_callbacks callbacks = {
		on_snapshot, on_status, on_reload, on_allowed_hosts, s, {&ops, s},
	};
	socklen_t size = sizeof(s->tcp_address);
	struct http_socket sockets[2];
	int unix_fd, tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_non_null(s);
	s->unix_address.sun_family = AF_UNIX;
	snprintf(s->unix_address.sun_path, sizeof(s->unix_address.sun_path), "/tmp/paimon-http-%d",
		 getpid());
	s->tcp_address.sin_family = AF_INET;
	s->tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_return_code(bind(tcp_fd, (struct sockaddr *)&s->tcp_address, size), errno);
	assert_return_code(listen(tcp_fd, SOMAXCONN), errno);
	getsockname(tcp_fd, (struct sockaddr *)&s->tcp_address, &size);
	unix_fd = listen_unix(s->unix_address.sun_path);
	assert_return_code(unix_fd, -unix_fd);
	assert_int_equal(listen_unix(s->unix_address.sun_path), -EADDRINUSE);
	assert_return_code(sd_event_new(&s->event), errno);
	sockets[0] = (struct http_socket){unix_fd, true};
	sockets[1] = (struct http_socket){tcp_fd, false};
	assert_int_equal(http_new(s->event, sockets, 2, &callbacks, &s->http), 0);
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

/* rcvbuf: as small as that, or 0. */
static int dial_server(struct server *s, bool tcp, int rcvbuf)
{
	int fd = dial(tcp ? (void *)&s->tcp_address : (void *)&s->unix_address, SOCK_STREAM,
		      rcvbuf);

	assert_return_code(fd, errno);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static char answer[4 << 20];
static size_t answer_size;

/* Sends text, lets the server run until it closes, and gives all it answered. */
static char *ask_on(struct server *s, int fd, const char *text)
{
	uint64_t started = clock_ns(CLOCK_MONOTONIC);
	size_t length = strlen(text), sent = 0;
	ssize_t n = -1;

	answer_size = 0;
	while (n && clock_ns(CLOCK_MONOTONIC) - started < 5000000000) {
		if (sent < length) {
			n = send(fd, text + sent, length - sent, MSG_NOSIGNAL);
			sent += n > 0 ? n : 0;
		}
		sd_event_run(s->event, 1000);
		n = read(fd, answer + answer_size, sizeof(answer) - 1 - answer_size);
		answer_size += n > 0 ? n : 0;
		if (n < 0 && errno != EAGAIN)
			n = 0; /* reset: closed with what was sent unread */
	}
	close(fd);
	answer[answer_size] = '\0';
	if (n)
		fail_msg("the connection stays open: %zu bytes sent, \"%.200s\"", sent, answer);
	return answer;
}

static char *ask(struct server *s, bool tcp, const char *text)
{
	return ask_on(s, dial_server(s, tcp, 0), text);
}

#define END "Host: localhost\r\nConnection: close\r\n\r\n"

static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	return end ? end + 4 : "";
}

/* lines: the request and its headers but Host. Returns the whole answer. */
static const char *expect(struct server *s, bool tcp, const char *lines, const char *part)
{
	char text[512], *got;

	snprintf(text, sizeof(text), strstr(lines, "\r\n") ? "%s\r\n" END : "%s HTTP/1.1\r\n" END,
		 lines);
	got = ask(s, tcp, text);
	if (!strstr(got, part))
		fail_msg("%s: no \"%s\" in \"%.1000s\"", lines, part, got);
	return got;
}

/* Every error is a JSON object that repeats its status. */
static const char *expect_error(struct server *s, bool tcp, const char *lines, int status)
{
	char start[32];
	const char *got;
	struct json_object *object, *error;

	snprintf(start, sizeof(start), "HTTP/1.1 %d ", status);
	got = expect(s, tcp, lines, start);
	assert_int_equal(strncmp(got, start, strlen(start)), 0);
	assert_non_null(strstr(got, "Content-Type: application/json\r\n"));
	object = json_tokener_parse(body_of(got));
	error = json_object_object_get(object, "error");
	assert_int_equal(json_object_get_int(json_object_object_get(error, "code")), status);
	assert_true(json_object_get_string_len(json_object_object_get(error, "message")) > 5);
	json_object_put(object);
	return got;
}

static void test_routes(void **state)
{
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		expect(s, tcp, "GET /metrics", "200 OK");
		expect(s, tcp, "GET /metrics", TEXT_PROMETHEUS_TYPE);
		expect(s, tcp, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text",
		       TEXT_OPENMETRICS_TYPE);
		assert_string_equal(body_of(expect(s, tcp, "GET /healthz", "200 OK")), "ok\n");
		assert_string_equal(body_of(expect(s, tcp, "HEAD /healthz", "200 OK")), "");
		expect(s, tcp, "HEAD /healthz", "Content-Length: 3\r\n");
		expect(s, tcp, "GET /v1/status", "application/json");
		expect_error(s, tcp, "GET /nosuch", 404);
		expect_error(s, tcp, "GET /metrics/", 404);
		expect_error(s, tcp, "POST /metrics", 405);
		expect(s, tcp, "DELETE /metrics", "Allow: GET, HEAD\r\n");
	}
	expect(s, false, "GET /v1/snapshot", "\"input\":\"test\"");
	expect_error(s, true, "GET /v1/snapshot", 404);
	expect_error(s, true, "POST /v1/reload", 404);
	expect_error(s, false, "GET /v1/reload", 405);
	expect(s, false, "GET /v1/reload", "Allow: POST\r\n");
}

/* All values, in their order; what is unknown is null or is not there. */
static void test_status(void **state)
{
	struct server *s = *state;

	assert_string_equal(
		body_of(expect(s, false, "GET /v1/status", "200 OK")),
		"{\"version\":\"9.8\",\"revision\":null,\"pid\":0,\"uptime_seconds\":1.5,"
		"\"sees_processes\":false,\"input\":null,\"state_dir\":null,"
		"\"listen\":[{\"address\":\"127.0.0.1:1\",\"loopback\":true},"
		"{\"address\":\"[::]:2\",\"loopback\":false}],"
		"\"handoff\":null,\"config\":{\"path\":null,\"last_reload_successful\":false},"
		"\"sources\":[{\"name\":\"x\",\"state\":\"failed\",\"reason\":\"why\","
		"\"problems\":[]},"
		"{\"name\":\"y\",\"state\":\"up\",\"backend\":\"b\",\"adopted\":false,"
		"\"attached_timestamp_seconds\":2.5,\"reason\":null,"
		"\"problems\":[\"no such PMU\",\"not on CPU 1\"]}],"
		"\"cost\":{\"events_per_second\":0,\"ns_per_event\":null,\"runs_per_second\":0,"
		"\"ns_per_run\":0,\"bpf_cpu_percent\":0,"
		"\"daemon_cpu_percent\":0,\"run_times\":false,\"map_bytes\":4096,"
		"\"recursion_misses\":0,\"totals\":{\"monotonic_ns\":0,\"events\":0,\"runs\":0,"
		"\"run_ns\":0,\"daemon_cpu_ns\":0,\"sources\":0}}}");
	s->keeps_none = true;
	expect(s, false, "GET /v1/status",
	       "\"resident_bytes\":0,\"descriptors\":0,\"descriptors_max\":7}}");
	s->no_memory = true;
	expect_error(s, false, "GET /v1/status", 503);
}

/* A page for people, which asks again by itself unless it is paused; test-page.c has what it shows.
 */
static void test_page(void **state)
{
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		const char *page = expect(s, tcp, "GET /", "200 OK");

		assert_non_null(strstr(page, "Content-Type: text/html; charset=utf-8\r\n"));
		assert_non_null(strstr(page, "Content-Security-Policy: default-src 'none'; "
					     "style-src 'sha256-"));
		assert_non_null(strstr(page, "='; base-uri 'none'; form-action 'none'; "
					     "frame-ancestors 'none'\r\n"));
		assert_non_null(strstr(page, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(strstr(page, "Referrer-Policy: no-referrer\r\n"));
		assert_non_null(strstr(page, "Cache-Control: no-store\r\n"));
		assert_non_null(strstr(page, "Refresh: 5\r\n"));
		assert_non_null(strstr(page, "paimond 9.8"));
		assert_non_null(strstr(page, "href=\"/metrics\""));
		assert_null(strstr(page, "x_tasks"));
		page = expect(s, tcp, "GET /?pause", "200 OK");
		assert_null(strstr(page, "Refresh: "));
		assert_non_null(strstr(page, "paused"));
	}
	s->no_memory = true;
	expect(s, true, "GET /", "503 Service Unavailable");
}

/* Bytes that are allocated; 0 under ASan. */
static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* The past is kept while somebody looks, and for five minutes after; who is over budget gets a page
 * that is at most a second old. */
static void test_looks(void **state)
{
	struct server *s = *state;
	size_t before, kept;

	fake_ns = fake_cpu_ns = 1000000000;
	expect(s, true, "GET /metrics", "200 OK");
	before = in_use();
	fake_ns += 1000000000;
	assert_non_null(strstr(expect(s, true, "GET /", "200 OK"), "First look"));
	kept = in_use() - before;
	assert_true(!before || (kept > 1000000 && kept < 3000000));
	fake_ns += 299000000000;
	expect(s, true, "GET /metrics", "200 OK");
	assert_true(!before || in_use() - before > 1000000);
	fake_ns += 1000000000;
	expect(s, true, "GET /metrics", "200 OK");
	assert_true(in_use() < before + 100000);
	s->nr_snapshots = 0;
	assert_non_null(strstr(expect(s, true, "GET /", "200 OK"), "First look"));
	fake_ns += 5000000000;
	expect(s, true, "GET /", "200 OK");
	assert_int_equal(s->nr_snapshots, 2);
	expect(s, true, "GET /", "200 OK");
	assert_int_equal(s->nr_snapshots, 2);
	expect(s, true, "GET /?pause", "200 OK");
	assert_int_equal(s->nr_snapshots, 3);
	fake_ns += 1000000000;
	assert_null(strstr(expect(s, true, "GET /", "200 OK"), "First look"));
	assert_int_equal(s->nr_snapshots, 4);
	fake_ns += 300000000000;
	assert_non_null(strstr(expect(s, true, "GET /", "200 OK"), "First look"));
	fake_ns = 0;
}

static void test_hosts(void **state)
{
	struct server *s = *state;
	static const char evil[] = "GET /metrics HTTP/1.1\r\nHost: mon.example\r\n"
				   "Connection: close\r\n\r\n";
	static char mon[] = "mon.example";

	assert_non_null(strstr(ask(s, true, evil), "HTTP/1.1 421 "));
	assert_non_null(strstr(answer, "{\"error\":{\"code\":421,"));
	assert_non_null(strstr(ask(s, false, evil), "HTTP/1.1 200 "));
	s->hosts[0] = mon; /* as after a reload */
	assert_non_null(strstr(ask(s, true, evil), "HTTP/1.1 200 "));
}

/* A target that names its host is that of the host, whatever Host says (RFC 9112, 3.2). */
static void test_targets(void **state)
{
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		assert_string_equal(
			body_of(expect(s, tcp, "GET http://127.0.0.1:1/healthz", "HTTP/1.1 200 ")),
			"ok\n");
		expect(s, tcp, "GET HTTP://localhost/metrics?collect[]=x", "HTTP/1.1 200 ");
		expect(s, tcp, "GET http://[::1]", "<h1>paimon");
		expect(s, tcp, "GET http://[::1]?a=b", "<h1>paimon");
		expect_error(s, tcp, "GET http://localhost//healthz", 404);
		expect_error(s, tcp, "GET http:///healthz", 400);
		expect_error(s, tcp, "GET http://", 400);
		expect_error(s, tcp, "GET https://localhost/healthz", 400);
		expect_error(s, tcp, "GET healthz", 400);
		expect_error(s, tcp, "OPTIONS *", 400);
		expect_error(s, tcp, "GET /healthz%00", 404);
		expect_error(s, tcp, "GET /metrics?collect[]=x%00y", 400);
	}
	expect_error(s, true, "GET http://mon.example/healthz", 421);
	expect_error(s, true, "GET http://localhost@mon.example/healthz", 421);
	expect_error(s, true, "GET http://localhost:80@mon.example/healthz", 421);
	expect(s, false, "GET http://mon.example/healthz", "HTTP/1.1 200 ");
	expect_error(s, true, "GET http://localhost/v1/snapshot", 404);
	/* The target's host counts, not the other one. */
	assert_non_null(strstr(ask(s, true,
				   "GET http://localhost/healthz HTTP/1.1\r\nHost: mon.example\r\n"
				   "Connection: close\r\n\r\n"),
			       "HTTP/1.1 200 "));
}

/* HTTP/1.1 wants one Host; HTTP/1.0 had none, and two are never right. */
static void test_host_lines(void **state)
{
	static const struct {
		const char *text;
		int status;
	} table[] = {
		{"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
		{"GET http://localhost/healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
		{"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
		 "Connection: close\r\n\r\n",
		 400},
		{"GET /healthz HTTP/1.1\r\nhost: localhost\r\nX: y\r\nHOST: localhost\r\n"
		 "Connection: close\r\n\r\n",
		 400},
		{"GET /healthz HTTP/1.0\r\n\r\n", 200},
		{"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 200},
		{"GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
	};
	struct server *s = *state;
	char status[16];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			snprintf(status, sizeof(status), " %d ", table[i].status);
			if (!strstr(ask(s, tcp, table[i].text), status))
				fail_msg("%s: expected%s, got %.300s", table[i].text, status,
					 answer);
		}
}

/* What others could read in another way is refused, and nothing behind it is a request. */
static void test_ambiguous(void **state)
{
	static const char *const lines[] = {
		"Content-Length: 5\r\nContent-Length: 60",
		"Content-Length: 5\r\ncontent-length: 5",
		"Host : evil",
		"Content-Length : 5",
		"X\tY: z",
		"X\x01: z",
		"X\x7f: z",
	};
	struct server *s = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			snprintf(text, sizeof(text),
				 "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"
				 "12345GET /healthz HTTP/1.1\r\n" END,
				 lines[i]);
			ask(s, tcp, text);
			if (strncmp(answer, "HTTP/1.1 400 ", 13) || strstr(answer + 1, "HTTP/1.1"))
				fail_msg("%s: got %.600s", lines[i], answer);
			assert_non_null(strstr(answer, "Connection: close\r\n"));
		}
}

/* A list may come in several lines, and its order is theirs. */
static void test_joined(void **state)
{
	struct server *s = *state;

	expect(s, true,
	       "GET /metrics HTTP/1.1\r\nAccept: text/plain;q=0.5\r\nX: y\r\n"
	       "accept: application/openmetrics-text",
	       TEXT_OPENMETRICS_TYPE);
	s->nr_histograms = NR_HISTOGRAMS;
	expect(s, true,
	       "GET /metrics HTTP/1.1\r\nAccept-Encoding: identity;q=0.5\r\n"
	       "Accept-Encoding: gzip",
	       "Content-Encoding: gzip\r\n");
}

/* Whatever the number of arguments, headers and cookies: an answer, at once, and the next
 * request is as good as if there had been no such one. */
static void test_many(void **state)
{
	static const struct {
		const char *start, *one, *end;
		int status; /* of many */
	} table[] = {
		{"GET /healthz?", "&", " HTTP/1.1\r\n" END, 414},
		{"GET /healthz?", "a=b&", " HTTP/1.1\r\n" END, 414},
		{"GET http://localhost?", "a&", " HTTP/1.1\r\n" END, 414},
		{"GET /healthz HTTP/1.1\r\n", "a:b\r\n", END, 431},
		{"GET /healthz HTTP/1.1\r\nCookie: ", "a;", "\r\n" END, 431},
		{"GET /healthz HTTP/1.1\r\n", "Cookie: a=b\r\n", END, 431},
		{"GET /healthz HTTP/1.1\r\nAccept: ", "*/*,", "\r\n" END, 431},
	};
	static char text[1 << 17];
	struct server *s = *state;
	char status[32];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (int nr = 1; nr < 5000; nr += 1 + nr / 3) {
			char *p = stpcpy(text, table[i].start);

			for (int j = 0; j < nr; j++)
				p = stpcpy(p, table[i].one);
			strcpy(p, table[i].end);
			ask(s, nr % 2, text);
			snprintf(status, sizeof(status), "HTTP/1.1 %d ", table[i].status);
			if (!strstr(answer, status) &&
			    (nr > 4500 || !strstr(answer, "HTTP/1.1 200 ")))
				fail_msg("%d times %s: got \"%.200s\"", nr, table[i].one, answer);
		}
	expect(s, true, "GET /healthz", "200 OK");
}

/* Lets the server do one thing. It has one to do now: 100 ms without is waiting for a timer. */
static void run_busy(sd_event *event)
{
	struct pollfd wakes = {sd_event_get_fd(event), POLLIN, 0};

	if (sd_event_prepare(event) == 0) {
		if (poll(&wakes, 1, 100) == 0)
			fail_msg("nothing is done for a client that waits");
		if (sd_event_wait(event, 0) == 0)
			return;
	}
	sd_event_dispatch(event);
}

/* Several requests at once are answered in a row: the server is never idle in between. */
static void test_pipelined(void **state)
{
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		int fd = dial_server(s, tcp, 0);
		char *text = strdup("");
		const char *p;
		int nr = 0;
		ssize_t n;

		for (int i = 0; i < 20; i++) {
			char *longer;

			assert_return_code(asprintf(&longer, "%sGET /healthz HTTP/1.1\r\n%s", text,
						    i < 19 ? "Host: localhost\r\n\r\n" : END),
					   errno);
			free(text);
			text = longer;
		}
		assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
		free(text);
		answer_size = 0;
		while ((n = read(fd, answer + answer_size, sizeof(answer) - 1 - answer_size))) {
			if (n < 0)
				run_busy(s->event);
			answer_size += n > 0 ? n : 0;
		}
		answer[answer_size] = '\0';
		for (p = answer; (p = strstr(p, "\r\n\r\nok\n")); p++)
			nr++;
		assert_int_equal(nr, 20);
		close(fd);
	}
}

static void test_reload(void **state)
{
	struct server *s = *state;

	expect(s, false, "POST /v1/reload", "{\"reloaded\":true}");
	s->reload_takes_restart = true;
	expect(s, false, "POST /v1/reload", "{\"reloaded\":true,\"restart\":\"listen, handoff\"}");
	s->reload_lacks = true;
	expect(s, false, "POST /v1/reload", "\"failures\":\"events: no such PMU\"");
	s->reload_fails = true;
	expect_error(s, false, "POST /v1/reload", 400);
	expect(s, false, "POST /v1/reload", "x.conf:3: bad");
}

/* A connection to the unix socket by a user who is no operator. */
static int dial_as_nobody(struct server *s)
{
	int fd;

	assert_return_code(setgroups(0, NULL), errno);
	assert_return_code(setegid(65534), errno);
	assert_return_code(seteuid(65534), errno);
	fd = dial_server(s, false, 0);
	assert_return_code(seteuid(0), errno);
	assert_return_code(setegid(0), errno);
	return fd;
}

/* Who connects is who the kernel says connected. */
static void test_reload_by_nobody(void **state)
{
	struct server *s = *state;
	int fd;

	if (geteuid() != 0)
		skip(); /* needs root, to become another user */
	fd = dial_as_nobody(s);
	assert_non_null(strstr(ask_on(s, fd, "POST /v1/reload HTTP/1.1\r\n" END), "HTTP/1.1 403 "));
	assert_non_null(strstr(answer, "{\"error\":{\"code\":403,"));
}

/* Asks with a body; the request line, and what must come of it. */
static void expect_body(struct server *s, const char *line, const char *body, const char *part)
{
	char text[512], *got;

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nContent-Length: %zu\r\n" END "%s", line,
		 strlen(body), body);
	got = ask(s, false, text);
	if (!strstr(got, part))
		fail_msg("%s %s: no \"%s\" in \"%.1000s\"", line, body, part, got);
}

static void test_events(void **state)
{
	struct server *s = *state;

	expect(s, false, "GET /v1/events", "[{\"id\":1,\"name\":\"count\",");
	expect(s, false, "GET /v1/events", "\"cpus\":[0,3],");
	expect(s, false, "GET /v1/events",
	       "\"opened_timestamp_seconds\":1.5,\"value\":4,\"enabled_seconds\":2.5,");
	expect(s, false, "GET /v1/events",
	       "\"value\":null,\"levels\":[{\"cpu\":0,\"value\":5},{\"cpu\":3,\"value\":6}],");
	expect(s, false, "GET /v1/events", "\"by\":\"none\",\"origin\":");
	expect(s, false, "GET /v1/events", "\"by\":\"process\",\"origin\":");
	expect(s, false, "GET /v1/events/18446744073709551615",
	       "{\"id\":18446744073709551615,\"name\":\"read\",");
	expect_body(s, "POST /v1/events", "{\"spec\": \"x\"}",
		    "{\"id\":8,\"name\":\"new\",\"spec\":\"x - - 0\",");
	expect_body(s, "POST /v1/events", "{\"cpus\":\"0\",\"spec\":\"x\",\"name\":\"y\"}",
		    "\"spec\":\"x y 0 0\",");
	for (unsigned int by = KEPT_BY_NOTHING; by <= KEPT_BY_PROCESS; by++) {
		char body[64], part[32];

		snprintf(body, sizeof(body), "{\"spec\":\"x\",\"by\":\"%s\"}",
			 (const char *[]){"none", "cgroup", "process"}[by]);
		snprintf(part, sizeof(part), "\"spec\":\"x - - %u\",", by);
		expect_body(s, "POST /v1/events", body, part);
	}
	for (const char *const *by = (const char *[]){"", "Cgroup", "cgroups", "1", NULL}; *by;
	     by++) {
		char body[64];

		snprintf(body, sizeof(body), "{\"spec\":\"x\",\"by\":\"%s\"}", *by);
		expect_body(s, "POST /v1/events", body, ": is not none, cgroup or process\"");
		expect_body(s, "POST /v1/events", body, "HTTP/1.1 400 ");
	}
	expect_body(s, "PATCH /v1/events/3", "{\"terms\": \"z\"}",
		    "{\"id\":3,\"name\":\"read\",\"spec\":\"3 z\",");
	expect(s, false, "DELETE /v1/events/3", "{\"closed\":3}");
	expect_error(s, false, "GET /v1/events/7", 404);
	expect(s, false, "GET /v1/events/7", "no event has this id");
	expect_error(s, false, "DELETE /v1/events/7", 404);
	/* 404 is for ids. */
	expect_body(s, "POST /v1/events", "{\"spec\": \"none\"}",
		    "{\"error\":{\"code\":400,\"message\":\"no such PMU\"}}");
	expect_body(s, "POST /v1/events", "{\"name\": \"x\"}", "\"message\":\"spec is missing\"");
	expect_body(s, "PATCH /v1/events/3", "{}", "\"message\":\"terms is missing\"");
	expect_body(s, "POST /v1/events", "", "\"message\":\"the body is missing\"");
	expect_body(s, "PATCH /v1/events/3", "", "\"message\":\"the body is missing\"");
	expect_body(s, "POST /v1/events", "{\"spec\":\"x\",\"cpu\":\"0\"}",
		    "\"message\":\"unknown key cpu\"");
	for (const char *const *id = (const char *[]){"", "0", "-1", "1x", "1/", "0x1", " 1",
						      "18446744073709551616", NULL};
	     *id; id++) {
		char line[64];

		snprintf(line, sizeof(line), "GET /v1/events/%s", *id);
		if (strcmp(*id, " 1"))
			expect_error(s, false, line, 404);
	}
	for (const char *const *body =
		     (const char *[]){"{", "[]", "1", "{} {}", "null", "{\"a\":\"\xff\"}",
				      "{\"a\\u0000\":\"b\"}", "{\"a\":1}",
				      "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", NULL};
	     *body; body++)
		expect_body(s, "POST /v1/events", *body, "HTTP/1.1 400 ");
	expect(s, false, "DELETE /v1/events", "Allow: GET, HEAD, POST\r\n");
	expect(s, false, "POST /v1/events/3", "Allow: GET, HEAD, PATCH, DELETE\r\n");
	expect_error(s, true, "GET /v1/events", 404);
	expect_error(s, true, "DELETE /v1/events/3", 404);
	/* What could not be told of in full is not told of at all. */
	s->no_memory = true;
	expect(s, false, "GET /v1/events", "{\"error\":{\"code\":503,\"message\":\"no memory\"}}");
	s->keeps_none = true;
	expect_body(s, "POST /v1/events", "{\"a\": \"b\"}",
		    "{\"error\":{\"code\":503,\"message\":\"none are kept\"}}");
}

/* Processes are shown to operators, in /v1/snapshot. */
static void test_scopes(void **state)
{
	static const char get[] = "GET /v1/snapshot HTTP/1.1\r\n" END;
	struct server *s = *state;

	s->nr_histograms = 1;
	expect(s, false, "GET /v1/snapshot", "x_tasks");
	assert_null(strstr(expect(s, false, "GET /metrics", "x_seconds"), "x_tasks"));
	assert_null(strstr(expect(s, true, "GET /metrics", "x_seconds"), "x_tasks"));
	if (geteuid() != 0)
		skip(); /* needs root, to become another user */
	ask_on(s, dial_as_nobody(s), get);
	assert_non_null(strstr(answer, "\"x_seconds\""));
	assert_null(strstr(answer, "x_tasks"));
}

/* The body of a chunked answer, in its place. */
static const char *unchunk(char *text)
{
	char *from = (char *)body_of(text), *to = from, *body = from;
	size_t size;

	while ((size = strtoul(from, &from, 16))) {
		memmove(to, from + 2, size);
		to += size;
		from += 2 + size + 2;
	}
	*to = '\0';
	return body;
}

/*
 * A snapshot of 1,024 devices, all cells of their three latencies taken: it is whole, and no
 * more of it is in memory than what it is made of.
 */
static void test_streamed(void **state)
{
	struct server *s = *state;
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, most = before, now;
	static char text[64 << 20];
	struct json_object *object, *points;
	int fd = dial_server(s, false, 0);
	char *end = text;
	ssize_t n;

	s->nr_histograms = 3 * 1024;
	s->full = true;
	assert_true(send(fd, "GET /v1/snapshot HTTP/1.1\r\n" END,
			 strlen("GET /v1/snapshot HTTP/1.1\r\n" END), 0) > 0);
	while ((n = read(fd, end, text + sizeof(text) - 1 - end))) {
		if (n < 0)
			run_busy(s->event);
		end += n > 0 ? n : 0;
		now = mallinfo2().uordblks + mallinfo2().hblkhd;
		most = now > most ? now : most;
	}
	*end = '\0';
	close(fd);
	assert_true(end - text > 16 << 20);
	/* Under ASan mallinfo2() knows nothing. */
	if (most - before > 16 << 20)
		fail_msg("%zu KiB more", (most - before) >> 10);
	assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n"));
	object = json_tokener_parse(unchunk(text));
	points = json_object_object_get(
		json_object_array_get_idx(json_object_object_get(object, "metrics"), 0), "points");
	assert_int_equal(json_object_array_length(points), 3 * 1024);
	for (int i = 0; i < 3 * 1024; i++)
		assert_int_equal(json_object_array_length(json_object_object_get(
					 json_object_array_get_idx(points, i), "cells")),
				 histogram_latency.nr_bounds + 1);
	json_object_put(object);
	/* Who has no chunks has it until the end. */
	s->nr_histograms = 1;
	ask(s, false, "GET /v1/snapshot HTTP/1.0\r\n\r\n");
	object = json_tokener_parse(body_of(answer));
	assert_non_null(object);
	json_object_put(object);
}

static void expect_snapshots(struct server *s, bool tcp, const char *lines, const char *part,
			     int nr)
{
	int before = s->nr_snapshots;

	expect(s, tcp, lines, part);
	if (s->nr_snapshots != before + nr)
		fail_msg("%s: %d snapshots", lines, s->nr_snapshots - before);
}

/*
 * Who has used up what all may have shares a text of the last second, in each form, and
 * waits for anything else that costs. Operators do not wait, nor does the other socket.
 */
static void test_budget(void **state)
{
	static const char openmetrics[] = "GET /metrics HTTP/1.1\r\n"
					  "Accept: application/openmetrics-text";
	static const char gzip[] = "GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip";
	struct server *s = *state;

	s->nr_histograms = 10;
	fake_ns = 1000000000000ULL;
	for (int i = 0; i < 2; i++) {
		expect_snapshots(s, true, "GET /metrics", "200 OK", 1);
		/* It is used up now. */
		expect_snapshots(s, true, "GET /metrics", "200 OK", 1);
		for (int j = 0; j < 5; j++)
			expect_snapshots(s, true, "GET /metrics", "x_seconds_count{device=\"d9\"",
					 0);
		expect_snapshots(s, true, openmetrics, TEXT_OPENMETRICS_TYPE, 1);
		expect_snapshots(s, true, openmetrics, "# EOF\n", 0);
		expect_snapshots(s, true, gzip, "Content-Encoding: gzip\r\n", 1);
		expect_snapshots(s, true, gzip, "Content-Encoding: gzip\r\n", 0);
		expect_error(s, true, "GET /metrics?collect[]=x", 429);
		expect(s, true, "GET /metrics?collect[]=x", "Retry-After: 1\r\n");
		expect_error(s, true, "GET /v1/status", 429);
		expect(s, true, "GET /healthz", "200 OK");
		expect(s, true, "GET /", "200 OK");
		/* Whoever runs this is an operator on the unix socket. */
		for (int j = 0; j < 3; j++) {
			expect_snapshots(s, false, "GET /metrics", "200 OK", 1);
			expect_snapshots(s, false, "GET /v1/snapshot", "200 OK", 1);
		}
		/* A second later there is another text, and some day all is as before. */
		fake_ns += 1000000000;
		expect_snapshots(s, true, "GET /metrics", "200 OK", 1);
		expect_snapshots(s, true, "GET /metrics", "200 OK", 0);
		fake_ns += 100 * SNAPSHOT_CPU_NS;
	}
	expect(s, true, "GET /v1/status", "200 OK");
	if (geteuid() == 0) {
		static const char get[] = "GET /v1/snapshot HTTP/1.1\r\n" END;

		assert_non_null(strstr(ask_on(s, dial_as_nobody(s), get), "200 OK"));
		assert_non_null(strstr(ask_on(s, dial_as_nobody(s), get), "429 Too Many"));
	}
	fake_ns = 0;
}

static void test_collect(void **state)
{
	struct server *s = *state;
	char many[400] = "GET /metrics?collect[]=x";

	expect(s, true, "GET /metrics?collect[]=x", "200 OK");
	expect(s, true, "GET /metrics?collect%5B%5D=x&collect%5B%5D=x&other=1", "200 OK");
	expect_error(s, true, "GET /metrics?collect[]=y", 400);
	expect(s, true, "GET /metrics?collect[]=y", "there is only x");
	expect_error(s, true, "GET /metrics?collect[]=", 400);
	expect_error(s, true, "GET /metrics?collect[]", 400);
	for (int i = 0; i < 32; i++)
		strcat(many, "&collect[]");
	expect_error(s, true, many, 400);
}

static void test_gzip(void **state)
{
	struct server *s = *state;
	static char plain[2 << 20], unpacked[2 << 20];
	z_stream stream = {};
	const char *body;

	s->nr_histograms = NR_HISTOGRAMS;
	body = body_of(expect(s, true, "GET /metrics", "200 OK"));
	assert_null(strstr(answer, "Content-Encoding"));
	assert_non_null(strstr(answer, "Vary: Accept, Accept-Encoding\r\n"));
	assert_true(strlen(body) < sizeof(plain));
	strcpy(plain, body);

	body = body_of(expect(s, true, "GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip",
			      "Content-Encoding: gzip\r\n"));
	assert_non_null(strstr(answer, "Vary: Accept, Accept-Encoding\r\n"));
	stream.next_in = (Bytef *)body;
	stream.avail_in = answer + answer_size - body;
	stream.next_out = (Bytef *)unpacked;
	stream.avail_out = sizeof(unpacked) - 1;
	assert_true(stream.avail_in < strlen(plain) / 10);
	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	assert_string_equal(unpacked, plain);

	/* What is small is not worth it. */
	expect(s, true, "GET /healthz HTTP/1.1\r\nAccept-Encoding: gzip", "\r\n\r\nok\n");
}

/* A status of the right class, or no answer at all; never one that is 200. */
static void test_garbage(void **state)
{
	struct server *s = *state;
	char *huge = malloc(60001);

	assert_non_null(huge);
	memset(huge, 'A', 60000);
	huge[60000] = '\0';
	memcpy(huge, "GET /", 5);
	assert_non_null(strstr(ask(s, true, huge), "HTTP/1.1 414 "));
	memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
	assert_non_null(strstr(ask(s, true, huge), "HTTP/1.1 431 "));
	assert_string_equal(ask(s, true, "GET\r\n\r\n"), "");
	assert_non_null(strstr(ask(s, true, "GET /metrics HTTP/9.9\r\n" END), "HTTP/1.1 505 "));
	expect(s, true, "GET /healthz", "200 OK");
	free(huge);
}

static void test_sizes(void **state)
{
	struct server *s = *state;
	static char text[12000];
	int n;

	n = snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nX: ");
	memset(text + n, 'A', 9000);
	strcpy(text + n + 9000, "\r\n" END);
	assert_non_null(strstr(ask(s, true, text), "HTTP/1.1 431 "));
	assert_non_null(strstr(answer, "{\"error\":{\"code\":431,"));
	expect_error(s, false, "POST /v1/reload HTTP/1.1\r\nContent-Length: 65537", 413);
	/* This one libmicrohttpd refuses itself. */
	expect(s, false, "POST /v1/reload HTTP/1.1\r\nContent-Length: 99999999999999999999",
	       "HTTP/1.1 413 ");
	expect_error(s, false, "POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked", 411);
	assert_non_null(strstr(
		ask(s, false, "POST /v1/reload HTTP/1.1\r\nContent-Length: 5\r\n" END "hello"),
		"\"reloaded\":true"));
}

/* Whoever ends right behind a request, as nc -N does, has its answer and is done. */
static void test_half_closed(void **state)
{
	static const char text[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
				   "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct server *s = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		int fd = dial_server(s, tcp, 0);

		assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
		assert_return_code(shutdown(fd, SHUT_WR), errno);
		ask_on(s, fd, "");
		assert_non_null(strstr(answer, "\r\n\r\nok\nHTTP/1.1 200 OK"));
	}
}

enum stall {
	STALL_SILENT, /* connected, and nothing more */
	STALL_HEADER, /* half a header */
	STALL_READER, /* asked for much, and takes nothing of it */
	NR_STALLS,
};

/*
 * 200 clients of each kind stall, on each listener, without ever giving up.
 * Every scrape between them is answered whole, at once: ask() gives up long
 * before the ten seconds after which the first of them would be closed.
 */
static void test_stalled(void **state)
{
	static const char *const says[NR_STALLS] = {
		[STALL_SILENT] = "",
		[STALL_HEADER] = "GET /metrics HTTP/1.1\r\nHost: loc",
		[STALL_READER] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};
	struct server *s = *state;
	int fds[2 * NR_STALLS * 200], nr = 0;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	s->nr_histograms = NR_HISTOGRAMS;
	for (int i = 0; i < 2 * NR_STALLS * 200; i++) {
		enum stall stall = i / 200 % NR_STALLS;
		bool tcp = i >= NR_STALLS * 200;

		fds[nr] = dial_server(s, tcp, 4096);
		assert_int_equal(send(fds[nr], says[stall], strlen(says[stall]), MSG_NOSIGNAL),
				 strlen(says[stall]));
		nr++;
		sd_event_run(s->event, 0);
		if (i % 50 != 49)
			continue;
		for (int j = 0; j < 2; j++) {
			char *got = ask(s, j, "GET /metrics HTTP/1.1\r\n" END);

			assert_non_null(strstr(got, "HTTP/1.1 200 OK"));
			assert_int_equal(strtoul(strstr(got, "Content-Length: ") + 16, NULL, 10),
					 strlen(body_of(got)));
			assert_non_null(strstr(got, "x_seconds_count{device=\"d399\""));
		}
	}
	for (int i = 0; i < nr; i++)
		close(fds[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_page),
		TEST(test_looks),
		TEST(test_status),
		TEST(test_hosts),
		TEST(test_targets),
		TEST(test_host_lines),
		TEST(test_ambiguous),
		TEST(test_joined),
		TEST(test_many),
		TEST(test_pipelined),
		TEST(test_reload),
		TEST(test_reload_by_nobody),
		TEST(test_events),
		TEST(test_scopes),
		TEST(test_streamed),
		TEST(test_budget),
		TEST(test_collect),
		TEST(test_gzip),
		TEST(test_garbage),
		TEST(test_sizes),
		TEST(test_half_closed),
		TEST(test_stalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

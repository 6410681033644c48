// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes to the server itself, over real sockets: it stays alive, answers in
 * HTTP or not at all, lets nobody hold it up, and gives over TCP nothing that is
 * for the unix socket. First byte of the input: bit 0 is TCP, bit 1 two pieces.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "fuzz.h"
#include "serve/http.h"
#include "serve/listen.h"

#define HOST " HTTP/1.1\r\nHost: localhost\r\n"

const struct seed fuzz_seeds[] = {
	SEED("1GET /metrics" HOST "Accept: application/openmetrics-text;q=0.5, */*\r\n\r\n"),
	SEED("0GET /metrics?collect[]=x&collect%5B%5D=y" HOST "Accept-Encoding: gzip\r\n\r\n"),
	SEED("2POST /v1/reload" HOST "Content-Length: 5\r\n\r\nhelloGET /" HOST "\r\n"),
	SEED("3POST /v1/reload" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
	SEED("0GET /v1/snapshot HTTP/1.0\r\n\r\n"),
	SEED("1GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
	SEED("3HEAD /healthz" HOST "\r\nGET /v1/snapshot" HOST "X: y\r\n z\r\n\r\n"),
	SEED("1GET /?a=%00&collect[]=%zz;b" HOST "Cookie: a=b; c\r\nExpect: 100-continue\r\n\r\n"),
	SEED("0POST /v1/events" HOST "Content-Length: 21\r\n\r\n{\"a\": \"b\\ud83d\\ude00\"}"),
	SEED("0POST /v1/events" HOST "Content-Length: 26\r\n\r\n{\"spec\":\"x\",\"cpus\":\"0-1\"}"),
	SEED("0POST /v1/events" HOST
	     "Content-Length: 27\r\n\r\n{\"spec\":\"x\",\"by\":\"cgroup\"}"),
	SEED("0PATCH /v1/events/7" HOST "Content-Length: 13\r\n\r\n{\"terms\":\"x\"}"),
	SEED("0DELETE /v1/events/8" HOST "\r\n"),
	SEED("1GET http://127.0.0.1:1/v1/snapshot" HOST "\r\n"),
	SEED("1GET http://evil.example?a=b" HOST "Host: localhost\r\n\r\n"),
	SEED("0GET /metrics?&a&=&b=c&&&collect[]=%00" HOST "Accept: text/plain;version=1.0.0\r\n"
	     "Accept: application/openmetrics-text;q=\"0.5\"\r\n\r\n"),
	{},
};

static sd_event *event;
static struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
static struct sockaddr_in tcp_address = {.sin_family = AF_INET};
static bool over_tcp;

static int on_snapshot(void *data, const char *const *names, struct snapshot **ret_snapshot,
		       char **ret_error)
{
	static const struct metric metric = {.name = "x", .help = "An x.", .type = METRIC_GAUGE};
	struct snapshot *snapshot;

	for (; names && *names; names++)
		if (strcmp(*names, "x")) {
			*ret_error = strdup("there is only x");
			return -EINVAL;
		}
	snapshot = snapshot_new("fuzz");
	must(snapshot && !snapshot_add_integer(snapshot, &metric, NULL, 0, 1));
	*ret_snapshot = snapshot;
	return 0;
}

static int on_status(void *data, struct status *ret_status)
{
	*ret_status = (struct status){.version = "9.8"};
	return 0;
}

static int on_reload(void *data, char **ret_error, char **ret_restart)
{
	must(!over_tcp);
	return 0;
}

static char *const *on_allowed_hosts(void *data)
{
	return NULL;
}

static int on_ready(void *data, char **ret_error)
{
	must(!over_tcp);
	return 0;
}

static int on_list(void *data, kept_tell *tell, void *user)
{
	tell(user, &(struct kept_event){.name = "x"});
	return 0;
}

static int on_show(void *data, uint64_t id, bool reads, kept_tell *tell, void *user)
{
	must(id);
	tell(user, &(struct kept_event){.id = id, .name = "x"});
	return 0;
}

static int on_open(void *data, const char *spec, const char *name, const char *cpus,
		   enum kept_by by, const struct kept_owner *owner, uint64_t *ret_id,
		   char **ret_error)
{
	must(spec && by <= KEPT_BY_PROCESS);
	*ret_id = 1 + strlen(spec) + strlen(name ?: "") + strlen(cpus ?: "");
	return 0;
}

static int on_set(void *data, uint64_t id, const char *terms, char **ret_error)
{
	must(id && terms);
	return strlen(terms) & 1 ? -EINVAL : 0;
}

static int on_close(void *data, uint64_t id, char **ret_error)
{
	must(id);
	return id & 1 ? -ENOENT : 0;
}

static void start(void)
{
	static const struct kept_ops ops = {
		.ready = on_ready,
		.list = on_list,
		.show = on_show,
		.open = on_open,
		.set = on_set,
		.close = on_close,
	};
	const struct http_callbacks callbacks = {
		on_snapshot, on_status, on_reload, on_allowed_hosts, NULL, {&ops, NULL},
	};
	int tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), unix_fd;
	socklen_t size = sizeof(tcp_address);
	struct http *http;

	tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!bind(tcp_fd, (struct sockaddr *)&tcp_address, size) && !listen(tcp_fd, 16));
	must(!getsockname(tcp_fd, (struct sockaddr *)&tcp_address, &size));
	snprintf(unix_address.sun_path, sizeof(unix_address.sun_path), "/tmp/paimon-fuzz-%d",
		 getpid());
	unix_fd = listen_unix(unix_address.sun_path);
	must(unix_fd >= 0 && sd_event_new(&event) >= 0);
	must(!http_new(event, (struct http_socket[]){{unix_fd, true}, {tcp_fd, false}}, 2,
		       &callbacks, &http));
}

static int dial_server(void)
{
	const struct linger linger = {.l_onoff = 1};
	int fd = dial(over_tcp ? (void *)&tcp_address : (void *)&unix_address, SOCK_STREAM, 0);

	must(fd >= 0);
	/* No port may be left waiting after its connection: there are many. */
	if (over_tcp)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Sends all of it, and the end once the server has nothing left to do; it has to close. */
static void ask(const uint8_t *data, size_t size, size_t piece)
{
	static char answer[1 << 16];
	size_t got = 0, sent = 0;
	bool ended = false;
	int fd = dial_server();
	ssize_t n = -1;

	for (int i = 0; n; i++) {
		must(i < 15000); /* milliseconds: more than the timeout */
		if (sent < size) {
			n = send(fd, data + sent, piece < size - sent ? piece : size - sent,
				 MSG_NOSIGNAL);
			sent += n > 0 ? n : 0;
		} else if (!ended && !sd_event_run(event, 0)) {
			shutdown(fd, SHUT_WR);
			ended = true;
		}
		sd_event_run(event, 1000);
		n = read(fd, answer + got, sizeof(answer) - got);
		got += n > 0 ? n : 0;
		if (got == sizeof(answer))
			break; /* the beginning is what counts */
		if (n < 0 && errno != EAGAIN)
			break; /* reset: closed with what was sent unread */
	}
	close(fd);
	must(!got || (got >= 7 && !memcmp(answer, "HTTP/1.", 7)));
	must(!over_tcp || !memmem(answer, got, "\"realtime_ns\"", 13));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!event)
		start();
	if (!size)
		return 0;
	over_tcp = data[0] & 1;
	ask(data + 1, size - 1, data[0] & 2 ? size / 2 + 1 : size);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "gateway.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../util/clock.h"
#include "../util/log.h"
#include "request.h"
#include "tls.h"

/* As those of paimond for TCP: see daemon/serve/http.c. */
#define MAX_CLIENTS 192
#define CLIENTS_PART 4	       /* of the limit on descriptors */
#define MAX_WAITING (32 << 20) /* bytes of unread answers */
#define MARGIN 16
#define CONNECTION_TIMEOUT 10 /* seconds without a byte */
#define CONNECTION_MEMORY (32 << 10)
#define LOG_INTERVAL 60000000000ULL /* in ns */

/* Connections */

static struct connection *connection_free(struct connection *own)
{
	if (!own)
		return NULL;
	client_free(own->client);
	settings_unref(own->settings);
	free(own);
	return NULL;
}

/* Gives a new connection its limits and its TLS. */
static struct connection *connection_new(struct gateway *gateway, struct MHD_Connection *connection,
					 int fd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct connection *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	own->settings = settings_ref(gateway->settings);
	own->client = clients_add(&gateway->clients, fd);
	if (!own->client || !info != !gateway->settings->tls ||
	    (info && tls_start(gateway->settings->tls, info->tls_session) < 0))
		return connection_free(own);
	return own;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = data;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*context = connection_free(*context);
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = info ? connection_new(listener->gateway, connection, info->connect_fd) : NULL;
	if (info && !*context)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/* The loop */

/* Logs, at most once a minute, that stalled clients were closed. */
static void log_dropped(struct gateway *gateway)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned long dropped = gateway->clients.dropped - gateway->dropped;

	if (!dropped || (gateway->dropped && now - gateway->dropped_logged_ns < LOG_INTERVAL))
		return;
	gateway->dropped += dropped;
	gateway->dropped_logged_ns = now;
	log_warning("%lu stalled %s to make room (at most %u; see ss -tp)", dropped,
		    dropped == 1 ? "connection was closed" : "connections were closed",
		    gateway->clients.max);
}

static void run(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(listener->mhd);
	log_dropped(listener->gateway);
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

/* Handshakes that fail are the rule on a port that is scanned. */
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
	log_warning(
		"%s",
		strstr(line, "handshake")
			? "a TLS handshake has failed: no TLS, another version, or no certificate that is accepted"
			: line);
}

/* Never called: a session has other credentials before its handshake. libmicrohttpd takes no server
 * without any. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *request, int nr,
			  const gnutls_pk_algorithm_t *algorithms, int nr_algorithms,
			  gnutls_pcert_st **ret_certificates, unsigned int *ret_nr,
			  gnutls_privkey_t *ret_key)
{
	return -1;
}

static int listener_init(struct listener *listener, sd_event *event, int fd)
{
	struct gateway *gateway = listener->gateway;
	bool tls = gateway->settings->tls;
	struct MHD_OptionItem of_tls[] = {
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate},
		{MHD_OPTION_END, 0, NULL},
	};
	const union MHD_DaemonInfo *info;
	int r;

	listener->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME |
			(tls ? MHD_USE_TLS : 0),
		0, NULL, NULL, request_step, listener, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		gateway->clients.max + MARGIN, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, request_new, listener,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
		request_completed, listener, tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, of_tls,
		MHD_OPTION_END);
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

static unsigned int max_clients(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur / CLIENTS_PART < MAX_CLIENTS ? limit.rlim_cur / CLIENTS_PART + 1
							   : MAX_CLIENTS;
}

int gateway_new(sd_event *event, const int *sockets, size_t nr_sockets, const char *upstream,
		struct settings *settings, struct gateway **ret_gateway)
{
	struct gateway *gateway =
		calloc(1, sizeof(*gateway) + nr_sockets * sizeof(*gateway->listeners));
	int r = gateway ? 0 : -ENOMEM;

	if (gateway) {
		gateway->event = event;
		gateway->settings = settings_ref(settings);
		gateway->clients.max = max_clients();
		gateway->clients.max_waiting = MAX_WAITING;
		r = upstream_new(event, upstream, &gateway->upstream);
		if (!r)
			r = passwords_new(event, &gateway->passwords);
	}
	for (size_t i = 0; i < nr_sockets; i++) {
		struct listener *listener;

		if (r < 0) {
			close(sockets[i]);
			continue;
		}
		listener = &gateway->listeners[gateway->nr_listeners++];
		listener->gateway = gateway;
		r = listener_init(listener, event, sockets[i]);
	}
	if (r < 0) {
		gateway_free(gateway);
		return r;
	}
	*ret_gateway = gateway;
	return 0;
}

struct gateway *gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return NULL;
	/* Both resume the connections that wait for them; libmicrohttpd wants none suspended. */
	passwords_free(gateway->passwords);
	upstream_free(gateway->upstream);
	for (size_t i = 0; i < gateway->nr_listeners; i++) {
		sd_event_source_disable_unref(gateway->listeners[i].io);
		sd_event_source_disable_unref(gateway->listeners[i].timer);
		if (gateway->listeners[i].mhd)
			MHD_stop_daemon(gateway->listeners[i].mhd);
	}
	settings_unref(gateway->settings);
	free(gateway);
	return NULL;
}

void gateway_reload(struct gateway *gateway, struct settings *settings)
{
	settings_unref(gateway->settings);
	gateway->settings = settings_ref(settings);
	/* An answer is still written, then the connection ends. */
	for (struct client *client = gateway->clients.first; client; client = client->next)
		shutdown(client->fd, SHUT_RD);
}

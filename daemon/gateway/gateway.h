/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server of paimon-gateway: listening sockets, and what each request has to pass: the handshake
 * (tls.h), a well-formed head, a password, and one of a few targets, before paimond is asked for it
 * (upstream.h). libmicrohttpd implements the protocol, as in paimond; while a password is checked
 * or paimond is asked, the connection is suspended. On the loop's thread.
 */
#ifndef PAIMON_GATEWAY_H
#define PAIMON_GATEWAY_H

#include <systemd/sd-event.h>

struct gateway;
struct settings;

/* Serves on listening sockets, whose ownership it takes, also on failure. Takes its own reference
 * to settings. upstream: the path of paimond's socket, which must stay. 0 or a negative errno. */
int gateway_new(sd_event *event, const int *sockets, size_t nr_sockets, const char *upstream,
		struct settings *settings, struct gateway **ret_gateway);
struct gateway *gateway_free(struct gateway *gateway);

/* Puts other settings into force. Connections of the old ones end with their current request. */
void gateway_reload(struct gateway *gateway, struct settings *settings);

#endif

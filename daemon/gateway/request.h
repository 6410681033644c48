/* SPDX-License-Identifier: GPL-2.0 */
/* The steps of a request: its head, its password, what paimond answers. They are libmicrohttpd's
 * callbacks; a request waits for its password or for paimond with its connection suspended. */
#ifndef PAIMON_GATEWAY_REQUEST_H
#define PAIMON_GATEWAY_REQUEST_H

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "../util/clients.h"
#include "attempts.h"
#include "passwords.h"
#include "settings.h"
#include "upstream.h"

struct listener {
	struct gateway *gateway;
	struct MHD_Daemon *mhd;
	sd_event_source *io, *timer;
};

struct gateway {
	sd_event *event;
	struct settings *settings;
	struct upstream *upstream;
	struct passwords *passwords;
	struct attempts attempts;
	struct clients clients;
	unsigned long dropped; /* value of clients.dropped at the latest log message */
	unsigned long refused; /* logins that have not been logged */
	uint64_t dropped_logged_ns, refused_logged_ns;
	size_t nr_listeners;
	struct listener listeners[];
};

struct connection {
	struct client *client;
	struct settings *settings; /* of its handshake */
};

/* MHD_OPTION_URI_LOG_CALLBACK; the data is the listener. */
void *request_new(void *listener, const char *target, struct MHD_Connection *connection);

/* MHD_AccessHandlerCallback. */
enum MHD_Result request_step(void *listener, struct MHD_Connection *connection, const char *path,
			     const char *method, const char *version, const char *body,
			     size_t *body_size, void **request);

/* MHD_OPTION_NOTIFY_COMPLETED. */
void request_completed(void *listener, struct MHD_Connection *connection, void **request,
		       enum MHD_RequestTerminationCode code);

#endif

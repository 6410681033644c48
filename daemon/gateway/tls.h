/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TLS of connections: libmicrohttpd makes a session for each, and this gives it the
 * certificate, the versions, and what is required of the client's certificate. Only from here a
 * session has credentials, so that those of the latest configuration count. libmicrohttpd offers no
 * resumption: each handshake is a full one, and verifies.
 */
#ifndef PAIMON_GATEWAY_TLS_H
#define PAIMON_GATEWAY_TLS_H

#include <gnutls/gnutls.h>

#include "web_config.h"

struct tls;

/* Reads the files of a configuration that has TLS. 0, -EINVAL with errors, or -ENOMEM. */
int tls_new(const char *path, const struct web_config *config, struct config_errors *errors,
	    struct tls **ret_tls);
struct tls *tls_free(struct tls *tls);

/* Prepares a session before its handshake; tls stays until the session is deinitialized. 0 or a
 * negative errno. */
int tls_start(struct tls *tls, gnutls_session_t session);

#endif

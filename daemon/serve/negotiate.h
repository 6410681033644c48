/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the headers of a request ask for: the form and the coding of an answer,
 * and the name of the server. Pure: any thread. Called by http.c.
 */
#ifndef PAIMON_NEGOTIATE_H
#define PAIMON_NEGOTIATE_H

#include <stdbool.h>

#include "openmetrics.h"

/* Which form an Accept header asks for; NULL: none came. */
enum text_format http_negotiate(const char *accept);

/* Does an Accept-Encoding header ask for gzip? NULL: none came. */
bool http_wants_gzip(const char *accept_encoding);

/* May TCP answer to this Host header? NULL, addresses, localhost, hostname and
 * what is allowed, with or without a port. */
bool http_host_allowed(const char *host, const char *hostname, char *const *allowed);

#endif

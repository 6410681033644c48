/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parses what a request asks for: format and encoding of the answer, and the name of
 * the host. Pure: any thread. Called by routes.c.
 */
#ifndef PAIMON_NEGOTIATE_H
#define PAIMON_NEGOTIATE_H

#include <stdbool.h>

#include "encode/encoder.h"

/* A format, as in its Content-Type. */
struct http_form {
	const struct encoder *encoder;
	const char *escaping; /* the escaping scheme of names, or NULL: the request has none */
};

/* The format for an Accept header (NULL: the request has none). If it accepts none of the
 * formats, text 0.0.4. */
struct http_form http_negotiate(const char *accept);

#define HTTP_FORM_TYPE_LEN 128
void http_form_type(const struct http_form *form, char ret_type[HTTP_FORM_TYPE_LEN]);

/* Does an Accept-Encoding header (NULL: the request has none) accept gzip? */
bool http_wants_gzip(const char *accept_encoding);

/* Is this Host header valid over TCP? Valid are NULL, addresses, localhost, hostname and allowed
 * names, with or without a port. */
bool http_host_allowed(const char *host, const char *hostname, char *const *allowed);

/* Splits the target of a request, /PATH or http://HOST/PATH. *ret_host is empty without a host;
 * *ret_path points into target. 0, or -EINVAL: it is neither. */
#define HTTP_HOST_LEN 256
int http_split_target(const char *target, char ret_host[HTTP_HOST_LEN], const char **ret_path);

#endif

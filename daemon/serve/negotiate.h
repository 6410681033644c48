/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parses what a request asks for: format and encoding of the answer, and the name of
 * the host. Pure: any thread. Called by routes.c.
 */
#ifndef PAIMON_NEGOTIATE_H
#define PAIMON_NEGOTIATE_H

#include <stdbool.h>

#include "encode/encoder.h"

/* A form that is scraped, as its Content-Type has it. */
struct http_form {
	const struct encoder *encoder;
	const char *version;
	const char *escaping; /* a scheme for names, or NULL: none was asked for */
};

/* The form that an Accept header asks for; NULL: none came. Who wants none of those that
 * there are gets text 0.0.4. */
struct http_form http_negotiate(const char *accept);

#define HTTP_FORM_TYPE_LEN 96
void http_form_type(const struct http_form *form, char ret_type[HTTP_FORM_TYPE_LEN]);

/* Does an Accept-Encoding header ask for gzip? NULL: none came. */
bool http_wants_gzip(const char *accept_encoding);

/* May TCP answer to this Host header? NULL, addresses, localhost, hostname and
 * what is allowed, with or without a port. */
bool http_host_allowed(const char *host, const char *hostname, char *const *allowed);

/* Takes the target of a request apart: /PATH, or http://HOST/PATH. *ret_host is empty
 * where it has none; *ret_path is in target. 0, or -EINVAL: it is neither. */
#define HTTP_HOST_LEN 256
int http_split_target(const char *target, char ret_host[HTTP_HOST_LEN], const char **ret_path);

#endif

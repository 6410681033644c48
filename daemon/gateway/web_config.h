/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of paimon-gateway: the web-config.yml of Prometheus' exporter-toolkit. This
 * reads the text alone; tls.c reads the files that it names. Stricter than the toolkit where a
 * mistake would otherwise pass unnoticed: unknown and repeated keys, aliases, tags and a second
 * document are errors, and so is what the toolkit can do and the gateway cannot. Any thread.
 */
#ifndef PAIMON_WEB_CONFIG_H
#define PAIMON_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "../util/config_errors.h"

#define WEB_CONFIG_MAX (1 << 20) /* bytes of a file */
#define WEB_CONFIG_MAX_USERS 1000
#define WEB_CONFIG_MAX_NAME 127 /* bytes of a user's name */
#define WEB_CONFIG_MAX_COST 15	/* of bcrypt: each step doubles the time, 15 takes seconds */

/* As in Go's crypto/tls. */
enum client_auth {
	NO_CLIENT_CERT,
	REQUEST_CLIENT_CERT,	     /* asked for, and neither required nor verified */
	REQUIRE_ANY_CLIENT_CERT,     /* required, not verified */
	VERIFY_CLIENT_CERT_IF_GIVEN, /* not required */
	REQUIRE_AND_VERIFY_CLIENT_CERT,
};

enum tls_version { TLS10, TLS11, TLS12, TLS13 };

/* A file that the configuration names: its path, and the line of the key. */
struct web_file {
	char *path; /* or NULL */
	unsigned int line;
};

struct web_user {
	char *name;
	char *hash; /* of bcrypt, $2a$, $2b$ or $2y$ */
};

enum { WEB_NR_HEADERS = 5 };

struct web_config {
	bool has_tls;
	struct web_file cert, key, client_ca;
	enum client_auth client_auth;
	enum tls_version min_version, max_version;
	bool client_ciphers; /* the client's order of ciphers counts */
	struct web_user *users;
	size_t nr_users;
	char *headers[WEB_NR_HEADERS]; /* values of web_header_names[], or NULL */
};

extern const char *const web_header_names[WEB_NR_HEADERS];

/*
 * Parses a text that is the content of path, to whose directory relative paths are relative. 0, or
 * a negative errno: -EINVAL with errors, or -ENOMEM.
 */
int web_config_parse(const char *path, const char *text, size_t size, struct config_errors *errors,
		     struct web_config *ret_config);
void web_config_clear(struct web_config *config);

/* The user of that name, or NULL. */
const struct web_user *web_config_user(const struct web_config *config, const char *name);

#endif

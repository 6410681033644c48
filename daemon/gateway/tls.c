// SPDX-License-Identifier: GPL-2.0
#include "tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "text.h"

#define LOG_INTERVAL 60000000000ULL /* in ns */

struct tls {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	enum client_auth client_auth;
};

/* Reads a file that a key names. 0, or a negative errno with an error. */
static int read_named(const char *path, const struct web_file *file, const char *key,
		      struct config_errors *errors, gnutls_datum_t *ret_text)
{
	char *text;
	size_t size;
	int r = text_read(file->path, WEB_CONFIG_MAX, &text, &size);

	if (r < 0) {
		config_error(errors, path, file->line, "%s: cannot read %s: %s%s", key, file->path,
			     strerror(-r),
			     r == -EACCES ? " (the user of paimon-gateway must be able to)" : "");
		return r;
	}
	*ret_text = (gnutls_datum_t){(unsigned char *)text, size};
	return 0;
}

/* Of the certificate: one that has expired is served, as by the toolkit. */
static void warn_expired(const struct web_file *file, const gnutls_datum_t *text)
{
	gnutls_x509_crt_t certificate;
	time_t until;

	if (gnutls_x509_crt_init(&certificate) < 0)
		return;
	if (!gnutls_x509_crt_import(certificate, text, GNUTLS_X509_FMT_PEM)) {
		until = gnutls_x509_crt_get_expiration_time(certificate);
		if (until != (time_t)-1 && until < time(NULL))
			log_warning("the certificate in %s has expired: clients will refuse it",
				    file->path);
	}
	gnutls_x509_crt_deinit(certificate);
}

static void load_pair(const char *path, const struct web_config *config,
		      struct config_errors *errors, struct tls *tls)
{
	gnutls_datum_t cert = {}, key = {};
	int r;

	if (!read_named(path, &config->cert, "cert_file", errors, &cert) &&
	    !read_named(path, &config->key, "key_file", errors, &key)) {
		r = gnutls_certificate_set_x509_key_mem(tls->credentials, &cert, &key,
							GNUTLS_X509_FMT_PEM);
		if (r < 0)
			config_error(errors, path, config->cert.line,
				     "cannot use the certificate in %s with the key in %s: %s",
				     config->cert.path, config->key.path, gnutls_strerror(r));
		else
			warn_expired(&config->cert, &cert);
	}
	free(cert.data);
	text_free_secret((char *)key.data, key.size);
}

static void load_ca(const char *path, const struct web_config *config, struct config_errors *errors,
		    struct tls *tls)
{
	gnutls_datum_t ca = {};
	int r;

	if (!config->client_ca.path) {
		/* As in the toolkit, which is seldom what one wants. */
		if (config->client_auth < VERIFY_CLIENT_CERT_IF_GIVEN)
			return;
		log_warning(
			"%s: without client_ca_file, a client's certificate may be of any CA that this machine trusts",
			path);
		gnutls_certificate_set_x509_system_trust(tls->credentials);
		return;
	}
	if (read_named(path, &config->client_ca, "client_ca_file", errors, &ca))
		return;
	r = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		config_error(errors, path, config->client_ca.line,
			     "client_ca_file: no certificate in %s: %s", config->client_ca.path,
			     r ? gnutls_strerror(r) : "it has none");
	free(ca.data);
}

static int set_priority(struct tls *tls, const struct web_config *config)
{
	char priority[128] = "NORMAL:-VERS-ALL";

	for (int version = config->min_version; version <= (int)config->max_version; version++)
		snprintf(priority + strlen(priority), sizeof(priority) - strlen(priority),
			 ":+VERS-TLS1.%d", version);
	if (!config->client_ciphers)
		strcat(priority, ":%SERVER_PRECEDENCE");
	return gnutls_priority_init(&tls->priority, priority, NULL);
}

int tls_new(const char *path, const struct web_config *config, struct config_errors *errors,
	    struct tls **ret_tls)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	unsigned int before = errors->nr;

	if (!tls || gnutls_certificate_allocate_credentials(&tls->credentials) < 0) {
		free(tls);
		return -ENOMEM;
	}
	tls->client_auth = config->client_auth;
	load_pair(path, config, errors, tls);
	load_ca(path, config, errors, tls);
	if (set_priority(tls, config) < 0)
		config_error(errors, path, 0,
			     "GnuTLS of this machine does not have these versions");
	if (errors->nr > before) {
		tls_free(tls);
		return -EINVAL;
	}
	*ret_tls = tls;
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	gnutls_certificate_free_credentials(tls->credentials);
	if (tls->priority)
		gnutls_priority_deinit(tls->priority);
	free(tls);
	return NULL;
}

/* Logs, at most once a minute, why a certificate is refused. */
static void log_refused(unsigned int status)
{
	static uint64_t logged_ns; /* on the loop's thread */
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	gnutls_datum_t why;

	if ((logged_ns && now - logged_ns < LOG_INTERVAL) ||
	    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) < 0)
		return;
	logged_ns = now;
	log_warning("the certificate of a client is refused: %s", why.data);
	gnutls_free(why.data);
}

/* GnuTLS calls these in the handshake, also if the client has sent no certificate. Other than 0:
 * refused. */
static int verify(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status = 0;
	int r = gnutls_certificate_verify_peers(session, &purpose, 1, &status);

	if (!r && !status)
		return 0;
	if (!r)
		log_refused(status);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int verify_if_given(gnutls_session_t session)
{
	unsigned int nr = 0;

	return gnutls_certificate_get_peers(session, &nr) && nr ? verify(session) : 0;
}

int tls_start(struct tls *tls, gnutls_session_t session)
{
	static const gnutls_certificate_request_t requests[] = {
		[NO_CLIENT_CERT] = GNUTLS_CERT_IGNORE,
		[REQUEST_CLIENT_CERT] = GNUTLS_CERT_REQUEST,
		[REQUIRE_ANY_CLIENT_CERT] = GNUTLS_CERT_REQUIRE,
		[VERIFY_CLIENT_CERT_IF_GIVEN] = GNUTLS_CERT_REQUEST,
		[REQUIRE_AND_VERIFY_CLIENT_CERT] = GNUTLS_CERT_REQUIRE,
	};

	gnutls_credentials_clear(session);
	if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0 ||
	    gnutls_priority_set(session, tls->priority) < 0)
		return -EIO;
	gnutls_certificate_server_set_request(session, requests[tls->client_auth]);
	if (tls->client_auth == VERIFY_CLIENT_CERT_IF_GIVEN)
		gnutls_session_set_verify_function(session, verify_if_given);
	if (tls->client_auth == REQUIRE_AND_VERIFY_CLIENT_CERT)
		gnutls_session_set_verify_function(session, verify);
	return 0;
}

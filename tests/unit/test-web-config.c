// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of paimon-gateway: what is taken, what is wrong with file and line; limits of
 * wrong passwords by address; answers of paimond.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/attempts.h"
#include "gateway/upstream.h"
#include "gateway/web_config.h"

#define HASH "$2y$10$ABCDEFGHIJKLMNOPQRSTUu012345678901234567890123456789."
#define PAIR "tls_server_config:\n  cert_file: c\n  key_file: k\n"
#define USER "basic_auth_users:\n  u: " HASH "\n"

static int parse(const char *text, size_t size, char **ret_errors, struct web_config *ret_config)
{
	struct config_errors errors = {};
	int r = web_config_parse("/etc/p/web.yml", text, size, &errors, ret_config);

	assert_int_equal(!r, !errors.nr);
	*ret_errors = config_errors_take(&errors);
	return r;
}

static void test_taken(void **state)
{
	static const char text[] =
		"# a comment\n"
		"tls_server_config:\n"
		"  cert_file: a.crt\n"
		"  key_file: \"/b/a.key\"\n"
		"  client_ca_file: ../ca\n"
		"  client_auth_type: VerifyClientCertIfGiven\n"
		"  min_version: TLS10\n"
		"  max_version: 'TLS12'\n"
		"  prefer_server_cipher_suites: false\n"
		"http_server_config:\n"
		"  http2: false\n"
		"  headers: {x-frame-options: Deny, Strict-Transport-Security: max-age=1}\n"
		"basic_auth_users:\n"
		"  \"a b\": " HASH "\n"
		"  u: '" HASH "'\n";
	struct web_config config;
	char *errors;

	assert_int_equal(parse(text, strlen(text), &errors, &config), 0);
	free(errors);
	assert_true(config.has_tls);
	assert_string_equal(config.cert.path, "/etc/p/a.crt");
	assert_string_equal(config.key.path, "/b/a.key");
	assert_string_equal(config.client_ca.path, "/etc/p/../ca");
	assert_int_equal(config.client_ca.line, 5);
	assert_int_equal(config.client_auth, VERIFY_CLIENT_CERT_IF_GIVEN);
	assert_int_equal(config.min_version, TLS10);
	assert_int_equal(config.max_version, TLS12);
	assert_true(config.client_ciphers);
	assert_null(config.headers[0]);
	assert_string_equal(config.headers[1], "Deny");
	assert_string_equal(config.headers[4], "max-age=1");
	assert_int_equal(config.nr_users, 2);
	assert_string_equal(web_config_user(&config, "a b")->hash, HASH);
	assert_null(web_config_user(&config, "a"));
	web_config_clear(&config);

	assert_int_equal(parse(USER, strlen(USER), &errors, &config), 0);
	free(errors);
	assert_false(config.has_tls);
	assert_int_equal(config.client_auth, NO_CLIENT_CERT);
	assert_int_equal(config.min_version, TLS12);
	assert_int_equal(config.max_version, TLS13);
	assert_false(config.client_ciphers);
	web_config_clear(&config);
}

#define BAD(text, line, message)                      \
	{                                             \
		text, sizeof(text) - 1, line, message \
	}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		unsigned int line; /* 0: of the whole */
		const char *message;
	} cases[] = {
		BAD("", 0, "nothing would be protected"),
		BAD("# nothing\n", 0, "nothing would be protected"),
		BAD("tls_server_config: {}\n", 0, "no cert_file"),
		BAD("tls_server_config:\n  cert_file: c\n", 0, "no key_file"),
		BAD("tls_server_config:\n  min_version: TLS13\n" USER, 0, "no cert_file"),
		BAD("x\n", 1, "must be a mapping"),
		BAD("- x\n", 1, "must be a mapping"),
		BAD(PAIR "nope: 1\n", 4, "unknown key nope"),
		BAD(PAIR "  nope: {a: [b, {c: d}]}\n", 4, "unknown key nope"),
		BAD(PAIR "  cert_file: d\n", 4, "cert_file is there twice"),
		BAD(PAIR PAIR, 4, "tls_server_config is there twice"),
		BAD(PAIR USER "  u: " HASH "\n", 6, "user u is there twice"),
		BAD(PAIR "---\n" PAIR, 4, "a second document"),
		BAD(PAIR "...\n---\n" USER, 5, "a second document"),
		BAD("tls_server_config: &a\n  cert_file: c\n  key_file: k\n", 1, "anchors"),
		BAD(PAIR "  client_ca_file: *a\n", 4, "aliases"),
		BAD("tls_server_config:\n  cert_file: &x c\n  key_file: *x\n", 2, "anchors"),
		BAD("tls_server_config:\n  <<: {cert_file: c}\n  key_file: k\n", 2,
		    "unknown key <<"),
		BAD("tls_server_config:\n  cert_file: !!binary Yw==\n  key_file: k\n", 2, "tags"),
		BAD("tls_server_config: c\n", 1, "must be a mapping"),
		BAD("tls_server_config:\n  cert_file: [c]\n  key_file: k\n", 2, "must be a text"),
		BAD("tls_server_config:\n  cert_file:\n  key_file: k\n", 2, "is empty"),
		BAD("tls_server_config:\n  ? [a]\n  : b\n", 2, "a key must be a text"),
		BAD("tls_server_config:\n  cert_file: \"c\\0d\"\n  key_file: k\n", 2, "control"),
		BAD("tls_server_config:\n  cert_file: \"c\\e\"\n  key_file: k\n", 2, "control"),
		BAD(PAIR "  client_auth_type: Require\n", 4, "is none of NoClientCert"),
		BAD(PAIR "  client_ca_file: ca\n", 4, "without a client_auth_type"),
		BAD(PAIR "  client_ca_file: ca\n  client_auth_type: NoClientCert\n", 4,
		    "without a client_auth_type"),
		BAD(PAIR "  min_version: TLS14\n", 4, "is none of TLS10"),
		BAD(PAIR "  max_version: TLS11\n", 0, "min_version is above"),
		BAD(PAIR "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", 4, "GnuTLS chooses"),
		BAD(PAIR "  curve_preferences:\n    - X25519\n", 4, "GnuTLS chooses"),
		BAD(PAIR "  client_allowed_sans: [a]\n", 4, "does not have client_allowed_sans"),
		BAD(PAIR "  key: k\n", 4, "key_file"),
		BAD(PAIR "  prefer_server_cipher_suites: yes\n", 4, "is none of true, false"),
		BAD(PAIR "http_server_config:\n  http2: true\n", 5, "HTTP/1.1"),
		BAD(PAIR "http_server_config:\n  headers:\n    Server: x\n", 6, "cannot be set"),
		BAD(PAIR "http_server_config:\n  headers:\n    X-Frame-Options: x\n", 6,
		    "cannot be x"),
		BAD(PAIR
		    "http_server_config:\n  headers: {x-xss-protection: a, X-XSS-Protection: b}\n",
		    5, "is there twice"),
		BAD(PAIR "rate_limit:\n  interval: 1s\n", 4, "does not have rate_limit"),
		BAD("basic_auth_users:\n  u: secret\n", 2, "not a bcrypt hash"),
		BAD("basic_auth_users:\n  u: $2y$10$short\n", 2, "not a bcrypt hash"),
		BAD("basic_auth_users:\n  u: $2y$03$ABCDEFGHIJKLMNOPQRSTUu012345678901234567890123456789.\n",
		    2, "is 3, not 4 to 15"),
		BAD("basic_auth_users:\n  u: $2y$16$ABCDEFGHIJKLMNOPQRSTUu012345678901234567890123456789.\n",
		    2, "is 16, not 4 to 15"),
		BAD("basic_auth_users:\n  \"a:b\": " HASH "\n", 2, "colon"),
#define NAME_32 "0123456789abcdef0123456789abcdef"
		BAD("basic_auth_users:\n  " NAME_32 NAME_32 NAME_32 NAME_32 ": " HASH "\n", 2,
		    "longer than 127"),
		BAD("basic_auth_users:\n  u: {}\n", 2, "must be a text"),
		BAD("a: [\n", 1, "unknown key a"),
		BAD("{tls_server_config: {cert_file: c, key_file: k}", 1, "not YAML"),
		BAD(PAIR "\tx: y\n", 4, "not YAML"),
		BAD(PAIR "# \xff\n", 4, "not YAML"),
		BAD("\xff\xfe"
		    "a\0",
		    1, "not YAML"),
		BAD(PAIR "\0", 4, "not YAML"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct web_config config;
		char *errors, where[40] = "/etc/p/web.yml: ";

		print_message("case %zu: %s\n", i, cases[i].message);
		assert_int_equal(parse(cases[i].text, cases[i].size, &errors, &config), -EINVAL);
		if (cases[i].line)
			snprintf(where, sizeof(where), "/etc/p/web.yml:%u: ", cases[i].line);
		if (strncmp(errors, where, strlen(where)) || !strstr(errors, cases[i].message))
			fail_msg("%s", errors);
		free(errors);
	}
}

/* An attempt of an address; how many were used before, or -1. */
static int take(struct attempts *attempts, const char *text, uint64_t seconds)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in = {.sin_family = AF_INET};
	bool is_in6 = inet_pton(AF_INET6, text, &in6.sin6_addr) == 1;

	if (!is_in6)
		assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return attempts_take(attempts, is_in6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
			     seconds * 1000000000ULL);
}

static void test_attempts(void **state)
{
	struct attempts *attempts = calloc(1, sizeof(*attempts));
	char text[32];

	for (int i = 0; i < ATTEMPTS_MAX; i++)
		assert_int_equal(take(attempts, "10.0.0.1", 100), i);
	assert_int_equal(take(attempts, "10.0.0.1", 100), -1);
	assert_int_equal(take(attempts, "::ffff:10.0.0.1", 100), -1);
	assert_int_equal(take(attempts, "10.0.0.2", 100), 0);
	assert_int_equal(take(attempts, "10.0.0.1", 102), ATTEMPTS_MAX - 2);
	assert_int_equal(take(attempts, "10.0.0.1", 102), ATTEMPTS_MAX - 1);
	assert_int_equal(take(attempts, "10.0.0.1", 102), -1);
	assert_int_equal(take(attempts, "10.0.0.1", 200), 0);
	/* Of an IPv6 network each host counts for all. */
	for (int i = 0; i < ATTEMPTS_MAX; i++)
		take(attempts, "2001:db8::1", 200);
	assert_int_equal(take(attempts, "2001:db8::ffff:1", 200), -1);
	assert_int_equal(take(attempts, "2001:db8:0:1::1", 200), 0);
	/* Many others: those that are quiet for the longest time are forgotten first. */
	for (int i = 0; i < ATTEMPTS_ADDRESSES - 1; i++) {
		snprintf(text, sizeof(text), "11.0.%d.%d", i / 256, i % 256);
		assert_int_equal(take(attempts, text, 201), 0);
	}
	assert_int_equal(take(attempts, text, 201), 1);
	free(attempts);
}

static void test_answer(void **state)
{
	static const char text[] =
		"HTTP/1.0 200 OK\r\nA: b\r\nConnection: close\r\nDate:x\r\nC:\r\n"
		"Content-Length: 3\r\n\r\nxyz";
	struct fetch fetch = {};
	char *name, *value;

	buffer_add(&fetch.answer, text, strlen(text));
	assert_int_equal(upstream_parse(&fetch), 0);
	assert_int_equal(fetch.status, 200);
	assert_memory_equal(fetch.answer.data + fetch.body, "xyz", 3);
	assert_true(upstream_next_header(&fetch, &name, &value));
	assert_string_equal(name, "A");
	assert_string_equal(value, "b");
	assert_true(upstream_next_header(&fetch, &name, &value));
	assert_string_equal(name, "C");
	assert_string_equal(value, "");
	assert_false(upstream_next_header(&fetch, &name, &value));
	free(fetch.answer.data);
	/* Cut off anywhere. */
	for (size_t size = 0; size < strlen(text); size++) {
		fetch = (struct fetch){};
		buffer_add(&fetch.answer, text, size);
		assert_int_equal(upstream_parse(&fetch), -EBADMSG);
		free(fetch.answer.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

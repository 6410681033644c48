// SPDX-License-Identifier: GPL-2.0
/*
 * The web-config.yml of paimon-gateway, of any content: either all values are in their bounds, or
 * there are lines that name lines of the file. Beyond the first byte 1: an answer of paimond.
 */
#include <string.h>

#include "fuzz.h"
#include "gateway/upstream.h"
#include "gateway/web_config.h"

#define HASH "$2y$10$ABCDEFGHIJKLMNOPQRSTUu012345678901234567890123456789."
#define PAIR "tls_server_config:\n  cert_file: c\n  key_file: k\n"

const struct seed fuzz_seeds[] = {
	SEED(PAIR "  client_ca_file: ca\n  client_auth_type: RequireAndVerifyClientCert\n"),
	SEED(PAIR "  min_version: TLS12\n  max_version: TLS13\nbasic_auth_users:\n  u: " HASH "\n"),
	SEED("http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n" PAIR),
	SEED("a: &x [b, *x]\n--- !!str c\n? {d: e}\n: |\n  f\n...\n"),
	SEED("basic_auth_users: {\"a\\0\": 'b', c: \"\\ud800\"}\nrate_limit: {burst: 1}\n"),
	SEED("\1HTTP/1.0 200 OK\r\nA: b\r\nContent-Length: 1\r\n\r\nx"),
	{},
};

static void fuzz_answer(const uint8_t *data, size_t size)
{
	struct fetch fetch = {};
	char *name, *value;

	buffer_add(&fetch.answer, data, size);
	if (!upstream_parse(&fetch)) {
		must(fetch.status >= 200 && fetch.status <= 999 && fetch.body <= size);
		while (upstream_next_header(&fetch, &name, &value))
			must(*name && !strpbrk(name, "\r\n :") && !strpbrk(value, "\r\n"));
	}
	free(fetch.answer.data);
}

/* Lines of YAML end with CR, NEL, LS and PS as well. */
static void check_errors(char *errors, const uint8_t *data, size_t size)
{
	uint8_t *lines = malloc(size + 1);

	must(lines);
	for (size_t i = 0; i < size; i++)
		lines[i] = data[i] && strchr("\r\x85\xa8\xa9", data[i]) ? '\n' : data[i];
	must_be_errors(errors, "/f", lines, size, 4);
	free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = {};
	struct web_config config;
	char *text;
	int r;

	if (size && data[0] == 1) {
		fuzz_answer(data + 1, size - 1);
		return 0;
	}
	r = web_config_parse("/f", (const char *)data, size, &errors, &config);
	must(!r == !errors.nr);
	if (errors.nr) {
		text = config_errors_take(&errors);
		must(text);
		check_errors(text, data, size);
		free(text);
		return 0;
	}
	must(config.has_tls || config.nr_users);
	must(!config.has_tls || (config.cert.path[0] == '/' && config.key.path[0] == '/'));
	must(config.min_version <= config.max_version && config.max_version <= TLS13);
	must(!config.client_ca.path || config.client_auth);
	for (size_t i = 0; i < config.nr_users; i++) {
		must(strlen(config.users[i].hash) == 60);
		must(web_config_user(&config, config.users[i].name) == &config.users[i]);
	}
	for (size_t i = 0; i < WEB_NR_HEADERS; i++)
		must(!config.headers[i] || !strpbrk(config.headers[i], "\r\n"));
	web_config_clear(&config);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "web_config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "../util/cleanup.h"
#include "../util/utf8.h"

const char *const web_header_names[WEB_NR_HEADERS] = {
	"Content-Security-Policy", "X-Frame-Options",		"X-Content-Type-Options",
	"X-XSS-Protection",	   "Strict-Transport-Security",
};

struct reader {
	const char *path;
	const char *text;
	size_t size;
	struct config_errors *errors;
	struct web_config *config;
	yaml_parser_t parser;
	bool broken;	   /* no further event comes */
	bool no_memory;	   /* likewise */
	unsigned int line; /* of the latest event, from 1 */
};

#define wrong(reader, ...) \
	config_error((reader)->errors, (reader)->path, (reader)->line, __VA_ARGS__)

/* The line of the byte at an offset. */
static unsigned int line_of(const struct reader *reader, size_t offset)
{
	unsigned int line = 1;

	for (size_t i = 0; i < offset && i < reader->size; i++)
		line += reader->text[i] == '\n';
	return line;
}

/* What libyaml cannot read. Of bytes that are not UTF-8 it knows the place, and no line; what it
 * misses at the end is on a line after it. */
static void report(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	unsigned int last = line_of(reader, SIZE_MAX);

	reader->broken = true;
	if (parser->error == YAML_MEMORY_ERROR) {
		reader->no_memory = true;
		return;
	}
	reader->line = parser->problem_mark.line + 1;
	if (reader->line > last)
		reader->line = last;
	if (parser->error == YAML_READER_ERROR)
		reader->line = line_of(reader, parser->problem_offset);
	wrong(reader, "not YAML: %s%s%s", parser->context ?: "", parser->context ? ": " : "",
	      parser->problem ?: "error");
}

/* The next event, to be deleted; false: none comes any more. What must not be in the file at all is
 * reported here. */
static bool next(struct reader *reader, yaml_event_t *ret_event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (reader->broken)
		return false;
	if (!yaml_parser_parse(&reader->parser, ret_event)) {
		report(reader);
		return false;
	}
	reader->line = ret_event->start_mark.line + 1;
	switch (ret_event->type) {
	case YAML_SCALAR_EVENT:
		anchor = ret_event->data.scalar.anchor;
		tag = ret_event->data.scalar.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ret_event->data.mapping_start.anchor;
		tag = ret_event->data.mapping_start.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ret_event->data.sequence_start.anchor;
		tag = ret_event->data.sequence_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		wrong(reader, "*%s: aliases are not taken: write the value out",
		      ret_event->data.alias.anchor);
		break;
	default:
		break;
	}
	if (anchor)
		wrong(reader, "&%s: anchors are not taken: aliases are not either", anchor);
	if (tag)
		wrong(reader, "%s: tags are not taken: remove it", tag);
	return true;
}

/* Passes over the rest of a value that has begun with an event. */
static void pass_over(struct reader *reader, yaml_event_type_t type)
{
	size_t depth = type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
	yaml_event_t event;

	while (depth && next(reader, &event)) {
		if (event.type == YAML_MAPPING_START_EVENT ||
		    event.type == YAML_SEQUENCE_START_EVENT)
			depth++;
		if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
			depth--;
		yaml_event_delete(&event);
	}
}

/* The text of a scalar, or NULL after an error. what: for it. */
static char *take_text(struct reader *reader, const yaml_event_t *event, const char *what)
{
	const char *value = (const char *)event->data.scalar.value;
	uint32_t c = 0;
	char *text;

	if (event->type != YAML_SCALAR_EVENT) {
		if (event->type != YAML_ALIAS_EVENT)
			wrong(reader, "%s must be a text", what);
		return NULL;
	}
	for (const char *p = value; p < value + event->data.scalar.length;
	     p += utf8_decode(p, &c) ?: 1)
		if (!utf8_decode(p, &c) || utf8_is_control(c)) {
			wrong(reader, "%s has a control character", what);
			return NULL;
		}
	if (!*value) {
		wrong(reader, "%s is empty", what);
		return NULL;
	}
	text = strdup(value);
	reader->no_memory |= !text;
	return text;
}

/* A key of a mapping: what reads its value, which is of a kind. */
struct key {
	const char *name;
	void (*take)(struct reader *reader, const struct key *key, char *value); /* a text */
	const struct key *keys; /* or a mapping with these keys, up to one without a name */
	void (*pair)(struct reader *reader, char *name, char *value); /* or with any */
	const char *refused;					      /* or why there is none */
	size_t offset;						      /* of take */
};

static void read_value(struct reader *reader, const struct key *key, yaml_event_t *event);

/* The next key of a mapping, to be freed, and the event that its value begins with, to be deleted.
 * False: the mapping has ended. */
static bool next_pair(struct reader *reader, char **ret_name, yaml_event_t *ret_value)
{
	unsigned int line;
	yaml_event_t event;
	bool is_end;

	if (!next(reader, &event))
		return false;
	line = reader->line;
	is_end = event.type == YAML_MAPPING_END_EVENT;
	*ret_name = is_end ? NULL : take_text(reader, &event, "a key");
	if (!is_end)
		pass_over(reader, event.type);
	yaml_event_delete(&event);
	if (!is_end && next(reader, ret_value)) {
		reader->line = line; /* errors are at the key */
		return true;
	}
	free(*ret_name);
	return false;
}

static void read_keys(struct reader *reader, const struct key *keys)
{
	unsigned int seen = 0;
	yaml_event_t event;
	char *name;

	while (next_pair(reader, &name, &event)) {
		size_t i = 0;

		while (name && keys[i].name && strcmp(keys[i].name, name))
			i++;
		if (!name || !keys[i].name) {
			if (name)
				wrong(reader, "unknown key %.100s", name);
			pass_over(reader, event.type);
		} else if (seen & 1u << i) {
			wrong(reader, "%s is there twice", name);
			pass_over(reader, event.type);
		} else {
			seen |= 1u << i;
			read_value(reader, &keys[i], &event);
		}
		yaml_event_delete(&event);
		free(name);
	}
}

static void read_pairs(struct reader *reader, const struct key *key)
{
	yaml_event_t event;
	char *name, *value;

	while (next_pair(reader, &name, &event)) {
		value = take_text(reader, &event, name ?: "a value");
		pass_over(reader, event.type);
		yaml_event_delete(&event);
		if (name && value) {
			key->pair(reader, name, value);
		} else {
			free(name);
			free(value);
		}
	}
}

static void read_value(struct reader *reader, const struct key *key, yaml_event_t *event)
{
	char *value;

	if (key->refused) {
		wrong(reader, "paimon-gateway does not have %s: %s", key->name, key->refused);
		pass_over(reader, event->type);
	} else if (key->take) {
		value = take_text(reader, event, key->name);
		if (value)
			key->take(reader, key, value);
		pass_over(reader, event->type);
	} else if (event->type != YAML_MAPPING_START_EVENT) {
		if (event->type != YAML_ALIAS_EVENT)
			wrong(reader,
			      "%s must be a mapping: keys on further lines, further to the right",
			      key->name);
		pass_over(reader, event->type);
	} else if (key->keys) {
		reader->config->has_tls |= !strcmp(key->name, "tls_server_config");
		read_keys(reader, key->keys);
	} else {
		read_pairs(reader, key);
	}
}

/* Values. Each function frees the value. */

static void take_file(struct reader *reader, const struct key *key, char *value)
{
	struct web_file *file = (struct web_file *)((char *)reader->config + key->offset);
	const char *slash = strrchr(reader->path, '/');

	file->line = reader->line;
	if (value[0] == '/' || !slash) {
		file->path = value;
		return;
	}
	if (asprintf(&file->path, "%.*s/%s", (int)(slash - reader->path), reader->path, value) <
	    0) {
		file->path = NULL;
		reader->no_memory = true;
	}
	free(value);
}

/* The index of a word, or -1 after an error. */
static int index_of(struct reader *reader, const struct key *key, const char *value,
		    const char *const *words, size_t nr)
{
	char all[160] = "";

	for (size_t i = 0; i < nr; i++) {
		if (!strcmp(words[i], value))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 words[i]);
	}
	wrong(reader, "%s: %.100s is none of %s", key->name, value, all);
	return -1;
}

static void take_client_auth(struct reader *reader, const struct key *key, char *value)
{
	static const char *const words[] = {"NoClientCert", "RequestClientCert",
					    "RequireAnyClientCert", "VerifyClientCertIfGiven",
					    "RequireAndVerifyClientCert"};
	/* The toolkit has an older name. */
	int i = !strcmp(value, "RequireClientCert") ? REQUIRE_ANY_CLIENT_CERT
						    : index_of(reader, key, value, words, 5);

	if (i >= 0)
		reader->config->client_auth = i;
	free(value);
}

static void take_version(struct reader *reader, const struct key *key, char *value)
{
	static const char *const words[] = {"TLS10", "TLS11", "TLS12", "TLS13"};
	int i = index_of(reader, key, value, words, 4);

	if (i >= 0)
		*(enum tls_version *)((char *)reader->config + key->offset) = i;
	free(value);
}

static void take_order(struct reader *reader, const struct key *key, char *value)
{
	static const char *const words[] = {"true", "false"};

	reader->config->client_ciphers = index_of(reader, key, value, words, 2) == 1;
	free(value);
}

static void take_http2(struct reader *reader, const struct key *key, char *value)
{
	if (strcmp(value, "false"))
		wrong(reader, "http2: only false is possible: paimon-gateway speaks HTTP/1.1");
	free(value);
}

static bool is_bcrypt(const char *hash)
{
	return strlen(hash) == 60 && hash[0] == '$' && hash[1] == '2' && strchr("aby", hash[2]) &&
	       hash[3] == '$' && hash[6] == '$' && strspn(hash + 4, "0123456789") == 2 &&
	       strspn(hash + 7,
		      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == 53;
}

static void add_user(struct reader *reader, char *name, char *hash)
{
	struct web_config *config = reader->config;
	struct web_user *grown;

	if (!is_bcrypt(hash))
		wrong(reader,
		      "user %.100s: not a bcrypt hash, $2y$COST$ and 53 characters (htpasswd -nB prints one)",
		      name);
	else if (atoi(hash + 4) < 4 || atoi(hash + 4) > WEB_CONFIG_MAX_COST)
		wrong(reader, "user %.100s: the cost of the bcrypt hash is %d, not 4 to %d", name,
		      atoi(hash + 4), WEB_CONFIG_MAX_COST);
	else if (strchr(name, ':'))
		wrong(reader, "user %.100s: HTTP has no user names with a colon", name);
	else if (strlen(name) > WEB_CONFIG_MAX_NAME)
		wrong(reader, "user %.100s...: longer than %d bytes", name, WEB_CONFIG_MAX_NAME);
	else if (web_config_user(config, name))
		wrong(reader, "user %.100s is there twice", name);
	else if (config->nr_users == WEB_CONFIG_MAX_USERS)
		wrong(reader, "more than %d users", WEB_CONFIG_MAX_USERS);
	else if (!(grown = reallocarray(config->users, config->nr_users + 1, sizeof(*grown))))
		reader->no_memory = true;
	else {
		config->users = grown;
		grown[config->nr_users++] = (struct web_user){name, hash};
		return;
	}
	free(name);
	free(hash);
}

static void add_header(struct reader *reader, char *name, char *value)
{
	static const struct {
		const char *name, *values[3];
	} limited[] = {
		{"X-Frame-Options", {"deny", "sameorigin"}},
		{"X-Content-Type-Options", {"nosniff"}},
	};
	char **header = NULL;
	bool valid = true;

	for (size_t i = 0; i < WEB_NR_HEADERS; i++)
		if (!strcasecmp(web_header_names[i], name))
			header = &reader->config->headers[i];
	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++)
		if (!strcasecmp(limited[i].name, name)) {
			valid = false;
			for (size_t k = 0; limited[i].values[k]; k++)
				valid |= !strcasecmp(limited[i].values[k], value);
		}
	if (!header)
		wrong(reader, "the header %.100s cannot be set", name);
	else if (*header)
		wrong(reader, "the header %s is there twice", name);
	else if (!valid)
		wrong(reader, "the header %s cannot be %.100s", name, value);
	else {
		*header = value;
		value = NULL;
	}
	free(name);
	free(value);
}

/* The keys of the toolkit, in its order. */

#define AT(member) .offset = offsetof(struct web_config, member)
#define OF_GNUTLS "GnuTLS chooses them, see min_version"
#define AS_FILE "name a file instead"

static const struct key tls_keys[] = {
	{"cert_file", .take = take_file, AT(cert)},
	{"key_file", .take = take_file, AT(key)},
	{"client_ca_file", .take = take_file, AT(client_ca)},
	{"cert", .refused = AS_FILE ", cert_file"},
	{"key", .refused = AS_FILE ", key_file"},
	{"client_ca", .refused = AS_FILE ", client_ca_file"},
	{"client_auth_type", .take = take_client_auth},
	{"client_allowed_sans",
	 .refused = "have a CA of its own, in client_ca_file, sign the clients' certificates"},
	{"min_version", .take = take_version, AT(min_version)},
	{"max_version", .take = take_version, AT(max_version)},
	{"cipher_suites", .refused = OF_GNUTLS},
	{"curve_preferences", .refused = OF_GNUTLS},
	{"prefer_server_cipher_suites", .take = take_order},
	{},
};

static const struct key http_keys[] = {
	{"http2", .take = take_http2},
	{"headers", .pair = add_header},
	{},
};

static const struct key top_keys[] = {
	{"tls_server_config", .keys = tls_keys},
	{"http_server_config", .keys = http_keys},
	{"basic_auth_users", .pair = add_user},
	{"rate_limit", .refused = "its limits are in paimon-gateway(8)"},
	{},
};
static const struct key whole = {"the file", .keys = top_keys};

static void read_file(struct reader *reader)
{
	size_t nr_documents = 0;
	yaml_event_t event;

	while (next(reader, &event)) {
		yaml_event_type_t type = event.type;

		if (type == YAML_DOCUMENT_START_EVENT && nr_documents++)
			wrong(reader, "a second document: only one is taken");
		else if (type == YAML_SCALAR_EVENT || type == YAML_MAPPING_START_EVENT ||
			 type == YAML_SEQUENCE_START_EVENT) {
			if (nr_documents > 1)
				pass_over(reader, type);
			else
				read_value(reader, &whole, &event);
		}
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			break;
	}
}

/* What concerns more than one key. */
static void check_whole(struct reader *reader)
{
	struct web_config *config = reader->config;

	reader->line = 0;
	if (!config->has_tls && !config->nr_users)
		wrong(reader,
		      "neither tls_server_config nor basic_auth_users: nothing would be protected");
	if (config->has_tls && !config->cert.path)
		wrong(reader, "tls_server_config has no cert_file");
	if (config->has_tls && !config->key.path)
		wrong(reader, "tls_server_config has no key_file");
	reader->line = config->client_ca.line;
	if (config->client_ca.path && !config->client_auth)
		wrong(reader, "client_ca_file without a client_auth_type has no effect");
	reader->line = 0;
	if (config->min_version > config->max_version)
		wrong(reader, "min_version is above max_version (TLS13 unless it is set)");
}

int web_config_parse(const char *path, const char *text, size_t size, struct config_errors *errors,
		     struct web_config *ret_config)
{
	struct web_config config = {.min_version = TLS12, .max_version = TLS13};
	unsigned int before = errors->nr;
	struct reader reader = {
		.path = path,
		.text = text,
		.size = size,
		.errors = errors,
		.config = &config,
	};

	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
	read_file(&reader);
	yaml_parser_delete(&reader.parser);
	if (errors->nr == before && !reader.no_memory)
		check_whole(&reader);
	if (errors->nr == before && !reader.no_memory) {
		*ret_config = config;
		return 0;
	}
	web_config_clear(&config);
	return reader.no_memory ? -ENOMEM : -EINVAL;
}

void web_config_clear(struct web_config *config)
{
	free(config->cert.path);
	free(config->key.path);
	free(config->client_ca.path);
	for (size_t i = 0; i < config->nr_users; i++) {
		free(config->users[i].name);
		free(config->users[i].hash);
	}
	free(config->users);
	for (size_t i = 0; i < WEB_NR_HEADERS; i++)
		free(config->headers[i]);
	*config = (struct web_config){};
}

const struct web_user *web_config_user(const struct web_config *config, const char *name)
{
	for (size_t i = 0; i < config->nr_users; i++)
		if (!strcmp(config->users[i].name, name))
			return &config->users[i];
	return NULL;
}

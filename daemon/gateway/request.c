// SPDX-License-Identifier: GPL-2.0
#include "request.h"

#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "../util/clock.h"
#include "../util/log.h"
#include "text.h"

#define MAX_HEADER (8 << 10)
#define LOG_INTERVAL 60000000000ULL /* in ns */

/* Where a request is. */
enum step {
	ARRIVES,
	CHECKS,	 /* its password is checked */
	WRONG,	 /* it was not right */
	REFUSED, /* it was not checked */
	ALLOWED,
	FETCHES,  /* paimond is asked */
	ANSWERED, /* paimond has answered, or not */
};

struct request {
	struct listener *listener;
	struct gateway *gateway;
	struct MHD_Connection *connection;
	enum step step;
	bool begun;
	char *target; /* as it came */
	char user[WEB_CONFIG_MAX_NAME + 1];
	struct verified candidate; /* hash of its password */
	struct password_check check;
	struct fetch fetch;
};

/* libmicrohttpd goes on with it when it runs next. */
static void resume(struct request *request)
{
	sd_event_source *timer = request->listener->timer;

	MHD_resume_connection(request->connection);
	sd_event_source_set_time_relative(timer, 0);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
	static const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info && info->client_addr ? info->client_addr : &none;
}

/* Answers */

/* Takes ownership of the response; NULL: no memory. */
static enum MHD_Result queue(struct request *request, unsigned int status,
			     struct MHD_Response *response, size_t size)
{
	const struct web_config *config = &request->gateway->settings->config;
	struct connection *connection = connection_of(request->connection);
	enum MHD_Result r = MHD_YES;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < WEB_NR_HEADERS; i++)
		if (config->headers[i])
			r &= MHD_add_response_header(response, web_header_names[i],
						     config->headers[i]);
	if (status == MHD_HTTP_UNAUTHORIZED)
		r &= MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					     "Basic realm=\"paimon\", charset=\"UTF-8\"");
	if (r)
		r = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	if (r && connection && connection->client)
		client_answer(connection->client, size);
	return r;
}

/* message: without characters that JSON escapes. */
static enum MHD_Result reply_error(struct request *request, unsigned int status,
				   const char *message)
{
	struct MHD_Response *response;
	char text[256];

	snprintf(text, sizeof(text), "{\"error\":{\"code\":%u,\"message\":\"%s\"}}", status,
		 message);
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
		if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
			MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
		if (status == MHD_HTTP_TOO_MANY_REQUESTS)
			MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	}
	return queue(request, status, response, strlen(text));
}

/* Is a header of paimond's answer replaced by one of the configuration? */
static bool is_replaced(const struct web_config *config, const char *name)
{
	for (size_t i = 0; i < WEB_NR_HEADERS; i++)
		if (config->headers[i] && !strcasecmp(web_header_names[i], name))
			return true;
	return false;
}

static enum MHD_Result reply_answer(struct request *request)
{
	struct fetch *fetch = &request->fetch;
	struct buffer *answer = &fetch->answer;
	struct MHD_Response *response;
	enum MHD_Result r = MHD_YES;
	char *name, *value;
	size_t size;

	if (fetch->error)
		return reply_error(request, fetch->status, fetch->error);
	size = answer->size - fetch->body;
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		size, answer->data + fetch->body, free, answer->data);
	if (!response)
		return MHD_NO;
	/* The headers are in the same memory, and are copied. libmicrohttpd takes none without a
	 * value. */
	answer->data = NULL;
	while (upstream_next_header(fetch, &name, &value))
		if (*value && !is_replaced(&request->gateway->settings->config, name))
			r &= MHD_add_response_header(response, name, value);
	if (r)
		return queue(request, fetch->status, response, size);
	MHD_destroy_response(response);
	return MHD_NO;
}

/* The head of a request */

struct head {
	bool wrong; /* a name or a value is invalid */
	unsigned int nr_lengths, nr_authorizations, nr_codings;
	struct buffer accept, accept_encoding;
};

static void add_value(struct buffer *buffer, const char *value)
{
	if (buffer->size)
		buffer_add(buffer, ",", 1);
	buffer_add_string(buffer, value);
}

static enum MHD_Result look_at_line(void *data, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	struct head *head = data;

	value = value ?: "";
	head->wrong |= !*name;
	head->nr_lengths += !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
	head->nr_codings += !strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	head->nr_authorizations += !strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION);
	if (!strcasecmp(name, MHD_HTTP_HEADER_ACCEPT))
		add_value(&head->accept, value);
	if (!strcasecmp(name, MHD_HTTP_HEADER_ACCEPT_ENCODING))
		add_value(&head->accept_encoding, value);
	for (; *name; name++)
		head->wrong |= (unsigned char)*name <= ' ' || *name == 0x7f;
	for (; *value; value++)
		head->wrong |= ((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f;
	return MHD_YES;
}

/* Returns the HTTP status of an error, or 0. */
static unsigned int wrong_head(struct MHD_Connection *connection, const struct head *head,
			       const char **ret_message)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	*ret_message = "malformed header, or one twice";
	if (head->wrong || head->nr_lengths > 1 || head->nr_authorizations > 1)
		return MHD_HTTP_BAD_REQUEST;
	*ret_message = "the request is too large";
	if (info && info->header_size > MAX_HEADER)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	*ret_message = "a request here has no body";
	if (head->nr_codings || (length && strcmp(length, "0")))
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/* Passwords */

/* Splits the header into user and password, which is to be freed. False: there are none. */
static bool take_credentials(struct request *request, char **ret_password, size_t *ret_size)
{
	static const char scheme[] = "Basic ";
	const char *header = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_AUTHORIZATION);
	gnutls_datum_t coded, plain;
	const char *colon;
	char *password = NULL;
	size_t length, size;

	if (!header || strncasecmp(header, scheme, strlen(scheme)))
		return false;
	header += strlen(scheme);
	header += strspn(header, " ");
	coded = (gnutls_datum_t){(unsigned char *)header, strlen(header)};
	if (!coded.size || gnutls_base64_decode2(&coded, &plain) < 0)
		return false;
	colon = memchr(plain.data, ':', plain.size);
	length = colon ? (size_t)(colon - (char *)plain.data) : sizeof(request->user);
	/* A NUL would cut off what follows. */
	if (length < sizeof(request->user) && !memchr(plain.data, '\0', plain.size)) {
		memcpy(request->user, plain.data, length);
		request->user[length] = '\0';
		size = plain.size - length - 1;
		password = malloc(size + 1);
		if (password) {
			memcpy(password, colon + 1, size);
			password[size] = '\0';
			*ret_size = size;
		}
	}
	gnutls_memset(plain.data, 0, plain.size);
	gnutls_free(plain.data);
	*ret_password = password;
	return password;
}

/* What is remembered of a user. */
static struct verified *verified_of(struct gateway *gateway, const struct web_user *user)
{
	return &gateway->settings->verified[user - gateway->settings->config.users];
}

/* Logs wrong logins, at most once a minute. */
static void log_refused(struct request *request)
{
	struct gateway *gateway = request->gateway;
	const struct sockaddr *address = address_of(request->connection);
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	char host[NI_MAXHOST] = "?";

	gateway->refused++;
	if (gateway->refused_logged_ns && now - gateway->refused_logged_ns < LOG_INTERVAL)
		return;
	gateway->refused_logged_ns = now;
	getnameinfo(address,
		    address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						   : sizeof(struct sockaddr_in),
		    host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	log_warning("%lu wrong %s, the last one from %s", gateway->refused,
		    gateway->refused == 1 ? "login" : "logins", host);
	gateway->refused = 0;
}

/* The user may have another password by now. */
static void on_checked(struct password_check *check, bool right)
{
	struct request *request =
		(struct request *)((char *)check - offsetof(struct request, check));
	struct gateway *gateway = request->gateway;
	const struct web_user *user = web_config_user(&gateway->settings->config, request->user);

	right = right && user && !strcmp(user->hash, check->hash);
	if (right) {
		*verified_of(gateway, user) = request->candidate;
		attempts_give_back(&gateway->attempts, address_of(request->connection));
	} else if (!check->refused) {
		log_refused(request);
	}
	request->step = right ? ALLOWED : check->refused ? REFUSED : WRONG;
	resume(request);
}

static enum MHD_Result unauthorized(struct request *request)
{
	return reply_error(request, MHD_HTTP_UNAUTHORIZED, "user and password are required");
}

static enum MHD_Result too_busy(struct request *request)
{
	return reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "too many passwords are being checked: try again");
}

static enum MHD_Result check_password(struct request *request)
{
	struct gateway *gateway = request->gateway;
	const struct web_config *config = &gateway->settings->config;
	const struct web_user *user;
	char *password;
	size_t size;
	int used;

	if (!config->nr_users) {
		request->step = ALLOWED;
		return MHD_YES;
	}
	if (!take_credentials(request, &password, &size))
		return unauthorized(request);
	user = web_config_user(config, request->user);
	if (passwords_hash(gateway->passwords, password, &request->candidate) < 0) {
		text_free_secret(password, size);
		return MHD_NO;
	}
	if (user && passwords_same(&request->candidate, verified_of(gateway, user))) {
		text_free_secret(password, size);
		request->step = ALLOWED;
		return MHD_YES;
	}
	used = attempts_take(&gateway->attempts, address_of(request->connection),
			     clock_ns(CLOCK_MONOTONIC));
	if (used < 0) {
		text_free_secret(password, size);
		log_refused(request);
		return reply_error(request, MHD_HTTP_TOO_MANY_REQUESTS,
				   "too many wrong passwords from this address");
	}
	/* An unknown user takes as long as a known one, and never is the right one. */
	request->check = (struct password_check){
		.password = password,
		.urgency = used,
		.done = on_checked,
	};
	snprintf(request->check.hash, sizeof(request->check.hash), "%s",
		 (user ?: config->users)->hash);
	request->step = CHECKS;
	if (passwords_check(gateway->passwords, &request->check) < 0) {
		text_free_secret(password, size);
		request->step = ARRIVES;
		return too_busy(request);
	}
	MHD_suspend_connection(request->connection);
	return MHD_YES;
}

/* Requests */

static void on_fetched(struct fetch *fetch)
{
	struct request *request =
		(struct request *)((char *)fetch - offsetof(struct request, fetch));

	request->step = ANSWERED;
	resume(request);
}

/* Only what is public, and only as it is written. */
static bool is_public(const char *target)
{
	static const char *const paths[] = {"/", "/metrics", "/healthz", "/v1/status"};
	size_t length = strcspn(target, "?");

	for (const char *p = target; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (length == strlen(paths[i]) && !memcmp(target, paths[i], length))
			return true;
	return false;
}

static void add_header(struct buffer *buffer, const char *name, const struct buffer *value)
{
	if (!value->size)
		return;
	buffer_add_string(buffer, name);
	buffer_add_string(buffer, ": ");
	buffer_add(buffer, value->data, value->size);
	buffer_add_string(buffer, "\r\n");
}

/*
 * The Host of the request is not passed on. Rebinding of names is no danger here: a browser that a
 * name of the attacker's has led here finds a certificate for another name, or has no password for
 * that name; and one of the two is always required.
 */
static enum MHD_Result ask_paimond(struct request *request)
{
	struct buffer lines = {};
	struct head head = {};
	char *headers;
	int r;

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, look_at_line, &head);
	add_header(&lines, MHD_HTTP_HEADER_ACCEPT, &head.accept);
	add_header(&lines, MHD_HTTP_HEADER_ACCEPT_ENCODING, &head.accept_encoding);
	buffer_add_string(&lines, "");
	lines.error |= head.accept.error | head.accept_encoding.error;
	free(head.accept.data);
	free(head.accept_encoding.data);
	headers = buffer_take_string(&lines);
	if (!headers)
		return MHD_NO;
	request->fetch.done = on_fetched;
	request->step = FETCHES;
	r = upstream_get(request->gateway->upstream, request->target, headers, &request->fetch);
	free(headers);
	if (r < 0)
		return reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, UPSTREAM_UNREACHABLE);
	MHD_suspend_connection(request->connection);
	return MHD_YES;
}

/* The head has arrived. */
static enum MHD_Result begin(struct request *request)
{
	struct head head = {};
	const char *message;
	unsigned int status;

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, look_at_line, &head);
	free(head.accept.data);
	free(head.accept_encoding.data);
	status = wrong_head(request->connection, &head, &message);
	if (status)
		return reply_error(request, status, message);
	return MHD_YES;
}

static enum MHD_Result go_on(struct request *request, const char *method)
{
	enum MHD_Result r;

	if (request->step == ARRIVES) {
		r = check_password(request);
		if (request->step != ALLOWED)
			return r;
	}
	if (request->step == WRONG)
		return unauthorized(request);
	if (request->step == REFUSED)
		return too_busy(request);
	if (request->step == ANSWERED)
		return reply_answer(request);
	if (!is_public(request->target))
		return reply_error(request, MHD_HTTP_NOT_FOUND, "no such path: see /");
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return reply_error(request, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "this path does not support this method");
	return ask_paimond(request);
}

/* libmicrohttpd calls this with the target, before it parses it; what this returns is the request.
 * Arguments are for paimond alone: they are hidden from libmicrohttpd. */
void *request_new(void *data, const char *target, struct MHD_Connection *connection)
{
	struct listener *listener = data;
	struct request *request = calloc(1, sizeof(*request));
	char *arguments = target ? strchr(target, '?') : NULL;

	if (!request)
		return NULL;
	request->listener = listener;
	request->gateway = listener->gateway;
	request->connection = connection;
	request->target = strdup(target ?: "");
	if (arguments)
		arguments[1] = '\0'; /* in libmicrohttpd's own buffer, which it writes to as well */
	return request;
}

/* libmicrohttpd calls this once with the head, then for the body and the end, and again after each
 * suspension. */
enum MHD_Result request_step(void *data, struct MHD_Connection *connection, const char *path,
			     const char *method, const char *version, const char *body,
			     size_t *body_size, void **context)
{
	struct request *request = *context;
	const struct connection *own = connection_of(connection);

	/* Whoever was let in by settings that are no longer in force comes again. */
	if (!request || !request->target || !own ||
	    (request->step == ARRIVES && own->settings != request->gateway->settings))
		return MHD_NO;
	if (!request->begun) {
		request->begun = true;
		return begin(request);
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	return go_on(request, method);
}

/* Called when the client has read the whole answer, or the connection has ended. */
void request_completed(void *data, struct MHD_Connection *connection, void **context,
		       enum MHD_RequestTerminationCode code)
{
	struct connection *own = connection_of(connection);
	struct request *request = *context;
	char byte;

	if (request) {
		free(request->fetch.answer.data);
		free(request->target);
	}
	free(request);
	*context = NULL;
	if (!own || !own->client)
		return;
	client_progress(own->client);
	/* As in daemon/serve/http.c: the end may have come together with the request. */
	if (!recv(own->client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT))
		shutdown(own->client->fd, SHUT_RD);
}

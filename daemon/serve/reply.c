// SPDX-License-Identifier: GPL-2.0
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../util/cleanup.h"
#include "../util/clients.h"
#include "encode/gzip.h"
#include "encode/page.h"
#include "json.h"
#include "negotiate.h"

struct client *request_client(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

int request_socket(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* All values of a header that may be repeated. */
struct header {
	const char *name;
	size_t nr; /* lines */
	struct buffer values;
};

static enum MHD_Result add_header_line(void *data, enum MHD_ValueKind kind, const char *key,
				       const char *value)
{
	struct header *header = data;

	if (strcasecmp(key, header->name))
		return MHD_YES;
	if (header->nr++)
		buffer_add(&header->values, ",", 1);
	buffer_add_string(&header->values, value ?: "");
	return MHD_YES;
}

char *request_header(struct MHD_Connection *connection, const char *name, size_t *ret_nr)
{
	struct header header = {.name = name};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header_line, &header);
	*ret_nr = header.nr;
	if (header.nr)
		return buffer_take_string(&header.values);
	return NULL;
}

bool request_takes_gzip(struct MHD_Connection *connection)
{
	size_t nr;
	_cleanup_free_ char *codings = request_header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING,
						      &nr);

	return http_wants_gzip(codings);
}

void reply_body_unref(void *data)
{
	struct reply_body *body = data;

	if (--body->refs)
		return;
	free(body->text.data);
	free(body);
}

enum MHD_Result reply_response(struct MHD_Connection *connection, unsigned int status,
			       const char *type, struct MHD_Response *response, bool gzip,
			       const struct reply_header *header, size_t size)
{
	struct client *client = request_client(connection);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	/* The answer is wrong without one of its headers, if memory runs out. */
	r = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	r &= MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	r &= MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (!strcmp(type, PAGE_TYPE)) {
		r &= MHD_add_response_header(response, "Content-Security-Policy", page_policy);
		r &= MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
		r &= MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	}
	if (gzip)
		r &= MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (header)
		r &= MHD_add_response_header(response, header->name, header->value);
	if (status == MHD_HTTP_TOO_MANY_REQUESTS)
		r &= MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (r)
		r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	if (r && client)
		client_answer(client, size);
	return r;
}

enum MHD_Result reply_with(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct reply_body *body, bool gzip, const struct reply_header *header)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		body->text.size, body->text.data, reply_body_unref, body);

	body->refs += response != NULL;
	return reply_response(connection, status, type, response, gzip, header, body->text.size);
}

struct reply_body *reply_body_new(struct buffer *text)
{
	struct reply_body *body = text->error ? NULL : malloc(sizeof(*body));

	if (body)
		*body = (struct reply_body){*text, 1};
	else
		free(text->data);
	return body;
}

enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned int status, const char *type,
			   struct buffer *text, const struct reply_header *header)
{
	bool gzip = !text->error && text->size >= MIN_GZIP && request_takes_gzip(connection) &&
		    !gzip_buffer(text);
	struct reply_body *body = reply_body_new(text);
	enum MHD_Result r;

	if (!body)
		return MHD_NO;
	r = reply_with(connection, status, type, body, gzip, header);
	reply_body_unref(body);
	return r;
}

enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
			    const char *message, const char *allow)
{
	struct buffer text = {};
	struct json json = {.buffer = &text};

	json_open(&json, NULL, '{');
	json_open(&json, "error", '{');
	json_integer(&json, "code", status);
	json_string(&json, "message", message);
	json_close(&json, '}');
	json_close(&json, '}');
	return reply_text(connection, status, JSON_TYPE, &text,
			  allow ? &(struct reply_header){MHD_HTTP_HEADER_ALLOW, allow} : NULL);
}

enum MHD_Result reply_no_memory(struct MHD_Connection *connection)
{
	return reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory", NULL);
}

enum MHD_Result reply_json(struct MHD_Connection *connection, struct buffer *text)
{
	if (!text->error)
		return reply_text(connection, MHD_HTTP_OK, JSON_TYPE, text, NULL);
	free(text->data);
	return reply_no_memory(connection);
}

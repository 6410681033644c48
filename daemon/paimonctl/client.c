// SPDX-License-Identifier: GPL-2.0
/*
 * One libcurl handle on a unix socket. All requests use the multi interface, so
 * that top can wait for keys and for an answer at the same time; a plain request
 * waits only for the answer.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "client.h"

#define TIMEOUT_MS 5000L
#define MAX_BODY (64 << 20) /* the largest snapshot has a few MiB */
#define MAX_HEAD (64 << 10)

struct client {
	const char *socket;
	CURLM *multi;
	CURL *curl;
	struct curl_slist *headers;
	struct response response;
	size_t head;   /* bytes of the answer before its body */
	bool too_long; /* the rest of the answer was not read */
	bool busy;
	char error[512];
};

void response_clear(struct response *response)
{
	free(response->body);
	*response = (struct response){};
}

static size_t on_head(char *data, size_t size, size_t nr, void *user)
{
	struct client *client = user;

	client->head += size * nr;
	client->too_long |= client->head > MAX_HEAD;
	return client->too_long ? 0 : size * nr;
}

static size_t on_body(char *data, size_t size, size_t nr, void *user)
{
	struct client *client = user;
	struct response *response = &client->response;
	char *body;

	client->too_long |= response->length + size * nr > MAX_BODY;
	body = client->too_long ? NULL : realloc(response->body, response->length + size * nr + 1);
	if (!body)
		return 0;
	memcpy(body + response->length, data, size * nr);
	response->body = body;
	response->length += size * nr;
	body[response->length] = 0;
	return size * nr;
}

struct client *client_free(struct client *client)
{
	if (!client)
		return NULL;
	if (client->busy)
		curl_multi_remove_handle(client->multi, client->curl);
	curl_slist_free_all(client->headers);
	curl_easy_cleanup(client->curl);
	curl_multi_cleanup(client->multi);
	curl_global_cleanup();
	response_clear(&client->response);
	free(client);
	return NULL;
}

struct client *client_new(const char *socket)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->socket = socket;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	client->multi = curl_multi_init();
	client->curl = curl_easy_init();
	return client->multi && client->curl ? client : client_free(client);
}

const char *client_error(const struct client *client)
{
	return client->error;
}

/* The next step of the operator for each error. */
static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "start it: systemctl start paimond";
	case EACCES:
		return "check the permissions of the socket and of its directory";
	case EAGAIN:
		return "it is busy: try again";
	default:
		return "see journalctl -u paimond";
	}
}

static int fail(struct client *client, CURLcode code)
{
	long os_errno = 0;
	int error;

	curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &os_errno);
	response_clear(&client->response);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		error = os_errno ? (int)os_errno : ECONNREFUSED;
		snprintf(client->error, sizeof(client->error),
			 "cannot reach paimond at %s: %s (%s)", client->socket, strerror(error),
			 advice(error));
		break;
	case CURLE_OPERATION_TIMEDOUT:
		error = ETIMEDOUT;
		snprintf(client->error, sizeof(client->error),
			 "paimond at %s does not answer: no response within %ld s (%s)",
			 client->socket, TIMEOUT_MS / 1000, advice(error));
		break;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		if (client->too_long) {
			error = EFBIG;
			snprintf(
				client->error, sizeof(client->error),
				"%s from %s is longer than any of paimond: %s (does another program listen there?)",
				client->head > MAX_HEAD ? "the header of the answer" : "the answer",
				client->socket, client->head > MAX_HEAD ? "64 KiB" : "64 MiB");
			break;
		}
		error = ENOMEM;
		snprintf(client->error, sizeof(client->error),
			 "cannot read from paimond at %s: %s (free some memory)", client->socket,
			 strerror(error));
		break;
	default:
		error = EIO;
		snprintf(client->error, sizeof(client->error),
			 "cannot read from paimond at %s: %s (%s)", client->socket,
			 curl_easy_strerror(code), advice(error));
	}
	return -error;
}

/* Adds "NAME: VALUE". */
static int add_header(struct client *client, const char *name, const char *value)
{
	char header[128];
	struct curl_slist *headers;

	snprintf(header, sizeof(header), "%s: %s", name, value);
	headers = curl_slist_append(client->headers, header);
	client->headers = headers ?: client->headers;
	return headers ? 0 : -ENOMEM;
}

/* method: NULL for a GET. */
static int start(struct client *client, const char *path, const char *accept, const char *method,
		 const char *body)
{
	char url[256];
	CURL *curl = client->curl;

	if (strlen(client->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		snprintf(client->error, sizeof(client->error),
			 "cannot reach paimond at %s: %s (a socket's path has at most %zu bytes)",
			 client->socket, strerror(ENAMETOOLONG),
			 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	curl_slist_free_all(client->headers);
	client->headers = NULL;
	response_clear(&client->response);
	if ((accept && add_header(client, "Accept", accept)) ||
	    (body && add_header(client, "Content-Type", "application/json")))
		return fail(client, CURLE_OUT_OF_MEMORY);
	snprintf(url, sizeof(url), "http://localhost%s", path);
	curl_easy_reset(curl);
	if (curl_easy_setopt(curl, CURLOPT_URL, url) ||
	    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket))
		return fail(client, CURLE_OUT_OF_MEMORY);
	/* Do not use a proxy from the environment. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
	client->head = 0;
	client->too_long = false;
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, client);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
	if (method && (curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body ?: "") ||
		       curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method)))
		return fail(client, CURLE_OUT_OF_MEMORY);
	if (curl_multi_add_handle(client->multi, curl))
		return fail(client, CURLE_OUT_OF_MEMORY);
	client->busy = true;
	return 0;
}

int client_start(struct client *client, const char *path)
{
	return start(client, path, NULL, NULL, NULL);
}

int client_wait(struct client *client, int fd, int milliseconds, struct response *ret_response)
{
	struct curl_waitfd key = {.fd = fd, .events = CURL_WAIT_POLLIN};
	int running = 0, left;
	CURLMsg *message;

	if (curl_multi_perform(client->multi, &running))
		return fail(client, CURLE_OUT_OF_MEMORY);
	message = curl_multi_info_read(client->multi, &left);
	if (!message) {
		/* Also after a signal: the caller checks what has happened. */
		curl_multi_poll(client->multi, &key, fd >= 0, milliseconds, NULL);
		curl_multi_perform(client->multi, &running);
		message = curl_multi_info_read(client->multi, &left);
	}
	if (!message)
		return 0;
	CURLcode code = message->data.result; /* invalid after the next call */

	client->busy = false;
	if (!code)
		curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &client->response.status);
	int r = code ? fail(client, code) : 1;

	curl_multi_remove_handle(client->multi, client->curl);
	if (r == 1) {
		*ret_response = client->response;
		client->response = (struct response){};
	}
	return r;
}

static int finish(struct client *client, int r, struct response *ret_response)
{
	while (!r)
		r = client_wait(client, -1, 1000, ret_response);
	return r < 0 ? r : 0;
}

int client_get(struct client *client, const char *path, const char *accept,
	       struct response *ret_response)
{
	return finish(client, start(client, path, accept, NULL, NULL), ret_response);
}

int client_send(struct client *client, const char *method, const char *path, const char *body,
		struct response *ret_response)
{
	return finish(client, start(client, path, "application/json", method, body), ret_response);
}

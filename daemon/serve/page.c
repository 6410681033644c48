// SPDX-License-Identifier: GPL-2.0
#include "page.h"

#include <string.h>

static void add_escaped(struct buffer *buffer, const char *text)
{
	for (const char *p = text;; p++) {
		size_t plain = strcspn(p, "&<>\"'");

		buffer_add(buffer, p, plain);
		p += plain;
		switch (*p) {
		case '\0':
			return;
		case '&':
			buffer_add_string(buffer, "&amp;");
			break;
		case '<':
			buffer_add_string(buffer, "&lt;");
			break;
		case '>':
			buffer_add_string(buffer, "&gt;");
			break;
		default:
			buffer_add_string(buffer, *p == '"' ? "&quot;" : "&#39;");
		}
	}
}

static void add_member(struct buffer *buffer, struct json_object *object, const char *key)
{
	const char *text = json_object_get_string(json_object_object_get(object, key));

	add_escaped(buffer, text ?: "");
}

static void add_source(struct buffer *buffer, struct json_object *source)
{
	static const char *const columns[] = {"name", "state", "backend", "reason"};

	buffer_add_string(buffer, "<tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		buffer_add_string(buffer, "<td>");
		add_member(buffer, source, columns[i]);
		buffer_add_string(buffer, "</td>");
	}
	buffer_add_string(buffer, "</tr>\n");
}

void encode_page(struct json_object *status, struct buffer *buffer)
{
	struct json_object *sources = json_object_object_get(status, "sources");

	buffer_add_string(buffer, "<!DOCTYPE html>\n"
				  "<html lang=\"en\">\n"
				  "<head>\n"
				  "<meta charset=\"utf-8\">\n"
				  "<meta name=\"color-scheme\" content=\"light dark\">\n"
				  "<title>paimond</title>\n"
				  "</head>\n"
				  "<body>\n"
				  "<h1>paimond ");
	add_member(buffer, status, "version");
	buffer_add_string(buffer, "</h1>\n");
	if (json_object_object_get(status, "input"))
		buffer_add_string(buffer, "<p><strong>REPLAY: made-up input, nothing of this is "
					  "real.</strong></p>\n");
	buffer_add_string(buffer,
			  "<p>I/O page faults of the devices of this machine, counted in the "
			  "kernel.</p>\n"
			  "<ul>\n"
			  "<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
			  "<li><a href=\"/healthz\">/healthz</a>: 200 while paimond works</li>\n"
			  "<li><a href=\"/v1/status\">/v1/status</a>: how paimond and its sources "
			  "are, as JSON</li>\n"
			  "</ul>\n"
			  "<table>\n"
			  "<tr><th>Source</th><th>State</th><th>Backend</th><th>Note</th></tr>\n");
	for (size_t i = 0; sources && i < json_object_array_length(sources); i++)
		add_source(buffer, json_object_array_get_idx(sources, i));
	buffer_add_string(buffer, "</table>\n"
				  "</body>\n"
				  "</html>\n");
}

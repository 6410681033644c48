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

static void add_source(struct buffer *buffer, const struct page_source *source)
{
	const char *const columns[] = {source->name, source->state, source->backend,
				       source->reason};

	buffer_add_string(buffer, "<tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		buffer_add_string(buffer, "<td>");
		add_escaped(buffer, columns[i] ?: "");
		buffer_add_string(buffer, "</td>");
	}
	buffer_add_string(buffer, "</tr>\n");
}

void encode_page(const struct page *page, struct buffer *buffer)
{
	buffer_add_string(buffer, "<!DOCTYPE html>\n"
				  "<html lang=\"en\">\n"
				  "<head>\n"
				  "<meta charset=\"utf-8\">\n"
				  "<meta name=\"color-scheme\" content=\"light dark\">\n"
				  "<title>paimond</title>\n"
				  "</head>\n"
				  "<body>\n"
				  "<h1>paimond ");
	add_escaped(buffer, page->version);
	buffer_add_string(buffer, "</h1>\n");
	if (page->replay)
		buffer_add_string(
			buffer,
			"<p><strong>REPLAY: synthetic input, no real events.</strong></p>\n");
	buffer_add_string(
		buffer,
		"<p>I/O page faults of the devices of this machine, counted in the kernel.</p>\n"
		"<ul>\n"
		"<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
		"<li><a href=\"/healthz\">/healthz</a>: 200 while paimond works</li>\n"
		"<li><a href=\"/v1/status\">/v1/status</a>: status of paimond and its sources, as JSON</li>\n"
		"</ul>\n"
		"<table>\n"
		"<tr><th>Source</th><th>State</th><th>Backend</th><th>Note</th></tr>\n");
	for (size_t i = 0; i < page->nr_sources; i++)
		add_source(buffer, &page->sources[i]);
	buffer_add_string(buffer, "</table>\n"
				  "</body>\n"
				  "</html>\n");
}

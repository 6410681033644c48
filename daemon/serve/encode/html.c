// SPDX-License-Identifier: GPL-2.0
#include "html.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../util/utf8.h"

#define THIN "\u202f" /* a narrow space that does not break */

void html_add(struct buffer *html, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(text))
		html->error = html->error ?: -ENAMETOOLONG;
	else
		buffer_add(html, text, length);
}

/* breaks: the text may go on in the next line after a character that separates parts of a name. */
static void add_text(struct buffer *html, const char *text, bool breaks)
{
	int length;

	for (; *text; text += length ?: 1) {
		uint32_t character = 0;

		length = utf8_decode(text, &character);
		if (!length || utf8_is_control(character))
			buffer_add_string(html, "\ufffd");
		else if (*text == '&')
			buffer_add_string(html, "&amp;");
		else if (*text == '<')
			buffer_add_string(html, "&lt;");
		else if (*text == '>')
			buffer_add_string(html, "&gt;");
		else if (*text == '"')
			buffer_add_string(html, "&quot;");
		else if (*text == '\'')
			buffer_add_string(html, "&#39;");
		else
			buffer_add(html, text, length);
		if (breaks && strchr("/._", *text) && text[1])
			buffer_add_string(html, "<wbr>");
	}
}

void html_text(struct buffer *html, const char *text)
{
	add_text(html, text, false);
}

void html_name(struct buffer *html, const char *name)
{
	buffer_add_string(html, "<bdi>");
	add_text(html, name, true);
	buffer_add_string(html, "</bdi>");
}

static int decimals(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

void html_number(struct buffer *html, double value, const char *unit)
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t i = 0;

	if (isnan(value)) {
		buffer_add_string(html, "–");
		return;
	}
	for (; value >= 999.5 && i < 6; i++)
		value /= 1000;
	html_add(html, "%.*f", !i && value == floor(value) ? 0 : decimals(value), value);
	if (*prefixes[i] || *unit)
		html_add(html, THIN "<span>%s%s</span>", prefixes[i], unit);
}

void html_seconds(struct buffer *html, double seconds)
{
	static const char *const units[] = {"ns", "µs", "ms", "s"};
	size_t i = 0;

	if (isnan(seconds)) {
		buffer_add_string(html, "–");
		return;
	}
	if (isinf(seconds)) {
		buffer_add_string(html, "&gt;" THIN "100" THIN "<span>s</span>");
		return;
	}
	for (seconds *= 1e9; seconds >= 999.5 && i < 3; i++)
		seconds /= 1000;
	html_add(html, "%.*f" THIN "<span>%s</span>", i ? decimals(seconds) : 0, seconds, units[i]);
}

void html_count(struct buffer *html, double value)
{
	char digits[32];
	int length = snprintf(digits, sizeof(digits), "%.0f", value);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			buffer_add_string(html, THIN);
		buffer_add(html, digits + i, 1);
	}
}

void html_bytes(struct buffer *html, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = bytes;
	size_t i = 0;

	for (; value >= 1023.5 && i < 4; i++)
		value /= 1024;
	html_add(html, "%.*f" THIN "<span>%s</span>", i ? decimals(value) : 0, value, units[i]);
}

void html_ratio(struct buffer *html, double ratio)
{
	if (isnan(ratio))
		buffer_add_string(html, "–");
	else
		html_add(html, "%.*f" THIN "<span>%%</span>", ratio < 0.0995 ? 2 : 1, ratio * 100);
}

void html_time(struct buffer *html, uint64_t realtime_ns)
{
	time_t seconds = realtime_ns / 1000000000;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	html_add(html, "<time>%s</time> UTC", text);
}

void html_table(struct buffer *html, const char *caption, const struct html_column *columns,
		size_t nr_columns)
{
	buffer_add_string(html, "<table><caption>");
	html_text(html, caption);
	buffer_add_string(html, "</caption><thead><tr>");
	for (size_t i = 0; i < nr_columns; i++) {
		html_add(html,
			 columns[i].class ? "<th scope=\"col\" class=\"%s\">"
					  : "<th scope=\"col\">",
			 columns[i].class);
		html_text(html, columns[i].title);
		buffer_add_string(html, "</th>");
	}
	buffer_add_string(html, "</tr></thead><tbody>\n");
}

void html_table_end(struct buffer *html)
{
	buffer_add_string(html, "</tbody></table>\n");
}

void html_more(struct buffer *html, size_t nr, size_t shown, const char *what)
{
	if (nr > shown)
		html_add(
			html,
			"<p class=\"note\">and %zu more %s%s; <a href=\"/metrics\">/metrics</a> has all</p>\n",
			nr - shown, what, nr - shown == 1 ? "" : "s");
}

void html_bar(struct buffer *html, double share)
{
	if (isnan(share) || share < 0)
		share = 0;
	html_add(
		html,
		"<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
		"<rect class=\"rest\" width=\"100\" height=\"8\"/><rect width=\"%.1f\" height=\"8\"/></svg>",
		share > 1 ? 100 : share * 100);
}

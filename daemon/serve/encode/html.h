/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pieces of HTML for the page: text, numbers with units, tables, sparklines. All text from outside
 * goes through html_text() or html_name(). Pure: any thread.
 */
#ifndef PAIMON_ENCODE_HTML_H
#define PAIMON_ENCODE_HTML_H

#include "../../util/buffer.h"

/* Adds markup. Only constant text and numbers. */
void html_add(struct buffer *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds text that is neither markup nor the end of an attribute. What is not UTF-8, and control
 * characters, become U+FFFD. */
void html_text(struct buffer *html, const char *text);
/* The same for a name, which may have several lines, and whose direction of writing does not change
 * that of the text around it. */
void html_name(struct buffer *html, const char *name);

/* A number with three digits that count and an SI prefix before its unit. NAN: a dash. */
void html_number(struct buffer *html, double value, const char *unit);
/* Seconds. INFINITY: above what is measured. */
void html_seconds(struct buffer *html, double seconds);
/* All digits. */
void html_count(struct buffer *html, double value);
/* Bytes, with a binary prefix. */
void html_bytes(struct buffer *html, uint64_t bytes);
/* 0.042 is 4.2 %. */
void html_ratio(struct buffer *html, double ratio);
/* The time in UTC, and only the time of day if it is that of the same day. */
void html_time(struct buffer *html, uint64_t realtime_ns);

struct html_column {
	const char *title;
	const char *class; /* n: a number; w: only where there is room; NULL: a text */
};

/* caption: plain text, or NULL if html_table_caption() follows. */
void html_table(struct buffer *html, const char *caption, const struct html_column *columns,
		size_t nr_columns);
void html_table_end(struct buffer *html);
/* A line below a table with only the first of its rows; nothing if all are shown. what: a singular.
 */
void html_more(struct buffer *html, size_t nr, size_t shown, const char *what);

/* The bar of a share, 0 to 1. */
void html_bar(struct buffer *html, double share);

#endif

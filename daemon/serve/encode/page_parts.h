/* SPDX-License-Identifier: GPL-2.0 */
/* What the sections of the page have in common; see page.h. Private to the page. */
#ifndef PAIMON_ENCODE_PAGE_PARTS_H
#define PAIMON_ENCODE_PAGE_PARTS_H

#include "html.h"
#include "page.h"

/* A group, and its rate now. */
struct page_row {
	const struct group *group;
	const struct history_series *series; /* NULL: not known */
	double rate;			     /* NAN: not known */
};

struct page_rows {
	struct groups groups;
	struct page_row *all;
	size_t nr;
	double rate, total; /* of all rows; rate NAN: of none is it known */
};

/* The groups of a want, those with the highest rate first. If memory runs out, there are none, and
 * html->error is set. page_rows_clear() frees them. */
struct page_rows page_rows(const struct page *page, enum page_want want, struct buffer *html);
void page_rows_clear(struct page_rows *rows);

/* The groups of any other metric, to be freed with groups_clear(). */
struct groups page_groups(const struct page *page, const char *metric, const char *const *by,
			  struct buffer *html);
/* The group with this first label, or NULL. */
const struct group *page_group(const struct groups *groups, const char *label);

/* A small chart of a value, 0 or more, in each interval; NAN: unknown. class: may be NULL. */
void page_spark(struct buffer *html, const struct page *page, const double *values);
/* The same of the rates of a series, or an empty one. */
void page_spark_of(struct buffer *html, const struct page *page,
		   const struct history_series *series);
/* The highest rate in all intervals; NAN: none is known. */
double page_peak(const struct page *page, const struct history_series *series);

/* Where an interval lies, in seconds from the left edge of charts, HISTORY_SPAN_NS before now. */
void page_span(const struct page *page, size_t i, double *ret_from, double *ret_to);

const struct status_source *page_source(const struct page *page, const char *name);
bool page_is_up(const struct page *page, const char *name);

/* Begins the section of a source. False: the source does not count, which the section says. */
bool page_section(struct buffer *html, const struct page *page, const char *name,
		  const char *title);
void page_section_end(struct buffer *html);
/* A message that the source counts, but nothing came since it has begun. */
void page_nothing(struct buffer *html, const struct page *page, const char *name, const char *what);

/* The sections. */
void page_faults(struct buffer *html, const struct page *page);
void page_nnpa(struct buffer *html, const struct page *page);
void page_events(struct buffer *html, const struct page *page);
void page_pmus(struct buffer *html, const struct page *page);

#endif

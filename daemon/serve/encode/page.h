/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page for browsers at /: version, links, and state of the sources. One HTML
 * file without scripts and external resources. Pure. Called by routes.c.
 */
#ifndef PAIMON_ENCODE_PAGE_H
#define PAIMON_ENCODE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../util/buffer.h"

#define PAGE_TYPE "text/html; charset=utf-8"

struct page {
	const char *version;
	bool replay;
	size_t nr_sources;
	struct page_source {
		const char *name, *state, *backend, *reason; /* NULL: not shown */
	} sources[16];
};

void encode_page(const struct page *page, struct buffer *buffer);

#endif

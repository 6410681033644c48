/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The text forms of Prometheus: 0.0.4, and OpenMetrics 1.0. One encoder; they
 * differ in the names of counters, the escaping of HELP and the end mark.
 * Called for each scrape by http.c; pure.
 */
#ifndef PAIMON_SERVE_OPENMETRICS_H
#define PAIMON_SERVE_OPENMETRICS_H

#include "../model/snapshot.h"
#include "../util/buffer.h"

enum text_format {
	TEXT_PLAIN,
	TEXT_OPENMETRICS,
};

extern const char *const text_content_type[];

/* Appends the public families. 0 or -ENOMEM. */
int openmetrics_encode(struct buffer *buffer, const struct snapshot *snapshot,
		       enum text_format format);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two text forms that Prometheus scrapes, from one walk over a snapshot.
 * Local families are left out. Pure: any thread.
 */
#ifndef PAIMON_OPENMETRICS_H
#define PAIMON_OPENMETRICS_H

#include "../model/snapshot.h"
#include "../util/buffer.h"

enum text_format {
	TEXT_PROMETHEUS,  /* text/plain; version=0.0.4 */
	TEXT_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

#define TEXT_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

void encode_text(const struct snapshot *snapshot, enum text_format format, struct buffer *buffer);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two text formats for Prometheus, from one walk over a snapshot. Families that
 * are not public are left out. Pure: any thread.
 */
#ifndef PAIMON_ENCODE_TEXT_H
#define PAIMON_ENCODE_TEXT_H

#include "../../model/snapshot.h"
#include "../../util/buffer.h"

/* text/plain, versions 0.0.4 and 1.0.0 (names are plain in both). */
void encode_text(const struct snapshot *snapshot, struct buffer *buffer);

/* application/openmetrics-text, versions 0.0.1 and 1.0.0. */
void encode_openmetrics(const struct snapshot *snapshot, struct buffer *buffer);

#endif

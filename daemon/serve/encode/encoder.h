/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats in which metrics are scraped, one file each. negotiate.c and routes.c use the table
 * only. Pure: any thread.
 */
#ifndef PAIMON_ENCODE_ENCODER_H
#define PAIMON_ENCODE_ENCODER_H

#include "../../model/snapshot.h"
#include "../../util/buffer.h"

struct encoder {
	const char *type; /* media type */
	/* Adds all public metrics. */
	void (*encode)(const struct snapshot *snapshot, struct buffer *buffer);
};

enum { ENCODER_OPENMETRICS, ENCODER_TEXT, NR_ENCODERS };
extern const struct encoder encoders[NR_ENCODERS];

#endif

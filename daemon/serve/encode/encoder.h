/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forms in which all metrics are scraped, one file each: a row of the table is all that
 * negotiate.c and routes.c know of a form. Pure: any thread.
 */
#ifndef PAIMON_ENCODE_ENCODER_H
#define PAIMON_ENCODE_ENCODER_H

#include "../../model/snapshot.h"
#include "../../util/buffer.h"

struct encoder {
	const char *type; /* media type */
	/* Adds the metrics that are public. */
	void (*encode)(const struct snapshot *snapshot, struct buffer *buffer);
};

enum { ENCODER_OPENMETRICS, ENCODER_TEXT, NR_ENCODERS };
extern const struct encoder encoders[NR_ENCODERS];

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats in which metrics are scraped, one file each. negotiate.c and routes.c use the table
 * only. Pure: any thread.
 */
#ifndef PAIMON_ENCODE_ENCODER_H
#define PAIMON_ENCODE_ENCODER_H

#include <stdbool.h>

#include "../../model/snapshot.h"
#include "../../util/buffer.h"

struct encoder {
	const char *name;  /* for messages */
	const char *media; /* type */
	/* What tells it from others of this media type: */
	const char *version;	       /* NULL: there are no versions */
	const char *message, *framing; /* of protobuf, else NULL */
	const char *content_type;
	bool usual; /* also for ranges that name no version */
	/* Adds all public metrics. */
	void (*encode)(const struct snapshot *snapshot, struct buffer *buffer);
};

/* What is preferred comes first, where a client likes several equally. */
enum {
	ENCODER_PROTOBUF,
	ENCODER_OPENMETRICS,
	ENCODER_OPENMETRICS_0,
	ENCODER_TEXT_1,
	ENCODER_TEXT,
	NR_ENCODERS
};
extern const struct encoder encoders[NR_ENCODERS];

#endif

// SPDX-License-Identifier: GPL-2.0
#include "encoder.h"

#include "text.h"

const struct encoder encoders[NR_ENCODERS] = {
	[ENCODER_OPENMETRICS] = {"application/openmetrics-text", encode_openmetrics},
	[ENCODER_TEXT] = {"text/plain", encode_text},
};

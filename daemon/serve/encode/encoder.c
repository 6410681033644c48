// SPDX-License-Identifier: GPL-2.0
#include "encoder.h"

#include "protobuf.h"
#include "text.h"

#define PROTOBUF "application/vnd.google.protobuf"
#define MESSAGE "io.prometheus.client.MetricFamily"
#define OPENMETRICS "application/openmetrics-text"
#define TEXT "text/plain"
#define VERSION(version) "; version=" version "; charset=utf-8"

/* Names of metrics and labels are of the old kind, for which OpenMetrics 0.0.1 and 1.0.0 are the
 * same, and so are text 0.0.4 and 1.0.0. */
const struct encoder encoders[NR_ENCODERS] = {
	[ENCODER_PROTOBUF] = {.name = "protobuf",
			      .media = PROTOBUF,
			      .message = MESSAGE,
			      .framing = "delimited",
			      .content_type = PROTOBUF "; proto=" MESSAGE "; encoding=delimited",
			      .encode = encode_protobuf},
	[ENCODER_OPENMETRICS] = {.name = "openmetrics-1.0.0",
				 .media = OPENMETRICS,
				 .version = "1.0.0",
				 .content_type = OPENMETRICS VERSION("1.0.0"),
				 .usual = true,
				 .encode = encode_openmetrics},
	[ENCODER_OPENMETRICS_0] = {.name = "openmetrics-0.0.1",
				   .media = OPENMETRICS,
				   .version = "0.0.1",
				   .content_type = OPENMETRICS VERSION("0.0.1"),
				   .encode = encode_openmetrics},
	[ENCODER_TEXT_1] = {.name = "text-1.0.0",
			    .media = TEXT,
			    .version = "1.0.0",
			    .content_type = TEXT VERSION("1.0.0"),
			    .encode = encode_text},
	[ENCODER_TEXT] = {.name = "text-0.0.4",
			  .media = TEXT,
			  .version = "0.0.4",
			  .content_type = TEXT VERSION("0.0.4"),
			  .usual = true,
			  .encode = encode_text},
};

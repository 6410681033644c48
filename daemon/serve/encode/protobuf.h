/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delimited protobuf: messages io.prometheus.client.MetricFamily, each after its length. Written by
 * hand, since nothing has to be read. A histogram is there as a classic and as a native one, whose
 * buckets are sums of the same cells; counters and histograms whose start is known have it.
 */
#ifndef PAIMON_ENCODE_PROTOBUF_H
#define PAIMON_ENCODE_PROTOBUF_H

#include "../../model/snapshot.h"
#include "../../util/buffer.h"

void encode_protobuf(const struct snapshot *snapshot, struct buffer *buffer);

#endif

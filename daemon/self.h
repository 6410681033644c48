/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon says of its own process: the process_* metrics that every
 * Prometheus client has, from /proc/self.
 */
#ifndef PAIMON_SELF_H
#define PAIMON_SELF_H

#include "model/snapshot.h"

int self_read(struct snapshot *snapshot);

#endif

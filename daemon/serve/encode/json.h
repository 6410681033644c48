/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A whole snapshot as JSON for paimonctl, with all cells of the histograms.
 *
 *   {"realtime_ns": N, "monotonic_ns": N, "input": "replay" or null,
 *    "metrics": [{"name": S, "type": S, "points": [
 *        {"labels": {...}, "value": N} or
 *        {"labels": {...}, "count": N, "sum": X, "cells": [[upper, N], ...]}]}]}
 *
 * Sums and upper bounds are in base units. Empty cells are left out. The upper
 * bound of the last cell is null.
 */
#ifndef PAIMON_ENCODE_JSON_H
#define PAIMON_ENCODE_JSON_H

#include "../../model/snapshot.h"
#include "../json.h"

/* The position in a snapshot that is written point by point. The snapshot must outlive it. */
struct snapshot_json {
	const struct snapshot *snapshot;
	enum metric_scope scope; /* the last family that was written */
	size_t family, point;
	bool started, ended;
	bool more; /* of struct json */
};

/* Adds the next point to the buffer. False: there was none left, and nothing was added. */
bool encode_json(struct snapshot_json *walk, struct buffer *buffer);

#endif

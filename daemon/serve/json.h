/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What paimonctl reads: a snapshot in full, with all cells of the histograms.
 *
 *   {"realtime_ns": N, "monotonic_ns": N, "input": "replay" or null,
 *    "metrics": [{"name": S, "type": S, "points": [
 *        {"labels": {...}, "value": N} or
 *        {"labels": {...}, "count": N, "sum": X, "cells": [[upper, N], ...]}]}]}
 *
 * Sums and upper bounds are in base units; only cells that are not empty; the
 * upper bound of the last cell is null.
 */
#ifndef PAIMON_JSON_H
#define PAIMON_JSON_H

#include <json-c/json.h>

#include "../model/snapshot.h"

/* A new object that the caller puts, or NULL. */
struct json_object *encode_json(const struct snapshot *snapshot);

#endif

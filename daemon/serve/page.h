/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page that a browser gets at /: what this is, where to look, and how the
 * sources are. One file without scripts and without anything from elsewhere.
 * Pure. Called by http.c.
 */
#ifndef PAIMON_PAGE_H
#define PAIMON_PAGE_H

#include <json-c/json.h>

#include "../util/buffer.h"

#define PAGE_TYPE "text/html; charset=utf-8"

/* status: the object of /v1/status. */
void encode_page(struct json_object *status, struct buffer *buffer);

#endif

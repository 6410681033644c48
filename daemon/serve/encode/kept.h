/* SPDX-License-Identifier: GPL-2.0 */
/* A kept event as JSON, for /v1/events. Pure: any thread. */
#ifndef PAIMON_ENCODE_KEPT_H
#define PAIMON_ENCODE_KEPT_H

#include "../../model/kept.h"

/* Adds the object. A kept_tell: json is a struct json. */
void encode_kept(void *json, const struct kept_event *event);

#endif

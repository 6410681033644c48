/* SPDX-License-Identifier: GPL-2.0 */
/* The status of paimond as JSON, for /v1/status. Pure: any thread. */
#ifndef PAIMON_ENCODE_STATUS_H
#define PAIMON_ENCODE_STATUS_H

#include "../../model/status.h"
#include "../json.h"

/* Adds the object. */
void encode_status(const struct status *status, struct json *json);

#endif

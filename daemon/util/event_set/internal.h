/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of event_set.h share. */
#ifndef PAIMON_EVENT_SET_INTERNAL_H
#define PAIMON_EVENT_SET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "../config_file.h"
#include "../event_set.h"

#define EVENT_SET_MAX_NAME 40 /* of a family, and of a formula */

bool event_set_name_valid(const char *name);

/*
 * Reads the file of a family. Returns 0 or -ENOMEM. Errors in the file are added to errors; then,
 * and if the file has no section, *ret_set is left as it is.
 */
int event_set_read(const char *name, const char *path, struct config_errors *errors,
		   struct event_set **ret_set);
void event_set_free(struct event_set *set);

/* Parses the first length bytes of a text: 1 to 8 hex digits, with or without 0x. */
bool event_set_parse_hex(const char *text, size_t length, uint32_t *ret_value);
/* Parses 0xVALUE or 0xVALUE/0xMASK. */
bool event_set_parse_masked(const char *text, uint32_t *ret_value, uint32_t *ret_mask);

#endif

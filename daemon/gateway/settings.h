/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in force: the configuration with all files that it names, as they were when they were
 * read. It does not change; a reload makes a new one. A connection holds the one of its handshake.
 * On the loop's thread.
 */
#ifndef PAIMON_GATEWAY_SETTINGS_H
#define PAIMON_GATEWAY_SETTINGS_H

#include <stdint.h>

#include "web_config.h"

struct tls;

struct settings {
	size_t refs;
	struct web_config config;
	struct tls *tls; /* or NULL: plain HTTP, with passwords */
	/* For each user the keyed hash of the password that was last found right (passwords.h). */
	struct verified *verified;
	uint64_t state; /* of the files, before they were read */
};

/* Reads everything. 0, with a reference, or a negative errno, with errors unless it is -ENOMEM.
 * Then *ret_refused is NULL, or what the configuration asks for, with a reference: only the files
 * that it names are wrong, so a change of them matters. */
int settings_load(const char *path, struct config_errors *errors, struct settings **ret_settings,
		  struct settings **ret_refused);
struct settings *settings_ref(struct settings *settings);
struct settings *settings_unref(struct settings *settings);

/* The state of the files of these settings (NULL: of the configuration alone) as they are now. */
uint64_t settings_state(const char *path, const struct settings *settings);

#endif

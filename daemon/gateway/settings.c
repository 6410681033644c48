// SPDX-License-Identifier: GPL-2.0
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cleanup.h"
#include "passwords.h"
#include "text.h"
#include "tls.h"

static uint64_t state_of(const char *path, const struct web_config *config)
{
	uint64_t state = 0xcbf29ce484222325;

	text_mix_state(path, &state);
	text_mix_state(config->cert.path, &state);
	text_mix_state(config->key.path, &state);
	text_mix_state(config->client_ca.path, &state);
	return state;
}

uint64_t settings_state(const char *path, const struct settings *settings)
{
	static const struct web_config none;

	return state_of(path, settings ? &settings->config : &none);
}

/* The configuration, and the state of its files from before they are read. */
static int load(const char *path, struct config_errors *errors, struct settings *settings)
{
	_cleanup_free_ char *text = NULL;
	uint64_t before = settings_state(path, NULL);
	size_t size;
	int r = text_read(path, WEB_CONFIG_MAX, &text, &size);

	if (r < 0) {
		config_error(errors, path, 0, "cannot read it: %s", strerror(-r));
		return r;
	}
	r = web_config_parse(path, text, size, errors, &settings->config);
	if (r < 0)
		return r;
	settings->state = settings_state(path, settings);
	if (before != settings_state(path, NULL))
		settings->state = 0; /* it changes meanwhile: to be read again */
	settings->verified = calloc(settings->config.nr_users + 1, sizeof(*settings->verified));
	if (!settings->verified)
		return -ENOMEM;
	return settings->config.has_tls ? tls_new(path, &settings->config, errors, &settings->tls)
					: 0;
}

int settings_load(const char *path, struct config_errors *errors, struct settings **ret_settings,
		  struct settings **ret_refused)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	int r;

	*ret_refused = NULL;
	if (!settings)
		return -ENOMEM;
	settings->refs = 1;
	r = load(path, errors, settings);
	if (r < 0 && settings->config.has_tls) {
		*ret_refused = settings;
		return r;
	}
	if (r < 0) {
		settings_unref(settings);
		return r;
	}
	*ret_settings = settings;
	return 0;
}

struct settings *settings_ref(struct settings *settings)
{
	settings->refs++;
	return settings;
}

struct settings *settings_unref(struct settings *settings)
{
	if (!settings || --settings->refs)
		return NULL;
	tls_free(settings->tls);
	web_config_clear(&settings->config);
	free(settings->verified);
	free(settings);
	return NULL;
}

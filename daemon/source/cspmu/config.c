// SPDX-License-Identifier: GPL-2.0
/* The keys of [cspmu]. */
#include "../../config/keys.h"
#include "../source.h"

static const struct config_key cspmu_keys[] = {
	{"enable", config_parse_word, CONFIG_AT(cspmu), .words = config_wanted_words},
	{"max_events", config_parse_number, CONFIG_AT(cspmu_max_events), .max = CONFIG_MAX_EVENTS},
};
CONFIG_SECTION(cspmu_section, "cspmu", cspmu_keys);

// SPDX-License-Identifier: GPL-2.0
/* The keys of [iopf], and the choice of devices to serve. */
#include <fnmatch.h>

#include "../../config/keys.h"
#include "iopf_source.h"

static const char *const iopf_backends[] = {
	[IOPF_BACKEND_MODULE] = "paimon.ko",
	[IOPF_BACKEND_FENTRY] = "fentry",
	[IOPF_BACKEND_KPROBE_MULTI] = "kprobe.multi",
	[IOPF_BACKEND_KPROBE] = "kprobe",
	[IOPF_BACKEND_AUTO] = "auto",
	NULL,
};

static const struct config_key iopf_keys[] = {
	{"enable", config_parse_word, CONFIG_AT(iopf), .words = config_wanted_words},
	{"backend", config_parse_word, CONFIG_AT(iopf_backend), .words = iopf_backends},
	{"max_devices", config_parse_number, CONFIG_AT(iopf_max_devices), .max = 1024},
	{"group_timeout", config_parse_seconds, CONFIG_AT(iopf_group_timeout_ns), .max = 86400},
	{"include", config_parse_list, CONFIG_AT(iopf_include)},
	{"exclude", config_parse_list, CONFIG_AT(iopf_exclude)},
};
CONFIG_SECTION(iopf_section, "iopf", iopf_keys);

static bool matches(char *const *patterns, const char *device)
{
	for (; patterns && *patterns; patterns++)
		if (!fnmatch(*patterns, device, 0))
			return true;
	return false;
}

bool iopf_serves(char *const *include, char *const *exclude, const char *device)
{
	bool all = !include || !*include;

	return (all || matches(include, device)) && !matches(exclude, device);
}

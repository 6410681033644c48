// SPDX-License-Identifier: GPL-2.0
/* The keys of [pai]. */
#include "../../config/keys.h"
#include "pai_source.h"

static const char *const pai_modes[] =
	{[PAI_AUTO] = "auto", [PAI_COUNTING] = "counting", [PAI_SAMPLING] = "sampling", NULL};
static const char *const pai_backends[] = {
	[PAI_BACKEND_AUTO] = "auto",
	[PAI_BACKEND_TRACEPOINT] = "tracepoint",
	[PAI_BACKEND_PERF_EVENT] = "perf_event",
	NULL,
};

static const struct config_key pai_keys[] = {
	{"enable", config_parse_word, CONFIG_AT(pai), .words = config_wanted_words},
	{"mode", config_parse_word, CONFIG_AT(pai_mode), .words = pai_modes},
	{"backend", config_parse_word, CONFIG_AT(pai_backend), .words = pai_backends},
	{"accept_throttling_panic", config_parse_flag, CONFIG_AT(pai_accept_throttling_panic)},
	{"max_cgroups", config_parse_number, CONFIG_AT(pai_max_cgroups), .max = 1024},
	{"per_cpu", config_parse_flag, CONFIG_AT(pai_per_cpu)},
};
CONFIG_SECTION(pai_section, "pai", pai_keys);

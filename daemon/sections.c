// SPDX-License-Identifier: GPL-2.0
/* All sections of the configuration, including those of the sources. */
#include "config/keys.h"
#include "source/source.h"

const struct config_section *const config_sections[] = {
	&paimond_section, &iopf_section, &events_section, &event_section, &pai_section, NULL,
};

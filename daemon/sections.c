// SPDX-License-Identifier: GPL-2.0
/* All sections of the configuration, including those of the sources. */
#include "config/keys.h"
#include "source/source.h"

#define SECTION_ADDRESS(name) &name##_section,
const struct config_section *const config_sections[] = {
	&paimond_section,
	SOURCE_SECTIONS(SECTION_ADDRESS) NULL,
};

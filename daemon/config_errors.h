/* SPDX-License-Identifier: GPL-2.0 */
/* What is wrong with the configuration, collected so that all of it is said at once. Any thread. */
#ifndef PAIMON_CONFIG_ERRORS_H
#define PAIMON_CONFIG_ERRORS_H

#include "util/buffer.h"

/* text: lines FILE:LINE: what, of which a hundred are enough to begin with. */
struct config_errors {
	struct buffer text;
	unsigned int nr; /* also of those that are not in text */
};

/* line: 0 for none. Long texts are cut. */
void config_error(struct config_errors *errors, const char *path, unsigned int line,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* All that is wrong, to be freed, without a line feed at the end; NULL: out of memory. */
char *config_errors_take(struct config_errors *errors);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The errors of a configuration, collected to be reported together. Any thread. */
#ifndef PAIMON_CONFIG_ERRORS_H
#define PAIMON_CONFIG_ERRORS_H

#include "buffer.h"

/* text: lines FILE:LINE: what; at most a hundred of them. */
struct config_errors {
	struct buffer text;
	unsigned int nr; /* number of all errors, including those not in text */
};

/* line: 0 for none. Long texts are truncated. */
void config_error(struct config_errors *errors, const char *path, unsigned int line,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The errors as text, to be freed, without a final line feed; NULL: out of memory. */
char *config_errors_take(struct config_errors *errors);

#endif

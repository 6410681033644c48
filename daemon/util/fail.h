/* SPDX-License-Identifier: GPL-2.0 */
/* Errors with a text that the caller passes on to a client. Any thread. */
#ifndef PAIMON_FAIL_H
#define PAIMON_FAIL_H

/* Formats a text like printf into *ret_error, to be freed (NULL: out of memory), and
 * returns error. */
int fail(char **ret_error, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

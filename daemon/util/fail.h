/* SPDX-License-Identifier: GPL-2.0 */
/* Errors with a text, for those whose caller passes it on to a client. Any thread. */
#ifndef PAIMON_FAIL_H
#define PAIMON_FAIL_H

/* Writes a text as printf does to *ret_error, to be freed (NULL: out of memory), and
 * returns error. */
int fail(char **ret_error, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

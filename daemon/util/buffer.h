/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A growing text buffer. After a failed allocation, error is set and further text is
 * dropped, so that the caller only checks error at the end.
 */
#ifndef PAIMON_BUFFER_H
#define PAIMON_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	char *data; /* not NUL-terminated; the owner frees it */
	size_t size;
	size_t allocated;
	int error; /* 0 or -ENOMEM */
};

void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_string(struct buffer *buffer, const char *string);
void buffer_add_integer(struct buffer *buffer, uint64_t value);
/* The shortest text that gives the same value; NaN and +Inf as in Prometheus. */
void buffer_add_real(struct buffer *buffer, double value);
/* Returns the text with a terminating NUL, to be freed by the caller, and empties the buffer. NULL:
 * error. */
char *buffer_take_string(struct buffer *buffer);

#endif

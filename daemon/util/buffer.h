/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A growing buffer of text. An allocation that fails is remembered in error and
 * what follows is dropped, so that only the end needs a check.
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
/* As short as it can be without losing a bit; NaN and +Inf as Prometheus spells them. */
void buffer_add_real(struct buffer *buffer, double value);
/* Ends it with NUL; the caller frees the result and buffer is empty. NULL: error. */
char *buffer_take_string(struct buffer *buffer);

#endif

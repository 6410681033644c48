/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A growing text buffer. After a failed allocation, error is set and further text is
 * dropped, so that the caller only checks error at the end.
 */
#ifndef PAIMON_BUFFER_H
#define PAIMON_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	char *data; /* not NUL-terminated; the owner frees it */
	size_t size;
	size_t allocated;
	int error; /* 0 or -ENOMEM */
};

/* Makes room for so many further bytes: behind the text, to be counted in size. NULL: error. */
char *buffer_grow(struct buffer *buffer, size_t size);
static inline char *buffer_room(struct buffer *buffer, size_t size)
{
	return size <= buffer->allocated - buffer->size && !buffer->error
		       ? buffer->data + buffer->size
		       : buffer_grow(buffer, size);
}

static inline void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	char *room = size ? buffer_room(buffer, size) : NULL;

	if (!room)
		return;
	memcpy(room, data, size);
	buffer->size += size;
}

void buffer_add_string(struct buffer *buffer, const char *string);
void buffer_add_integer(struct buffer *buffer, uint64_t value);
#define BUFFER_INTEGER 20 /* bytes at most */
/* The same to memory; returns the end. */
char *buffer_put_integer(char *to, uint64_t value);
/* billionths / 1e9, exactly. */
void buffer_add_billionths(struct buffer *buffer, uint64_t billionths);
/* The shortest text that gives the same value; NaN and +Inf as in Prometheus. */
void buffer_add_real(struct buffer *buffer, double value);
/* Returns the text with a terminating NUL, to be freed by the caller, and empties the buffer. NULL:
 * error. */
char *buffer_take_string(struct buffer *buffer);

#endif

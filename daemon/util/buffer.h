/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A growing string for the encoders. An allocation that fails marks the buffer,
 * later appends do nothing, and the encoder asks once, at its end.
 */
#ifndef PAIMON_UTIL_BUFFER_H
#define PAIMON_UTIL_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	char *data;
	size_t length;
	size_t allocated;
	bool failed;
};

/* Room for size more bytes: where to write them, or NULL. Not yet counted. */
char *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_deinit(struct buffer *buffer);

static inline void buffer_bytes(struct buffer *buffer, const char *bytes, size_t size)
{
	char *to = buffer_reserve(buffer, size);

	if (to) {
		memcpy(to, bytes, size);
		buffer->length += size;
	}
}

static inline void buffer_string(struct buffer *buffer, const char *string)
{
	buffer_bytes(buffer, string, strlen(string));
}

static inline void buffer_char(struct buffer *buffer, char c)
{
	buffer_bytes(buffer, &c, 1);
}

void buffer_integer(struct buffer *buffer, uint64_t value);
/* The shortest of %.15g and %.17g that reads back as the same number; NaN, +Inf and -Inf as
 * Prometheus has them. */
void buffer_real(struct buffer *buffer, double value);

#define _cleanup_buffer_ __attribute__((cleanup(buffer_deinit)))

#endif

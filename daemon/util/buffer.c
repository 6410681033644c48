// SPDX-License-Identifier: GPL-2.0
#include "buffer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SIZE 16384

char *buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t need = buffer->length + size;

	if (buffer->failed)
		return NULL;
	if (need > buffer->allocated) {
		size_t grown = buffer->allocated ? buffer->allocated : FIRST_SIZE;
		char *data;

		while (grown < need)
			grown *= 2;
		data = realloc(buffer->data, grown);
		if (!data) {
			buffer->failed = true;
			return NULL;
		}
		buffer->data = data;
		buffer->allocated = grown;
	}
	return buffer->data + buffer->length;
}

void buffer_deinit(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){};
}

void buffer_integer(struct buffer *buffer, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buffer_bytes(buffer, digits + at, sizeof(digits) - at);
}

void buffer_real(struct buffer *buffer, double value)
{
	char text[32];

	if (isnan(value)) {
		buffer_string(buffer, "NaN");
	} else if (isinf(value)) {
		buffer_string(buffer, value > 0 ? "+Inf" : "-Inf");
	} else if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value) {
		buffer_integer(buffer, (uint64_t)value);
	} else {
		snprintf(text, sizeof(text), "%.15g", value);
		if (strtod(text, NULL) != value)
			snprintf(text, sizeof(text), "%.17g", value);
		buffer_string(buffer, text);
	}
}

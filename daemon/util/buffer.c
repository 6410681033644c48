// SPDX-License-Identifier: GPL-2.0
#include "buffer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	if (buffer->error || !size)
		return;
	if (size > buffer->allocated - buffer->size) {
		size_t allocated = (buffer->size + size) * 2 + 4096;
		char *grown = realloc(buffer->data, allocated);

		if (!grown) {
			buffer->error = -ENOMEM;
			return;
		}
		buffer->data = grown;
		buffer->allocated = allocated;
	}
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

void buffer_add_integer(struct buffer *buffer, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = '0' + value % 10;
		value /= 10;
	} while (value);
	buffer_add(buffer, p, digits + sizeof(digits) - p);
}

void buffer_add_real(struct buffer *buffer, double value)
{
	char text[32];

	if (isnan(value)) {
		buffer_add_string(buffer, "NaN");
	} else if (isinf(value)) {
		buffer_add_string(buffer, value > 0 ? "+Inf" : "-Inf");
	} else {
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, value);
			if (strtod(text, NULL) == value)
				break;
		}
		buffer_add_string(buffer, text);
	}
}

char *buffer_take_string(struct buffer *buffer)
{
	char *string;

	buffer_add(buffer, "", 1);
	string = buffer->data;
	if (buffer->error) {
		free(string);
		string = NULL;
	}
	*buffer = (struct buffer){};
	return string;
}

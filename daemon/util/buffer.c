// SPDX-License-Identifier: GPL-2.0
#include "buffer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_grow(struct buffer *buffer, size_t size)
{
	size_t allocated = (buffer->size + size) * 2 + 4096;
	char *grown = buffer->error ? NULL : realloc(buffer->data, allocated);

	if (!grown) {
		buffer->error = -ENOMEM;
		return NULL;
	}
	buffer->data = grown;
	buffer->allocated = allocated;
	return grown + buffer->size;
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

char *buffer_put_integer(char *to, uint64_t value)
{
	char digits[BUFFER_INTEGER], *p = digits + sizeof(digits);
	size_t nr;

	do {
		*--p = '0' + value % 10;
		value /= 10;
	} while (value);
	nr = digits + sizeof(digits) - p;
	memcpy(to, p, nr);
	return to + nr;
}

void buffer_add_integer(struct buffer *buffer, uint64_t value)
{
	char digits[BUFFER_INTEGER];

	buffer_add(buffer, digits, buffer_put_integer(digits, value) - digits);
}

void buffer_add_billionths(struct buffer *buffer, uint64_t billionths)
{
	uint64_t rest = billionths % 1000000000;
	char digits[] = ".000000000";
	size_t nr = rest ? sizeof(digits) - 1 : 0;

	for (size_t i = nr; rest; rest /= 10)
		digits[--i] = '0' + rest % 10;
	while (nr && digits[nr - 1] == '0')
		nr--;
	buffer_add_integer(buffer, billionths / 1000000000);
	buffer_add(buffer, digits, nr);
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

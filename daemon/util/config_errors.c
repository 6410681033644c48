// SPDX-License-Identifier: GPL-2.0
#include "config_errors.h"

#include <stdarg.h>
#include <stdio.h>

#include "utf8.h"

#define MAX_ERRORS 100

/* Adds a text as one line of valid UTF-8, whatever a path contains and wherever a text was
 * truncated. */
static void add_text(struct buffer *buffer, const char *text)
{
	uint32_t c = 0;

	for (int size; *text; text += size ?: 1) {
		size = utf8_decode(text, &c);
		buffer_add(buffer, !size || utf8_is_control(c) ? "?" : text, size ?: 1);
	}
}

void config_error(struct config_errors *errors, const char *path, unsigned int line,
		  const char *format, ...)
{
	char where[16] = ": ", what[800];
	va_list args;

	if (errors->nr++ >= MAX_ERRORS)
		return;
	if (line)
		snprintf(where, sizeof(where), ":%u: ", line);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (errors->text.size)
		buffer_add_string(&errors->text, "\n");
	add_text(&errors->text, path);
	buffer_add_string(&errors->text, where);
	add_text(&errors->text, what);
}

char *config_errors_take(struct config_errors *errors)
{
	if (errors->nr > MAX_ERRORS) {
		buffer_add_string(&errors->text, "\nand ");
		buffer_add_integer(&errors->text, errors->nr - MAX_ERRORS);
		buffer_add_string(&errors->text, " more errors");
	}
	return buffer_take_string(&errors->text);
}

// SPDX-License-Identifier: GPL-2.0
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static FILE *held;
static char *held_text;
static size_t held_length;

void log_hold(void)
{
	/* Without memory, lines are written immediately. */
	held = open_memstream(&held_text, &held_length);
}

void log_release(bool write)
{
	if (!held)
		return;
	fclose(held);
	held = NULL;
	if (write)
		fwrite(held_text, 1, held_length, stderr);
	free(held_text);
	held_text = NULL;
}

/*
 * Does the journal read stderr? systemd says so with device and inode of the stream (JOURNAL_STREAM
 * in systemd.exec(5)). Nothing else removes the prefixes: no terminal, file or pipe.
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat found;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &found) && found.st_dev == device && found.st_ino == inode;
}

void log_line(const char *priority, const char *format, ...)
{
	int error = errno;
	char line[1024];
	va_list ap;

	va_start(ap, format);
	errno = error; /* for %m */
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	fprintf(held ?: stderr, "%s%s\n", is_journal() ? priority : "", line);
}

void log_text(const char *priority, const char *text)
{
	for (size_t length; *text; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		log_line(priority, "%.*s", (int)length, text);
	}
}

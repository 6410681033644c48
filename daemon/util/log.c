// SPDX-License-Identifier: GPL-2.0
#include "log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_LINE 1024
#define PRIORITY_DEBUG 7

static bool to_journal;
static bool with_debug;

/* JOURNAL_STREAM is inherited by everything below a unit: it holds only as long
 * as stderr is still the very stream that systemd opened. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && !fstat(fd, &st) &&
	       st.st_dev == device && st.st_ino == inode;
}

void log_init(bool debug)
{
	to_journal = is_journal(STDERR_FILENO);
	with_debug = debug;
}

void log_format(char *line, size_t size, bool prefix, int priority, const char *text)
{
	int n = prefix ? snprintf(line, size, "<%d>%s", priority, text) :
			 snprintf(line, size, "paimond: %s", text);
	size_t end = (size_t)n < size - 1 ? (size_t)n : size - 2;

	for (size_t i = 0; i < end; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[end] = '\n';
	line[end + 1] = '\0';
}

void log_write(int priority, const char *format, ...)
{
	char text[LOG_LINE], line[LOG_LINE];
	va_list args;

	if (priority >= PRIORITY_DEBUG && !with_debug)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_format(line, sizeof(line), to_journal, priority, text);
	/* One write, so that lines of several writers do not mix; nobody is left
	 * to be told that the log cannot be written. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

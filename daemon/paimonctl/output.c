// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/standard.h"
#include "escape.h"

static int failed; /* errno of the first failed write */

/* Records a write error; call while errno is that of the write. */
static void look(void)
{
	if (ferror(stdout) && !failed)
		failed = errno ?: EIO;
}

static void on_pipe(int signal)
{
}

int output_begin(void)
{
	int r = standard_open();

	if (r < 0)
		return r;
	/* EPIPE is an error like others. A handler, unlike SIG_IGN, is reset for event exec. */
	if (signal(SIGPIPE, on_pipe) == SIG_IGN)
		signal(SIGPIPE, SIG_IGN);
	/* Frames are flushed as a whole, so the errno of a failed write is known. */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return 0;
}

/* text[length] is NUL; NULs within the text are escaped too. */
static void put(FILE *out, const char *prefix, const char *text, size_t length, bool harmless)
{
	const char *end = text + length;
	bool begins = true;

	while (text < end) {
		size_t part = strcspn(text, "\n");
		_cleanup_free_ char *piece = harmless ? strndup(text, part) : NULL;
		_cleanup_free_ char *shown = piece ? escape_terminal(piece) : NULL;

		if (begins)
			fputs(prefix, out);
		if (harmless)
			fputs(shown ?: "?", out);
		else
			fwrite(text, 1, part, out);
		text += part;
		if (text == end)
			break;
		begins = *text == '\n';
		if (begins || !harmless)
			fputc(*text, out);
		else
			fputs("\\x00", out);
		text++;
	}
}

void show(const char *format, ...)
{
	bool line = *format && format[strlen(format) - 1] == '\n';
	_cleanup_free_ char *text = NULL, *shown = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text && line)
		text[strlen(text) - 1] = '\0';
	shown = text ? escape_terminal(text) : NULL;
	if (!shown && !failed)
		failed = ENOMEM;
	fputs(shown ?: "", stdout);
	if (line)
		fputc('\n', stdout);
	look();
}

void print_text(const char *text, size_t length)
{
	put(stdout, "", text, length, isatty(STDOUT_FILENO));
	look();
}

void output_complain(const char *text)
{
	put(stderr, "paimonctl: ", text, strlen(text), true);
	fputc('\n', stderr);
}

bool output_flush(void)
{
	look();
	fflush(stdout);
	look();
	return !failed;
}

int output_end(void)
{
	if (!output_flush()) {
		_cleanup_free_ char *text = NULL;

		if (asprintf(&text, "cannot write the output: %s", strerror(failed)) < 0)
			text = NULL;
		output_complain(text ?: strerror(failed));
	}
	return failed;
}

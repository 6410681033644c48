// SPDX-License-Identifier: GPL-2.0
/* Basic syntax of event specifications: names, numbers, lines of sysfs; and error messages. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../buffer.h"
#include "parser.h"

#define MAX_LINE 4096 /* a page, the most that sysfs returns */
#define MAX_LIST 1000 /* bytes of names in a message */

/* Records an error message as one line, whatever it quotes. Returns r. */
int spec_wrong(struct parser *p, int r, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;
	int length;

	free(p->error);
	p->error = NULL;
	va_start(args, format);
	length = vasprintf(&what, format, args);
	va_end(args);
	if (length < 0) {
		what = NULL;
		return -ENOMEM;
	}
	if (asprintf(&p->error, "%.80s: %s%.80s%s%s", p->text, p->event ? "event " : "",
		     p->event ?: "", p->event ? ": " : "", what) < 0) {
		p->error = NULL;
		return -ENOMEM;
	}
	for (char *c = p->error; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return r;
}

/* Can it be the name of a file, without escapes? */
bool spec_is_name(const char *text, const char *punctuation)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr(punctuation, text[length])))
		length++;
	return length && length < NAME_MAX - 10 && !text[length] && *text != '.';
}

/* Parses decimal, or hex after 0x; leading zeros change nothing. */
int spec_parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, hex ? 16 : 10);
	/* strtoull() accepts spaces and signs too. */
	if (!isdigit((unsigned char)*text) || errno || *end || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* Is it a raw config such as r1a2? A term can also be r0x1a2. */
bool spec_is_raw(const char *name, bool term)
{
	const char *hex = name + (term && !strncmp(name, "r0x", 3) ? 3 : 1);
	size_t digits = *name == 'r' ? strspn(hex, "0123456789abcdefABCDEF") : 0;

	return digits && digits - strspn(hex, "0") <= 16 && !hex[digits];
}

/* Copies the text without the blanks around its parts. Blanks inside a name stay, and are refused
 * later. */
char *spec_squeeze(const char *text)
{
	static const char marks[] = "/,=:";
	char *copy = malloc(strlen(text) + 1), *to = copy;

	for (const char *c = text; copy && *c; c++) {
		size_t blanks = strspn(c, " \t\r\n\v\f");

		if (blanks &&
		    (to == copy || strchr(marks, to[-1]) || !c[blanks] || strchr(marks, c[blanks])))
			c += blanks - 1;
		else
			*to++ = *c;
	}
	if (copy)
		*to = 0;
	return copy;
}

/* Reads the first line of a regular text file. */
int spec_read_line(int folder, const char *path, char **ret_line)
{
	/* Opening a pipe would block. */
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char line[MAX_LINE + 1], *copy;
	struct stat stat;
	ssize_t length;

	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EBADMSG;
	length = read(fd, line, sizeof(line));
	if (length < 0)
		return -errno;
	if (length > MAX_LINE)
		return -EFBIG;
	line[length] = 0;
	for (char *c = line; c < line + length && *c != '\n'; c++)
		if (*c < ' ' || *c > '~')
			return -EBADMSG;
	line[strcspn(line, "\n")] = 0;
	copy = strdup(line);
	if (!copy)
		return -ENOMEM;
	*ret_line = copy;
	return 0;
}

/* Lists the names in a folder for a message, with a comma before each. NULL: out of memory. */
char *spec_list_names(int folder, const char *path)
{
	struct buffer buffer = {};
	struct dirent **entries;
	int nr = scandirat(folder, path, &entries, NULL, versionsort);

	for (int i = 0; i < nr; i++) {
		if (entries[i]->d_name[0] != '.' && buffer.size < MAX_LIST) {
			buffer_add_string(&buffer, ", ");
			buffer_add_string(&buffer, entries[i]->d_name);
			if (buffer.size >= MAX_LIST)
				buffer_add_string(&buffer, ", ...");
		}
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	return buffer_take_string(&buffer);
}

// SPDX-License-Identifier: GPL-2.0
#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "utf8.h"

#define MAX_SIZE (1 << 20)
#define BLANKS " \t"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define WRONG(file, ...) config_error((file)->errors, (file)->path, (file)->line, __VA_ARGS__)

static bool is_text(struct config_file *file, const char *line, const char *end)
{
	uint32_t c = 0;

	for (int size; line < end; line += size) {
		size = utf8_decode(line, &c);
		if (size && (!utf8_is_control(c) || c == '\t'))
			continue;
		WRONG(file, "the byte 0x%02x is %s", (unsigned char)*line,
		      size ? "of a control character (lines end with LF or CR LF)" : "not UTF-8");
		return false;
	}
	return true;
}

/* Removes leading and trailing blanks, in place. */
static char *strip(char *text)
{
	char *end;

	text += strspn(text, BLANKS);
	for (end = text + strlen(text); end > text && strchr(BLANKS, end[-1]);)
		end--;
	*end = '\0';
	return text;
}

static void take_section(struct config_file *file, char *line)
{
	char *end = strchr(line, ']');

	if (!end || end[1]) {
		WRONG(file, "is not [SECTION] alone on its line: %.60s", line);
		return;
	}
	*end = '\0';
	file->passed_over = !file->section(file, line + 1);
}

static void take_key(struct config_file *file, char *line)
{
	char *value = strchr(line, '='), *name, *mark;

	if (value)
		*value++ = '\0';
	name = strip(line);
	if (!value || !*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]) {
		WRONG(file, "is neither [SECTION] nor KEY = VALUE: %.60s", name);
		return;
	}
	value = strip(value);
	for (mark = value; (mark = strpbrk(mark, "\"'#;")); mark++)
		if (strchr("\"'", *mark) || mark == value || strchr(BLANKS, mark[-1])) {
			WRONG(file,
			      "%.60s: a value must not have quotation marks, or a comment after it",
			      name);
			value = NULL;
			break;
		}
	if (!file->begun)
		WRONG(file, "%.60s is before the first section", name);
	else if (!file->passed_over)
		file->key(file, name, value);
}

/* end: of the line; replaced with NUL. */
static void take_line(struct config_file *file, char *line, char *end)
{
	char *begin = line + strspn(line, BLANKS);

	*end = '\0';
	if (end > line && end[-1] == '\r')
		*--end = '\0';
	/* Keys after an invalid section header do not belong to the previous section. */
	if (*begin == '[')
		file->begun = file->passed_over = true;
	if (!is_text(file, line, end) || !*begin || strchr("#;", *begin))
		return;
	if (*begin == '[')
		take_section(file, strip(begin));
	else
		take_key(file, begin);
}

/* Reads a regular file. 0 or a negative errno; the buffer is to be freed in either case. */
static int read_all(const char *path, struct buffer *buffer)
{
	/* Opening a pipe for reading would wait for a writer. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char chunk[4096];
	struct stat stat;
	ssize_t r;

	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	while ((r = read(fd, chunk, sizeof(chunk))) > 0 && buffer->size <= MAX_SIZE)
		buffer_add(buffer, chunk, r);
	return r < 0 ? -errno : buffer->size > MAX_SIZE ? -EFBIG : buffer->error;
}

int config_file_read(struct config_file *file)
{
	struct buffer buffer = {};
	int r = read_all(file->path, &buffer);
	size_t size = buffer.size, skip = strlen(BYTE_ORDER_MARK);
	_cleanup_free_ char *data = buffer_take_string(&buffer);

	r = r || data ? r : -ENOMEM;
	if (r < 0) {
		config_error(file->errors, file->path, 0, "%s",
			     r == -EINVAL  ? "is not a regular file"
			     : r == -EFBIG ? "is larger than 1 MiB"
					   : strerror(-r));
		return r;
	}
	for (char *line = strncmp(data, BYTE_ORDER_MARK, skip) ? data : data + skip, *end;
	     line < data + size; line = end + 1) {
		end = memchr(line, '\n', data + size - line) ?: data + size;
		file->line++;
		take_line(file, line, end);
	}
	return 0;
}

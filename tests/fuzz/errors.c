// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "fuzz.h"
#include "util/utf8.h"

void must_be_errors(char *errors, const char *path, const uint8_t *data, size_t size, size_t whole)
{
	size_t length = strlen(path), lines = 1, nr = 0;
	char *rest = errors, *line, *end;
	uint32_t c;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	while ((line = strsep(&rest, "\n"))) {
		unsigned long number;

		if (!rest && nr == 100 && !strncmp(line, "and ", 4))
			break;
		must(nr++ < 100 && !strncmp(line, path, length) && line[length] == ':');
		end = line + length;
		if (end[1] == ' ' && whole) {
			whole--;
		} else {
			number = strtoul(end + 1, &end, 10);
			must(number >= 1 && number <= lines);
		}
		must(end[0] == ':' && end[1] == ' ' && end[2]);
		for (; *end; end += utf8_decode(end, &c))
			must(utf8_decode(end, &c) && !utf8_is_control(c));
	}
}

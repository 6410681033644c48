// SPDX-License-Identifier: GPL-2.0
#include "list.h"

#include <stdio.h>
#include <string.h>

void list_add(char *list, size_t size, const char *word)
{
	size_t length = strlen(list);
	const char *before = length ? ", " : "";

	if (length + strlen(before) + strlen(word) < size)
		sprintf(list + length, "%s%s", before, word);
}

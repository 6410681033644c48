/* SPDX-License-Identifier: GPL-2.0 */
/* A list of words in an array of characters, as in messages: "a, b, c". */
#ifndef PAIMON_LIST_H
#define PAIMON_LIST_H

#include <stddef.h>

/* Adds a word to a list that has room for size characters; one that does not fit is left out. */
void list_add(char *list, size_t size, const char *word);

#endif

// SPDX-License-Identifier: GPL-2.0
#include "suggest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_WORD 64 /* longer words are not compared */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * The number of letters to insert, delete, replace, or swap with the next one
 * (optimal string alignment).
 */
static size_t distance_of(const char *a, const char *b)
{
	size_t rows[3][MAX_WORD + 1], la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *above = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= lb; j++)
		above[j] = j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]),
				       least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[lb];
}

void suggest(struct suggestion *suggestion, const char *candidate)
{
	size_t length = strlen(suggestion->word), distance;

	if (!length || length > MAX_WORD || strlen(candidate) > MAX_WORD)
		return;
	distance = distance_of(suggestion->word, candidate);
	/* The beginning of a word, or one in capitals, is nearer than it looks. */
	if (!strncasecmp(suggestion->word, candidate, length))
		distance = 1;
	/* One letter in three may be wrong, one in a short word. */
	if (distance > (length < 5 ? 1 : least((length + 1) / 3, 3)) ||
	    (suggestion->best && distance >= suggestion->distance))
		return;
	suggestion->best = candidate;
	suggestion->distance = distance;
}

char *suggest_word(const char *word, const char *candidates)
{
	struct suggestion suggestion = {.word = word};
	char *copy = strdup(candidates), *state = NULL, *found = NULL;

	for (char *one = copy ? strtok_r(copy, " ", &state) : NULL; one;
	     one = strtok_r(NULL, " ", &state))
		suggest(&suggestion, one);
	if (suggestion.best)
		found = strdup(suggestion.best);
	free(copy);
	return found;
}

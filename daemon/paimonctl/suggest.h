/* SPDX-License-Identifier: GPL-2.0 */
/* Finds what was meant by a mistyped word. Pure functions, tested in tests/unit/event. */
#ifndef PAIMONCTL_SUGGEST_H
#define PAIMONCTL_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *word; /* as typed */
	const char *best; /* the candidate nearest to it, or NULL */
	size_t distance;  /* of best */
};

/* Considers one candidate, which has to live as long as the suggestion. */
void suggest(struct suggestion *suggestion, const char *candidate);
/* The same for all words of a text with blanks between them; to be freed, or NULL. */
char *suggest_word(const char *word, const char *candidates);

#endif

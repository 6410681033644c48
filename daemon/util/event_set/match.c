// SPDX-License-Identifier: GPL-2.0
/* Which family a PMU belongs to. */
#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "internal.h"

bool event_set_parse_hex(const char *text, size_t length, uint32_t *ret_value)
{
	uint32_t value = 0;

	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		length -= 2;
	}
	if (!length || length > 8)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = text[i];

		if (!isxdigit(c))
			return false;
		value = value << 4 | (isdigit(c) ? c - '0' : (c | ' ') - 'a' + 10);
	}
	*ret_value = value;
	return true;
}

bool event_set_parse_masked(const char *text, uint32_t *ret_value, uint32_t *ret_mask)
{
	size_t length = strcspn(text, "/");

	if (strncmp(text, "0x", 2) || !event_set_parse_hex(text, length, ret_value))
		return false;
	*ret_mask = UINT32_MAX;
	return !text[length] ||
	       (!strncmp(text + length + 1, "0x", 2) &&
		event_set_parse_hex(text + length + 1, strlen(text + length + 1), ret_mask));
}

static bool has_identifier(const struct event_set *set, const char *identifier)
{
	uint32_t value = 0, wanted, mask;
	bool is_number = event_set_parse_hex(identifier, strlen(identifier), &value);

	for (char **item = set->identifiers; item && *item; item++) {
		if (!strcmp(*item, identifier))
			return true;
		if (is_number && event_set_parse_masked(*item, &wanted, &mask) &&
		    (value & mask) == wanted)
			return true;
	}
	return false;
}

static bool has_name(const struct event_set *set, const struct event_set_pmu *pmu)
{
	uint32_t wanted, implementer;

	if (set->implementer && pmu->implementer &&
	    event_set_parse_hex(set->implementer, strlen(set->implementer), &wanted) &&
	    event_set_parse_hex(pmu->implementer, strlen(pmu->implementer), &implementer) &&
	    wanted != implementer)
		return false;
	for (char **pattern = set->pmus; pattern && *pattern; pattern++)
		if (!fnmatch(*pattern, pmu->name, 0))
			return true;
	return false;
}

const struct event_set *event_sets_find(const struct event_sets *sets,
					const struct event_set_pmu *pmu)
{
	const char *identifier = pmu->identifier && *pmu->identifier ? pmu->identifier : NULL;

	for (size_t i = 0; identifier && i < sets->nr_sets; i++)
		if (has_identifier(sets->sets[i], identifier))
			return sets->sets[i];
	for (size_t i = 0; i < sets->nr_sets; i++)
		if (!(identifier && sets->sets[i]->identifiers) && has_name(sets->sets[i], pmu))
			return sets->sets[i];
	return NULL;
}

const struct event_set *event_sets_named(const struct event_sets *sets, const char *name)
{
	for (size_t i = 0; i < sets->nr_sets; i++)
		if (!strcmp(sets->sets[i]->name, name))
			return sets->sets[i];
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
/* The keys of [events] and [event NAME]. */
#include <errno.h>
#include <stdlib.h>

#include "../../config/keys.h"
#include "../../util/cleanup.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/fail.h"
#include "../source.h"
#include "registry.h"

/* Checks only the syntax. The PMU is looked up when the event is opened: its module may be
 * loaded later. */
static int parse_spec(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	int r = *value ? event_spec_check(value, ret_error) : fail(ret_error, -EINVAL, "is empty");

	return r ?: config_set_string(target, value);
}

/* Stored in the kernel's normal form of a list. */
static int parse_cpus(const struct config_key *key, void *target, const char *value,
		      char **ret_error)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	char *list;
	size_t nr = 0;
	int r = cpulist_parse(value, MAX_CPU, &cpus, &nr);

	if (r == -EINVAL || (!r && !nr))
		return fail(ret_error, -EINVAL, "is not a list of CPUs from 0 to %u, such as 0-3,8",
			    MAX_CPU);
	list = r ? NULL : cpulist_format(cpus, nr);
	if (!list)
		return -ENOMEM;
	free(*(char **)target);
	*(char **)target = list;
	return 0;
}

static const struct config_key events_keys[] = {
	{"enable", config_parse_word, CONFIG_AT(events_wanted), .words = config_wanted_words},
	{"max", config_parse_number, CONFIG_AT(events_max), .max = CONFIG_MAX_EVENTS},
	{"per_cpu", config_parse_flag, CONFIG_AT(events_per_cpu)},
	{"max_cgroup_series", config_parse_number, CONFIG_AT(events_max_cgroup_series),
	 .max = CONFIG_MAX_CGROUP_SERIES},
	{"transient_scopes", config_parse_flag, CONFIG_AT(events_transient_scopes)},
};
CONFIG_SECTION(events_section, "events", events_keys);

static const struct config_key event_keys[] = {
	{"spec", parse_spec, CONFIG_OF_EVENT(spec), .required = true},
	{"by", config_parse_word, CONFIG_OF_EVENT(by), .words = kept_by_names},
	{"cpus", parse_cpus, CONFIG_OF_EVENT(cpus)},
};
CONFIG_SECTION(event_section, "event NAME", event_keys);

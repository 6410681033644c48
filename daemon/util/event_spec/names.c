// SPDX-License-Identifier: GPL-2.0
/* Events without a PMU, by name: hardware, caches, software, raw. */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../buffer.h"
#include "parser.h"

static const struct named_event named_events[] = {
	{"cycles", "cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branches", "branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
	{"bus-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
	{"ref-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
	{"stalled-cycles-frontend", NULL, PERF_TYPE_HARDWARE,
	 PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
	{"stalled-cycles-backend", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
	/* bpf-output is missing: it counts nothing by itself. */
	{"cpu-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"task-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	{"page-faults", "faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"context-switches", "cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", "migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"minor-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"alignment-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
	{"emulation-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
	{"dummy", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY},
	{"cgroup-switches", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CGROUP_SWITCHES},
};

/* PERF_TYPE_HW_CACHE: three parts, each with all names that perf knows. The first one is
 * canonical; for an operation without "misses" it is the second. */
static const char *const caches[][6] = {
	{"L1-dcache", "l1-d", "l1d", "L1-data"},
	{"L1-icache", "l1-i", "l1i", "L1-instruction"},
	{"LLC", "L2"},
	{"dTLB", "d-tlb", "Data-TLB"},
	{"iTLB", "i-tlb", "Instruction-TLB"},
	{"branch", "branches", "bpu", "btb", "bpc"},
	{"node"},
};
static const char *const operations[][6] = {
	{"load", "loads", "read"},
	{"store", "stores", "write"},
	{"prefetch", "prefetches", "speculative-read", "speculative-load"},
};
static const char *const results[][6] = {
	{"refs", "Reference", "ops", "access"},
	{"misses", "miss"},
};
/* A bit for each operation that a cache has. */
static const uint8_t cache_operations[] = {7, 5, 7, 7, 1, 1, 7};

/* Finds an event without a PMU by its name. */
const struct named_event *spec_find_named(const char *name)
{
	for (size_t i = 0; i < NR(named_events); i++)
		if (!strcmp(named_events[i].name, name) ||
		    (named_events[i].other && !strcmp(named_events[i].other, name)))
			return &named_events[i];
	return NULL;
}

/* Cuts one of the names, with the - before it, off a text. Returns its index, or -1. */
static int cut_name(const char *const (*names)[6], size_t nr, bool separated, const char **text)
{
	size_t length = 0;
	int found = -1;

	if (separated && **text != '-')
		return -1;
	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < 6 && names[i][j]; j++) {
			const char *rest = *text + separated;
			size_t n = strlen(names[i][j]);

			/* The longest name wins: L1-data is not l1-d. */
			if (n > length && !strncmp(rest, names[i][j], n) &&
			    (!rest[n] || rest[n] == '-')) {
				length = n;
				found = i;
			}
		}
	*text += found < 0 ? 0 : length + separated;
	return found;
}

/* Parses a cache, and in any order the operation and the result. As in perf, the default is a
 * load, hit or miss. ret_name: canonical. */
bool spec_find_cache(const char *text, uint64_t *ret_config, char ret_name[64])
{
	int cache = cut_name(caches, NR(caches), false, &text), operation = -1, result = -1;

	if (cache < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		int one = operation < 0 ? cut_name(operations, NR(operations), true, &text) : -1;

		if (one >= 0)
			operation = one;
		else if (result < 0)
			result = cut_name(results, NR(results), true, &text);
	}
	if (operation < 0)
		operation = 0;
	if (result < 0)
		result = 0;
	if (*text || !(cache_operations[cache] >> operation & 1))
		return false;
	*ret_config = cache | operation << 8 | result << 16;
	if (result)
		snprintf(ret_name, 64, "%s-%s-%s", caches[cache][0], operations[operation][0],
			 results[result][0]);
	else
		snprintf(ret_name, 64, "%s-%s", caches[cache][0], operations[operation][1]);
	return true;
}

/* Is it the name of an event without a PMU? */
bool spec_is_generic(const char *name)
{
	char canonical[64];
	uint64_t config;

	return spec_find_named(name) || spec_find_cache(name, &config, canonical);
}

/* Makes p->spec for an event without a PMU. */
int spec_set_event(struct parser *p, const char *pmu, uint32_t type, uint64_t config,
		   const char *text)
{
	struct event_spec *spec = spec_new();

	if (!spec)
		return -ENOMEM;
	p->spec = spec;
	spec->pmu = strdup(pmu);
	spec->text = strdup(text);
	spec->type = type;
	spec->config = config;
	return spec->pmu && spec->text ? 0 : -ENOMEM;
}

int spec_parse_named(struct parser *p, const char *name)
{
	const struct named_event *event = spec_find_named(name);
	_cleanup_free_ char *names = NULL;
	struct buffer buffer = {};
	char canonical[64];
	uint64_t config;
	int r;

	if (event && event->type == PERF_TYPE_SOFTWARE)
		return spec_set_event(p, "software", event->type, event->config, event->name);
	if (event) {
		r = spec_set_event(p, "hardware", event->type, event->config, event->name);
	} else if (spec_find_cache(name, &config, canonical)) {
		r = spec_set_event(p, "hw-cache", PERF_TYPE_HW_CACHE, config, canonical);
	} else if (spec_is_raw(name, false)) {
		config = strtoull(name + 1, NULL, 16);
		snprintf(canonical, sizeof(canonical), "r%" PRIx64, config);
		r = spec_set_event(p, "raw", PERF_TYPE_RAW, config, canonical);
	} else {
		for (size_t i = 0; i < NR(named_events); i++) {
			buffer_add_string(&buffer, named_events[i].name);
			buffer_add_string(&buffer, ", ");
		}
		names = buffer_take_string(&buffer);
		return names ? spec_wrong(
				       p, -EINVAL,
				       "no such event; use %sa cache event such as L1-dcache-load-misses, rNNN in hex, system:event, or pmu/term=value/",
				       names)
			     : -ENOMEM;
	}
	if (r < 0)
		return r;
	p->spec->core = true;
	return spec_add_cores(p);
}

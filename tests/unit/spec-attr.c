// SPDX-License-Identifier: GPL-2.0
/*
 * spec-attr PMUS: what each line of stdin means with the PMUs of that folder. Prints a line
 * for each: type, config, config1, config2 of perf_event_attr, and what is excluded, as
 * numbers; that of each PMU where there are several, with a ; between; or - and the error.
 */
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "util/event_spec.h"

static void print(const struct event_spec *spec, uint32_t pmu)
{
	bool generic = spec->type == PERF_TYPE_HARDWARE || spec->type == PERF_TYPE_HW_CACHE;

	printf("%u %" PRIu64 " %" PRIu64 " %" PRIu64 " %u", pmu && !generic ? pmu : spec->type,
	       spec->config | (generic ? (uint64_t)pmu << 32 : 0), spec->config1, spec->config2,
	       spec->exclude & ~EVENT_GUESTS_CHOSEN);
}

int main(int argc, char **argv)
{
	char line[4096];

	while (argc == 2 && fgets(line, sizeof(line), stdin)) {
		struct event_spec *spec = NULL;
		char *error = NULL;

		line[strcspn(line, "\n")] = '\0';
		if (event_spec_parse(argv[1], "/sys/kernel/tracing/events", line, &spec, &error)) {
			printf("- %s\n", error ?: "no memory");
			free(error);
			continue;
		}
		if (spec->nr_pmus < 2)
			print(spec, 0);
		for (size_t i = 0; spec->nr_pmus > 1 && i < spec->nr_pmus; i++) {
			printf("%s", i ? ";" : "");
			print(spec, spec->pmus[i].type);
		}
		puts("");
		event_spec_free(spec);
	}
	return 0;
}

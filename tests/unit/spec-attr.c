// SPDX-License-Identifier: GPL-2.0
/*
 * spec-attr PMUS: what each line of stdin means with the PMUs of that folder, a line for each, as
 * in spec-recorded: struct perf_event_attr without what is 0, that of each PMU where there are
 * several, and what sysfs says of the event; or the error. An event is opened again by its
 * canonical text, which must mean the same.
 */
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/event_spec.h"

#define TRACEPOINTS "/sys/kernel/tracing/events"

static bool means_same(const char *pmus, const struct event_spec *spec)
{
	struct event_spec *again = NULL;
	char *error = NULL;
	bool same = !event_spec_parse(pmus, TRACEPOINTS, spec->text, &again, &error) &&
		    !strcmp(again->text, spec->text) && !strcmp(again->unit, spec->unit) &&
		    !strcmp(again->scale, spec->scale) && again->type == spec->type &&
		    again->config == spec->config && again->config1 == spec->config1 &&
		    again->config2 == spec->config2 && again->config3 == spec->config3 &&
		    again->config4 == spec->config4 && again->exclude == spec->exclude &&
		    again->level == spec->level && again->nr_pmus == spec->nr_pmus;

	event_spec_free(again);
	free(error);
	return same;
}

static void print(const struct event_spec *spec, uint32_t pmu)
{
	static const char *const modes[] = {"user", "kernel", "hv", "guest", "host"};
	bool generic = spec->type == PERF_TYPE_HARDWARE || spec->type == PERF_TYPE_HW_CACHE;
	const uint64_t words[] = {spec->config | (generic ? (uint64_t)pmu << 32 : 0), spec->config1,
				  spec->config2, spec->config3, spec->config4};
	const char *before = " exclude=";

	printf("type=%u", pmu && !generic ? pmu : spec->type);
	for (int i = 0; i < 5; i++)
		if (words[i])
			printf(" config%.*s=%#" PRIx64, !!i, &"01234"[i], words[i]);
	for (int i = 0; i < 5; i++)
		if (spec->exclude & 1 << i) {
			printf("%s%s", before, modes[i]);
			before = ",";
		}
}

int main(int argc, char **argv)
{
	char line[4096];

	while (argc == 2 && fgets(line, sizeof(line), stdin)) {
		struct event_spec *spec = NULL;
		char *error = NULL;

		line[strcspn(line, "\n")] = '\0';
		if (event_spec_parse(argv[1], TRACEPOINTS, line, &spec, &error)) {
			printf("refused: %s\n", error ?: "no memory");
			free(error);
			continue;
		}
		if (spec->nr_pmus < 2)
			print(spec, 0);
		for (size_t i = 0; spec->nr_pmus > 1 && i < spec->nr_pmus; i++) {
			printf("%s", i ? "; " : "");
			print(spec, spec->pmus[i].type);
		}
		if (*spec->unit)
			printf("; unit=%s", spec->unit);
		if (*spec->scale)
			printf("; scale=%s", spec->scale);
		if (!means_same(argv[1], spec))
			printf("; not as %s", spec->text);
		puts(spec->level ? "; level" : "");
		event_spec_free(spec);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "pai_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <paimon/nnpa.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/cpulist.h"
#include "../json.h"
#include "../pmu.h"
#include "table.h"

#define ONLINE "/sys/devices/system/cpu/online"

/* A PMU, and the metrics that have its counters by CPU. */
struct set {
	const char *pmu;
	int flag;
	char letter;	   /* of short names */
	unsigned int base; /* config of the event that is the sum of all counters */
	const char *metrics[2];
};

static const struct set sets[] = {
	{"pai_crypto", PAI_CSV_CRYPTO, 'C', 0x1000, {"paimon_pai_crypto_cpu_events_total", NULL}},
	{"pai_ext",
	 PAI_CSV_NNPA,
	 'N',
	 PAIMON_NNPA_BASE,
	 {"paimon_nnpa_cpu_events_total", "paimon_nnpa_cpu_conditions_total"}},
};

struct pai_csv_counter {
	const struct set *set;
	char *name;
	unsigned int number; /* 0: the sum of the others */
};

static int add_counter(struct pai_csv *csv, const struct set *set, const char *name,
		       unsigned int number)
{
	struct pai_csv_counter *counters;

	counters = realloc(csv->counters, (csv->nr_counters + 1) * sizeof(*counters));
	if (!counters)
		return -ENOMEM;
	csv->counters = counters;
	counters += csv->nr_counters;
	*counters = (struct pai_csv_counter){set, strdup(name), number};
	if (!counters->name)
		return -ENOMEM;
	csv->nr_counters++;
	return 0;
}

/* Adds the events of a PMU in sysfs: "pai_ext/NNPA_ADD/" with "event=0x1801". */
static int add_events(struct pai_csv *csv, const struct set *set, const struct pmu *pmu)
{
	int r = 0;

	for (size_t i = 0; i < pmu->nr_events && !r; i++) {
		const char *name = pmu->events[i].name + strlen(pmu->name) + 1;
		_cleanup_free_ char *bare = strndup(name, strcspn(name, "/"));
		unsigned int config;

		if (!bare)
			return -ENOMEM;
		if (sscanf(pmu->events[i].config, "event=%x", &config) == 1 && config >= set->base)
			r = add_counter(csv, set, bare, config - set->base);
	}
	return r;
}

/* Adds the NNPA counters, where no PMU lists them: in a replay. */
static int add_nnpa(struct pai_csv *csv, const struct set *set)
{
	static const char *const names[] = {PAIMON_NNPA_NAMES};
	int r = 0;

	for (unsigned int i = 0; i <= PAIMON_NNPA_COUNTERS_1ST && !r; i++)
		r = add_counter(csv, set, names[i], i);
	return r;
}

static int by_number(const void *a, const void *b)
{
	const struct pai_csv_counter *left = a, *right = b;

	if (left->set != right->set)
		return left->set < right->set ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static int by_name(const void *a, const void *b)
{
	const struct pai_csv_counter *left = a, *right = b;

	return left->set == right->set ? strcmp(left->name, right->name) : by_number(a, b);
}

/* Adds the counters of all PMUs that are asked for. */
static int add_all(struct pai_csv *csv, struct json_object *now)
{
	struct pmu *pmus = NULL;
	size_t nr_pmus = 0;
	int r = pmu_read_all(PMU_FOLDER, &pmus, &nr_pmus);

	if (r == -ENOENT)
		r = 0;
	for (size_t s = 0; s < sizeof(sets) / sizeof(*sets) && !r; s++) {
		size_t nr = csv->nr_counters;

		if (!(csv->pmus & sets[s].flag))
			continue;
		for (size_t i = 0; i < nr_pmus && !r; i++)
			if (!strcmp(pmus[i].name, sets[s].pmu))
				r = add_events(csv, &sets[s], &pmus[i]);
		if (!r && nr == csv->nr_counters && sets[s].flag == PAI_CSV_NNPA &&
		    sample_points(now, sets[s].metrics[0]))
			r = add_nnpa(csv, &sets[s]);
	}
	pmu_free_all(pmus, nr_pmus);
	return r;
}

int pai_csv_open(struct pai_csv *csv, struct json_object *now)
{
	uint32_t nr;
	int r = cpulist_count_possible(&nr);

	if (!r)
		r = csv->cpus_text
			    ? cpulist_parse(csv->cpus_text, nr - 1, &csv->cpus, &csv->nr_cpus)
			    : cpulist_read(ONLINE, nr - 1, &csv->cpus, &csv->nr_cpus);
	r = r ?: add_all(csv, now);
	if (!r && !csv->nr_counters)
		r = -ENODATA;
	if (r < 0)
		return r;
	csv->replay = json_text(now, "input", NULL);
	qsort(csv->counters, csv->nr_counters, sizeof(*csv->counters),
	      csv->by_number ? by_number : by_name);
	return 0;
}

void pai_csv_close(struct pai_csv *csv)
{
	for (size_t i = 0; i < csv->nr_counters; i++)
		free(csv->counters[i].name);
	free(csv->counters);
	free(csv->cpus);
	csv->counters = NULL;
	csv->cpus = NULL;
	csv->nr_counters = csv->nr_cpus = 0;
}

static bool is_printed(const struct pai_csv *csv, size_t counter)
{
	return !csv->only || !strcmp(csv->only, csv->counters[counter].name);
}

void pai_csv_heading(const struct pai_csv *csv, FILE *out)
{
	fputs("Date,Time,CPU", out);
	for (size_t i = 0; i < csv->nr_counters; i++) {
		const struct pai_csv_counter *counter = &csv->counters[i];

		if (!is_printed(csv, i))
			continue;
		if (csv->short_names)
			fprintf(out, ",%c%u", counter->set->letter, counter->number);
		else
			fprintf(out, ",%s(%u)", counter->name, counter->number);
	}
	fputs(csv->replay ? ",input\n" : "\n", out);
}

/* The values of a line; unknown: a counter has restarted. */
struct value {
	uint64_t count;
	bool unknown;
};

/* Adds the values of a metric to those of its CPU; CPUs that are not printed are behind the
 * others. values: nr_counters for each CPU. */
static void add_values(const struct pai_csv *csv, const struct set *set, const char *metric,
		       struct json_object *before, struct json_object *now, struct value *values)
{
	static const char *const labels[] = {"counter", "cpu", NULL};
	struct json_object *old = sample_points(before, metric);
	struct json_object *points = sample_points(now, metric);
	size_t hint = 0;

	for (size_t i = 0; points && i < json_object_array_length(points); i++) {
		struct json_object *point = json_object_array_get_idx(points, i);
		unsigned int number = (unsigned int)atoi(point_label(point, "cpu"));
		const char *name = point_label(point, "counter");
		bool restarted = false;
		uint64_t count = point_delta(old, point, labels, &hint, &restarted);
		size_t cpu = 0;

		while (cpu < csv->nr_cpus && csv->cpus[cpu] != number)
			cpu++;
		if (cpu == csv->nr_cpus && csv->cpus_text)
			continue;
		for (size_t c = 0; c < csv->nr_counters; c++) {
			const struct pai_csv_counter *counter = &csv->counters[c];
			struct value *value = &values[cpu * csv->nr_counters + c];

			if (counter->set != set ||
			    (counter->number && strcmp(counter->name, name) != 0))
				continue;
			value->count += count;
			value->unknown |= restarted;
		}
	}
}

static void put_line(const struct pai_csv *csv, const char *clock, const char *cpu,
		     const struct value *values, FILE *out)
{
	fprintf(out, "%s,%s", clock, cpu);
	for (size_t i = 0; i < csv->nr_counters; i++) {
		if (!is_printed(csv, i))
			continue;
		fputc(',', out);
		if (values[i].unknown)
			continue;
		if (csv->number == PAI_CSV_DECIMAL)
			fprintf(out, "%" PRIu64, values[i].count);
		else
			fprintf(out, "%s%" PRIx64, csv->number == PAI_CSV_HEX_0X ? "0x" : "",
				values[i].count);
	}
	fputs(csv->replay ? ",replay\n" : "\n", out);
}

int pai_csv_lines(const struct pai_csv *csv, struct json_object *before, struct json_object *now,
		  const char *what, FILE *out)
{
	size_t nr = csv->nr_counters;
	/* One more for CPUs that are not printed, and one for the sums. */
	_cleanup_free_ struct value *values = calloc((csv->nr_cpus + 2) * nr, sizeof(*values));
	struct value *sums;
	char clock[32], cpu[16];

	if (!values)
		return -ENOMEM;
	sums = &values[(csv->nr_cpus + 1) * nr];
	for (size_t s = 0; s < sizeof(sets) / sizeof(*sets); s++)
		for (size_t m = 0; m < 2 && sets[s].metrics[m]; m++)
			add_values(csv, &sets[s], sets[s].metrics[m], before, now, values);
	format_time(json_number(now, "realtime_ns", 0) / 1e9, "%F,%T", clock);
	for (size_t i = 0; i <= csv->nr_cpus; i++) {
		for (size_t c = 0; c < nr; c++) {
			sums[c].count += values[i * nr + c].count;
			sums[c].unknown |= values[i * nr + c].unknown;
		}
		if (!csv->each_cpu || i == csv->nr_cpus)
			continue;
		snprintf(cpu, sizeof(cpu), "CPU%u", csv->cpus[i]);
		put_line(csv, clock, cpu, &values[i * nr], out);
	}
	put_line(csv, clock, what, sums, out);
	return 0;
}
